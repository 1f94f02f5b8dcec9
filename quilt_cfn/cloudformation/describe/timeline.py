"""How long a launch or an update takes: the resources in the order in which CloudFormation works on them.

CloudFormation works on everything at once that does not wait for something else, so a launch takes as long as its
longest chain. Deletions at the end of an update don't count: the stack is in use by then.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.groups import groups
from quilt_cfn.cloudformation.facts.durations import Duration, duration
from quilt_cfn.cloudformation.facts.replacement import CLEARED_IN_PLACE, IN_PLACE, create_only
from quilt_cfn.cloudformation.launch import Launch, evaluate, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at

GROUP = "AWS::AutoScaling::AutoScalingGroup"
DATABASE = "AWS::RDS::DBInstance"


class Step(NamedTuple):
    """Something that CloudFormation waits for; times are in seconds."""

    resource: str
    """Logical ID."""
    what: str
    """What is done with it, for example ``created`` or ``booted``."""
    start: float
    """After the beginning, if everything takes as long as is typical."""
    takes: Duration
    after: tuple[str, ...]
    """The resources without which it does not begin."""
    saves: float
    """By how much all would be done sooner if this took no time."""

    @property
    def end(self) -> float:
        return self.start + self.takes.typical


class Timeline(NamedTuple):
    """How long all of it takes, in seconds, and what is waited for."""

    low: float
    typical: float
    high: float
    steps: tuple[Step, ...]
    """Every resource that something is done with, by its beginning."""
    path: tuple[Step, ...]
    """The longest chain: each step begins when the one before it has ended."""


def timeline(launch: Launch) -> Timeline:
    """How long the launch takes."""
    return _timeline(launch, {name: _creation(launch, name) for name in launch.resources})


def update_timeline(before: Launch, after: Launch) -> Timeline:
    """How long an update takes from one launch of a stack to another.

    What differs is updated in place or replaced, as the schema of its type says. Of a replacement what refers to it is
    updated too.
    """
    works: dict[str, tuple[str, Duration]] = {}
    for name in sorted(after.resources, key=lambda each: len(after.before(each))):
        work = _update(before, after, name, works.keys())
        if work:
            works[name] = work
    return _timeline(after, works)


def _creation(launch: Launch, name: str) -> tuple[str, Duration]:
    """What is done to create a resource, and how long it takes."""
    resource_type = launch.type_of(name)
    takes = duration(resource_type)
    if resource_type == DATABASE and _is_restored(launch, name):
        return "restored", duration(DATABASE, "restore")
    if resource_type in (GROUP, "AWS::EC2::Instance") and _waits_for_a_signal(launch, name):
        boot = duration(GROUP, "boot")
        return "created and booted", _sum(takes, boot)
    return "created", takes


def _update(before: Launch, after: Launch, name: str, others: Any) -> tuple[str, Duration] | None:
    """What an update does with a resource; None if it leaves it alone."""
    resource_type = after.type_of(name)
    if name not in before.resources or before.type_of(name) != resource_type:
        return _creation(after, name)
    old, new = before.properties(name), after.properties(name)
    changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    refers = after.dependencies[name] & set(others)
    if not changed and not (resource_type == GROUP and refers):
        return None
    if any(_replaces(resource_type, key, new.get(key)) for key in changed):
        what, takes = _creation(after, name)
        return f"replaced: {what}", takes
    if resource_type == GROUP:
        return "instances replaced", _sum(duration(GROUP, "boot"), _draining(after, name))
    if resource_type == DATABASE:
        return "updated", duration(DATABASE, "update")
    return "updated", duration(resource_type)


def _draining(launch: Launch, name: str) -> Duration:
    """How long a load balancer lets an instance that goes end its requests; 300 seconds if nothing says otherwise.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#deregistration-delay
    """
    delays = [0.0]
    for each in as_list(launch.properties(name).get("TargetGroupARNs")):
        group = launch.properties(launch.referenced_resource(each))
        attributes = {
            as_text(dict_or_empty(pair).get("Key", "")): dict_or_empty(pair).get("Value")
            for pair in as_list(group.get("TargetGroupAttributes"))
        }
        delays.append(float(as_text(attributes.get("deregistration_delay.timeout_seconds", 300))))
    seconds = max(delays)
    return Duration(seconds, seconds, seconds, "the template's own deregistration delay")


def _replaces(resource_type: str, key: str, value: Any) -> bool:
    """Whether the change of a property replaces the resource."""
    known = create_only(resource_type)
    if (
        known is None
        or (resource_type, key) in IN_PLACE
        or (value is None and (resource_type, key) in CLEARED_IN_PLACE)
    ):
        return False
    return key in known.always or key in known.conditionally


def _is_restored(launch: Launch, name: str) -> bool:
    snapshot = launch.properties(name).get("DBSnapshotIdentifier")
    return snapshot is not None and (not is_known(snapshot) or as_text(snapshot) != "")


def _waits_for_a_signal(launch: Launch, name: str) -> bool:
    policy = dict_or_empty(launch.resources[name].get("CreationPolicy"))
    return "ResourceSignal" in policy or any(each.name == name and each.update for each in groups(launch))


def _sum(first: Duration, second: Duration) -> Duration:
    source = second.source if second.is_assumed or first.source == second.source else f"{first.source}; {second.source}"
    return Duration(first.low + second.low, first.typical + second.typical, first.high + second.high, source)


def _timeline(launch: Launch, works: Mapping[str, tuple[str, Duration]]) -> Timeline:
    order = sorted(works, key=lambda name: (len(launch.before(name)), name))
    waits = {name: tuple(sorted(_nearest(launch, name, works))) for name in order}
    starts = _starts(order, waits, lambda name: works[name][1].typical)
    ends = {name: starts[name] + works[name][1].typical for name in order}
    total = max(ends.values(), default=0.0)

    def without(free: str) -> float:
        return _total(order, waits, lambda name: 0.0 if name == free else works[name][1].typical)

    steps = {
        name: Step(name, works[name][0], starts[name], works[name][1], waits[name], total - without(name))
        for name in order
    }
    return Timeline(
        _total(order, waits, lambda name: works[name][1].low),
        total,
        _total(order, waits, lambda name: works[name][1].high),
        tuple(sorted(steps.values(), key=lambda step: (step.start, step.end, step.resource))),
        tuple(_path(steps, ends)),
    )


def _nearest(launch: Launch, name: str, works: Mapping[str, Any]) -> set[str]:
    """The resources that this one waits for because something is done with them, also by way of others."""
    found: set[str] = set()
    waiting, seen = [*launch.dependencies[name]], {name}
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            if each in works:
                found.add(each)
            else:
                waiting += launch.dependencies[each]
    return found


def _starts(order: list[str], waits: Mapping[str, tuple[str, ...]], takes: Callable[[str], float]) -> dict[str, float]:
    starts: dict[str, float] = {}
    for name in order:
        starts[name] = max((starts[each] + takes(each) for each in waits[name] if each in starts), default=0.0)
    return starts


def _total(order: list[str], waits: Mapping[str, tuple[str, ...]], takes: Callable[[str], float]) -> float:
    starts = _starts(order, waits, takes)
    return max((starts[name] + takes(name) for name in order), default=0.0)


def _path(steps: Mapping[str, Step], ends: Mapping[str, float]) -> Iterator[Step]:
    """The longest chain, from its beginning."""
    chain: list[Step] = []
    name = max(ends, key=lambda each: (ends[each], each), default=None)
    while name:
        chain.append(steps[name])
        name = max((each for each in steps[name].after), key=lambda each: (ends[each], each), default=None)
    return reversed(chain)


def in_words(seconds: float) -> str:
    """A time for people: seconds below two minutes, else minutes."""
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def table(launches: Mapping[str, Launch]) -> str:
    """Markdown: how long launches take, and for each what is waited for, in order."""
    found = {name: timeline(launch) for name, launch in launches.items()}
    lines = ["| Launch | Shortest | Typical | Longest |", "|---|---:|---:|---:|"]
    for name, each in found.items():
        lines.append(f"| {name} | {in_words(each.low)} | **{in_words(each.typical)}** | {in_words(each.high)} |")
    for name, each in found.items():
        lines += ["", f"What a launch waits for, {name}:", ""]
        lines += ["| Begins after | What | Takes | From | If it took no time, sooner by |", "|---:|---|---:|---|---:|"]
        for step in each.path:
            takes = (
                f"{in_words(step.takes.low)} to {in_words(step.takes.high)}, typically {in_words(step.takes.typical)}"
            )
            saves = in_words(step.saves) if step.saves >= 1 else "-"
            lines.append(
                f"| {in_words(step.start)} | `{step.resource}` {step.what} | {takes} | {_source(step)} | {saves} |"
            )
    return "\n".join(lines)


def _source(step: Step) -> str:
    return step.takes.source.partition(":")[0] if step.takes.is_assumed else "public figures"


def model(template: Mapping[str, Any], values: Mapping[str, Any], filled_in: Mapping[str, Any]) -> dict[str, Any]:
    """The duration of a launch as a table by the choices that matter, for a page without Python.

    ``values`` are those of a launch, ``filled_in`` has one for each parameter that may be left empty; those are the
    choices. The shape is that of ``quilt_cfn.delivery.site.launch_page.models.DurationModel``. The template's rules are
    left aside.
    """
    free = {name: section for name, section in template.items() if name != "Rules"}

    def launch_with(names: tuple[str, ...]) -> Timeline:
        return timeline(evaluate(free, {**values, **{name: filled_in[name] for name in names}}, allow_missing=True))

    optional = [name for name in map_at(template, "Parameters") if name in filled_in and _may_be_empty(template, name)]
    without = _figures(launch_with(()))
    by = [name for name in optional if _figures(launch_with((name,))) != without]
    rows = {}
    for chosen in itertools.product((False, True), repeat=len(by)):
        found = launch_with(tuple(name for name, filled in zip(by, chosen, strict=True) if filled))
        rows["|".join("yes" if filled else "no" for filled in chosen)] = {
            "low": found.low,
            "typical": found.typical,
            "high": found.high,
            "steps": [
                {
                    "what": f"{step.resource} {step.what}",
                    "start": step.start,
                    "low": step.takes.low,
                    "typical": step.takes.typical,
                    "high": step.takes.high,
                }
                for step in found.path
            ],
        }
    source = "From public tables and logs of single resources; the boot is assumed. Nobody promises these times."
    return {"by": [f"{name}?" for name in by], "rows": rows, "source": source}


def _figures(found: Timeline) -> tuple[Any, ...]:
    return found.low, found.typical, found.high, [(step.resource, step.takes) for step in found.path]


def _may_be_empty(template: Mapping[str, Any], name: str) -> bool:
    return as_text(map_at(template, "Parameters", name).get("Default", "x")) == ""
