"""What watches a stack, as Markdown: its alarms, the metrics that it makes of logs, and its saved queries.

All of it is read from a launch. Rows stand in the order of the template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.analysis.metrics import ALARM
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty

_COMPARISONS = {
    "LessThanThreshold": "below",
    "LessThanOrEqualToThreshold": "at most",
    "GreaterThanThreshold": "above",
    "GreaterThanOrEqualToThreshold": "at least",
}
_SILENCE = {
    "breaching": "; no data count as that, too",
    "ignore": "; without data it stays as it is",
}
_TIMES = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_SIZES = ((1024**3, "GiB"), (1024**2, "MiB"))


def page(text: str, launch: Launch) -> str:
    """The page of a text with ``{alarms}``, ``{metrics}``, ``{queries}``, ``{alarm_count}`` and ``{metric_count}``."""
    parts = {
        "{alarms}": "\n".join(_alarms(launch)),
        "{metrics}": "\n".join(_metrics(launch)),
        "{queries}": "\n".join(_queries(launch)),
        "{alarm_count}": str(len(launch.of_type(ALARM))),
        "{metric_count}": str(sum(1 for _ in _transformations(launch))),
    }
    for name, part in parts.items():
        text = text.replace(name, part.rstrip("\n"))
    return text


def _alarms(launch: Launch) -> Iterator[str]:
    yield from ("| Alarm | Fires when | What it means, and what to do | Mail when over |", "|---|---|---|---|")
    for name, alarm in launch.of_type(ALARM).items():
        over = "yes" if alarm.get("OKActions") else "no"
        yield f"| `{name}` | {condition(alarm)} | {as_text(alarm.get('AlarmDescription', ''))} | {over} |"


def condition(alarm: Mapping[str, Any]) -> str:
    """When an alarm with a fixed threshold fires, in words."""
    times = as_text(alarm.get("EvaluationPeriods", 1))
    needed = as_text(alarm.get("DatapointsToAlarm", times))
    statistic = as_text(alarm.get("Statistic", alarm.get("ExtendedStatistic", "")))
    comparison = _COMPARISONS.get(as_text(alarm.get("ComparisonOperator")), "beyond")
    threshold = _quantity(alarm.get("Threshold"), as_text(alarm.get("Unit", "")))
    again = "" if times == "1" else f", {times} times in a row" if needed == times else f", {needed} times of {times}"
    return (
        f"{statistic} of {as_text(alarm.get('MetricName'))} in {_time(alarm.get('Period'))} is {comparison} "
        f"{threshold}{again}{_SILENCE.get(as_text(alarm.get('TreatMissingData')), '')}"
    )


def _time(seconds: Any) -> str:
    length = int(as_text(seconds))
    size, name = next((size, name) for size, name in _TIMES if length % size == 0)
    return f"{length // size} {name}{'' if length == size else 's'}"


def _quantity(value: Any, unit: str) -> str:
    """A number with its unit; bytes in the largest unit that fits."""
    text = as_text(value)
    if unit == "Bytes":
        size, name = next(((size, name) for size, name in _SIZES if float(text) >= size), (1, "bytes"))
        return f"{float(text) / size:g} {name}"
    return f"{text} %" if unit == "Percent" else text


def _metrics(launch: Launch) -> Iterator[str]:
    yield from ("| Metric | Unit | Lines that it is made of | Value |", "|---|---|---|---|")
    for pattern, metric in _transformations(launch):
        default = metric.get("DefaultValue")
        otherwise = "" if default is None else f", {as_text(default)} for any other line"
        cells = f"`{metric.get('MetricName')}`", as_text(metric.get("Unit", "None")), f"`{pattern}`"
        yield f"| {' | '.join(cells)} | `{as_text(metric.get('MetricValue'))}`{otherwise} |"


def _transformations(launch: Launch) -> Iterator[tuple[str, dict[str, Any]]]:
    """(pattern, transformation) of each metric filter."""
    for each in launch.of_type("AWS::Logs::MetricFilter").values():
        for metric in map(dict_or_empty, as_list(each.get("MetricTransformations"))):
            yield as_text(each.get("FilterPattern", "")), metric


def _queries(launch: Launch) -> Iterator[str]:
    for each in launch.of_type("AWS::Logs::QueryDefinition").values():
        name = as_text(each.get("Name", "")).rpartition("/")[2]
        yield from (f"**{name}?**", "")
        yield from (f"    {line}" for line in as_text(each.get("QueryString", "")).splitlines())
        yield ""
