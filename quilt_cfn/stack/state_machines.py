"""State machines that do something to the database once the stack is there; success.py starts them."""

from __future__ import annotations

from typing import Any

from awacs.aws import Statement
from troposphere import GetAtt, Ref, Template, iam, stepfunctions

from quilt_cfn.stack import permissions
from quilt_cfn.stack.database import Database
from quilt_cfn.stack.pseudo_parameters import arn, service

DATABASE_ID = "$.Database.StackResourceDetail.PhysicalResourceId"
"""Where a state after ``find_database`` finds the database's identifier, which is in lower case."""


def add_state_machine(
    t: Template, name: str, states: dict[str, Any], on_stack: Statement, on_database: Statement
) -> Ref:
    """A state machine that begins with the first of these states, and its role, which is allowed these two things.

    What is about the database is a policy of its own: everything else is created before the database, to which that
    refers.
    """
    role = t.add_resource(
        iam.Role(
            f"{name}Role",
            AssumeRolePolicyDocument=permissions.trusts(service("states"), only_this_account=True),
            Policies=[permissions.policy(f"{name}-stack", on_stack)],
        )
    )
    t.add_resource(
        iam.PolicyType(
            f"{name}Policy",
            PolicyName=f"{name}-database",
            Roles=[Ref(role)],
            PolicyDocument=permissions.document(on_database),
        )
    )
    definition = {"StartAt": next(iter(states)), "States": states}
    machine = stepfunctions.StateMachine(name, RoleArn=GetAtt(role, "Arn"), Definition=definition)
    return Ref(t.add_resource(machine))


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
