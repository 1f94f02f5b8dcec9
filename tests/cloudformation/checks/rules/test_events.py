"""Rules of EventBridge match events that there are, and start targets that can be started."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.rules.events import pattern_that_never_matches, target_that_cannot_be_started
from quilt_cfn.cloudformation.launch import evaluate
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT
from tests.cloudformation.checks.conftest import as_parsed, findings


def the_rule(template: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(logical ID, properties) of the one rule of EventBridge."""
    (found,) = ((name, it) for name, it in template["Resources"].items() if it["Type"] == "AWS::Events::Rule")
    return found[0], found[1]["Properties"]


def sentences(resources: dict[str, Any], **sections: Any) -> list[str]:
    """What both rules find in a template with these resources."""
    template = {"Resources": resources, **sections}
    launch = evaluate(template, {}, allow_missing=True)
    rules = (pattern_that_never_matches, target_that_cannot_be_started)
    return [each.message for each in run_rules(as_parsed(template), [launch], EMPTY_CONTRACT, rules)]


def of_pattern(pattern: Any, **others: Any) -> list[str]:
    return sentences({"Rule": {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern}}, **others})


# W32: patterns.


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("source",), ["aws.cloudformatoin"]),
        (("source",), ["cloudformation"]),
        (("source",), ["aws.ec2"]),
        (("detail-type",), ["CloudFormation Stack Status Changed"]),
        (("detail-type",), ["Cloudformation Stack Status Change"]),
        (("detail-type",), ["EC2 Instance State-change Notification"]),
        (("detail-type",), "CloudFormation Stack Status Change"),
        (("detail", "stack-id"), [{"Ref": "AWS::StackName"}]),
        (("detail", "stack-id"), {"Ref": "AWS::StackId"}),
        (("detail", "stackId"), [{"Ref": "AWS::StackId"}]),
        (("detail", "status"), ["CREATE_COMPLETE"]),
        (("detail", "status-details", "status"), ["CREATE_COMPLETED"]),
        (("detail", "status-details", "status"), ["CREATE_COMPLETE", "UPDATE_COMPLET"]),
        (("detail", "status-details", "status"), [{"prefixes": "CREATE"}]),
        (("detailType",), ["CloudFormation Stack Status Change"]),
    ],
)
def test_a_pattern_that_no_event_of_the_stack_matches_is_found(edition, seeded, path, value):
    name, properties = the_rule(seeded)
    part = properties["EventPattern"]
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert findings(edition, seeded) == {("W32", name)}


@pytest.mark.parametrize(
    "pattern",
    [
        {
            "source": ["aws.ec2"],
            "detail-type": ["EC2 Instance State-change Notification"],
            "detail": {"state": ["running"]},
        },
        {"source": ["aws.autoscaling", "aws.ec2"], "detail-type": ["EC2 Instance Launch Successful"]},
        {
            "source": ["aws.iam"],
            "detail-type": ["AWS API Call via CloudTrail"],
            "detail": {"eventName": ["CreateUser"]},
        },
        {"source": ["aws.a-new-service"], "detail-type": ["A New Event"]},
        {"source": ["shop.orders"], "detail-type": ["Object Created"], "detail": {"state": ["runing"]}},
        {"source": [{"prefix": "aws."}], "detail-type": ["Object Created"]},
        {"source": ["aws.partner/example.com/1"]},
        {"account": [{"Ref": "AWS::AccountId"}], "region": [{"Ref": "AWS::Region"}]},
        {"detail": {"a": [{"numeric": [">", 0, "<=", 5]}, {"exists": False}, {"cidr": "10.0.0.0/24"}, None, 5]}},
        {"detail": {"a": [{"anything-but": ["x", "y"]}, {"anything-but": {"prefix": "init"}}, {"wildcard": "*/a/*"}]}},
        {
            "detail": {
                "a": [{"anything-but": 5}, {"suffix": {"equals-ignore-case": ".PNG"}}, {"equals-ignore-case": "x"}]
            }
        },
        {"$or": [{"source": ["aws.ec2"]}, {"detail": {"$or": [{"a": ["x"]}, {"b": [{"exists": True}]}]}}]},
        {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [{"Ref": "Bucket"}]}}},
        '{"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]}',
        {"Fn::Transform": {"Name": "x"}},
    ],
)
def test_a_pattern_that_may_match_is_not_reported(pattern):
    assert of_pattern(pattern, Bucket={"Type": "AWS::S3::Bucket"}) == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("x", "detail.a is x, and has to be a list"),
        ([], "detail.a is an empty list"),
        ([{"contains": "x"}], "detail.a has a filter contains, which EventBridge doesn't have"),
        ([{"prefix": 5}], "detail.a has a filter prefix whose operand is 5"),
        ([{"wildcard": "a**"}], "detail.a has a filter wildcard whose operand is a**"),
        ([{"numeric": [">"]}], "detail.a has a filter numeric with the operand ['>']"),
        ([{"numeric": ["=>", 5]}], "detail.a has a filter numeric with the operand ['=>', 5]"),
        ([{"cidr": "10.0.0.0"}], "detail.a has a filter cidr with the operand 10.0.0.0"),
        ([{"exists": "yes"}], "detail.a has a filter exists with the operand yes"),
        ([{"anything-but": {"like": "x"}}], "detail.a has a filter anything-but with the operand {'like': 'x'}"),
        ([{"prefix": "a", "suffix": "b"}], "detail.a has a filter with more than one key"),
    ],
)
def test_what_eventbridge_refuses_is_named(value, found):
    assert of_pattern({"detail": {"a": value}}) == [f"In the event pattern of Rule, {found}."]


