"""A role with which CloudFormation launches a template may do what that takes, and no more."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis.policy_documents import IDENTITY, PolicyDocument, policy_errors
from quilt_cfn.cloudformation.describe.deployment_role import (
    LARGEST_POLICY,
    MOST_POLICIES,
    deployment_policies,
    files,
    table,
    unknown_types,
)
from quilt_cfn.cloudformation.facts.handler_permissions import permissions
from quilt_cfn.cloudformation.facts.iam_actions import arns_of, is_action
from quilt_cfn.cloudformation.facts.replacement import schema
from quilt_cfn.cloudformation.template.read import read_template

OTHERS = sorted((Path(__file__).parents[2] / "other_templates" / "templates").glob("*"))
DATA = {"s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl"}


def statements(template: dict[str, Any], stack: str = "quilt") -> list[dict[str, Any]]:
    return [each for policy in deployment_policies(template, stack) for each in policy["Statement"]]


def allowed(template: dict[str, Any]) -> set[str]:
    return {action for statement in statements(template) for action in statement["Action"]}


@pytest.fixture(params=["registry", "marketplace", "image-factory"])
def template(request, all_templates):
    return all_templates[request.param]


def named(template: dict[str, Any]) -> set[str]:
    """What the schemas of a template's types name, as it stands there."""
    schemas = [schema(each["Type"]) or {} for each in template["Resources"].values()]
    handlers = [handler for each in schemas for handler in each.get("handlers", {}).values()]
    return {action for each in handlers for action in each.get("permissions", ())}


def is_in(action: str, actions: set[str]) -> bool:
    return any(fnmatchcase(action.lower(), each.lower()) for each in actions)


# Narrowed, or no action of IAM: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
NARROWED = {"ec2:Get*", "ssm:Get*"}


def test_whatever_a_handler_names_is_allowed_but_for_data_and_for_what_the_stack_has_none_of(template):
    """An action that one handler alone names would be missed here if it were lost on the way."""
    left_out = {each for each in named(template) if is_action(each) and not is_in(each, allowed(template))}
    owners = {each["Type"] for each in template["Resources"].values()}
    of_others = {each for each in left_out if each.startswith("iam:") and "Group" in each}
    if "AWS::IAM::User" not in owners:
        of_others |= {each for each in left_out if each.startswith("iam:") and each.endswith("UserPolicy")}
    assert left_out - of_others <= DATA | NARROWED
    assert not allowed(template) & DATA


def test_nothing_is_allowed_that_no_type_takes(template):
    types = {each["Type"] for each in template["Resources"].values()}
    needed = {action for each in types for action in permissions(each) or ()}
    more = {"ssm:GetParameters", "ec2:DescribeKeyPairs", "ec2:DescribeImages"}
    more |= {"iam:PassRole", "iam:CreateServiceLinkedRole"}
    assert allowed(template) <= needed | more


@pytest.mark.parametrize("action", ["autoscaling:DescribeAutoScalingGroups", "ec2:DescribeLaunchTemplateVersions"])
def test_a_launch_can_see_its_group_and_what_it_starts(templates, action):
    assert all(is_in(action, allowed(each)) for each in templates.values())


def test_an_edition_without_a_user_may_make_none(templates):
    assert "iam:CreateAccessKey" in allowed(templates["registry"])
    assert not [each for each in allowed(templates["marketplace"]) if each.startswith("iam:") and "User" in each]


def test_no_policy_is_larger_than_a_managed_one_may_be(template):
    policies = deployment_policies(template, "a" * 128)
    assert len(policies) <= MOST_POLICIES
    assert all(len(json.dumps(each, separators=(",", ":"))) <= LARGEST_POLICY for each in policies)


def test_every_policy_is_valid_and_no_action_has_a_wildcard_but_for_describing(template):
    for policy in deployment_policies(template, "quilt"):
        assert [*policy_errors(PolicyDocument(("Resources", "Role"), IDENTITY, policy))] == []
        actions = {action for statement in policy["Statement"] for action in statement["Action"]}
        assert {each.partition(":")[2] for each in actions if "*" in each} <= {"Describe*"}


def test_iam_is_confined_to_names_that_begin_with_the_stacks(template):
    for statement in statements(template, "shop"):
        iam = [each for each in statement["Action"] if each.startswith("iam:")]
        if statement["Resource"] == "*":
            assert set(iam) <= {"iam:ListInstanceProfiles", "iam:ListRoles", "iam:ListUsers"}
        elif iam:
            assert statement["Resource"].startswith("arn:aws:iam::*:")
            assert statement["Resource"].endswith("/shop-*") or "Condition" in statement


def test_an_action_that_applies_to_no_particular_resource_is_allowed_on_everything(template):
    """On anything narrower it would have no effect."""
    for statement in statements(template):
        if statement["Resource"] != "*":
            assert all(arns_of(each) for each in statement["Action"])


