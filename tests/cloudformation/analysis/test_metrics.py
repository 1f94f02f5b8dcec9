"""Which metrics a template watches and publishes."""

from __future__ import annotations

import json
from typing import Any

from quilt_cfn.cloudformation.analysis.metrics import Published, published, watched
from quilt_cfn.cloudformation.launch import Launch, evaluate


def launch(**resources: dict[str, Any]) -> Launch:
    return evaluate({"Resources": resources}, {})


def test_an_alarm_watches_its_metric_with_its_dimensions_and_unit():
    properties = {
        "Namespace": "AWS/SQS",
        "MetricName": "SentMessageSize",
        "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}],
        "Unit": "Bytes",
    }
    found = watched(
        launch(Queue={"Type": "AWS::SQS::Queue"}, Alarm={"Type": "AWS::CloudWatch::Alarm", "Properties": properties})
    )
    (metric,) = found
    assert metric.path == ("Resources", "Alarm", "Properties")
    assert metric[1:] == ("AWS/SQS", "SentMessageSize", {"QueueName": "<Queue.QueueName>"}, "Bytes")
    assert metric.is_known


def test_a_dashboard_watches_what_its_graphs_name():
    rows = [
        ["AWS/EC2", "CPUUtilization", "InstanceId", "${Web}", {"label": "CPU"}],
        [".", "NetworkIn", ".", "."],
        [{"expression": "SEARCH('{AWS/EC2,InstanceId}', 'Average')"}],
        ["AWS/EC2"],
    ]
    body = json.dumps({"widgets": [{"type": "metric", "properties": {"metrics": rows}}, {"type": "text"}]})
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": {"Fn::Sub": body}}}
    stack = launch(Web={"Type": "AWS::EC2::Instance"}, Dashboard=dashboard)
    found = watched(stack)
    assert [(each.namespace, each.name, dict(each.dimensions)) for each in found] == [
        ("AWS/EC2", "CPUUtilization", {"InstanceId": "<Web>"}),
        ("AWS/EC2", "NetworkIn", {"InstanceId": "<Web>"}),
    ]
    assert [stack.referenced_resource(each.dimensions["InstanceId"]) for each in found] == ["Web", "Web"]


def test_a_metric_filter_publishes_what_it_transforms():
    transformation = {
        "MetricNamespace": "Shop",
        "MetricName": "Orders",
        "MetricValue": "1",
        "Dimensions": [{"Key": "Country", "Value": "$.country"}],
    }
    one = {"Type": "AWS::Logs::MetricFilter", "Properties": {"MetricTransformations": [transformation]}}
    assert published(launch(Filter=one)) == (Published("Shop", "Orders", frozenset({"Country"}), "None"),)


def test_misshapen_parts_are_left_out():
    broken = {
        "A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": ["x"], "Dimensions": "y"}},
        "B": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": ["x", {"MetricStat": 1}]}},
        "C": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": "{"}},
        "D": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardBody": '{"widgets": [1, {"properties": 2}]}'},
        },
        "E": {"Type": "AWS::Logs::MetricFilter", "Properties": {"MetricTransformations": [1]}},
    }
    stack = launch(**broken)
    assert [each.is_known for each in watched(stack)] == [False]
    assert len(published(stack)) == 1
