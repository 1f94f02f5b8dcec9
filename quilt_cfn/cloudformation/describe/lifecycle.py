"""What happens to a stack, as a page for its administrators: the facts of ``analysis.lifecycle``, and what to do.

A page is about one template or several editions of it. What holds for all of them is said once; what holds for some
says for which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from quilt_cfn.cloudformation.analysis import lifecycle
from quilt_cfn.cloudformation.analysis.fact import Fact, enumerated
from quilt_cfn.cloudformation.launch import Launch

REMEDIES = {
    "automated-backups": "Nothing; or delete the retained backups by hand.",
    "exported-logs": "Delete them by hand: they have no retention of their own, and are charged as storage.",
    "extended-user": "Delete what was added first.",
    "filled-bucket": "Empty it first: all versions of all objects.",
    "filled-repository": "Delete its images first.",
    "filled-vault": "Delete its recovery points first.",
    "filled-zone": "Delete those records first.",
    "final-snapshot": "Delete the snapshot by hand when nobody will restore it; until then it is charged as storage.",
    "function-logs": "Delete the log group by hand.",
    "mapped-address": "Delete the stack again.",
    "protected-from-creation": "Switch the protection off by hand and delete the stack again.",
    "retained": "Delete it by hand when nobody needs it any more; until then AWS charges for what it holds.",
    "retained-name": "Choose another name, or delete what was retained first.",
    "scheduled-key-deletion": "Nothing; cancel its deletion if something that has to remain was encrypted with it.",
    "snapshot-while-creating": "Wait until {resource} is available, then delete the stack.",
    "used-by-retained": "Delete {resource} by hand, or delete the stack and retain what it uses too.",
    "written-bucket": "Empty the bucket, then delete the stack again.",
}
"""The cause of a fact -> what an administrator does about it."""

DISARM_STACK = "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name STACK"
DISARM = {
    "AWS::RDS::DBInstance": (
        "aws rds modify-db-instance --no-deletion-protection --db-instance-identifier \\\n"
        '  "$(aws cloudformation describe-stack-resource --stack-name STACK --logical-resource-id {resource} \\\n'
        '  --query StackResourceDetail.PhysicalResourceId --output text)"'
    ),
}
"""Type -> the command that switches the deletion protection of a resource off."""

CONTINUE = "aws cloudformation continue-update-rollback --stack-name STACK"

Find = Callable[[Launch], Iterable[Fact]]


class _Row(NamedTuple):
    """What a fact says, and of which resources."""

    resources: tuple[str, ...]
    editions: str
    """For which editions it holds, as the beginning of a sentence; empty for all of them."""
    sentence: str
    remedy: str

    @property
    def subject(self) -> str:
        return enumerated(f"`{name}`" for name in self.resources)


def report(launches: Mapping[str, Launch]) -> str:
    """What an administrator should know about these editions, by name: Markdown sections."""
    sections = (_failed_launch, _failed_update, _termination, _accident, _deletion, _restore)
    return "\n".join(line for section in sections for line in section(launches))


def _failed_launch(launches: Mapping[str, Launch]) -> Iterator[str]:
    def outcome(launch: Launch) -> lifecycle.Outcome:
        return lifecycle.rollback(launch, launch.resources, launch.resources)

    blocking = _rows(launches, lambda launch: outcome(launch).blocking)
    names = _rows(launches, lambda launch: outcome(launch).names_in_use)
    remaining = _rows(launches, lambda launch: outcome(launch).remaining)
    yield from ("## A launch fails", "")
    if not blocking:
        yield "Whatever fails, CloudFormation deletes what there is, and the stack ends in `ROLLBACK_COMPLETE`."
    if not names:
        yield "Delete that stack and launch again, with the same values if you like: no name is in use."
    yield ""
    yield from _table("The stack ends in `ROLLBACK_FAILED` until this is done:", "What blocks", blocking)
    yield from _list("This remains; see below, after a deletion, what to do about it:", remaining)
    yield from _table("Another launch with the same values fails:", "What has the name", names)


def _failed_update(launches: Mapping[str, Launch]) -> Iterator[str]:
    def failed(launch: Launch) -> list[lifecycle.UpdateOutcome]:
        return [lifecycle.failed_update(launch, name) for name in launch.resources]

    def stuck(launch: Launch) -> list[lifecycle.UpdateOutcome]:
        return [lifecycle.failed_rollback(launch, name) for name in launch.resources]

    yield from ("## An update fails", "")
    yield "CloudFormation rolls back, and the stack ends in `UPDATE_ROLLBACK_COMPLETE`. What an update replaces is made"
    yield "anew beside the old one, which stays until all else has succeeded; what it removes is deleted last."
    yield ""
    yield from _list("", _rows(launches, lambda launch: (fact for each in failed(launch) for fact in each.serving)))
    left = _rows(
        launches, lambda launch: (fact for each in failed(launch) for fact in (*each.not_undone, *each.remaining))
    )
    yield from _list("What the rollback leaves, if the update has changed it:", left)
    yield "If that fails, the stack ends in `UPDATE_ROLLBACK_FAILED`. Remove the cause, and go on with"
    yield f"`{CONTINUE}`."
    yield ""
    yield from _list("", _rows(launches, lambda launch: (fact for each in stuck(launch) for fact in each.serving)))
    replaced = _rows(launches, lambda launch: lifecycle.replaced_by_success(launch, launch.resources))
    yield from _list("When an update succeeds, what it has replaced or removed is deleted, but for this:", replaced)


def _accident(launches: Mapping[str, Launch]) -> Iterator[str]:
    yield from ("## Somebody deletes the stack by mistake", "")
    accidents = {name: lifecycle.accident(launch) for name, launch in launches.items()}
    refused = _rows(launches, lambda launch: lifecycle.accident(launch).refused)
    if all(each.refused for each in accidents.values()):
        yield "Nothing is deleted."
    yield from (f"{row.editions}{row.sentence}" for row in refused)
    for name, each in accidents.items():
        if not each.refused:
            which = f"{_only([name])}: " if len(launches) > 1 else ""
            stopped = enumerated(dict.fromkeys(f"`{fact.resource}`" for fact in each.stopped)) if each.stopped else ""
            where = f"before the deletion stops at {stopped}" if stopped else "with the stack"
            yield f"{which}{len(each.deleted)} resources are deleted {where}."
    yield ""
    yield from _list("Gone for good is:", _rows(launches, lambda launch: lifecycle.accident(launch).lost))


def _deletion(launches: Mapping[str, Launch]) -> Iterator[str]:
    yield from ("## Deleting the stack for good", "")
    yield from _disarming(launches)
    blocking = _rows(launches, lambda launch: lifecycle.deletion(launch).blocking)
    names = _rows(launches, lambda launch: lifecycle.deletion(launch).names_in_use)
    possibly = _rows(launches, lambda launch: lifecycle.deletion(launch).possibly_blocking)
    remaining = _rows(launches, lambda launch: lifecycle.deletion(launch).remaining)
    yield from _table("The stack ends in `DELETE_FAILED` until this is done:", "What blocks", blocking)
    yield from _table("This may block, depending on what was done since the launch:", "What may block", possibly)
    yield from _table("This remains:", "What remains", remaining)
    yield from _table("Another launch with the same values fails:", "What has the name", names)


def _disarming(launches: Mapping[str, Launch]) -> Iterator[str]:
    """How to switch off what is protected, before a deletion."""
    facts = dict.fromkeys(fact for launch in launches.values() for fact in lifecycle.protections(launch))
    commands, others = [], []
    for fact in facts:
        types = {launch.type_of(fact.resource) for launch in launches.values()} & DISARM.keys()
        if fact.cause == "stack-protected":
            commands.append(DISARM_STACK)
        elif types:
            commands.append(DISARM[types.pop()].format(resource=fact.resource))
        else:
            others.append(fact.resource)
    if commands:
        yield from ("First switch the protection off:", "", "```", *dict.fromkeys(commands), "```", "")
    if others:
        yield from (f"Switch the deletion protection of {enumerated(f'`{each}`' for each in others)} off by hand.", "")
    if facts:
        yield from ("Then delete the stack, before another update switches the protection on again.", "")


def _termination(launches: Mapping[str, Launch]) -> Iterator[str]:
    rows = _rows(launches, lifecycle.termination)
    if rows:
        yield from ("## An instance ends, or answers no longer", "")
        yield from _list("", rows)


def _restore(launches: Mapping[str, Launch]) -> Iterator[str]:
    yield from ("## Launching again with what remained", "")
    given = _rows(launches, lifecycle.restorable)
    yield from _list("What another stack gets, and the parameters that bring it:", given)
    yield from _list("What it does not get:", _rows(launches, lifecycle.not_restorable))


def _rows(launches: Mapping[str, Launch], find: Find) -> list[_Row]:
    """What was found, each sentence once."""
    found: dict[Fact, list[str]] = {}
    for name, launch in launches.items():
        for fact in dict.fromkeys(find(launch)):
            found.setdefault(fact, []).append(name)
    resources: dict[tuple[str, str, str], dict[str, None]] = {}
    for fact, names in found.items():
        editions = "" if len(names) == len(launches) else f"{_only(names)}: "
        remedy = REMEDIES.get(fact.cause, "").format(resource=fact.resource)
        resources.setdefault((editions, fact.sentence, remedy), {})[fact.resource] = None
    return [_Row(tuple(names), *row) for row, names in resources.items()]


def _only(names: Iterable[str]) -> str:
    return f"Only in {enumerated(f'*{name}*' for name in names)}"


def _list(sentence: str, rows: Iterable[_Row]) -> Iterator[str]:
    """A sentence, and a line for each row; nothing without rows."""
    lines = [f"- {row.subject}: {row.editions}{row.sentence}" for row in rows]
    if lines:
        yield from ((sentence, "") if sentence else ())
        yield from (*lines, "")


def _table(sentence: str, head: str, rows: Iterable[_Row]) -> Iterator[str]:
    """A sentence and the table that it introduces; nothing without rows."""
    lines = [f"| {row.subject} | {row.editions}{row.sentence} | {row.remedy} |" for row in rows]
    if lines:
        yield from (sentence, "", f"| {head} | Why | What to do |", "|---|---|---|", *lines, "")
