"""Which types of resource a property accepts a reference to.

A property is in the table if its name means the same wherever it occurs in AWS's "Resource and property types
reference". cfn-lint's schemas have a part of this, but not for nested lists.
"""

from __future__ import annotations

from collections.abc import Iterator

from quilt_cfn.cloudformation.launch import Launch, Origin, Value
from quilt_cfn.cloudformation.template.walk import Path

ACCEPTED_TYPES: dict[str, tuple[str, ...]] = {
    "AllocationId": ("AWS::EC2::EIP",),
    "AutoScalingGroupName": ("AWS::AutoScaling::AutoScalingGroup",),
    "DBClusterIdentifier": ("AWS::RDS::DBCluster", "AWS::DocDB::DBCluster", "AWS::Neptune::DBCluster"),
    "DBParameterGroupName": (
        "AWS::RDS::DBParameterGroup",
        "AWS::DocDB::DBClusterParameterGroup",
        "AWS::Neptune::DBParameterGroup",
    ),
    "DBSubnetGroupName": ("AWS::RDS::DBSubnetGroup", "AWS::DocDB::DBSubnetGroup", "AWS::Neptune::DBSubnetGroup"),
    "DeliverLogsPermissionArn": ("AWS::IAM::Role",),
    "DestinationSecurityGroupId": ("AWS::EC2::SecurityGroup",),
    "ExecutionRoleArn": ("AWS::IAM::Role",),
    "FileSystemId": ("AWS::EFS::FileSystem", "AWS::FSx::FileSystem"),
    "InstanceId": ("AWS::EC2::Instance", "AWS::Connect::Instance", "AWS::SSO::Instance"),
    "InternetGatewayId": ("AWS::EC2::InternetGateway",),
    "LaunchConfigurationName": ("AWS::AutoScaling::LaunchConfiguration",),
    "LaunchTemplateId": ("AWS::EC2::LaunchTemplate",),
    "LoadBalancerArn": ("AWS::ElasticLoadBalancingV2::LoadBalancer",),
    "LogGroupName": ("AWS::Logs::LogGroup",),
    "NatGatewayId": ("AWS::EC2::NatGateway",),
    "NetworkAclId": ("AWS::EC2::NetworkAcl",),
    "RouteTableId": ("AWS::EC2::RouteTable",),
    "SecurityGroupIds": ("AWS::EC2::SecurityGroup",),
    "SourceSecurityGroupId": ("AWS::EC2::SecurityGroup",),
    "SubnetId": ("AWS::EC2::Subnet",),
    "SubnetIds": ("AWS::EC2::Subnet",),
    "Subnets": ("AWS::EC2::Subnet",),
    "TargetGroupARNs": ("AWS::ElasticLoadBalancingV2::TargetGroup",),
    "TargetGroupArn": ("AWS::ElasticLoadBalancingV2::TargetGroup",),
    "TaskDefinition": ("AWS::ECS::TaskDefinition",),
    "TaskRoleArn": ("AWS::IAM::Role",),
    "TopicArn": ("AWS::SNS::Topic",),
    "UserPoolId": ("AWS::Cognito::UserPool",),
    "VPCSecurityGroups": ("AWS::EC2::SecurityGroup",),
    "VPCZoneIdentifier": ("AWS::EC2::Subnet",),
    "VpcId": ("AWS::EC2::VPC",),
    "VpcSecurityGroupIds": ("AWS::EC2::SecurityGroup",),
}
"""Property -> types of the resources that it accepts a reference to."""

ACCEPTED_TYPES_OF: dict[tuple[str, str], tuple[str, ...]] = {
    ("AWS::EC2::Route", "GatewayId"): ("AWS::EC2::InternetGateway", "AWS::EC2::VPNGateway"),
    ("AWS::EC2::SecurityGroupEgress", "GroupId"): ("AWS::EC2::SecurityGroup",),
    ("AWS::EC2::SecurityGroupIngress", "GroupId"): ("AWS::EC2::SecurityGroup",),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "SecurityGroups"): ("AWS::EC2::SecurityGroup",),
    ("AWS::Events::Rule", "RoleArn"): ("AWS::IAM::Role",),
    ("AWS::IAM::AccessKey", "UserName"): ("AWS::IAM::User",),
    ("AWS::IAM::InstanceProfile", "Roles"): ("AWS::IAM::Role",),
    ("AWS::Lambda::Function", "Role"): ("AWS::IAM::Role",),
    ("AWS::S3::BucketPolicy", "Bucket"): ("AWS::S3::Bucket",),
    ("AWS::ServiceDiscovery::Instance", "InstanceId"): (),
    ("AWS::StepFunctions::StateMachine", "RoleArn"): ("AWS::IAM::Role",),
}
"""(type of a resource, property) -> the same, where the property's name alone is ambiguous."""


def sole_references(launch: Launch) -> Iterator[tuple[Path, Origin]]:
    """(path, origin) of every property that is a reference to a resource or to an attribute, and nothing else."""
    for text, path in launch.property_strings:
        origin = text.stands_for if isinstance(text, Value) else None
        if origin and origin.source in ("resource", "attribute"):
            yield path, origin


def accepted_types(resource_type: str, path: Path) -> tuple[str, ...]:
    """The types that the property at the end of a path accepts; empty where that isn't known."""
    names = [str(key) for key in path if not isinstance(key, int)]
    if "IamInstanceProfile" in names[-2:]:
        return ("AWS::IAM::InstanceProfile",)
    types = ACCEPTED_TYPES_OF.get((resource_type, names[-1]), ACCEPTED_TYPES.get(names[-1], ()))
    # The name of a resource itself may come from anywhere.
    return () if resource_type in types and names[-1].endswith(("Name", "Identifier")) else types


def is_own_identifier(resource_type: str, attribute: str) -> bool:
    """Whether an attribute, or Ref if it is empty, is an identifier of the resource itself.

    ``GroupId`` and ``Arn`` are; a VPC's ``DefaultSecurityGroup`` and a subnet's ``VpcId`` identify other resources.
    """
    own = resource_type.rpartition("::")[2]
    return any(f"{own}{end}".lower().endswith(attribute.lower()) for end in ("Id", "Arn"))
