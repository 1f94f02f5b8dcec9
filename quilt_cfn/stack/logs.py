"""The log groups, and the flow log of the VPC.

Log groups have generated names, so that a retried launch never meets an old one. They expire after LogRetentionDays.
"""

from __future__ import annotations

from troposphere import GetAtt, Ref, Template, ec2, iam
from troposphere.logs import LogGroup

from quilt_cfn.stack import permissions
from quilt_cfn.stack.network import Network
from quilt_cfn.stack.parameters import LOG_RETENTION_DAYS
from quilt_cfn.stack.pseudo_parameters import service


def add_registry_logs(t: Template) -> LogGroup:
    """The log group of the instance's boot and of the three containers.

    It is kept when the stack is deleted: after a failed launch was rolled back, this log has the reason.
    """
    return t.add_resource(
        LogGroup(
            "RegistryLogs",
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            RetentionInDays=LOG_RETENTION_DAYS.ref,
        )
    )


def add_flow_log(t: Template, network: Network) -> None:
    """A record of every connection in the VPC, accepted or rejected."""
    group = t.add_resource(
        LogGroup(
            "NetworkLogs",
            RetentionInDays=LOG_RETENTION_DAYS.ref,
        )
    )
    role = t.add_resource(
        iam.Role(
            "NetworkLogsRole",
            AssumeRolePolicyDocument=permissions.trusts(service("vpc-flow-logs"), only_this_account=True),
            Policies=[
                permissions.policy(
                    "write-flow-log",
                    permissions.write_logs(GetAtt(group, "Arn")),
                    permissions.describe_logs(),
                )
            ],
        )
    )
    t.add_resource(
        ec2.FlowLog(
            "NetworkFlowLog",
            ResourceType="VPC",
            ResourceId=network.vpc,
            TrafficType="ALL",
            LogGroupName=Ref(group),
            DeliverLogsPermissionArn=GetAtt(role, "Arn"),
        )
    )
