"""The tables of the guide say what the templates have."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.describe import tables
from quilt_cfn.cloudformation.launch import evaluate

SHOP: dict[str, Any] = {
    "Metadata": {
        "AWS::CloudFormation::Interface": {
            "ParameterGroups": [{"Label": {"default": "People"}, "Parameters": ["Range", "Password", "Size"]}],
            "ParameterLabels": {name: {"default": f"The {name.lower()}"} for name in ("Range", "Password", "Size")},
        }
    },
    "Parameters": {
        "Range": {"Type": "String", "Description": "Who gets in.", "ConstraintDescription": "A range", "Default": ""},
        "Password": {"Type": "String", "NoEcho": True, "Description": "Long.", "ConstraintDescription": "8 letters."},
        "Size": {"Type": "Number", "AllowedValues": [1, 2], "Default": 1, "Description": "Of it | all."},
    },
    "Resources": {
        "Shop": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "Shop",
                "SecurityGroupIngress": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 443,
                        "ToPort": 443,
                        "CidrIp": {"Ref": "Range"},
                        "Description": "Buyers",
                    }
                ],
                "SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}],
            },
        },
        "FromOffice": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                "GroupId": {"Ref": "Shop"},
                "IpProtocol": "tcp",
                "FromPort": 8000,
                "ToPort": 8010,
                "CidrIp": "192.0.2.0/24",
                "Description": "Office",
            },
        },
        "Goods": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
    },
    "Outputs": {"Door": {"Description": "Where to go in", "Value": "x"}},
}
KIOSK = {**SHOP, "Resources": {name: SHOP["Resources"][name] for name in ("Shop", "FromOffice")}}
TEMPLATES = {"shop": SHOP, "kiosk": KIOSK}
LAUNCHES = {
    name: evaluate(template, {"Password": "x", "Range": "198.51.100.0/24"}) for name, template in TEMPLATES.items()
}


@pytest.mark.parametrize(
    "row",
    [
        "| The range<br>`Range` | Who gets in. | A range. Default: empty. |",
        "| The password<br>`Password` | **Hidden.** Long. | 8 letters. **Required.** |",
        "| The size<br>`Size` | Of it \\| all. | `1`, `2`. Default: `1`. |",
    ],
)
def test_a_field_has_its_label_its_description_and_what_it_accepts(row):
    assert row in tables.parameters(TEMPLATES).splitlines()


@pytest.mark.parametrize(
    "row",
    [
        "| `Shop` | in, from | 443 | `Range` | Buyers |",
        "| `Shop` | in, from | 8000-8010 | `192.0.2.0/24` | Office |",
        "| `Shop` | out, to | every port | everybody |  |",
    ],
)
def test_a_port_says_who_where_and_why(row):
    assert row in tables.ports(LAUNCHES).splitlines()


def test_a_rule_that_only_keeps_ec2_from_adding_its_own_is_no_port():
    closed = {"IpProtocol": "-1", "CidrIp": "127.0.0.1/32"}
    group = {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"GroupDescription": "x", "SecurityGroupEgress": [closed]},
    }
    assert tables.ports({"shop": evaluate({"Resources": {"Shop": group}}, {})}).splitlines()[2:] == []


def test_what_only_one_edition_has_says_so_and_what_stays_too():
    assert "| `S3::Bucket` | 1 | `Goods` (only in *shop*; stays) |" in tables.resources(LAUNCHES).splitlines()
    assert "| `EC2::SecurityGroup` | 1 | `Shop` |" in tables.resources(LAUNCHES).splitlines()


def test_the_properties_of_a_resource_are_those_of_the_template():
    assert "GroupDescription: Shop\n" in tables.properties(TEMPLATES, "Shop")


def test_every_output_is_there():
    assert tables.outputs(LAUNCHES).splitlines()[2:] == ["| `Door` | Where to go in |"]


def test_every_policy_is_there_as_the_template_has_it():
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            }
        },
    }
    policies = tables.policies({"shop": evaluate({"Resources": {"Clerk": role}}, {})})
    assert policies.startswith("### Clerk: who may take it on\n")
    assert "Principal: {Service: ec2.amazonaws.com}" in policies
