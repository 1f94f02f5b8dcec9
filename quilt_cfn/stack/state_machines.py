"""The states that several state machines have."""

from __future__ import annotations

from typing import Any

from troposphere import Ref

from quilt_cfn.stack.database import Database
from quilt_cfn.stack.pseudo_parameters import arn

DATABASE_ID = "$.Database.StackResourceDetail.PhysicalResourceId"
"""Where a state after ``find_database`` finds the database's identifier, which is in lower case."""


def find_database(database: Database, then: str) -> dict[str, Any]:
    """A state that looks the database's identifier up, before the state named ``then``.

    With a reference instead, the state machine would be created after the database; if that failed then, the database
    would be lost with it. The identifier's case: ``IdentifierFactory`` in
    https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds/tree/master/aws-rds-cfn-common
    """
    return {
        "Type": "Task",
        "Resource": arn("states:::aws-sdk:cloudformation:describeStackResource"),
        "Parameters": {"StackName": Ref("AWS::StackName"), "LogicalResourceId": database.resource.title},
        "ResultPath": "$.Database",
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 20, "MaxAttempts": 4}],
        "Next": then,
    }
