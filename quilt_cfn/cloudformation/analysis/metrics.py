"""CloudWatch metrics in a template: which ones alarms and dashboards watch, and which ones metric filters publish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.state_machines import parsed
from quilt_cfn.cloudformation.launch import Launch, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path

ALARM = "AWS::CloudWatch::Alarm"
_DASHBOARD = "AWS::CloudWatch::Dashboard"
_FILTER = "AWS::Logs::MetricFilter"


class Watched(NamedTuple):
    """A metric that an alarm evaluates, or that a dashboard shows."""

    path: Path
    """The map that names it, or the body of the dashboard."""
    namespace: Any
    name: Any
    dimensions: Mapping[str, Any]
    unit: Any
    """None if data of every unit are taken."""

    @property
    def is_known(self) -> bool:
        """Whether namespace and name are known before the launch."""
        return isinstance(self.namespace, str) and isinstance(self.name, str) and is_known([self.namespace, self.name])


class Published(NamedTuple):
    """A metric that a metric filter makes."""

    namespace: str
    name: str
    dimensions: frozenset[str]
    unit: Any


@lru_cache(maxsize=1)
def watched(launch: Launch) -> tuple[Watched, ...]:
    """Every metric that alarms and dashboards name; those that a dashboard searches for are not among them."""
    return (*_of_alarms(launch), *_of_dashboards(launch))


def _of_alarms(launch: Launch) -> Iterator[Watched]:
    for name, properties in launch.of_type(ALARM).items():
        path: Path = ("Resources", name, "Properties")
        if "MetricName" in properties:
            yield _watched(path, properties, properties.get("Unit"))
        for index, query in enumerate(as_list(properties.get("Metrics"))):
            stat, metric = map_at(query, "MetricStat"), map_at(query, "MetricStat", "Metric")
            # Another account's metrics are not in this template.
            if metric and "AccountId" not in dict_or_empty(query):
                yield _watched((*path, "Metrics", index, "MetricStat", "Metric"), metric, stat.get("Unit"))


def _watched(path: Path, metric: Mapping[str, Any], unit: Any) -> Watched:
    pairs = [dict_or_empty(each) for each in as_list(metric.get("Dimensions"))]
    dimensions = {as_text(each.get("Name")): each.get("Value") for each in pairs}
    return Watched(path, metric.get("Namespace"), metric.get("MetricName"), dimensions, unit)


def _of_dashboards(launch: Launch) -> Iterator[Watched]:
    """In a row of ``metrics``, a dot repeats what stands there in the row before, and an object describes the line.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    for name, properties in launch.of_type(_DASHBOARD).items():
        text = properties.get("DashboardBody")
        body = parsed(text, origins_of(text))
        for widget in as_list(body.get("widgets")):
            before: list[Any] = []
            for row in as_list(map_at(widget, "properties").get("metrics")):
                cells = [each for each in row if not isinstance(each, dict)] if isinstance(row, list) else []
                for index, cell in enumerate(cells):
                    if cell == "." and index < len(before):
                        cells[index] = before[index]
                account = any("accountId" in each for each in as_list(row) if isinstance(each, dict))
                before = cells
                if len(cells) >= 2 and len(cells) % 2 == 0 and "..." not in cells and not account:
                    dimensions = dict(zip(map(as_text, cells[2::2]), cells[3::2], strict=True))
                    place: Path = ("Resources", name, "Properties", "DashboardBody")
                    yield Watched(place, cells[0], cells[1], dimensions, None)


@lru_cache(maxsize=1)
def published(launch: Launch) -> tuple[Published, ...]:
    """Every metric that the metric filters of the template make."""
    found = []
    for properties in launch.of_type(_FILTER).values():
        for each in map(dict_or_empty, as_list(properties.get("MetricTransformations"))):
            names = as_text(each.get("MetricNamespace")), as_text(each.get("MetricName"))
            keys = [dict_or_empty(it).get("Key") for it in as_list(each.get("Dimensions"))]
            keys += as_list(properties.get("EmitSystemFieldDimensions"))
            found.append(Published(*names, frozenset(map(as_text, keys)), each.get("Unit", "None")))
    return tuple(found)
