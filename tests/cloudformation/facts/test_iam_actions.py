"""The actions of IAM that allow the operations of the AWS API."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.facts.iam_actions import action_of, arns_of


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("logs", "put-log-events", "logs:PutLogEvents"),
        ("rds", "modifyDBInstance", "rds:ModifyDBInstance"),
        ("sfn", "startExecution", "states:StartExecution"),
        ("lambda", "invoke", "lambda:InvokeFunction"),
        ("s3api", "list-objects-v2", "s3:ListBucket"),
        ("s3", "sync", None),
        ("nothing", "at-all", None),
    ],
)
def test_an_operation_has_the_action_that_allows_it(service: str, operation: str, action: str | None) -> None:
    assert action_of(service, operation) == action


@pytest.mark.parametrize(
    ("action", "arns"),
    [
        ("secretsmanager:GetSecretValue", ("arn:*:secretsmanager:*:*:secret:*",)),
        ("elasticloadbalancing:DescribeTargetHealth", ()),
        ("ssm:GetParameters", ("arn:*:ssm:*:*:parameter/*",)),
    ],
)
def test_an_action_applies_to_these_resources_or_to_none(action: str, arns: tuple[str, ...]) -> None:
    assert tuple(arn for _, arn in arns_of(action) or ()) == arns