@pytest.mark.parametrize(
    ("detail_type", "detail", "found"),
    [
        ("EC2 Instance State-change Notification", {"state": ["terminate"]}, "the event has terminated"),
        (
            "EC2 Instance State-change Notification",
            {"instance-id": ["web"]},
            "the event has the ID of an instance there",
        ),
        ("EC2 Instance State-change Notification", {"instanceId": ["i-1"]}, "the event has detail.instance-id"),
        ("Object Created", {"name": [{"Ref": "Bucket"}]}, "the event has detail.bucket.name"),
        ("Object Created", {"bucket": {"name": ["arn:aws:s3:::x"]}}, "the event has a name there"),
    ],
)
def test_fields_and_values_of_well_known_events_are_known(detail_type, detail, found):
    source = "aws.s3" if detail_type == "Object Created" else "aws.ec2"
    pattern = {"source": [source], "detail-type": [detail_type], "detail": detail}
    (sentence,) = of_pattern(pattern, Bucket={"Type": "AWS::S3::Bucket"})
    assert found in sentence


@pytest.mark.parametrize(
    ("source", "called", "found"),
    [
        ("aws.cloudtrail", "s3.amazonaws.com", True),
        ("aws.s3", "s3.amazonaws.com", False),
        ("aws.cloudtrail", "cloudtrail.amazonaws.com", False),
    ],
)
def test_an_api_call_has_the_source_of_the_service_that_is_called(source, called, found):
    pattern = {"source": [source], "detail-type": ["AWS API Call via CloudTrail"], "detail": {"eventSource": [called]}}
    assert bool(of_pattern(pattern)) == found


# W33: targets.


@pytest.mark.parametrize(
    "change",
    [
        {"RoleArn": None},
        {"Arn": {"Fn::GetAtt": ["ProtectionRole", "Arn"]}},
        {"Arn": {"Fn::GetAtt": ["Protection", "Name"]}},
        {"Arn": {"Fn::GetAtt": ["Database", "DBInstanceArn"]}},
        {"Arn": "Protection"},
    ],
)
def test_a_target_of_the_rule_that_cannot_be_started_is_found(edition, seeded, change):
    name, properties = the_rule(seeded)
    for key, value in change.items():
        properties["Targets"][0][key] = value
        if value is None:
            del properties["Targets"][0][key]
    # The role of the target may then have a permission that nothing uses.
    assert findings(edition, seeded) - {("P03", "SuccessRuleRole")} == {("W33", name)}


def test_two_targets_have_two_ids(edition, seeded):
    name, properties = the_rule(seeded)
    properties["Targets"].append(properties["Targets"][0])
    assert findings(edition, seeded) == {("W33", name)}


def resources(target: Any, **others: Any) -> dict[str, Any]:
    """A rule with one target, and what else there is."""
    properties = {"ScheduleExpression": "rate(1 day)", "Targets": [{"Id": "it", **target}]}
    return {"Rule": {"Type": "AWS::Events::Rule", "Properties": properties}, **others}


def allow(action: str, principal: Any = None) -> dict[str, Any]:
    principal = principal or {"Service": "events.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    return {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


FUNCTION = {"Type": "AWS::Lambda::Function"}
PERMISSION = {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "It"}, "Principal": "events.amazonaws.com"}
LAMBDA = {"Arn": {"Fn::GetAtt": ["It", "Arn"]}}
OTHER_RULE = {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 day)"}}