def resource_of(action: str, template: dict[str, Any], stack: str = "shop") -> str:
    (found,) = (each["Resource"] for each in statements(template, stack) if action in each["Action"])
    return str(found)


@pytest.mark.parametrize(
    ("stack", "start"),
    [("a" * 25, "a" * 25 + "-"), ("b" * 26, "b" * 25), ("c" * 128, "c" * 25), ("a--b", "a-b-")],
)
def test_a_long_name_of_a_stack_is_cut_as_cloudformation_cuts_it(templates, stack, start):
    assert resource_of("iam:CreateRole", templates["registry"], stack) == f"arn:aws:iam::*:role/{start}*"


@pytest.mark.parametrize("given", [{"RoleName": "mine"}, {"Path": "/team/"}])
def test_a_template_that_names_its_roles_itself_is_not_confined_to_the_stacks_name(given):
    template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": given}}}
    assert resource_of("iam:CreateRole", template) == "arn:aws:iam::*:role/*"


def test_groups_and_managed_policies_are_confined_as_well():
    types = {"Group": "AWS::IAM::Group", "Policy": "AWS::IAM::ManagedPolicy"}
    template = {"Resources": {name: {"Type": each} for name, each in types.items()}}
    assert resource_of("iam:CreateGroup", template) == "arn:aws:iam::*:group/shop-*"
    assert resource_of("iam:CreatePolicy", template) == "arn:aws:iam::*:policy/shop-*"


def test_objects_are_read_only_for_a_template_that_names_one():
    function: dict[str, Any] = {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ZipFile": "pass"}}}
    template = {"Resources": {"Function": function}}
    assert "s3:GetObject" not in allowed(template)
    function["Properties"] = {"Code": {"S3Bucket": "code", "S3Key": "function.zip"}}
    assert "s3:GetObject" in allowed(template)


def test_a_list_of_subnets_in_the_form_takes_describing_subnets():
    parameters = {"Subnets": {"Type": "List<AWS::EC2::Subnet::Id>"}}
    assert allowed({"Parameters": parameters, "Resources": {}}) == {"ec2:DescribeSubnets"}


def test_a_service_linked_role_is_made_only_for_services_that_are_known_to_need_one(templates):
    (statement,) = (
        each for each in statements(templates["registry"]) if "iam:CreateServiceLinkedRole" in each["Action"]
    )
    assert statement["Condition"]["StringEquals"]["iam:AWSServiceName"] == [
        "autoscaling.amazonaws.com",
        "delivery.logs.amazonaws.com",
        "elasticloadbalancing.amazonaws.com",
        "rds.amazonaws.com",
    ]
    other = {"Resources": {"Files": {"Type": "AWS::EFS::FileSystem"}}}
    assert resource_of("iam:CreateServiceLinkedRole", other) == "arn:aws:iam::*:role/aws-service-role/*"


def test_roles_are_passed_only_to_the_services_that_may_take_them_on(templates):
    (statement,) = (each for each in statements(templates["registry"]) if "iam:PassRole" in each["Action"])
    assert statement["Resource"] == "arn:aws:iam::*:role/quilt-*"
    assert statement["Condition"]["StringEquals"]["iam:PassedToService"] == [
        "ec2.amazonaws.com",
        "events.amazonaws.com",
        "states.amazonaws.com",
        "vpc-flow-logs.amazonaws.com",
    ]


def test_a_type_of_which_nothing_is_known_is_named(all_templates):
    assert unknown_types({"Resources": {"Thing": {"Type": "AWS::Example::Thing"}}}) == ["AWS::Example::Thing"]
    assert all(unknown_types(each) == [] for each in all_templates.values())


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: file.stem)
def test_templates_of_others_have_policies_too(file):
    template = read_template(file).data
    types = {each.get("Type") for each in template["Resources"].values() if isinstance(each, dict)}
    assert deployment_policies(template, "quilt")
    assert set(unknown_types(template)) <= types


def test_a_template_of_nothing_has_one_empty_policy():
    assert deployment_policies({"Resources": {}}, "quilt") == [{"Version": "2012-10-17", "Statement": []}]


def test_the_files_are_the_policies_and_who_may_take_the_role_on(templates):
    made = files(templates["registry"], "quilt")
    *policies, trust = made.values()
    assert next(iter(made)) == "deployment-role-1.json"
    assert [json.loads(each) for each in policies] == deployment_policies(templates["registry"], "quilt")
    assert json.loads(trust)["Statement"][0]["Principal"] == {"Service": "cloudformation.amazonaws.com"}


def test_the_table_has_every_action_once(templates):
    text = table(templates["registry"], "quilt")
    found = [(row.split("`")[1], set(row.split("|")[3].replace(",", " ").split())) for row in text.splitlines()[2:]]
    for action in allowed(templates["registry"]):
        service, _, name = action.partition(":")
        assert sum(of == service and name in names for of, names in found) == 1
