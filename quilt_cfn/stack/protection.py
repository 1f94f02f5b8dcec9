"""Deletion protection of the database, switched on after success.

Once a launch or an update has succeeded, the database can only be deleted after somebody switched its deletion
protection off; until then nothing keeps a failed launch from rolling back. CloudFormation sends an event at the end of
each operation, and a state machine with a single API call reacts to it; the instance needs no permission on RDS.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacks-event-types.html
"""

from __future__ import annotations

from troposphere import GetAtt, Ref, Template, events, iam, stepfunctions

from quilt_cfn.stack import permissions
from quilt_cfn.stack.database import Database
from quilt_cfn.stack.pseudo_parameters import arn, service


def add_protection(t: Template, database: Database) -> None:
    """An EventBridge rule, the state machine that it starts, and the role of both."""
    role = t.add_resource(
        iam.Role(
            "DatabaseProtectionRole",
            AssumeRolePolicyDocument=permissions.trusts(service("events"), service("states"), only_this_account=True),
            Policies=[
                permissions.policy(
                    "protect-database",
                    permissions.modify_database(GetAtt(database.resource, "DBInstanceArn")),
                    # The ARN itself would make a circle; a generated name contains the logical ID.
                    permissions.start_execution(
                        arn("states:${AWS::Region}:${AWS::AccountId}:stateMachine:*DatabaseProtection-*")
                    ),
                )
            ],
        )
    )
    state_machine = t.add_resource(
        stepfunctions.StateMachine(
            "DatabaseProtection",
            RoleArn=GetAtt(role, "Arn"),
            Definition={
                "StartAt": "Protect",
                "States": {
                    "Protect": {
                        "Type": "Task",
                        "Resource": arn("states:::aws-sdk:rds:modifyDBInstance"),
                        "Parameters": {"DbInstanceIdentifier": Ref(database.resource), "DeletionProtection": True},
                        # RDS refuses while the instance is being modified or backed up.
                        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "MaxAttempts": 8}],
                        "End": True,
                    }
                },
            },
        )
    )
    t.add_resource(
        events.Rule(
            "DatabaseProtectionRule",
            EventPattern={
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {
                    "stack-id": [Ref("AWS::StackId")],
                    "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
                },
            },
            Targets=[events.Target(Id="protect", Arn=Ref(state_machine), RoleArn=GetAtt(role, "Arn"))],
        )
    )
