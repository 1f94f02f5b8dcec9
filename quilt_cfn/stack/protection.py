"""Protection of the stack and of its database from deletion, switched on after success.

Once a launch or an update has succeeded, nothing is deleted before somebody switched the stack's termination protection
off: CloudFormation refuses the deletion as a whole. The database's own deletion protection holds beside it. Until then
nothing keeps a failed launch from rolling back. A state machine switches both on; success.py starts it.
"""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Template

from quilt_cfn.stack import permissions
from quilt_cfn.stack.database import Database
from quilt_cfn.stack.pseudo_parameters import arn
from quilt_cfn.stack.state_machines import DATABASE_ID, add_state_machine, find_database


def add_protection(t: Template, database: Database) -> Ref:
    """The state machine, whose role may protect this stack and this database."""
    return add_state_machine(
        t,
        "Protection",
        _states(database),
        on_stack=permissions.protect_stack(),
        on_database=permissions.modify_database(GetAtt(database.resource, "DBInstanceArn")),
    )


def _states(database: Database) -> dict[str, Any]:
    """First the stack, then the database, which is protected even where the stack can't be.

    CloudFormation takes the protection of a nested stack only at its root stack.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html
    """
    return {
        "ProtectStack": {
            "Type": "Task",
            "Resource": arn("states:::aws-sdk:cloudformation:updateTerminationProtection"),
            "Parameters": {"StackName": Ref("AWS::StackName"), "EnableTerminationProtection": True},
            "ResultPath": "$.Stack",
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 20, "MaxAttempts": 4}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.StackError", "Next": "FindDatabase"}],
            "Next": "FindDatabase",
        },
        "FindDatabase": find_database(database, "ProtectDatabase"),
        "ProtectDatabase": {
            "Type": "Task",
            "Resource": arn("states:::aws-sdk:rds:modifyDBInstance"),
            "Parameters": {
                "DbInstanceIdentifier.$": DATABASE_ID,
                "DeletionProtection": True,
            },
            "ResultPath": "$.Database",
            # RDS refuses while the instance is being modified or backed up.
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "MaxAttempts": 8, "BackoffRate": 1.5}],
            "Next": "IsStackProtected",
        },
        "IsStackProtected": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.StackError", "IsPresent": True, "Next": "StackIsUnprotected"}],
            "Default": "Protected",
        },
        "StackIsUnprotected": {
            "Type": "Fail",
            "Error": "StackIsUnprotected",
            "Cause": "Switch termination protection of the stack on by hand; of a nested stack, at its root stack.",
        },
        "Protected": {"Type": "Succeed"},
    }
