"""Whom a statement applies to, and what it covers."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis.grants import grants, has_outside_policies
from quilt_cfn.cloudformation.launch import Launch, evaluate

DOCUMENT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}


def launch(**resources: tuple[str, dict[str, Any]]) -> Launch:
    """Logical ID -> type and properties; with a role, a user, a group and two queues."""
    named = {name: {"Type": type_, "Properties": properties} for name, (type_, properties) in resources.items()}
    there = {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "server"}},
        "User": {"Type": "AWS::IAM::User"},
        "Group": {"Type": "AWS::IAM::Group"},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Named": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "letters"}},
    }
    return evaluate({"Parameters": {"Any": {"Type": "String"}}, "Resources": there | named}, {}, allow_missing=True)


@pytest.mark.parametrize(
    ("type_", "properties", "identities"),
    [
        ("AWS::IAM::Policy", {"Roles": [{"Ref": "Role"}], "Users": [{"Ref": "User"}]}, {"Role", "User"}),
        ("AWS::IAM::Policy", {"Roles": ["server"]}, {"Role"}),
        ("AWS::IAM::Policy", {"Roles": ["of-another-stack"]}, set()),
        ("AWS::IAM::ManagedPolicy", {"Roles": [{"Ref": "Role"}]}, {"Role"}),
        ("AWS::IAM::RolePolicy", {"RoleName": {"Ref": "Role"}}, {"Role"}),
        ("AWS::IAM::UserPolicy", {"UserName": {"Ref": "User"}}, {"User"}),
    ],
)
def test_a_policy_applies_to_whom_it_is_attached(type_, properties, identities):
    (grant,) = grants(launch(Policy=(type_, {"PolicyDocument": DOCUMENT, **properties})))
    assert grant.identities == identities


def test_a_policy_of_a_group_applies_to_its_members():
    policy = ("AWS::IAM::GroupPolicy", {"PolicyDocument": DOCUMENT, "GroupName": {"Ref": "Group"}})
    addition = ("AWS::IAM::UserToGroupAddition", {"GroupName": {"Ref": "Group"}, "Users": [{"Ref": "User"}]})
    (grant,) = grants(launch(Policy=policy, Addition=addition))
    assert grant.identities == {"Group", "User"}


def test_a_role_may_name_its_managed_policies():
    policy = ("AWS::IAM::ManagedPolicy", {"PolicyDocument": DOCUMENT})
    role = ("AWS::IAM::Role", {"ManagedPolicyArns": [{"Ref": "Policy"}]})
    found = launch(Policy=policy, Role=role)
    assert [grant.identities for grant in grants(found)] == [{"Role"}]
    assert not has_outside_policies(found, "Role")


@pytest.mark.parametrize(
    "properties",
    [{"ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}, {"ManagedPolicyArns": [{"Ref": "Any"}]}],
)
def test_a_role_may_have_policies_from_outside_the_template(properties):
    assert has_outside_policies(launch(Role=("AWS::IAM::Role", properties)), "Role")


def test_a_user_may_have_policies_of_a_group_from_outside_the_template():
    assert has_outside_policies(launch(User=("AWS::IAM::User", {"Groups": ["operators"]})), "User")


ARN = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:"


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ({"Action": "SQS:sendmessage", "Resource": "*"}, True),
        ({"Action": "sqs:Send*", "Resource": "*"}, True),
        ({"Action": ["sqs:SendMessag?"], "Resource": "*"}, True),
        ({"Action": "sqs:SendMessag", "Resource": "*"}, False),
        ({"NotAction": "s3:*", "Resource": "*"}, True),
        ({"NotAction": "sqs:*", "Resource": "*"}, False),
        ({"Action": "sqs:*", "Resource": {"Fn::GetAtt": "Queue.Arn"}}, True),
        ({"Action": "sqs:*", "Resource": {"Fn::GetAtt": "Named.Arn"}}, False),
        ({"Action": "sqs:*", "Resource": {"Fn::Sub": ARN + "${AWS::StackName}-*"}}, True),
        ({"Action": "sqs:*", "Resource": {"Fn::Sub": ARN + "other-*"}}, False),
        ({"Action": "sqs:*", "Resource": {"Ref": "Any"}}, True),
        ({"Action": "sqs:*", "NotResource": {"Fn::GetAtt": "Named.Arn"}}, True),
        ({"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}, False),
    ],
)
def test_what_a_statement_allows(statement, allowed):
    document = {"Statement": [{"Effect": "Allow", **statement}]}
    found = launch(Policy=("AWS::IAM::Policy", {"PolicyDocument": document, "Users": [{"Ref": "User"}]}))
    (grant,) = grants(found)
    queue = found.compute({"Fn::GetAtt": "Queue.Arn"})
    assert grant.allows(found, "sqs:SendMessage", (queue,)) is allowed


def test_the_name_that_a_template_sets_counts():
    document = {"Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": {"Fn::Sub": ARN + "letters"}}]}
    found = launch(Policy=("AWS::IAM::Policy", {"PolicyDocument": document, "Users": [{"Ref": "User"}]}))
    (grant,) = grants(found)
    assert grant.allows(found, "sqs:SendMessage", (found.compute({"Fn::GetAtt": "Named.Arn"}),))
    assert not grant.allows(found, "sqs:SendMessage", (found.compute({"Fn::GetAtt": "Queue.Arn"}),))
