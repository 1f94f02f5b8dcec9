"""Auto Scaling groups: their sizes, how an update replaces their instances, and how long a boot may take.

A number or a duration that only AWS knows is None, and nothing follows from it.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.launch import Launch, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, is_true, map_at
from quilt_cfn.cloudformation.template.walk import Path

GROUP = "AWS::AutoScaling::AutoScalingGroup"
ROLLING: Path = ("UpdatePolicy", "AutoScalingRollingUpdate")
"""The place in a group of its policy for rolling updates."""
LONGEST_WAIT = 12 * 3600
"""The most seconds that CloudFormation waits for a signal."""


class RollingUpdate(NamedTuple):
    """How an update replaces the instances of a group, a few at a time."""

    kept: int | None
    """How many instances stay in service meanwhile: MinInstancesInService."""
    batch: int | None
    """How many are replaced at once: MaxBatchSize."""
    waits: bool
    """Whether each new instance has to signal before another old one is ended."""
    pause: int | None
    """How long it waits for a signal, or otherwise just waits, in seconds."""
    suspended: frozenset[str]
    """The processes of Auto Scaling that don't run meanwhile."""


class Group(NamedTuple):
    """What a group says about its instances."""

    name: str
    smallest: int | None
    largest: int | None
    desired: int | None
    """How many instances it has; None if the template doesn't say so."""
    update: RollingUpdate | None
    """None without a policy for rolling updates: then an update leaves running instances as they are."""
    is_replaced: bool
    """Whether an update makes another group instead (AutoScalingReplacingUpdate)."""
    checks_target_health: bool
    """Whether an instance that fails the health checks of its load balancer is replaced."""
    grace: int | None
    """For how many seconds after its start an instance's health is ignored."""
    longest_boot: int | None
    """For how many seconds CloudFormation waits for the signal of an instance; None if it waits for none."""

    @property
    def remaining_of_old(self) -> int | None:
        """How many instances a rolling update would leave in service without starting more; None if not known."""
        instances = self.smallest if self.desired is None else self.desired
        batch = self.update.batch if self.update else None
        return None if instances is None or batch is None else max(instances - batch, 0)

    @property
    def serving_meanwhile(self) -> int | None:
        """How many instances serve at least while a rolling update replaces others; None if that isn't known."""
        kept, remaining = self.update.kept if self.update else None, self.remaining_of_old
        return None if kept is None or remaining is None else max(kept, remaining)

    @property
    def grows_meanwhile(self) -> bool:
        """Whether a rolling update starts an instance before it ends one, because it is to keep as many in service."""
        return (self.serving_meanwhile or 0) > (self.remaining_of_old or 0)


def groups(launch: Launch) -> list[Group]:
    """Every Auto Scaling group of a launch."""
    return [group(launch, name) for name in launch.of_type(GROUP)]


def group(launch: Launch, name: str) -> Group:
    """The Auto Scaling group of this name."""
    resource, properties = launch.resources[name], launch.properties(name)
    update = _rolling_update(resource)
    signal = map_at(resource, "CreationPolicy", "ResourceSignal")
    waits = [seconds(signal.get("Timeout", "PT5M"))] if signal else []
    waits += [update.pause] if update and update.waits else []
    known = [each for each in waits if each is not None and each <= LONGEST_WAIT]
    return Group(
        name,
        number(properties.get("MinSize")),
        number(properties.get("MaxSize")),
        number(properties.get("DesiredCapacity")),
        update,
        is_true(map_at(resource, "UpdatePolicy", "AutoScalingReplacingUpdate").get("WillReplace")),
        as_text(properties.get("HealthCheckType")) == "ELB",
        number(properties.get("HealthCheckGracePeriod", 0)),
        max(known, default=None),
    )


def _rolling_update(resource: dict[str, Any]) -> RollingUpdate | None:
    policy = map_at(resource, *map(str, ROLLING))
    if not policy:
        return None
    waits = is_true(policy.get("WaitOnResourceSignals"))
    kept = number(policy.get("MinInstancesInService", 0))
    if "MinActiveInstancesPercent" in policy and "MinInstancesInService" not in policy:
        kept = None
    pause = seconds(policy.get("PauseTime", "PT5M" if waits else "PT0S"))
    suspended = frozenset(map(as_text, as_list(policy.get("SuspendProcesses"))))
    return RollingUpdate(kept, number(policy.get("MaxBatchSize", 1)), waits, pause, suspended)


def number(value: Any) -> int | None:
    """A number of a template, which may be a string."""
    text = as_text(value)
    return int(text) if is_known(value) and re.fullmatch("[0-9]{1,9}", text) else None


def seconds(duration: Any) -> int | None:
    """The seconds of an ISO 8601 duration such as PT30M; None for other texts."""
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", as_text(duration))
    if not is_known(duration) or not match or not any(match.groups()):
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def in_words(length: int) -> str:
    """A number of seconds for a sentence: in minutes, if it has as many exactly."""
    return f"{length // 60} minutes" if length and not length % 60 and length != 60 else f"{length} seconds"
