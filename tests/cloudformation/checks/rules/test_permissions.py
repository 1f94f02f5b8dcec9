"""What the product calls is allowed and nothing else is; policies do what they say; services may use their roles."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.rules.permissions import (
    call_without_permission,
    invalid_document,
    principal_with_a_dns_suffix,
    role_that_its_service_may_not_assume,
    unused_permission,
    unused_resource,
    wildcard_wider_than_the_calls,
)
from quilt_cfn.cloudformation.launch import evaluate
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT
from tests.cloudformation.checks.conftest import as_parsed, findings

FAMILY = (
    call_without_permission,
    unused_permission,
    unused_resource,
    wildcard_wider_than_the_calls,
    invalid_document,
    role_that_its_service_may_not_assume,
    principal_with_a_dns_suffix,
)
SIGNER = {"registry": "RegistryUser", "marketplace": "ServerRole"}


def statement(template: dict[str, Any], owner: str, action: str) -> dict[str, Any]:
    """The statement of a user's or role's own policies that names an action."""
    policies = template["Resources"][owner]["Properties"]["Policies"]
    statements = [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]
    return next(each for each in statements if action in each["Action"])


def trust(template: dict[str, Any], role: str) -> dict[str, Any]:
    """The one statement of a role's trust policy."""
    found: dict[str, Any] = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    return found


def sentences(template: dict[str, Any], region: str = "us-east-1") -> list[tuple[str, str]]:
    """(rule, sentence) of what this family finds in a template without a contract."""
    launch = evaluate(template, {}, region, allow_missing=True)
    found = run_rules(as_parsed(template), [launch], EMPTY_CONTRACT, FAMILY)
    return [(each.rule, each.message) for each in found]


# P01: calls that are not allowed.


@pytest.mark.parametrize(
    ("owner", "action"),
    [
        ("ServerRole", "logs:PutLogEvents"),
        ("ServerRole", "logs:CreateLogStream"),
        ("ServerRole", "ssmmessages:OpenDataChannel"),
        ("ProtectionRole", "cloudformation:DescribeStackResource"),
        ("NetworkLogsRole", "logs:PutLogEvents"),
        ("NetworkLogsRole", "logs:DescribeLogStreams"),
    ],
)
def test_an_action_that_is_missing_in_a_statement_is_reported(edition, seeded, owner, action):
    statement(seeded, owner, action)["Action"].remove(action)
    assert findings(edition, seeded) == {("P01", owner)}


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"])
def test_the_signer_of_urls_needs_what_its_urls_do(edition, seeded, action):
    statement(seeded, SIGNER[edition], action)["Action"].remove(action)
    assert findings(edition, seeded) == {("P01", SIGNER[edition])}


@pytest.mark.parametrize(
    ("owner", "action"),
    [
        ("ServerRole", "secretsmanager:GetSecretValue"),
        ("ProtectionRole", "cloudformation:UpdateTerminationProtection"),
        ("SuccessRuleRole", "states:StartExecution"),
        ("ServerRole", "elasticloadbalancing:DescribeTargetHealth"),
        ("ServerRole", "ec2:AssociateAddress"),
    ],
)
def test_a_denial_ends_what_a_statement_allows(edition, seeded, owner, action):
    statement(seeded, owner, action)
    statements = seeded["Resources"][owner]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements.append({"Effect": "Deny", "Action": [action], "Resource": "*"})
    assert findings(edition, seeded) == {("P01", owner)}


