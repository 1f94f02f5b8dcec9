"""The launches in which a template is judged: every Region, and forms enough to see all of it there.

The rule: a form that the template itself refuses in a Region is not launched there, and one that shows nothing new is
left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.launch import Launch, ValidationError, prepare


def cases(
    template: Mapping[str, Any], parameter_sets: Mapping[str, Mapping[str, Any]], regions: Iterable[str]
) -> Iterator[tuple[str, Launch]]:
    """(name of the form, launch): in each Region, every side of every condition that can be had there, and every
    value of the forms."""
    for region in regions:
        seen: set[tuple[str, Any]] = set()
        for name, parameter_values in parameter_sets.items():
            try:
                decision = prepare(template, parameter_values, region)
            except ValidationError:
                continue
            shown = {*decision.conditions.items(), *parameter_values.items()}
            if not shown <= seen:
                seen |= shown
                yield name, decision.launch()


def unseen_sides(conditions: Iterable[str], shown: Iterable[Launch]) -> list[tuple[str, bool]]:
    """The sides of conditions that no launch shows; looks at no more launches than it has to."""
    unseen = dict.fromkeys((name, side) for name in conditions for side in (True, False))
    for launch in shown:
        if not unseen:
            break
        for side in launch.conditions.items():
            unseen.pop(side, None)
    return list(unseen)
