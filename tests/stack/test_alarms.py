"""Alarms always exist; an address decides whether anybody is mailed."""

from __future__ import annotations

from tests.launches import DOCUMENTED, launch_stack


def alarms(stack):
    return stack.of_type("AWS::CloudWatch::Alarm")


def test_what_is_watched(stack):
    watched = {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms(stack).values()}
    assert watched == {
        ("AWS/NetworkELB", "HealthyHostCount"),
        ("AWS/RDS", "FreeStorageSpace"),
        ("AWS/CertificateManager", "DaysToExpiry"),
        ("AWS/States", "ExecutionsFailed"),
        ("AWS/Events", "FailedInvocations"),
    }


def test_a_registry_that_stopped_reporting_is_a_registry_that_is_down(stack):
    assert stack.properties("UnhealthyAlarm")["TreatMissingData"] == "breaching"


def test_a_single_failed_attempt_to_protect_the_stack_is_an_alarm_and_silence_is_none(stack):
    for name in ("ProtectionAlarm", "SuccessRuleAlarm"):
        alarm = stack.properties(name)
        assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
            "Sum",
            "GreaterThanThreshold",
            0,
        )
        assert alarm["EvaluationPeriods"] == 1
        assert alarm["TreatMissingData"] == "notBreaching"


def test_every_alarm_is_about_this_stacks_own_resources(stack):
    values = {each["Value"] for alarm in alarms(stack).values() for each in alarm["Dimensions"]}
    assert values == {
        "<LoadBalancer.LoadBalancerFullName>",
        "<SitesTargetGroup.TargetGroupFullName>",
        "<Database>",
        "<Protection>",
        "<SuccessRule>",
        DOCUMENTED["CertificateArn"],
    }


def test_without_an_address_nobody_is_mailed(stack):
    assert not stack.of_type("AWS::SNS::Topic")
    assert all("AlarmActions" not in alarm for alarm in alarms(stack).values())


def test_with_an_address_every_alarm_is_mailed_to_it(template):
    stack = launch_stack(template, DOCUMENTED | {"AlarmEmail": "ops@example.com"})
    assert stack.properties("AlarmTopic")["Subscription"] == [{"Protocol": "email", "Endpoint": "ops@example.com"}]
    assert all(alarm["AlarmActions"] == ["<AlarmTopic>"] for alarm in alarms(stack).values())


def test_every_alarm_says_what_happens(stack):
    for alarm in alarms(stack).values():
        assert alarm["AlarmDescription"].endswith(".")