def test_a_denial_with_a_condition_is_not_counted(edition, seeded):
    statements = seeded["Resources"]["ServerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    statements.append({"Effect": "Deny", "Action": "logs:*", "Resource": "*", "Condition": condition})
    assert findings(edition, seeded) == set()


def test_a_secret_that_the_instance_reads_and_its_role_may_not_is_found(edition, seeded):
    resources = statement(seeded, "ServerRole", "secretsmanager:GetSecretValue")["Resource"]
    resources.remove({"Ref": "QuiltSecretKey"})
    assert findings(edition, seeded) == {("P01", "ServerRole")}


@pytest.fixture
def pulling(templates: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The statement by which the registry edition pulls an image from the account's ECR; in a copy of its template."""
    template = copy.deepcopy(templates["registry"])
    _, pull = template["Resources"]["RegistryImagePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    return {"template": template, "pull": pull}


@pytest.mark.parametrize("action", ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"])
def test_an_image_that_the_instance_may_not_pull_is_found(pulling, action):
    pulling["pull"]["Action"].remove(action)
    assert findings("registry", pulling["template"]) == {("P01", "ServerRole")}


@pytest.mark.parametrize(
    ("repository", "rules"),
    [("other", {"P01"}), ("*", {"P08"})],
)
def test_a_repository_of_which_no_image_comes_is_found(pulling, repository, rules):
    (arn,) = pulling["pull"]["Resource"]
    arn["Fn::Sub"][1]["Name"] = repository
    assert {rule for rule, _ in findings("registry", pulling["template"])} == rules


def test_a_text_that_the_instance_reads_and_its_role_may_not_is_found(edition, seeded):
    del statement(seeded, "ServerRole", "ssm:GetParameter")["Resource"][0]
    assert findings(edition, seeded) == {("P01", "ServerRole")}


@pytest.mark.parametrize("index", [0, 1])
def test_taking_the_address_needs_permission_on_the_address_and_on_the_network_interface(edition, seeded, index):
    del statement(seeded, "ServerRole", "ec2:AssociateAddress")["Resource"][index]
    assert findings(edition, seeded) == {("P01", "ServerRole")}


def test_taking_the_address_needs_permission_on_the_instance(edition, seeded):
    statements = seeded["Resources"]["ServerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements.remove(next(each for each in statements if "Condition" in each))
    assert findings(edition, seeded) == {("P01", "ServerRole")}


@pytest.mark.parametrize(
    ("policy", "resource"),
    [("ProtectionPolicy", "another-database"), ("ProtectionRole", "another-stack/1")],
)
def test_protecting_needs_permission_on_this_stack_and_on_this_database(edition, seeded, policy, resource):
    kind = {"another-database": "rds:${AWS::Region}:${AWS::AccountId}:db:", "another-stack/1": ""}[resource]
    kind = kind or "cloudformation:${AWS::Region}:${AWS::AccountId}:stack/"
    properties = seeded["Resources"][policy]["Properties"]
    document = properties.get("PolicyDocument") or properties["Policies"][0]["PolicyDocument"]
    document["Statement"][0]["Resource"] = [{"Fn::Sub": f"arn:${{AWS::Partition}}:{kind}{resource}"}]
    assert findings(edition, seeded) == {("P01", "ProtectionRole")}


@pytest.mark.parametrize("edition", ["registry"], indirect=True)
def test_the_rotation_of_keys_stores_the_new_one(edition, seeded):
    statements = seeded["Resources"]["ServerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements.remove(statement(seeded, "ServerRole", "secretsmanager:PutSecretValue"))
    assert findings(edition, seeded) == {("P01", "ServerRole")}


def test_a_state_machine_that_its_starter_may_not_start_is_found(edition, seeded):
    arn = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:another"
    statement(seeded, "SuccessRuleRole", "states:StartExecution")["Resource"] = [{"Fn::Sub": arn}]
    assert findings(edition, seeded) == {("P01", "SuccessRuleRole")}


def test_a_log_group_of_the_database_that_its_expiry_may_not_touch_is_found(edition, seeded):
    (allowed,) = seeded["Resources"]["DatabaseLogsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    allowed["Resource"].pop()
    assert findings(edition, seeded) == {("P01", "DatabaseLogsRole")}


def test_a_policy_of_its_own_resource_allows_as_well(edition, seeded):
    policy = seeded["Resources"]["ServerRole"]["Properties"]["Policies"].pop(0)
    seeded["Resources"]["ServerPolicy"] = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"PolicyDocument": policy["PolicyDocument"], "Roles": [{"Ref": "ServerRole"}]},
    }
    assert findings(edition, seeded) == set()


def test_the_sentence_names_who_calls_what():
    refused = "Role has no permission for ec2:AssociateAddress: the user data of Web calls aws ec2 associate-address."
    assert sentences(INSTANCE) == [("P01", refused)]


def test_a_role_with_a_policy_from_outside_is_not_checked():
    arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    managed = {**INSTANCE["Resources"]["Role"]["Properties"], "ManagedPolicyArns": [arn]}
    role = {"Type": "AWS::IAM::Role", "Properties": managed}
    assert sentences({"Resources": {**INSTANCE["Resources"], "Role": role}}) == []


EC2: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
INSTANCE: dict[str, Any] = {
    "Resources": {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": EC2}},
        "Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [{"Ref": "Role"}]}},
        "Web": {
            "Type": "AWS::EC2::Instance",
            "Properties": {
                "IamInstanceProfile": {"Ref": "Profile"},
                "UserData": {"Fn::Base64": "#!/bin/bash\naws --region x ec2 associate-address --instance-id $id\n"},
            },
        },
    }
}


# P02 and P03: unused permissions.


@pytest.mark.parametrize("action", ["logs:DeleteLogGroup", "logs:Get*"])
def test_an_action_that_nothing_calls_is_reported(edition, seeded, action):
    statement(seeded, "ServerRole", "logs:PutLogEvents")["Action"].append(action)
    assert findings(edition, seeded) == {("P02", "ServerRole")}


def test_a_statement_without_its_caller_is_reported(edition, seeded):
    del seeded["Resources"]["NetworkFlowLog"]
    assert findings(edition, seeded) == {("P02", "NetworkLogsRole")}


def test_a_resource_that_nothing_uses_is_reported(edition, seeded):
    statement(seeded, "ServerRole", "logs:PutLogEvents")["Resource"].append({"Fn::GetAtt": ["NetworkLogs", "Arn"]})
    assert findings(edition, seeded) == {("P03", "ServerRole")}


def test_every_resource_is_more_than_those_that_are_read(edition, seeded):
    statement(seeded, "ServerRole", "secretsmanager:GetSecretValue")["Resource"] = ["*"]
    assert findings(edition, seeded) == {("P03", "ServerRole")}


@pytest.mark.parametrize("edition", ["registry"], indirect=True)
def test_a_secret_that_is_only_read_need_not_be_written(edition, seeded):
    statement(seeded, "ServerRole", "secretsmanager:PutSecretValue")["Resource"].append({"Ref": "QuiltSecretKey"})
    assert findings(edition, seeded) == {("P03", "ServerRole")}


def test_without_a_contract_unused_permissions_are_not_reported(template):
    launch = evaluate(template, {}, allow_missing=True)
    assert not [*run_rules(as_parsed(template), [launch], EMPTY_CONTRACT, FAMILY)]


# P04: documents.


def test_a_misspelt_action_is_one_finding(edition, seeded):
    actions = statement(seeded, "ServerRole", "logs:PutLogEvents")["Action"]
    actions[actions.index("logs:PutLogEvents")] = "logs:PutLogEvent"
    assert findings(edition, seeded) == {("P04", "ServerRole")}


def test_objects_are_not_their_bucket(edition, seeded):
    statement(seeded, SIGNER[edition], "s3:GetObject")["Resource"] = [{"Fn::GetAtt": ["Bucket", "Arn"]}]
    assert findings(edition, seeded) == {("P04", SIGNER[edition])}


def test_a_resource_of_the_wrong_type_is_reported(edition, seeded):
    arn = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${Protection.Name}"
    statement(seeded, "SuccessRuleRole", "states:StartExecution")["Resource"] = [{"Fn::Sub": arn}]
    assert findings(edition, seeded) == {("P04", "SuccessRuleRole")}


@pytest.mark.parametrize(
    "broken",
    [
        {"Effect": "allow"},
        {"Sid": "not a sid"},
        {"Resources": ["*"]},
        {"Condition": {"StringEqual": {"aws:SourceAccount": "111122223333"}}},
        {"Resource": ["aws:s3:::example"]},
    ],
)
def test_a_malformed_statement_is_found(edition, seeded, broken):
    statement(seeded, "NetworkLogsRole", "logs:PutLogEvents").update(broken)
    assert findings(edition, seeded) == {("P04", "NetworkLogsRole")}


def test_two_statements_of_one_name_are_found(edition, seeded):
    for action in ("logs:PutLogEvents", "elasticloadbalancing:DescribeTargetHealth"):
        statement(seeded, "ServerRole", action)["Sid"] = "Boot"
    assert findings(edition, seeded) == {("P04", "ServerRole")}


def test_a_policy_of_a_bucket_is_read_too(edition, seeded):
    statements = seeded["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    statements[0]["Action"] = ["s3:GetObjects"]
    assert findings(edition, seeded) == {("P04", "BucketPolicy")}


@pytest.mark.parametrize("region", ["us-gov-west-1", "eusc-de-east-1"])
def test_the_policies_are_valid_in_other_partitions(edition, seeded, region):
    assert findings(edition, seeded, region) == set()


# P05: who may assume a role.


@pytest.mark.parametrize(
    ("role", "service"),
    [
        ("ServerRole", "lambda.amazonaws.com"),
        ("ServerRole", "ec2.amazonaws.co"),
        ("NetworkLogsRole", "logs.amazonaws.com"),
    ],
)
def test_a_service_that_its_role_does_not_trust_is_found(edition, seeded, role, service):
    trust(seeded, role)["Principal"]["Service"] = [{"Fn::Sub": service}]
    assert findings(edition, seeded) == {("P05", role)}


@pytest.mark.parametrize(("role", "other"), [("ProtectionRole", "events"), ("SuccessRuleRole", "states")])
def test_a_state_machine_and_the_rule_that_starts_it_have_a_role_each(edition, seeded, role, other):
    trust(seeded, role)["Principal"]["Service"] = [f"{other}.amazonaws.com"]
    assert findings(edition, seeded) == {("P05", role)}


@pytest.mark.parametrize("service", ["ec2.amazonaws.com", "ec2.amazonaws.com.cn", "ec2.cn-north-1.amazonaws.com.cn"])
def test_in_china_a_service_has_more_than_one_name(service):
    document = {**EC2, "Statement": [{**EC2["Statement"][0], "Principal": {"Service": service}}]}
    resources = {name: INSTANCE["Resources"][name] for name in ("Role", "Profile")}
    resources["Role"] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
    assert sentences({"Resources": resources}, "cn-north-1") == []


def test_a_trust_policy_has_a_principal_and_only_actions_of_sts(edition, seeded):
    trust(seeded, "ServerRole")["Action"] = ["ec2:RunInstances"]
    del trust(seeded, "NetworkLogsRole")["Principal"]
    assert findings(edition, seeded) == {("P04", "ServerRole"), ("P04", "NetworkLogsRole")}


# P06: names of services.


@pytest.mark.parametrize(
    ("service", "region", "found"),
    [
        ("ec2.${AWS::URLSuffix}", "us-east-1", False),
        ("ec2.${AWS::URLSuffix}", "eusc-de-east-1", True),
        ("ec2.amazonaws.com", "eusc-de-east-1", False),
    ],
)
def test_a_service_has_no_dns_suffix_of_its_partition_in_europe(edition, seeded, service, region, found):
    trust(seeded, "ServerRole")["Principal"]["Service"] = [{"Fn::Sub": service}]
    assert findings(edition, seeded, region) == ({("P06", "ServerRole")} if found else set())


@pytest.mark.parametrize(
    ("service", "region", "found"),
    [
        ("events.${AWS::URLSuffix}", "cn-north-1", ["P06"]),
        ("events.amazonaws.com", "cn-north-1", []),
        ("events.${AWS::URLSuffix}", "us-gov-west-1", []),
        ("ec2.${AWS::URLSuffix}", "cn-north-1", []),
    ],
)
def test_in_china_eventbridge_has_none_and_older_services_have_both(service, region, found):
    trusting = {**EC2["Statement"][0], "Principal": {"Service": {"Fn::Sub": service}}}
    document = {**EC2, "Statement": [trusting]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
    assert [rule for rule, _ in sentences({"Resources": {"Role": role}}, region)] == found


# Misshapen templates.


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"Policies": None, "AssumeRolePolicyDocument": []},
        {"Policies": [{"PolicyDocument": {"Statement": ["x", {"Effect": "Allow"}]}}]},
        {"Policies": [{"PolicyDocument": {"Version": 2012, "Statement": [{"Effect": 1, "Action": [[]]}]}}]},
        {"Policies": [{"PolicyDocument": {"Version": "2012-10-17", "Statement": []}}]},
        {"Policies": [{"PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "s3", "Resource": {"a": 1}}}}]},
        {"AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": 1}, "Action": None}]}},
        {"ManagedPolicyArns": {"Ref": "AWS::NoValue"}, "Policies": {"Fn::Transform": {"Name": "x"}}},
    ],
)
def test_odd_policies_are_read_without_a_crash(properties):
    role = {"Type": "AWS::IAM::Role", "Properties": properties}
    sentences({"Resources": {**INSTANCE["Resources"], "Role": role}})
