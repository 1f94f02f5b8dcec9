"""What an Auto Scaling group says of its sizes, its rolling updates and how long a boot may take."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis.groups import GROUP, Group, group, in_words, seconds
from quilt_cfn.cloudformation.launch import evaluate


def read(rolling: dict[str, Any] | None = None, signal: dict[str, Any] | None = None, **properties: Any) -> Group:
    """A group with a policy for rolling updates and a CreationPolicy."""
    resource: dict[str, Any] = {"Type": GROUP, "Properties": properties}
    if rolling is not None:
        resource["UpdatePolicy"] = {"AutoScalingRollingUpdate": {"MaxBatchSize": 1, **rolling}}
    if signal is not None:
        resource["CreationPolicy"] = {"ResourceSignal": {"Count": 1, **signal}}
    template = {"Parameters": {"Unknown": {"Type": "Number"}}, "Resources": {"Group": resource}}
    return group(evaluate(template, {}, allow_missing=True), "Group")


UNKNOWN = {"Ref": "Unknown"}


@pytest.mark.parametrize(
    ("rolling", "sizes", "serving"),
    [
        ({"MinInstancesInService": "1"}, {"DesiredCapacity": "1"}, 1),
        ({"MinInstancesInService": 1}, {"MinSize": 1}, 1),
        ({}, {"MinSize": 1}, 0),
        ({}, {"MinSize": 3}, 2),
        ({"MaxBatchSize": 2}, {"MinSize": 3}, 1),
        ({"MinInstancesInService": 2, "MaxBatchSize": 3}, {"MinSize": 3}, 2),
        ({"MinInstancesInService": UNKNOWN}, {"MinSize": 3}, None),
        ({"MaxBatchSize": UNKNOWN}, {"MinSize": 3}, None),
        ({"MinActiveInstancesPercent": 50}, {"MinSize": 3}, None),
        ({}, {"MinSize": UNKNOWN}, None),
        (None, {"MinSize": 1}, None),
    ],
)
def test_how_many_instances_serve_during_a_rolling_update(
    rolling: dict[str, Any] | None, sizes: dict[str, Any], serving: int | None
) -> None:
    assert read(rolling, **sizes).serving_meanwhile == serving


@pytest.mark.parametrize(
    ("rolling", "signal", "longest"),
    [
        (None, None, None),
        (None, {"Timeout": "PT10M"}, 600),
        (None, {}, 300),
        ({"WaitOnResourceSignals": True, "PauseTime": "PT1H"}, {"Timeout": "PT10M"}, 3600),
        ({"WaitOnResourceSignals": "true"}, None, 300),
        ({"WaitOnResourceSignals": False, "PauseTime": "PT1H"}, None, None),
        (None, {"Timeout": {"Fn::Sub": "PT${Unknown}M"}}, None),
    ],
)
def test_a_boot_may_take_as_long_as_cloudformation_waits_for_its_signal(
    rolling: dict[str, Any] | None, signal: dict[str, Any] | None, longest: int | None
) -> None:
    assert read(rolling, signal).longest_boot == longest


def test_health_is_checked_by_ec2_alone_and_at_once_unless_the_group_says_otherwise() -> None:
    assert (read().checks_target_health, read().grace) == (False, 0)
    checked = read(HealthCheckType="ELB", HealthCheckGracePeriod="600")
    assert (checked.checks_target_health, checked.grace) == (True, 600)


@pytest.mark.parametrize(
    ("duration", "length"),
    [("PT5M", 300), ("P1DT1H", 90000), ("PT1H30M15S", 5415), ("PT", None), ("5M", None), ("P5W", None), (5, None)],
)
def test_durations_are_those_of_iso_8601(duration: Any, length: int | None) -> None:
    assert seconds(duration) == length


def test_a_length_is_told_in_minutes_where_it_has_some_exactly() -> None:
    assert [in_words(each) for each in (0, 60, 90, 300)] == ["0 seconds", "60 seconds", "90 seconds", "5 minutes"]
