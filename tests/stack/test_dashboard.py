"""The dashboard is what CloudWatch takes, shows metrics that exist, and is laid out on its grid.

What CloudWatch takes is from
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from quilt_cfn.cloudformation.facts.metrics import NAMESPACES
from quilt_cfn.cloudformation.launch.evaluator import STACK
from tests.launches import DOCUMENTED, launch_stack
from tests.stack.test_alarms import WATCHED
from tests.stack.test_queries import unknown_fields

PROPERTIES: dict[str, dict[str, type | tuple[type, ...]]] = {
    "alarm": {"title": str, "alarms": list, "sortBy": str, "states": list},
    "text": {"markdown": str, "background": str},
    "log": {"title": str, "region": str, "query": str, "view": str},
    "metric": {
        "title": str,
        "region": str,
        "metrics": list,
        "view": str,
        "stat": str,
        "period": int,
        "stacked": bool,
        "yAxis": dict,
        "annotations": dict,
    },
}
"""Type of a widget -> its properties; of the documented ones those that we use."""
REQUIRED = {
    "alarm": {"alarms"},
    "text": {"markdown"},
    "log": {"region", "query"},
    "metric": {"region", "metrics"},
}
VIEWS = {"metric": {"timeSeries", "singleValue", "gauge", "bar", "pie"}, "log": {"table", "timeSeries", "bar", "pie"}}


def widgets(stack) -> list[dict[str, Any]]:
    (dashboard,) = stack.of_type("AWS::CloudWatch::Dashboard").values()
    body = json.loads(dashboard["DashboardBody"])
    assert body.keys() == {"widgets"}
    found: list[dict[str, Any]] = body["widgets"]
    return found


def of_type(stack, kind: str) -> list[dict[str, Any]]:
    return [each["properties"] for each in widgets(stack) if each["type"] == kind]


def test_every_widget_is_what_cloudwatch_takes(stack):
    for each in widgets(stack):
        assert each.keys() == {"type", "x", "y", "width", "height", "properties"}
        kind, properties = each["type"], each["properties"]
        assert REQUIRED[kind] <= properties.keys() <= PROPERTIES[kind].keys()
        assert all(type(value) is PROPERTIES[kind][name] for name, value in properties.items())
        assert properties.get("view", "timeSeries") in VIEWS.get(kind, {"timeSeries"})


def test_graphs_are_what_cloudwatch_takes(stack):
    for each in of_type(stack, "metric"):
        assert each["stat"] in {"Average", "Minimum", "Maximum", "Sum", "SampleCount"}
        assert each["period"] % 60 == 0
        assert each["yAxis"].keys() <= {"left", "right"}
        assert each["yAxis"]["left"].keys() <= {"min", "max", "label", "showUnits"}
        for line in each.get("annotations", {}).get("horizontal", []):
            assert line.keys() <= {"label", "value", "color", "fill", "visible", "yAxis"}
            assert isinstance(line["value"], (int, float))


def test_widgets_stand_on_the_grid_and_do_not_overlap(stack):
    taken: set[tuple[int, int]] = set()
    for each in widgets(stack):
        columns, rows = range(each["x"], each["x"] + each["width"]), range(each["y"], each["y"] + each["height"])
        cells = {(x, y) for x in columns for y in rows}
        assert 0 <= columns[0] <= columns[-1] < 24
        assert not cells & taken
        taken |= cells
    assert len(taken) == 24 * (1 + max(y for _, y in taken)), "there is a hole"


def test_the_alarms_come_first_and_what_to_do_stands_beside_them(stack):
    first, second = widgets(stack)[:2]
    assert (first["type"], second["type"]) == ("alarm", "text")
    assert (first["y"], second["y"]) == (0, 0)
    assert STACK in second["properties"]["markdown"]


def test_every_alarm_is_there(stack):
    (each,) = of_type(stack, "alarm")
    assert each["alarms"] == [f"<{name}.Arn>" for name in WATCHED]
    assert len(each["alarms"]) <= 100


def shown(stack) -> list[tuple[str, str, dict[str, str]]]:
    """(namespace, name, dimensions) of every metric in a graph."""
    found = []
    for each in of_type(stack, "metric"):
        for namespace, name, *pairs in each["metrics"]:
            found.append((namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))))
    return found


def test_every_metric_exists(stack):
    filters = stack.of_type("AWS::Logs::MetricFilter").values()
    own = {(m["MetricNamespace"], m["MetricName"]) for each in filters for m in each["MetricTransformations"]}
    for namespace, name, dimensions in shown(stack):
        if namespace in NAMESPACES:
            assert name in NAMESPACES[namespace].units
            assert (
                set(NAMESPACES[namespace].required_of(name)) <= dimensions.keys() <= {*NAMESPACES[namespace].dimensions}
            )
            assert all(re.fullmatch(r"<\w+(\.\w+)?>", value) for value in dimensions.values())
        else:
            assert (namespace, name) in own
            assert dimensions == {}


def test_what_is_watched_is_shown(stack):
    unshown = {"InstanceStatusAlarm", "CertificateAlarm", "ProtectionAlarm", "DatabaseLogsAlarm", "SuccessRuleAlarm"}
    for name, each in WATCHED.items():
        assert ((each.namespace, each.name, each.dimensions) in shown(stack)) == (name not in unshown)


def test_a_line_in_a_graph_is_the_threshold_of_its_alarm(stack):
    thresholds = {
        (alarm["Namespace"], alarm["MetricName"]): alarm["Threshold"]
        for alarm in stack.of_type("AWS::CloudWatch::Alarm").values()
    }
    drawn = 0
    for each in of_type(stack, "metric"):
        for line in each.get("annotations", {}).get("horizontal", []):
            assert line["value"] == thresholds[tuple(each["metrics"][0][:2])]
            drawn += 1
    assert drawn >= 9


def test_the_log_is_the_registrys(stack):
    (each,) = of_type(stack, "log")
    source, query = each["query"].split(" | ", 1)
    assert source == "SOURCE '<RegistryLogs>'"
    assert unknown_fields(query) == set()


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_everything_is_of_the_stacks_own_region(template, region):
    stack = launch_stack(template, DOCUMENTED, region)
    assert {each["properties"].get("region", region) for each in widgets(stack)} == {region}


def test_its_name_is_generated(template):
    """Dashboards belong to an account: one with the name of another stack's would overwrite it."""
    assert "DashboardName" not in template["Resources"]["Dashboard"]["Properties"]
