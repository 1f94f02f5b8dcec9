"""The actions of IAM that allow the operations of the AWS API."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.facts.iam_actions import action_of


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
