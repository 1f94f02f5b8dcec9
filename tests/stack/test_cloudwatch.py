"""Our evaluation of CloudWatch says what the tables and examples of its documentation say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stack.cloudwatch import ALARM, OK, DataPoint, matches, new_state, published, states

RETAIN = "what it was"


@pytest.mark.parametrize(
    ("needed", "points", "ignore", "breaching", "not_breaching"),
    [
        (3, "0-X-X", OK, OK, OK),
        (3, "0----", OK, OK, OK),
        (3, "-----", RETAIN, ALARM, OK),
        (3, "0XX-X", ALARM, ALARM, ALARM),
        (3, "----X", RETAIN, ALARM, OK),
        (3, "X----", RETAIN, ALARM, OK),
        (2, "0-X-X", ALARM, ALARM, ALARM),
        (2, "00X0X", ALARM, ALARM, ALARM),
        (2, "0-X--", OK, ALARM, OK),
        (2, "----0", OK, ALARM, OK),
        (2, "----X", RETAIN, ALARM, OK),
    ],
)
def test_missing_data(needed, points, ignore, breaching, not_breaching):
    """Both tables of https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html."""
    recent = [{"0": False, "X": True, "-": None}[each] for each in points]
    expected = {"ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    for treatment, state in expected.items():
        alarm = {"EvaluationPeriods": 3, "DatapointsToAlarm": needed, "TreatMissingData": treatment}
        assert new_state(recent, alarm, RETAIN) == state, treatment


@pytest.mark.parametrize(
    ("pattern", "message", "selected"),
    [
        ('{ $.eventType = "UpdateTrail" }', '{"eventType": "UpdateTrail"}', True),
        ('{ $.eventType = "UpdateTrail" }', '{"eventType": "Another"}', False),
        ('{ $.eventType = "UpdateTrail" }', '{"another": "UpdateTrail"}', False),
        ('{ $.eventType = "UpdateTrail" }', "eventType UpdateTrail", False),
        ("{ $.latency >= 500 }", '{"latency": 500}', True),
        ("{ $.latency >= 500 }", '{"latency": 499.9}', False),
        ("{ $.latency >= 500 }", '{"latency": [500]}', False),
        ("{ ($.status >= 500) && ($.status != 503) }", '{"status": 502}', True),
        ("{ ($.status >= 500) && ($.status != 503) }", '{"status": 503}', False),
    ],
)
def test_patterns(pattern, message, selected):
    assert (matches(pattern, message) is not None) == selected


def test_a_default_value_is_published_for_lines_that_do_not_match_and_for_no_silence():
    metric = {"MetricNamespace": "N", "MetricName": "M", "MetricValue": "1", "DefaultValue": 0, "Unit": "Count"}
    one = {"LogGroupName": "log", "FilterPattern": "{ $.a = 1 }", "MetricTransformations": [metric]}
    lines = [(0, '{"a": 1}'), (60, "text")]
    assert [(each.second, each.value) for each in published([one], "log", lines)] == [(0, 1), (60, 0)]
    assert [*published([one], "another log", lines)] == []


def test_an_alarm_sees_its_own_metric_only():
    alarm = {
        "Namespace": "N",
        "MetricName": "M",
        "Dimensions": [{"Name": "D", "Value": "d"}],
        "Unit": "Count",
        "Statistic": "Sum",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 1,
        "Period": 60,
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
    }
    point = DataPoint(0, "N", "M", {"D": "d"}, "Count", 2)
    assert states(alarm, [point], 60) == [(60, ALARM)]
    others: tuple[dict[str, Any], ...] = (
        {"namespace": "n"},
        {"name": "m"},
        {"dimensions": {}},
        {"unit": "Percent"},
        {"value": 1},
    )
    for other in others:
        assert states(alarm, [point._replace(**other)], 60) == [(60, OK)]
    assert states({**alarm, "Unit": "Percent"}, [point], 60) == [(60, OK)]
