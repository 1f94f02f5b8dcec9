"""A wildcard in a policy covers what the calls are about, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloudformation.checks.conftest import findings
from tests.cloudformation.checks.rules.test_permissions import SIGNER, sentences, statement, trust

HERE = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
SECRET = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"


@pytest.mark.parametrize(
    ("owner", "action", "wildcard"),
    [
        ("ServerRole", "logs:PutLogEvents", "logs:Put*"),
        ("ServerRole", "secretsmanager:GetSecretValue", "secretsmanager:G*"),
        ("ServerRole", "ssmmessages:OpenDataChannel", "ssmmessages:*Channel"),
        ("SuccessRuleRole", "states:StartExecution", "states:Start*"),
    ],
)
def test_an_action_that_matches_more_than_is_called_is_found(edition, seeded, owner, action, wildcard):
    actions = statement(seeded, owner, action)["Action"]
    actions[actions.index(action)] = wildcard
    expected = {("P08", owner)} if wildcard != "ssmmessages:*Channel" else set()
    assert findings(edition, seeded) == expected


def test_an_action_of_the_signer_that_matches_more_is_found(edition, seeded):
    actions = statement(seeded, SIGNER[edition], "s3:GetObject")["Action"]
    actions[actions.index("s3:GetObject")] = "s3:GetObject*"
    assert findings(edition, seeded) == {("P08", SIGNER[edition])}


@pytest.mark.parametrize(
    ("action", "resource", "found"),
    [
        ("secretsmanager:GetSecretValue", f"{SECRET}*", True),
        ("secretsmanager:GetSecretValue", f"{SECRET}${{AWS::StackName}}*", True),
        ("logs:PutLogEvents", f"{HERE}*", True),
        ("logs:PutLogEvents", f"{HERE}${{RegistryLogs}}*", True),
        ("logs:PutLogEvents", f"{HERE}${{RegistryLogs}}:*", False),
        ("logs:PutLogEvents", f"{HERE}${{RegistryLogs}}:log-stream:*", False),
        ("logs:PutLogEvents", f"{HERE}${{AWS::StackName}}-RegistryLogs-*", False),
        ("ec2:AssociateAddress", "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:elastic-ip/*", True),
        ("ec2:AssociateAddress", "arn:${AWS::Partition}:ec2:*:*:network-interface/*", False),
    ],
)
def test_a_resource_that_covers_more_than_is_used_is_found(edition, seeded, action, resource, found):
    allowed = statement(seeded, "ServerRole", action)
    index = 1 if "network-interface" in resource else 0
    if action == "secretsmanager:GetSecretValue":
        allowed["Resource"] = [{"Fn::Sub": resource}]
    else:
        allowed["Resource"][index] = {"Fn::Sub": resource}
    reported = findings(edition, seeded)
    assert reported == ({("P08", "ServerRole")} if found else set())


@pytest.mark.parametrize("resource", ["${Bucket}*", "arn:${AWS::Partition}:s3:::e*", "${Bucket}-*/*"])
def test_other_buckets_are_more_than_the_signer_uses(edition, seeded, resource):
    resources = statement(seeded, SIGNER[edition], "s3:GetObject")["Resource"]
    variables = resources[0]["Fn::Sub"][1]
    resources.append({"Fn::Sub": [resource, variables]})
    expected = "P03" if resource == "${Bucket}-*/*" else "P08"
    assert findings(edition, seeded) == {(expected, SIGNER[edition])}


def test_any_instance_is_too_much_without_a_condition(edition, seeded):
    statements = seeded["Resources"]["ServerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    for each in statements:
        if "ec2:AssociateAddress" in each["Action"]:
            each.pop("Condition", None)
    assert findings(edition, seeded) == {("P08", "ServerRole")}


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["*"]}])
def test_a_role_that_everybody_may_assume_is_found(edition, seeded, principal):
    trust(seeded, "SuccessRuleRole").pop("Condition", None)
    trust(seeded, "SuccessRuleRole")["Principal"] = principal
    assert ("P08", "SuccessRuleRole") in findings(edition, seeded)


@pytest.mark.parametrize(
    "trusting",
    [
        {"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Principal": {"AWS": {"Ref": "AWS::AccountId"}}},
        {"Principal": "*", "Effect": "Deny"},
    ],
)
def test_a_role_that_some_may_assume_is_not(trusting):
    allowed: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", **trusting}
    document = {"Version": "2012-10-17", "Statement": [allowed]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
    assert sentences({"Resources": {"Role": role}}) == []
