"""Policy documents are found wherever they are; only what AWS refuses or what has no effect is reported."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis.policy_documents import policy_documents, policy_errors
from quilt_cfn.cloudformation.launch import evaluate


def errors(statement: dict[str, Any], type_: str = "AWS::IAM::ManagedPolicy", version: str = "2012-10-17") -> list[str]:
    """What is wrong with a policy of one statement, which may refer to the resource Bucket and the parameter Any."""
    body = {"Version": version, "Statement": [{"Effect": "Allow", **statement}]}
    key = "KeyPolicy" if type_ == "AWS::KMS::Key" else "PolicyDocument"
    template = {
        "Parameters": {"Any": {"Type": "String"}},
        "Resources": {"It": {"Type": type_, "Properties": {key: body}}, "Bucket": {"Type": "AWS::S3::Bucket"}},
    }
    launch = evaluate(template, {}, allow_missing=True)
    sentences = [sentence for document in policy_documents(launch) for _, sentence in policy_errors(document)]
    return [sentence.removeprefix("In a policy of It, ").removesuffix(".") for sentence in sentences]


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::example/*"),
        ("s3:GetObject", "arn:aws:s3:::*"),
        ("s3:GetObject", "arn:aws:s3:::${aws:PrincipalTag/Team}-data/home/${aws:username}/*"),
        ("s3:GetObject", {"Fn::Sub": "${Bucket.Arn}/*"}),
        ("s3:GetObject", {"Fn::Sub": "arn:aws:s3:::${Any}"}),
        ("s3:GetObject", {"Ref": "Any"}),
        ("s3:Get*", {"Fn::GetAtt": "Bucket.Arn"}),
        ({"Ref": "Any"}, "arn:aws:s3:::example"),
        ("ec2:DescribeInstances", "*"),
        ("ec2:CreateRouteServer", "*"),
        ("ssm:GetDocument", "arn:aws:ssm:*::document/AWS-RunShellScript"),
        ("iam:PassRole", "arn:aws:iam::*:role/service-role/*"),
        ("logs:*", "arn:aws:logs:us-*:*:log-group:/aws/lambda/*"),
        ("logs:PutLogEvents", "arn:aws:logs:*:*:log-group:" + "*a" * 40),
        (["ec2:RunInstances"], "arn:aws:ec2:*:*:instance/*"),
    ],
)
def test_a_policy_that_works_has_no_error(action, resource):
    assert errors({"Action": action, "Resource": resource}) == []


@pytest.mark.parametrize(
    ("action", "resource", "sentence"),
    [
        ("s3:HeadObject", "arn:aws:s3:::example/*", "IAM knows no action s3:HeadObject"),
        ("ec3:RunInstances", "*", "IAM knows no action ec3:RunInstances"),
        ("RunInstances", "*", "the Action RunInstances names no service"),
        ("s3:ListBucket", "example", "the Resource example is no ARN: Does not have 6 parts"),
        (
            ["dynamodb:GetItem", "dynamodb:PutItem"],
            {"Fn::GetAtt": "Bucket.Arn"},
            "dynamodb:GetItem applies to arn:*:dynamodb:*:*:table/* and to no Resource of its statement, "
            "nor does dynamodb:PutItem",
        ),
    ],
)
def test_an_error_is_reported_once(action, resource, sentence):
    assert errors({"Action": action, "Resource": resource}) == [sentence]


def test_a_version_is_one_of_two():
    statement = {"Action": "s3:ListBucket", "Resource": "*"}
    assert errors(statement, version="2008-10-17") == []
    assert errors(statement, version="2020-01-01") == ["Version can only be 2012-10-17 or 2008-10-17"]


def test_the_policy_of_a_key_may_have_a_sid_with_spaces():
    statement = {"Sid": "Enable the account", "Action": "kms:*", "Resource": "*"}
    assert errors(statement | {"Principal": "*"}, "AWS::KMS::Key") == []
    assert errors(statement) == ["a Sid consists of letters and digits only"]
