"""A role with which CloudFormation launches a template may do what that takes, and no more."""

from __future__ import annotations

import json
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


def needed(template: dict[str, Any]) -> set[str]:
    types = {each["Type"] for each in template["Resources"].values()}
    return {action for each in types for action in permissions(each) or ()}


def test_everything_that_the_handlers_of_its_types_call_is_allowed_but_for_data_and_groups(template):
    left_out = needed(template) - allowed(template) - DATA
    assert all(action.startswith("iam:") and "Group" in action for action in left_out)
    assert not allowed(template) & DATA


def test_nothing_is_allowed_that_no_type_takes(template):
    more = {"ssm:GetParameters", "ec2:DescribeKeyPairs", "ec2:DescribeImages"}
    more |= {"iam:PassRole", "iam:CreateServiceLinkedRole"}
    assert allowed(template) <= needed(template) | more


def test_an_edition_without_a_user_may_make_none(templates):
    assert "iam:CreateAccessKey" in allowed(templates["registry"])
    assert not allowed(templates["marketplace"]) & {"iam:CreateUser", "iam:CreateAccessKey"}


def test_no_policy_is_larger_than_a_managed_one_may_be(template):
    policies = deployment_policies(template, "a" * 128)
    assert len(policies) <= MOST_POLICIES
    assert all(len(json.dumps(each, separators=(",", ":"))) <= LARGEST_POLICY for each in policies)


def test_every_policy_is_valid_and_none_has_a_wildcard_for_an_action(template):
    for policy in deployment_policies(template, "quilt"):
        assert [*policy_errors(PolicyDocument(("Resources", "Role"), IDENTITY, policy))] == []
        assert all("*" not in action for statement in policy["Statement"] for action in statement["Action"])


def test_iam_is_confined_to_names_that_begin_with_the_stacks(template):
    for statement in statements(template, "shop"):
        if any(action.startswith("iam:") for action in statement["Action"]):
            assert statement["Resource"].startswith("arn:aws:iam::*:")
            assert statement["Resource"].endswith("/shop-*") or "Condition" in statement


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
