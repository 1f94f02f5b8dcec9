"""The expiry of the logs that RDS writes to CloudWatch Logs.

RDS makes their log groups itself, with names of its own, and keeps what is in them for ever. So a state machine sets
their retention after each success of the stack: by then the database has been there for a while. A group that RDS
needs later, such as that of upgrades, is made in advance. The groups stay when the stack is deleted, and expire.
"""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Sub, Template

from quilt_cfn.stack import permissions
from quilt_cfn.stack.database import LOG_TYPES, Database
from quilt_cfn.stack.parameters import LOG_RETENTION_DAYS
from quilt_cfn.stack.pseudo_parameters import arn
from quilt_cfn.stack.state_machines import DATABASE_ID, add_state_machine, find_database

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Concepts.PostgreSQL.html
_GROUP = "/aws/rds/instance/{}/{}"


def add_database_logs(t: Template, database: Database) -> Ref:
    """The state machine, whose role may touch exactly these log groups."""
    groups = (_group_arn(database, log_type) for log_type in LOG_TYPES)
    return add_state_machine(
        t,
        "DatabaseLogs",
        _states(database),
        on_stack=permissions.look_up_resources(),
        on_database=permissions.expire_logs(*groups),
    )


def _group_arn(database: Database, log_type: str) -> Sub:
    """A log group's ARN, as a policy has it: CloudWatch Logs asks for permission on what comes after the group's name.

    https://github.com/cloudposse/terraform-aws-cicd/issues/33 has such a message.
    """
    groups = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
    # The identifier comes by a name of its own, which cfn-lint resolves first, and at once, because it is unknown; last
    # of all, it would be tried with every partition, Region and account.
    return Sub(f"{groups}{_GROUP.format('${Identifier}', log_type)}:*", Identifier=Ref(database.resource))


def _states(database: Database) -> dict[str, Any]:
    """The groups one after the other: each is made if it isn't there, then its retention is set."""
    states = {"FindDatabase": find_database(database, f"Create_{LOG_TYPES[0]}")}
    for log_type, following in zip(LOG_TYPES, (*LOG_TYPES[1:], None), strict=True):
        group = {"LogGroupName.$": f"States.Format('{_GROUP.format('{}', log_type)}', {DATABASE_ID})"}
        states[f"Create_{log_type}"] = {
            "Type": "Task",
            "Resource": arn("states:::aws-sdk:cloudwatchlogs:createLogGroup"),
            "Parameters": group,
            "ResultPath": "$.Created",
            "Retry": [
                {"ErrorEquals": ["CloudWatchLogs.ResourceAlreadyExistsException"], "MaxAttempts": 0},
                {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 20, "MaxAttempts": 4},
            ],
            # The group is there already; if it isn't, the next state fails.
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.NotCreated", "Next": f"Expire_{log_type}"}],
            "Next": f"Expire_{log_type}",
        }
        states[f"Expire_{log_type}"] = {
            "Type": "Task",
            "Resource": arn("states:::aws-sdk:cloudwatchlogs:putRetentionPolicy"),
            # CloudFormation makes a text of a number's parameter, and the API takes a number.
            # https://github.com/aws/serverless-application-model/issues/1616
            "Parameters": {
                **group,
                "RetentionInDays.$": Sub(f"States.MathAdd(${{{LOG_RETENTION_DAYS.name}}}, 0)"),
            },
            "ResultPath": "$.Expires",
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 20, "MaxAttempts": 4}],
            **({"Next": f"Create_{following}"} if following else {"End": True}),
        }
    return states