@pytest.mark.parametrize(
    ("permission", "found"),
    [
        (PERMISSION, False),
        ({**PERMISSION, "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]}}, False),
        ({**PERMISSION, "FunctionName": {"Fn::GetAtt": ["It", "Arn"]}}, False),
        ({**PERMISSION, "SourceArn": {"Fn::Sub": "arn:aws:events:x:1:rule/${AWS::StackName}-*"}}, False),
        ({**PERMISSION, "FunctionName": {"Fn::ImportValue": "function"}}, False),
        ({**PERMISSION, "SourceArn": {"Fn::GetAtt": ["Other", "Arn"]}}, True),
        ({**PERMISSION, "Principal": "s3.amazonaws.com"}, True),
        ({**PERMISSION, "FunctionName": {"Ref": "Another"}}, True),
    ],
)
def test_a_function_needs_a_permission_for_the_rule(permission, found):
    others = {"It": FUNCTION, "Another": FUNCTION, "Other": OTHER_RULE}
    permission = {"Type": "AWS::Lambda::Permission", "Properties": permission}
    assert bool(sentences(resources(LAMBDA, Permission=permission, **others))) == found


def test_a_function_without_a_permission_is_reported_unless_a_transform_may_add_one():
    what = "is It, and no AWS::Lambda::Permission lets this rule invoke it"
    assert sentences(resources(LAMBDA, It=FUNCTION)) == [f"The target it of Rule {what}."]
    assert sentences(resources(LAMBDA, It=FUNCTION), Transform="AWS::Serverless-2016-10-31") == []


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (allow("sns:Publish"), False),
        (allow("sns:*", "*"), False),
        (allow("sns:Publish", {"AWS": {"Ref": "AWS::AccountId"}}), True),
        (allow("sns:Subscribe"), True),
        (None, True),
    ],
)
@pytest.mark.parametrize("topic", ["It", "Other"])
def test_a_topic_needs_a_policy_for_eventbridge(policy, found, topic):
    others: dict[str, Any] = {"It": {"Type": "AWS::SNS::Topic"}, "Other": {"Type": "AWS::SNS::Topic"}}
    if policy:
        others["Policy"] = {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [{"Ref": topic}], **policy}}
    assert bool(sentences(resources({"Arn": {"Ref": "It"}}, **others))) == (found or topic == "Other")


@pytest.mark.parametrize(("key", "found"), [("alias/aws/sqs", True), ("alias/mine", False)])
def test_eventbridge_may_not_use_the_key_that_aws_manages(key, found):
    policy = {"Queues": [{"Ref": "It"}], **allow("sqs:SendMessage")}
    others = {
        "It": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": key}},
        "Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": policy},
    }
    assert bool(sentences(resources({"Arn": {"Fn::GetAtt": ["It", "Arn"]}}, **others))) == found


@pytest.mark.parametrize(
    ("target", "resource_type", "found"),
    [
        ({"Arn": {"Ref": "It"}}, "AWS::SQS::Queue", "use Arn"),
        ({"Arn": {"Ref": "It"}, "RoleArn": "arn:x"}, "AWS::Kinesis::Stream", "use Arn"),
        ({"Arn": {"Ref": "It"}, "RoleArn": "arn:x"}, "AWS::ECS::TaskDefinition", "which no rule can start"),
        ({"Arn": {"Fn::GetAtt": ["It", "Arn"]}, "RoleArn": "arn:x"}, "AWS::ECS::Cluster", "has no EcsParameters"),
        ({"Arn": {"Ref": "It"}, "BatchParameters": {}}, "AWS::Batch::JobQueue", "has no RoleArn"),
        ({"Arn": {"Fn::Sub": "arn:aws:states:x:1:stateMachine:${It}"}}, "AWS::SSM::Parameter", "has no RoleArn"),
        ({"Arn": "arn:aws:iam::111122223333:role/x"}, "AWS::SSM::Parameter", "which no rule can start"),
        ({"Arn": {"Ref": "It"}, "RoleArn": "arn:x"}, "AWS::StepFunctions::StateMachine", None),
        ({"Arn": {"Fn::GetAtt": ["It", "Arn"]}}, "AWS::Events::EventBus", None),
        ({"Arn": {"Fn::GetAtt": ["It", "Outputs.Arn"]}}, "AWS::CloudFormation::Stack", None),
        ({"Arn": {"Fn::ImportValue": "machine"}}, "AWS::SSM::Parameter", None),
        ({"Arn": {"Fn::GetAtt": ["It", "Arn"]}}, "AWS::Logs::LogGroup", None),
    ],
)
def test_what_a_target_needs_depends_on_its_type(target, resource_type, found):
    reported = sentences(resources(target, It={"Type": resource_type}))
    assert [found in each for each in reported] == [True] if found else reported == []


@pytest.mark.parametrize("targets", [None, "x", [None, "x", {"Id": [], "Arn": {}}], {"Id": "a", "Arn": "arn:"}])
def test_odd_rules_are_read_without_a_crash(targets):
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": {"source": [{}], "detail": []}, "Targets": targets},
    }
    sentences({"Rule": rule})
