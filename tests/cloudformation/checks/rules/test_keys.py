"""Whoever uses what a key of the template encrypts may use the key."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.rules.keys import key_that_may_not_be_used
from quilt_cfn.cloudformation.launch import evaluate
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT
from tests.cloudformation.checks.conftest import as_parsed, findings

SIGNER = {"registry": "RegistryUser", "marketplace": "ServerRole"}
ACCOUNT = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
SCALING = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/autoscaling.amazonaws.com/"
SCALING += "AWSServiceRoleForAutoScaling"


def allow(principal: Any, *actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": [*actions] or ["kms:*"], "Resource": "*"}


DELEGATING = allow({"AWS": ACCOUNT})


def add_key(template: dict[str, Any], *statements: dict[str, Any]) -> None:
    """A key; without statements, one with the policy that KMS gives it."""
    document = {"Version": "2012-10-17", "Statement": [*statements]}
    properties = {"KeyPolicy": document} if statements else {}
    template["Resources"]["Key"] = {
        "Type": "AWS::KMS::Key",
        "DeletionPolicy": "RetainExceptOnCreate",
        "UpdateReplacePolicy": "Retain",
        "Properties": properties,
    }


def may(template: dict[str, Any], owner: str, *actions: str) -> None:
    """Let the own policies of a user or role call actions on the key."""
    statements = template["Resources"][owner]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    arn = {"Fn::GetAtt": ["Key", "Arn"]}
    statements.append({"Effect": "Allow", "Action": [*actions], "Resource": [arn]})


def of_p07(edition: str, template: dict[str, Any]) -> set[str]:
    """The places of P07, where a defect needs parts that other rules report."""
    return {place for rule, place in findings(edition, template) if rule == "P07"}


def encrypt_a_secret(template: dict[str, Any]) -> None:
    template["Resources"]["QuiltSecretKey"]["Properties"]["KmsKeyId"] = {"Ref": "Key"}


def encrypt_the_bucket(template: dict[str, Any]) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}
    rules = [{"ServerSideEncryptionByDefault": default}]
    template["Resources"]["Bucket"]["Properties"]["BucketEncryption"] = {"ServerSideEncryptionConfiguration": rules}


def encrypt_the_volume(template: dict[str, Any]) -> None:
    data = template["Resources"]["ServerTemplate"]["Properties"]["LaunchTemplateData"]
    for mapping in data["BlockDeviceMappings"]:
        mapping["Ebs"]["KmsKeyId"] = {"Ref": "Key"}


def encrypt_the_log(template: dict[str, Any]) -> None:
    template["Resources"]["RegistryLogs"]["Properties"]["KmsKeyId"] = {"Fn::GetAtt": ["Key", "Arn"]}


@pytest.mark.parametrize("policy", [[], [DELEGATING]], ids=["default", "delegating"])
def test_a_role_that_reads_a_secret_needs_its_key(edition, seeded, policy):
    add_key(seeded, *policy)
    encrypt_a_secret(seeded)
    assert findings(edition, seeded) == {("P07", "ServerRole")}
    may(seeded, "ServerRole", "kms:Decrypt")
    assert findings(edition, seeded) == set()


def test_more_of_a_key_than_reading_needs_is_unused(edition, seeded):
    add_key(seeded, DELEGATING)
    encrypt_a_secret(seeded)
    may(seeded, "ServerRole", "kms:Decrypt", "kms:Encrypt")
    assert findings(edition, seeded) == {("P02", "ServerRole")}


def test_a_key_that_does_not_leave_it_to_iam_has_to_name_the_role_itself(edition, seeded):
    add_key(seeded, allow({"AWS": "arn:aws:iam::111122223333:role/administrator"}))
    encrypt_a_secret(seeded)
    may(seeded, "ServerRole", "kms:Decrypt")
    assert of_p07(edition, seeded) == {"Key"}


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": {"Fn::GetAtt": ["ServerRole", "Arn"]}},
        {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${ServerRole}"}},
        {"AWS": "*"},
        {"AWS": {"Fn::ImportValue": "role"}},
    ],
)
def test_a_key_may_name_the_role_itself(edition, seeded, principal):
    add_key(seeded, allow(principal, "kms:Decrypt"))
    encrypt_a_secret(seeded)
    assert of_p07(edition, seeded) == set()


def test_a_key_is_found_by_its_alias(edition, seeded):
    add_key(seeded, DELEGATING)
    alias = {"AliasName": "alias/registry", "TargetKeyId": {"Ref": "Key"}}
    seeded["Resources"]["Alias"] = {"Type": "AWS::KMS::Alias", "Properties": alias}
    for value in ("alias/registry", {"Ref": "Alias"}):
        seeded["Resources"]["QuiltSecretKey"]["Properties"]["KmsKeyId"] = value
        assert findings(edition, seeded) == {("P07", "ServerRole")}


@pytest.mark.parametrize("key", ["alias/aws/secretsmanager", "arn:aws:kms:us-east-1:111122223333:key/0"])
def test_keys_from_elsewhere_are_not_reported(edition, seeded, key):
    seeded["Resources"]["QuiltSecretKey"]["Properties"]["KmsKeyId"] = key
    assert of_p07(edition, seeded) == set()


def test_reading_and_writing_objects_need_the_key_of_the_bucket(edition, seeded):
    add_key(seeded, DELEGATING)
    encrypt_the_bucket(seeded)
    assert of_p07(edition, seeded) == {SIGNER[edition]}
    may(seeded, SIGNER[edition], "kms:Decrypt")
    assert of_p07(edition, seeded) == {SIGNER[edition]}
    may(seeded, SIGNER[edition], "kms:GenerateDataKey")
    assert of_p07(edition, seeded) == set()


@pytest.mark.parametrize(
    ("actions", "found"),
    [(["kms:GenerateDataKey"], []), (["kms:GenerateDataKey", "kms:Decrypt"], []), (["kms:Decrypt"], ["Starter"])],
)
def test_only_some_writers_need_to_decrypt(actions, found):
    template: dict[str, Any] = {"Resources": {}}
    add_key(template, DELEGATING)
    statements = [{"Effect": "Allow", "Action": "sns:Publish", "Resource": {"Ref": "Topic"}}]
    policy = {"PolicyName": "publish", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}
    target = {"Id": "it", "Arn": {"Ref": "Topic"}, "RoleArn": {"Fn::GetAtt": ["Starter", "Arn"]}}
    template["Resources"] |= {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "Starter": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 day)", "Targets": [target]}},
    }
    may(template, "Starter", *actions)
    assert places(template) == found


def places(template: dict[str, Any]) -> list[str]:
    """The places of P07 in a template without a contract."""
    launch = evaluate(template, {})
    found = run_rules(as_parsed(template), [launch], EMPTY_CONTRACT, [key_that_may_not_be_used])
    return [str(each.resource) for each in found]


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ([DELEGATING], True),
        ([DELEGATING, allow({"AWS": {"Fn::Sub": SCALING}}, "kms:Decrypt")], True),
        ([DELEGATING, allow({"AWS": {"Fn::Sub": SCALING}}, "kms:Decrypt", "kms:CreateGrant")], False),
        ([allow({"AWS": "*"})], False),
        ([], True),
    ],
)
def test_auto_scaling_needs_the_key_of_its_volumes(edition, seeded, policy, found):
    add_key(seeded, *policy)
    encrypt_the_volume(seeded)
    assert findings(edition, seeded) == ({("P07", "ServerTemplate")} if found else set())


@pytest.mark.parametrize(
    ("service", "actions", "found"),
    [
        ("logs.${AWS::Region}.amazonaws.com", ["kms:Encrypt*", "kms:Decrypt*", "kms:GenerateDataKey*"], False),
        ("logs.${AWS::Region}.amazonaws.com", ["kms:Encrypt*"], True),
        ("ec2.amazonaws.com", ["kms:*"], True),
    ],
)
def test_cloudwatch_logs_needs_the_key_of_a_log_group(edition, seeded, service, actions, found):
    add_key(seeded, DELEGATING, allow({"Service": {"Fn::Sub": service}}, *actions))
    encrypt_the_log(seeded)
    assert findings(edition, seeded) == ({("P07", "RegistryLogs")} if found else set())


@pytest.mark.parametrize("principal", [{"Service": "events.amazonaws.com"}, {"Service": "sns.amazonaws.com"}])
def test_eventbridge_needs_the_key_of_a_queue(principal):
    template: dict[str, Any] = {"Resources": {}}
    add_key(template, allow(principal))
    target = {"Id": "it", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}
    template["Resources"] |= {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 day)", "Targets": [target]}},
    }
    assert places(template) == ([] if "events" in principal["Service"] else ["Queue"])


@pytest.mark.parametrize("policy", ["x", [], {"Statement": []}, {"Statement": [{"Principal": 1, "Effect": "Allow"}]}])
def test_odd_keys_are_read_without_a_crash(edition, seeded, policy):
    add_key(seeded)
    seeded["Resources"]["Key"]["Properties"]["KeyPolicy"] = policy
    seeded["Resources"]["Bucket"]["Properties"]["BucketEncryption"] = {"ServerSideEncryptionConfiguration": ["x"]}
    seeded["Resources"]["RegistryLogs"]["Properties"]["KmsKeyId"] = {"Ref": "Key"}
    encrypt_a_secret(seeded)
    of_p07(edition, seeded)
