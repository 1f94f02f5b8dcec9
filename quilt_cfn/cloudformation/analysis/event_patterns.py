"""The event patterns of a launch: which field of an event each part is about, and which values it lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.state_machines import parsed
from quilt_cfn.cloudformation.launch import Launch, origins_of
from quilt_cfn.cloudformation.template.coerce import dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path

OR = "$or"
"""The key whose value is a list of patterns, one of which has to match."""


class EventPattern(NamedTuple):
    """The event pattern of a rule or of an archive."""

    path: Path
    body: dict[str, Any]

    @property
    def leaves(self) -> list[Leaf]:
        """Every part of it that is about one field."""
        return [*_leaves(self.body, (), self.path)]

    def listed(self, *field: str) -> list[Any] | None:
        """What it lists for a field; None if that may be anything, because nothing or not only a list is said."""
        found = [leaf.value for leaf in self.leaves if leaf.field == field]
        return found[0] if len(found) == 1 and isinstance(found[0], list) and OR not in self.body else None


class Leaf(NamedTuple):
    """What an event pattern says about one field."""

    field: tuple[str, ...]
    """The keys that lead to it in an event."""
    value: Any
    path: Path
    """The place of the value in the template."""


def event_patterns(launch: Launch) -> Iterator[EventPattern]:
    """The pattern of each rule and archive of EventBridge that has one."""
    for name, properties in launch.of_type("AWS::Events::Rule", "AWS::Events::Archive").items():
        pattern = properties.get("EventPattern")
        body = parsed(pattern, origins_of(pattern)) if isinstance(pattern, str) else dict_or_empty(pattern)
        if body:
            yield EventPattern(("Resources", name, "Properties", "EventPattern"), body)


def _leaves(part: dict[str, Any], field: tuple[str, ...], path: Path) -> Iterator[Leaf]:
    for key, value in part.items():
        if key == OR and isinstance(value, list):
            for index, each in enumerate(value):
                yield from _leaves(dict_or_empty(each), field, (*path, key, index))
        elif isinstance(value, dict):
            yield from _leaves(value, (*field, key), (*path, key))
        else:
            yield Leaf((*field, key), value, (*path, key))
