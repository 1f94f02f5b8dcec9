"""Protection of the stack and of its database from deletion, switched on after success.

Once a launch or an update has succeeded, nothing is deleted before somebody switched the stack's termination protection
off: CloudFormation refuses the deletion as a whole. The database's own deletion protection holds beside it. Until then
nothing keeps a failed launch from rolling back. CloudFormation sends an event at the end of each operation, and a
state machine reacts to it; the instance needs no permission for any of this.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacks-event-types.html
"""

from __future__ import annotations

from typing import Any, NamedTuple

from troposphere import GetAtt, Ref, Template, events, iam, stepfunctions

from quilt_cfn.stack import permissions
from quilt_cfn.stack.database import Database
from quilt_cfn.stack.pseudo_parameters import arn, service


class Protection(NamedTuple):
    """What the alarms need to know."""

    state_machine: Ref
    rule: Ref


def add_protection(t: Template, database: Database) -> Protection:
    """An EventBridge rule, the state machine that it starts, and a role for each."""
    role = t.add_resource(
        iam.Role(
            "ProtectionRole",
            AssumeRolePolicyDocument=permissions.trusts(service("states"), only_this_account=True),
            Policies=[permissions.policy("protect-stack", permissions.protect_stack())],
        )
    )
    # A policy of its own: everything else here is created before the database, to whose ARN it gives permission.
    t.add_resource(
        iam.PolicyType(
            "ProtectionDatabasePolicy",
            PolicyName="protect-database",
            Roles=[Ref(role)],
            PolicyDocument=permissions.document(
                permissions.modify_database(GetAtt(database.resource, "DBInstanceArn")),
            ),
        )
    )
    state_machine = t.add_resource(
        stepfunctions.StateMachine(
            "Protection",
            RoleArn=GetAtt(role, "Arn"),
            Definition={"StartAt": "ProtectStack", "States": _states(database)},
        )
    )
    starter = t.add_resource(
        iam.Role(
            "ProtectionRuleRole",
            AssumeRolePolicyDocument=permissions.trusts(service("events"), only_this_account=True),
            Policies=[permissions.policy("start-protection", permissions.start_execution(Ref(state_machine)))],
        )
    )
    rule = t.add_resource(
        events.Rule(
            "ProtectionRule",
            EventPattern={
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {
                    "stack-id": [Ref("AWS::StackId")],
                    "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
                },
            },
            Targets=[events.Target(Id="protect", Arn=Ref(state_machine), RoleArn=GetAtt(starter, "Arn"))],
        )
    )
    return Protection(Ref(state_machine), Ref(rule))


def _states(database: Database) -> dict[str, Any]:
    """First the stack, then the database, which is protected even where the stack can't be.

    The database's identifier is looked up, so that the state machine can be created, or fail, before the database.
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
        "FindDatabase": {
            "Type": "Task",
            "Resource": arn("states:::aws-sdk:cloudformation:describeStackResource"),
            "Parameters": {"StackName": Ref("AWS::StackName"), "LogicalResourceId": database.resource.title},
            "ResultPath": "$.Database",
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 20, "MaxAttempts": 4}],
            "Next": "ProtectDatabase",
        },
        "ProtectDatabase": {
            "Type": "Task",
            "Resource": arn("states:::aws-sdk:rds:modifyDBInstance"),
            "Parameters": {
                "DbInstanceIdentifier.$": "$.Database.StackResourceDetail.PhysicalResourceId",
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
