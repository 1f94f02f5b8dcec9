"""The launches in which a template is checked: in every Region, those that show something new.

Without parameter sets it is one launch with the default values; parameters that have none stay unknown. A parameter set
that CloudFormation would refuse in a Region is not launched there, and neither is one that adds no parameter value and
no value of a condition to those of the launches before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.launch import PreparedLaunch, ValidationError, prepare, values_for


def prepare_launches(
    template: Mapping[str, Any], parameter_sets: Mapping[str, Mapping[str, Any]], regions: Iterable[str]
) -> Iterator[PreparedLaunch]:
    """The launches to check, Region by Region, their parameter sets in order; nothing is evaluated but conditions."""
    sets = [values_for(template, each) for each in parameter_sets.values()] or [{}]
    for region in regions:
        seen: set[tuple[str, Any]] | None = None
        for parameter_values in sets:
            try:
                prepared = prepare(template, parameter_values, region, allow_missing=not parameter_sets)
            except ValidationError:
                continue
            shown = {*prepared.conditions.items(), *parameter_values.items()}
            if seen is None or not shown <= seen:
                seen = shown | (seen or set())
                yield prepared


def unseen_condition_values(conditions: Iterable[str], launches: Iterable[PreparedLaunch]) -> list[tuple[str, bool]]:
    """(condition, value) for each value that a condition has in none of the launches; takes no more than it needs."""
    unseen = dict.fromkeys((name, value) for name in conditions for value in (True, False))
    for launch in launches:
        if not unseen:
            break
        for shown in launch.conditions.items():
            unseen.pop(shown, None)
    return list(unseen)
