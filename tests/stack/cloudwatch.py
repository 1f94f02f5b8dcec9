"""What CloudWatch does with a log line and with the values of a metric: a small evaluation of its documentation.

Metric filters: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html. Alarms:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, to whose tables a test
holds ``new_state``.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"


class DataPoint(NamedTuple):
    """A value of a metric, as somebody publishes it."""

    second: int
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    value: float


# Metric filters.

_COMPARISON = re.compile(r"\(?\s*\$\.(\w+)\s*(=|!=|<=|>=|<|>)\s*(\"[^\"]*\"|[0-9.]+)\s*\)?\s*")
_OPERATORS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matches(pattern: str, message: str) -> dict[str, Any] | None:
    """The fields of a log line, if a JSON pattern selects it; else None. Of the syntax, comparisons and ``&&``."""
    whole = re.fullmatch(r"\{\s*(.*?)\s*\}", pattern)
    assert whole, f"no JSON pattern: {pattern}"
    try:
        fields = json.loads(message)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    for part in whole[1].split("&&"):
        comparison = _COMPARISON.fullmatch(part.strip())
        assert comparison, f"not evaluated here: {part}"
        name, sign, literal = comparison.groups()
        text = literal.startswith('"')
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, str if text else (int, float)):
            return None
        if not _OPERATORS[sign](value, literal.strip('"') if text else float(literal)):
            return None
    return fields


def published(
    filters: Iterable[Mapping[str, Any]], group: str, lines: Iterable[tuple[int, str]]
) -> Iterator[DataPoint]:
    """What metric filters make of the lines, (second, message), of a log group."""
    lines = [*lines]
    for each in filters:
        (metric,) = each["MetricTransformations"]
        of_group = lines if each["LogGroupName"] == group else []
        for second, message in of_group:
            fields = matches(each["FilterPattern"], message)
            value = metric.get("DefaultValue") if fields is None else metric["MetricValue"]
            if isinstance(value, str) and fields is not None:
                value = fields.get(value.removeprefix("$.")) if value.startswith("$.") else float(value)
            if isinstance(value, (int, float)):
                names = metric["MetricNamespace"], metric["MetricName"]
                yield DataPoint(second, *names, {}, metric.get("Unit", "None"), value)


# Alarms.

_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "Minimum": min,
    "Maximum": max,
    "Sum": sum,
    "Average": mean,
}
_BREACHING = {
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
}


def new_state(recent: Sequence[bool | None], alarm: Mapping[str, Any], state: str) -> str:
    """The state after an evaluation.

    ``recent`` is the evaluation range, the oldest period first: whether each breaches, None for one without data.
    """
    periods = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm", periods)
    real = [each for each in recent if each is not None]
    if len(real) >= periods:
        real = real[-periods:]
    elif alarm["TreatMissingData"] != "ignore":
        real += [alarm["TreatMissingData"] == "breaching"] * (periods - len(real))
    elif all(real) and sum(real) < needed:
        return state
    return ALARM if sum(real) >= needed else OK


def states(alarm: Mapping[str, Any], data: Iterable[DataPoint], until: int, created: int = 0) -> list[tuple[int, str]]:
    """(second, state) at the end of each period from an alarm's creation on, with what was published to its metric.

    CloudWatch looks at more periods than it evaluates; how many more it doesn't say. In its examples they are two.
    """
    period = alarm["Period"]
    of_period: dict[int, list[float]] = {}
    for each in data:
        if _is_watched(alarm, each):
            of_period.setdefault(each.second // period, []).append(each.value)
    breaches = {
        index: _BREACHING[alarm["ComparisonOperator"]](_STATISTICS[alarm["Statistic"]](values), alarm["Threshold"])
        for index, values in of_period.items()
    }
    state = INSUFFICIENT_DATA
    found = []
    for index in range(created // period, until // period):
        recent = [breaches.get(each) for each in range(index - alarm["EvaluationPeriods"] - 1, index + 1)]
        state = new_state(recent, alarm, state)
        found.append(((index + 1) * period, state))
    return found


def _is_watched(alarm: Mapping[str, Any], each: DataPoint) -> bool:
    dimensions = {pair["Name"]: pair["Value"] for pair in alarm.get("Dimensions", [])}
    return (alarm["Namespace"], alarm["MetricName"], dimensions) == (each.namespace, each.name, each.dimensions) and (
        alarm.get("Unit", each.unit) == each.unit
    )
