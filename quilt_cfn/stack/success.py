"""What starts once a launch or an update has succeeded.

CloudFormation sends an event at the end of each operation, and a rule starts the state machines that react to it. What
they do has to wait for success: protection from deletion would keep a failed launch from rolling back, and the logs of
the database are there some time after it is. The instance needs no permission for any of this.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacks-event-types.html
"""

from __future__ import annotations

from typing import NamedTuple

from troposphere import GetAtt, Ref, Template, events, iam

from quilt_cfn.stack import permissions
from quilt_cfn.stack.pseudo_parameters import service


class AfterSuccess(NamedTuple):
    """What the alarms watch: two state machines, and the rule that starts them."""

    protection: Ref
    database_logs: Ref
    rule: Ref


def add_success_rule(t: Template, protection: Ref, database_logs: Ref) -> AfterSuccess:
    """An EventBridge rule and the role with which it starts the state machines."""
    targets = {"protect": protection, "expire-logs": database_logs}
    role = t.add_resource(
        iam.Role(
            "SuccessRuleRole",
            AssumeRolePolicyDocument=permissions.trusts(service("events"), only_this_account=True),
            Policies=[permissions.policy("start-executions", permissions.start_execution(*targets.values()))],
        )
    )
    rule = t.add_resource(
        events.Rule(
            "SuccessRule",
            EventPattern={
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {
                    "stack-id": [Ref("AWS::StackId")],
                    "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
                },
            },
            Targets=[
                events.Target(Id=name, Arn=state_machine, RoleArn=GetAtt(role, "Arn"))
                for name, state_machine in targets.items()
            ],
        )
    )
    return AfterSuccess(protection, database_logs, Ref(rule))
