"""Alarms: that they see something, the right thing, and tell somebody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.rules.watching import (
    alarm_can_fire_and_clear,
    metric_exists,
    somebody_is_told,
)
from quilt_cfn.cloudformation.launch import evaluate
from tests.cloudformation.checks.conftest import findings, rules_and_places

FAMILY = (metric_exists, alarm_can_fire_and_clear, somebody_is_told)


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


# Faults in our own templates.


@pytest.mark.parametrize(
    ("alarm", "key", "value"),
    [
        ("UnhealthyAlarm", "Namespace", "AWS/NetworkElb"),
        ("UnhealthyAlarm", "Namespace", "AWS/ApplicationELB"),
        ("DatabaseStorageAlarm", "Namespace", "AWS/EC2"),
        ("DiskAlarm", "Namespace", "AWS/EC2"),
        ("DiskAlarm", "Namespace", "QuiltRegistry"),
        ("UnhealthyAlarm", "MetricName", "HealthyHostsCount"),
        ("InstanceStatusAlarm", "MetricName", "StatusCheckFail"),
        ("CpuCreditsAlarm", "MetricName", "CpuCreditBalance"),
        ("DatabaseStorageAlarm", "MetricName", "FreeStorageSpce"),
        ("CertificateAlarm", "MetricName", "DaysToExpire"),
        ("ServerErrorsAlarm", "MetricName", "ServerError"),
        ("MemoryAlarm", "MetricName", "MemoryUsed"),
        ("RefreshAlarm", "Dimensions", [{"Name": "AutoScalingGroupName", "Value": {"Ref": "ServerGroup"}}]),
        ("UnhealthyAlarm", "Dimensions", []),
        ("CertificateAlarm", "Dimensions", []),
    ],
)
def test_a_metric_that_does_not_exist(edition, seeded, alarm, key, value):
    properties(seeded, alarm)[key] = value
    assert findings(edition, seeded) == {("W24", alarm)}


@pytest.mark.parametrize(
    ("alarm", "name"),
    [
        ("UnhealthyAlarm", "LoadBalancerName"),
        ("InstanceStatusAlarm", "GroupName"),
        ("DatabaseCpuAlarm", "DBInstanceId"),
        ("CertificateAlarm", "Certificate"),
        ("ProtectionAlarm", "StateMachineARN"),
        ("SuccessRuleAlarm", "Rule"),
    ],
)
def test_a_dimension_that_the_metric_does_not_have(edition, seeded, alarm, name):
    properties(seeded, alarm)["Dimensions"][0]["Name"] = name
    assert findings(edition, seeded) == {("W24", alarm)}


@pytest.mark.parametrize(
    ("alarm", "value"),
    [
        ("UnhealthyAlarm", {"Ref": "LoadBalancer"}),
        ("UnhealthyAlarm", {"Fn::GetAtt": ["LoadBalancer", "LoadBalancerName"]}),
        ("UnhealthyAlarm", {"Fn::GetAtt": ["SitesTargetGroup", "TargetGroupFullName"]}),
        ("CpuCreditsAlarm", {"Ref": "ServerTemplate"}),
        ("DatabaseCpuAlarm", {"Fn::GetAtt": ["Database", "DBInstanceArn"]}),
        ("DatabaseMemoryAlarm", {"Ref": "LoadBalancer"}),
        ("CpuCreditsAlarm", {"Ref": "Database"}),
        ("ProtectionAlarm", {"Ref": "SuccessRule"}),
        ("ProtectionAlarm", {"Fn::GetAtt": ["Protection", "Name"]}),
        ("SuccessRuleAlarm", {"Fn::GetAtt": ["SuccessRule", "Arn"]}),
        ("SuccessRuleAlarm", {"Ref": "Protection"}),
    ],
)
def test_a_dimension_with_another_resource_or_attribute(edition, seeded, alarm, value):
    properties(seeded, alarm)["Dimensions"][0]["Value"] = value
    assert findings(edition, seeded) == {("W24", alarm)}


@pytest.mark.parametrize(("key", "value"), [("MetricNamespace", "Registry"), ("MetricName", "DiskFull")])
def test_a_metric_filter_that_publishes_under_another_name(edition, seeded, key, value):
    (transformation,) = properties(seeded, "DiskUsedMetric")["MetricTransformations"]
    transformation[key] = value
    assert findings(edition, seeded) == {("W24", "DiskAlarm"), ("W24", "Dashboard")}


def test_a_metric_filter_that_is_missing(edition, seeded):
    del seeded["Resources"]["RefreshFailuresMetric"]
    assert findings(edition, seeded) == {("W24", "RefreshAlarm"), ("W24", "Dashboard")}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"FreeableMemory"', '"FreeableMemry"'),
        ('"AWS/EC2", "CPUUtilization", "AutoScalingGroupName"', '"AWS/EC2", "CPUUtilization", "InstanceId"'),
        ("${LoadBalancer.LoadBalancerFullName}", "${LoadBalancer}"),
        ('"DBInstanceIdentifier", "${Database}"', '"DBInstanceIdentifier", "${ServerGroup}"'),
    ],
)
def test_a_graph_of_a_metric_that_does_not_exist(edition, seeded, old, new):
    dashboard = properties(seeded, "Dashboard")
    body = dashboard["DashboardBody"]["Fn::Sub"]
    assert old in body
    dashboard["DashboardBody"] = {"Fn::Sub": body.replace(old, new)}
    assert findings(edition, seeded) == {("W24", "Dashboard")}


@pytest.mark.parametrize(
    ("alarm", "changes"),
    [
        ("DatabaseStorageAlarm", {"Unit": "Gigabytes"}),
        ("DatabaseCpuAlarm", {"Unit": "Count"}),
        ("InstanceStatusAlarm", {"Unit": "None"}),
        ("DiskAlarm", {"Unit": "Bytes"}),
        ("UnhealthyAlarm", {"ComparisonOperator": "GreaterThanThreshold"}),
        ("DatabaseStorageAlarm", {"ComparisonOperator": "GreaterThanOrEqualToThreshold"}),
        ("CertificateAlarm", {"ComparisonOperator": "GreaterThanThreshold"}),
        ("InstanceStatusAlarm", {"ComparisonOperator": "LessThanThreshold"}),
        ("ProtectionAlarm", {"ComparisonOperator": "LessThanOrEqualToThreshold"}),
        ("SuccessRuleAlarm", {"ComparisonOperator": "LessThanThreshold"}),
        ("DatabaseConnectionsAlarm", {"Threshold": -120}),
        ("DatabaseMemoryAlarm", {"Threshold": -1}),
        ("DatabaseCpuAlarm", {"Threshold": 100}),
        ("CpuCreditsAlarm", {"Threshold": 0}),
        ("InstanceStatusAlarm", {"Threshold": 2}),
        ("CpuCreditsAlarm", {"EvaluationPeriods": 300}),
        ("CertificateAlarm", {"EvaluationPeriods": 8}),
        ("MemoryAlarm", {"DatapointsToAlarm": 4}),
    ],
)
def test_an_alarm_that_never_fires_or_always(edition, seeded, alarm, changes):
    properties(seeded, alarm).update(changes)
    assert findings(edition, seeded) == {("W25", alarm)}


def test_a_metric_filter_with_another_unit(edition, seeded):
    del properties(seeded, "DiskUsedMetric")["MetricTransformations"][0]["Unit"]
    assert findings(edition, seeded) == {("W25", "DiskAlarm")}


def test_an_alarm_without_an_action(edition, seeded):
    for key in ("AlarmActions", "OKActions"):
        del properties(seeded, "DiskAlarm")[key]
    assert findings(edition, seeded) == {("W26", "DiskAlarm")}


def test_an_alarm_whose_actions_are_switched_off(edition, seeded):
    properties(seeded, "DiskAlarm")["ActionsEnabled"] = False
    assert findings(edition, seeded) == {("W26", "DiskAlarm")}


def test_a_topic_with_the_key_that_cloudwatch_may_not_use(edition, seeded):
    properties(seeded, "AlarmTopic")["KmsMasterKeyId"] = "alias/aws/sns"
    assert findings(edition, seeded) == {("W26", "AlarmTopic")}


# Anybody's templates.


def found(resources: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    template = {"Resources": resources, **more}
    return sorted(rules_and_places(template, [evaluate(template, {}, allow_missing=True)], rules=FAMILY))


def alarm(**changes: Any) -> dict[str, Any]:
    """An alarm about the errors of a function, which tells a topic of another stack."""
    usual = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": "example"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": ["arn:aws:sns:us-east-1:111122223333:operators"],
    }
    wanted = {key: value for key, value in {**usual, **changes}.items() if value is not None}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": wanted}


TOPIC: dict[str, Any] = {"Type": "AWS::SNS::Topic"}


def statement(service: str, *actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": [*actions], "Resource": "*"}


def key(*statements: dict[str, Any]) -> dict[str, Any]:
    root = {"Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}}
    policy = {"Version": "2012-10-17", "Statement": [{**root, "Action": "kms:*", "Resource": "*"}, *statements]}
    return {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # AWS adds metrics and dimensions, and there are namespaces that we don't know.
        {"MetricName": "ErrorsOfASortThatIsNew"},
        {"MetricName": "Errors2"},
        {"Dimensions": [{"Name": "NewDimension", "Value": "example"}]},
        {"Namespace": "AWS/Another", "MetricName": "Error"},
        {"Namespace": "AWS/EC2Spot", "MetricName": "FulfilledCapacity"},
        # A program that is not in the template publishes it.
        {"Namespace": "Shop", "MetricName": "Orders"},
        {"Namespace": "CWAgent", "MetricName": "disk_used_percent"},
        # What only AWS or somebody else knows.
        {"MetricName": {"Ref": "Metric"}},
        {"Dimensions": [{"Name": "FunctionName", "Value": {"Fn::ImportValue": "function"}}]},
        {"Unit": {"Ref": "Unit"}},
        {"Threshold": {"Ref": "Number"}},
        # Aggregated over all resources.
        {"Namespace": "AWS/RDS", "MetricName": "CPUUtilization", "Dimensions": None},
        # Math and anomalies have no threshold, or no metric.
        {"Threshold": None, "ComparisonOperator": "GreaterThanUpperThreshold"},
        {"MetricName": None, "Namespace": None, "Dimensions": None, "Metrics": [{"Id": "e", "Expression": "1"}]},
        {"Statistic": "SampleCount", "ComparisonOperator": "LessThanThreshold", "Threshold": 1},
        {"Period": 3600, "EvaluationPeriods": 168},
    ],
)
def test_what_may_be_right_is_not_reported(changes):
    assert (
        found(
            {"Alarm": alarm(**changes)}, Parameters={each: {"Type": "String"} for each in ("Metric", "Unit", "Number")}
        )
        == []
    )


@pytest.mark.parametrize(
    ("resource", "dimension", "reported"),
    [
        ({"Type": "AWS::SQS::Queue"}, ("AWS/SQS", "NumberOfMessagesSent", "QueueName", {"Ref": "R"}), True),
        (
            {"Type": "AWS::SQS::Queue"},
            ("AWS/SQS", "NumberOfMessagesSent", "QueueName", {"Fn::GetAtt": "R.QueueName"}),
            False,
        ),
        ({"Type": "AWS::SNS::Topic"}, ("AWS/SNS", "NumberOfMessagesPublished", "TopicName", {"Ref": "R"}), True),
        ({"Type": "AWS::ECS::Service"}, ("AWS/ECS", "CPUUtilization", "ServiceName", {"Ref": "R"}), True),
        ({"Type": "AWS::ECS::Cluster"}, ("AWS/ECS", "CPUUtilization", "ClusterName", {"Ref": "R"}), False),
        ({"Type": "AWS::Lambda::Function"}, ("AWS/Lambda", "Errors", "FunctionName", {"Fn::GetAtt": "R.Arn"}), True),
        ({"Type": "AWS::Lambda::Function"}, ("AWS/Lambda", "Errors", "FunctionName", {"Fn::Sub": "${R}"}), False),
        # What a custom resource or a nested stack gives may be anything.
        ({"Type": "Custom::Function"}, ("AWS/Lambda", "Errors", "FunctionName", {"Fn::GetAtt": "R.Name"}), False),
        (
            {"Type": "AWS::CloudFormation::Stack"},
            ("AWS/Lambda", "Errors", "FunctionName", {"Fn::GetAtt": "R.Outputs.Function"}),
            False,
        ),
    ],
)
def test_the_value_of_a_dimension(resource, dimension, reported):
    namespace, metric, name, value = dimension
    one = alarm(Namespace=namespace, MetricName=metric, Dimensions=[{"Name": name, "Value": value}], Threshold=1)
    assert found({"R": resource, "Alarm": one}) == ([("W24", "Alarm")] if reported else [])


def test_a_metric_in_a_query_of_an_alarm_is_looked_at_too():
    metric: dict[str, Any] = {"Namespace": "AWS/Lambda", "MetricName": "Erors"}
    queries: list[dict[str, Any]] = [{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}]
    without = dict.fromkeys(("Namespace", "MetricName", "Dimensions", "Statistic", "Period"))
    assert found({"Alarm": alarm(Metrics=queries, **without)}) == []  # too short to be sure
    metric["MetricName"] = "Invocatons"
    assert found({"Alarm": alarm(Metrics=queries, **without)}) == [("W24", "Alarm")]
    queries[0]["AccountId"] = "111122223333"
    assert found({"Alarm": alarm(Metrics=queries, **without)}) == []


def test_rows_of_a_dashboard_repeat_what_stands_above_them():
    rows: list[list[Any]] = [
        ["AWS/Lambda", "Invocations", "FunctionName", "a"],
        [".", "Durations", ".", "b", {"stat": "p99"}],
        ["...", "c"],
        [{"expression": "m1 + m2"}],
    ]
    body = {"widgets": [{"type": "metric", "properties": {"metrics": rows}}]}
    dashboard: dict[str, Any] = {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {"DashboardBody": json.dumps(body)},
    }
    assert found({"Dashboard": dashboard}) == [("W24", "Dashboard")]
    rows[1][1] = "Duration"
    dashboard["Properties"] = {"DashboardBody": json.dumps(body)}
    assert found({"Dashboard": dashboard}) == []


@pytest.mark.parametrize(
    ("kind", "reported"), [("application", True), (None, True), ("network", False), ({"Ref": "Kind"}, False)]
)
def test_the_type_of_a_load_balancer_decides_about_the_namespace(kind, reported):
    balancer = {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Type": kind} if kind else {}}
    dimensions = [{"Name": "LoadBalancer", "Value": {"Fn::GetAtt": ["Balancer", "LoadBalancerFullName"]}}]
    one = alarm(Namespace="AWS/NetworkELB", MetricName="NewFlowCount", Dimensions=dimensions)
    resources = {"Balancer": balancer, "Alarm": one}
    assert found(resources, Parameters={"Kind": {"Type": "String"}}) == ([("W24", "Alarm")] if reported else [])


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({}, False),
        ({"MetricNamespace": "Store"}, True),
        ({"MetricNamespace": {"Ref": "Namespace"}}, False),
        ({"Dimensions": [{"Key": "Country", "Value": "$.country"}]}, True),
        ({"MetricName": "OrdersFailed"}, False),
        ({"MetricName": "Ordrs"}, False),
    ],
)
def test_a_metric_that_a_filter_publishes(changes, reported):
    transformation = {"MetricNamespace": "Shop", "MetricName": "Orders", "MetricValue": "1", **changes}
    one = {"LogGroupName": "log", "FilterPattern": "", "MetricTransformations": [transformation]}
    resources = {
        "Filter": {"Type": "AWS::Logs::MetricFilter", "Properties": one},
        "Alarm": alarm(Namespace="Shop", MetricName="Orders", Dimensions=None),
    }
    assert found(resources, Parameters={"Namespace": {"Type": "String"}}) == ([("W24", "Alarm")] if reported else [])


@pytest.mark.parametrize("extra", ["", "aws cloudwatch put-metric-data --namespace Shop"])
def test_a_namespace_that_a_script_names_may_have_more_metrics(extra):
    transformation = {"MetricNamespace": "Store", "MetricName": "Orders", "MetricValue": "1"}
    resources = {
        "Filter": {
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {"LogGroupName": "log", "FilterPattern": "", "MetricTransformations": [transformation]},
        },
        "Web": {"Type": "AWS::EC2::Instance", "Properties": {"UserData": {"Fn::Base64": f"#!/bin/bash\n{extra}\n"}}},
        "Alarm": alarm(Namespace="Shop", MetricName="Orders", Dimensions=None),
    }
    assert found(resources) == ([] if extra else [("W24", "Alarm")])


@pytest.mark.parametrize(
    "action",
    [{"Ref": "Policy"}, "arn:aws:automate:us-east-1:ec2:recover"],
)
def test_an_alarm_that_scales_may_fire_when_all_is_well(action):
    scaling = {"Policy": {"Type": "AWS::AutoScaling::ScalingPolicy"}}
    turned = {"ComparisonOperator": "LessThanThreshold", "Threshold": 1, "AlarmActions": [action]}
    assert found({**scaling, "Alarm": alarm(**turned)}) == []


def test_the_same_alarm_that_tells_somebody_is_turned_round():
    turned = alarm(ComparisonOperator="LessThanThreshold", Threshold=1, AlarmActions=[{"Ref": "Topic"}])
    assert found({"Topic": TOPIC, "Alarm": turned}) == [("W25", "Alarm")]


def test_an_alarm_that_another_resource_refers_to_needs_no_action():
    composite = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": {"Fn::Sub": "ALARM(${Alarm})"}}}
    assert found({"Alarm": alarm(AlarmActions=None)}) == [("W26", "Alarm")]
    assert found({"Alarm": alarm(AlarmActions=None), "Both": composite}) == []
    outputs = {"Alarm": {"Value": {"Ref": "Alarm"}}}
    assert found({"Alarm": alarm(AlarmActions=None)}, Outputs=outputs) == []


@pytest.mark.parametrize(
    ("statements", "reported"),
    [
        ([], True),
        ([statement("cloudwatch.amazonaws.com", "kms:Decrypt", "kms:GenerateDataKey*")], False),
        ([statement("cloudwatch.amazonaws.com", "kms:*")], False),
        ([statement("cloudwatch.amazonaws.com", "kms:Decrypt")], True),
        ([statement("sns.amazonaws.com", "kms:Decrypt", "kms:GenerateDataKey*")], True),
    ],
)
@pytest.mark.parametrize("by_alias", [False, True])
def test_the_key_of_a_topic_lets_cloudwatch_use_it(statements, reported, by_alias):
    alias = {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": "alias/topic", "TargetKeyId": {"Ref": "Key"}}}
    topic = {**TOPIC, "Properties": {"KmsMasterKeyId": {"Ref": "Alias" if by_alias else "Key"}}}
    resources = {
        "Key": key(*statements),
        "Alias": alias,
        "Topic": topic,
        "Alarm": alarm(AlarmActions=[{"Ref": "Topic"}]),
    }
    assert found(resources) == ([("W26", "Key")] if reported else [])


@pytest.mark.parametrize(
    ("principal", "reported"),
    [
        ({"Service": "cloudwatch.amazonaws.com"}, False),
        ({"Service": ["events.amazonaws.com", "cloudwatch.amazonaws.com"]}, False),
        ({"AWS": "*"}, False),
        ("*", False),
        ({"Service": "events.amazonaws.com"}, True),
        ({"AWS": "arn:aws:iam::111122223333:root"}, True),
        ({"Service": {"Ref": "Publisher"}}, False),
    ],
)
def test_the_policy_of_a_topic_lets_cloudwatch_publish(principal, reported):
    allowed = {"Effect": "Allow", "Principal": principal, "Action": "sns:Publish", "Resource": {"Ref": "Topic"}}
    policy = {"Topics": [{"Ref": "Topic"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [allowed]}}
    resources = {
        "Topic": TOPIC,
        "Policy": {"Type": "AWS::SNS::TopicPolicy", "Properties": policy},
        "Alarm": alarm(AlarmActions=[{"Ref": "Topic"}]),
    }
    parameters = {"Publisher": {"Type": "String"}}
    assert found(resources, Parameters=parameters) == ([("W26", "Policy")] if reported else [])


def test_a_topic_that_no_alarm_uses_is_no_business_of_cloudwatchs():
    topic = {**TOPIC, "Properties": {"KmsMasterKeyId": "alias/aws/sns"}}
    assert found({"Topic": topic, "Alarm": alarm()}) == []
