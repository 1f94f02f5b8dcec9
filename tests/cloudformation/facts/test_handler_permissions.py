"""What CloudFormation calls for a resource is what its schema says, as far as IAM knows it."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.facts.handler_permissions import BY_HAND, permissions
from quilt_cfn.cloudformation.facts.iam_actions import is_action


def test_a_database_takes_what_its_handlers_name():
    found = permissions("AWS::RDS::DBInstance")
    assert found
    assert {"rds:CreateDBInstance", "rds:ModifyDBInstance", "rds:DeleteDBInstance", "rds:AddTagsToResource"} <= found


@pytest.mark.parametrize("resource_type", BY_HAND)
def test_what_is_given_by_hand_is_what_no_schema_says(resource_type):
    assert set(permissions(resource_type) or ()) == set(BY_HAND[resource_type])


def test_of_an_unknown_type_nothing_is_known():
    assert permissions("AWS::Example::Thing") is None


def test_every_type_of_ours_is_known_and_every_action_exists(all_templates):
    types = {each["Type"] for template in all_templates.values() for each in template["Resources"].values()}
    for each in types:
        found = permissions(each)
        assert found, each
        assert all(is_action(action) for action in found)
        assert {action.partition(":")[2] for action in found if "*" in action} <= {"Describe*", "List*"}


def test_a_group_may_describe_all_that_its_handlers_describe_but_read_no_password_and_no_parameter_by_path():
    found = permissions("AWS::AutoScaling::AutoScalingGroup")
    assert found
    assert {"autoscaling:Describe*", "ec2:Describe*", "elasticloadbalancing:Describe*", "ssm:GetParameters"} <= found
    assert not {each for each in found if each.startswith(("ec2:GetPassword", "ec2:GetConsole", "ssm:GetParameter*"))}


def test_other_patterns_become_what_they_match():
    assert {"lambda:invokefunction", "sqs:sendmessage"} <= (permissions("AWS::SecurityLake::DataLake") or set())


def test_names_are_written_as_iam_writes_them():
    assert "iam:ListUsers" in (permissions("AWS::IAM::User") or ())
