"""The page about what watches a stack says what the template does."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.describe.monitoring import condition, page
from quilt_cfn.cloudformation.launch import evaluate

ALARM: dict[str, Any] = {
    "AlarmDescription": "It is full. Empty it.",
    "Namespace": "Shop",
    "MetricName": "Used",
    "Statistic": "Maximum",
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 85,
    "Period": 300,
    "EvaluationPeriods": 3,
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Maximum of Used in 5 minutes is above 85, 3 times in a row"),
        ({"Unit": "Percent"}, "Maximum of Used in 5 minutes is above 85 %, 3 times in a row"),
        ({"DatapointsToAlarm": 2}, "Maximum of Used in 5 minutes is above 85, 2 times of 3"),
        ({"EvaluationPeriods": 1}, "Maximum of Used in 5 minutes is above 85"),
        (
            {"EvaluationPeriods": 1, "Period": 86400, "ComparisonOperator": "LessThanOrEqualToThreshold"},
            "Maximum of Used in 1 day is at most 85",
        ),
        (
            {"EvaluationPeriods": 1, "Unit": "Bytes", "Threshold": 1536 * 1024**2},
            "Maximum of Used in 5 minutes is above 1.5 GiB",
        ),
        (
            {"EvaluationPeriods": 1, "Period": 90, "TreatMissingData": "breaching"},
            "Maximum of Used in 90 seconds is above 85; no data count as that, too",
        ),
    ],
)
def test_when_an_alarm_fires_in_words(changes, words):
    assert condition({**ALARM, **changes}) == words


def test_every_part_has_its_place_in_the_text():
    transformation = {"MetricNamespace": "Shop", "MetricName": "Used", "MetricValue": "$.used", "DefaultValue": 0}
    resources = {
        "FullAlarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {**ALARM, "OKActions": ["arn"]}},
        "Filter": {
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {"FilterPattern": "{ $.used = * }", "MetricTransformations": [transformation]},
        },
        "Query": {
            "Type": "AWS::Logs::QueryDefinition",
            "Properties": {"Name": "shop/Who was it", "QueryString": "fields @message\n| limit 1\n"},
        },
    }
    text = "{alarms}\n{metrics}\n{queries}\n{alarm_count} and {metric_count}\n"
    assert page(text, evaluate({"Resources": resources}, {})).splitlines() == [
        "| Alarm | Fires when | What it means, and what to do | Mail when over |",
        "|---|---|---|---|",
        f"| `FullAlarm` | {condition(ALARM)} | It is full. Empty it. | yes |",
        "| Metric | Unit | Lines that it is made of | Value |",
        "|---|---|---|---|",
        "| `Used` | None | `{ $.used = * }` | `$.used`, 0 for any other line |",
        "**Who was it?**",
        "",
        "    fields @message",
        "    | limit 1",
        "1 and 1",
    ]
