"""The renderings in which a template is judged: every Region, and forms enough to see all of it there.

The rule: a form that the template itself refuses in a Region is not launched there, and one that shows nothing new is
left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quilt_cfn.evaluation import Refused, Rendering, decide


def renderings(
    template: Mapping[str, Any], forms: Mapping[str, Mapping[str, Any]], regions: Iterable[str]
) -> Iterator[tuple[str, Rendering]]:
    """(name of the form, rendering): in each Region, every side of every condition that can be had there, and every
    value of the forms."""
    for region in regions:
        seen: set[tuple[str, Any]] = set()
        for name, form in forms.items():
            try:
                decision = decide(template, form, region)
            except Refused:
                continue
            shown = {*decision.conditions.items(), *form.items()}
            if not shown <= seen:
                seen |= shown
                yield name, decision.rendering()


def unseen_sides(conditions: Iterable[str], shown: Iterable[Rendering]) -> list[tuple[str, bool]]:
    """The sides of conditions that no rendering shows; looks at no more renderings than it has to."""
    unseen = dict.fromkeys((name, side) for name in conditions for side in (True, False))
    for rendering in shown:
        if not unseen:
            break
        for side in rendering.conditions.items():
            unseen.pop(side, None)
    return list(unseen)
