"""The log groups, and the flow log of the VPC.

Log groups have generated names, so that a retried launch never meets an old one. What is in them expires after
LogRetentionDays. The groups are kept when the stack is deleted: after a failed launch was rolled back, or when somebody
asks later who connected, they have the answer.
"""

from __future__ import annotations

from troposphere import GetAtt, Ref, Template, ec2, iam
from troposphere.logs import LogGroup

from quilt_cfn.cloudformation.facts.replacement import resource_page
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.stack import permissions
from quilt_cfn.stack.network import Network
from quilt_cfn.stack.parameters import LOG_RETENTION_DAYS
from quilt_cfn.stack.pseudo_parameters import service

IMMUTABLE = tuple(
    ImmutableProperty(
        group,
        "LogGroupName",
        "Absent: a generated name. A group that is kept and has a fixed one would make the next launch fail.",
        (resource_page("AWS::Logs::LogGroup"),),
    )
    for group in ("RegistryLogs", "NetworkLogs")
)
"""What must never change."""


def add_registry_logs(t: Template) -> LogGroup:
    """The log group of the instance's boot and of the three containers."""
    return _add_log_group(t, "RegistryLogs")


def add_flow_log(t: Template, network: Network) -> None:
    """A record of every connection in the VPC, accepted or rejected."""
    group = _add_log_group(t, "NetworkLogs")
    role = t.add_resource(
        iam.Role(
            "NetworkLogsRole",
            AssumeRolePolicyDocument=permissions.trusts(service("vpc-flow-logs"), only_this_account=True),
            Policies=[permissions.policy("write-flow-log", permissions.write_flow_log(GetAtt(group, "Arn")))],
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


def _add_log_group(t: Template, name: str) -> LogGroup:
    return t.add_resource(
        LogGroup(name, DeletionPolicy="Retain", UpdateReplacePolicy="Retain", RetentionInDays=LOG_RETENTION_DAYS.ref)
    )
