"""What can't be deleted: protected resources, resources in use by others, databases in creation, filled containers."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.cloudformation.analysis.fact import Fact, enumerated
from quilt_cfn.cloudformation.analysis.instances import instance_settings
from quilt_cfn.cloudformation.analysis.lifecycle.buckets import ATTRIBUTES, may_be_emptied
from quilt_cfn.cloudformation.analysis.lifecycle.protection import ON, PROTECTIONS
from quilt_cfn.cloudformation.analysis.lifecycle.retained import deletion_policy
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, is_true
from quilt_cfn.cloudformation.template.walk import Path, strings_in


def protected_from_creation(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """Resources that the template creates with deletion protection on."""
    for name in deleted:
        for path in _protections(launch, name):
            sentence = f"{name} is created with {as_text(path[-1])} on, and AWS refuses to delete it then."
            yield Fact(name, "protected-from-creation", sentence, path)


def _protections(launch: Launch, name: str) -> Iterator[Path]:
    properties = launch.properties(name)
    for each in PROTECTIONS:
        value = properties.get(each)
        if as_text(dict_or_empty(value).get("Mode", value)) in ON:
            yield ("Properties", each)
    for index, attribute in enumerate(map(dict_or_empty, as_list(properties.get(ATTRIBUTES)))):
        if attribute.get("Key") == "deletion_protection.enabled" and is_true(attribute.get("Value")):
            yield ("Properties", ATTRIBUTES, index, "Value")
    # Auto Scaling ends the instances of a group whether they are protected in this way or not.
    settings = instance_settings(launch, name) if launch.type_of(name) == "AWS::EC2::Instance" else {}
    if "DisableApiTermination" not in properties and is_true(settings.get("DisableApiTermination")):
        yield ("Properties", "LaunchTemplate")


USED_BY = {
    "AWS::CertificateManager::Certificate": ("CertificateArn", "AcmCertificateArn"),
    "AWS::EC2::InternetGateway": ("InternetGatewayId",),
    "AWS::EC2::NetworkInterface": ("NetworkInterfaceId",),
    "AWS::EC2::SecurityGroup": (
        "GroupSet",
        "SecurityGroupIds",
        "SecurityGroups",
        "SourceSecurityGroupId",
        "VPCSecurityGroups",
        "VpcSecurityGroupIds",
    ),
    "AWS::EC2::Subnet": ("SubnetId", "SubnetIds", "Subnets", "VPCZoneIdentifier"),
    "AWS::EC2::VPC": ("VpcId",),
    "AWS::EC2::Volume": ("VolumeId",),
    "AWS::ECS::Cluster": ("Cluster",),
    "AWS::EFS::FileSystem": ("FileSystemId",),
    "AWS::ElastiCache::ParameterGroup": ("CacheParameterGroupName",),
    "AWS::ElastiCache::SubnetGroup": ("CacheSubnetGroupName",),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("TargetGroupArn",),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyArns",),
    "AWS::IAM::Role": ("Roles",),
    "AWS::RDS::DBCluster": ("DBClusterIdentifier",),
    "AWS::RDS::DBClusterParameterGroup": ("DBClusterParameterGroupName",),
    "AWS::RDS::DBParameterGroup": ("DBParameterGroupName",),
    "AWS::RDS::DBSubnetGroup": ("DBSubnetGroupName",),
    "AWS::RDS::OptionGroup": ("OptionGroupName",),
    "AWS::Redshift::ClusterSubnetGroup": ("ClusterSubnetGroupName",),
}
"""Type whose deletion AWS refuses while it is in use -> the properties by which other resources use it."""


def used_by_retained(launch: Launch, retained: Collection[str], deleted: Collection[str]) -> Iterator[Fact]:
    """Resources that are retained and use others that are to be deleted: subnets, security groups, a subnet group."""
    for name in retained:
        used = [other for other in _used(launch, name) if other in deleted]
        if used:
            sentence = f"{name} is retained and goes on using {enumerated(used)}, which then can't be deleted."
            yield Fact(name, "used-by-retained", sentence, ("DeletionPolicy",))


def _used(launch: Launch, name: str) -> list[str]:
    """The resources that a resource uses in such a way that they can't be deleted, in order, as logical IDs."""
    found: dict[str, None] = {}
    for text, path in strings_in(launch.properties(name)):
        other = launch.referenced_resource(text)
        keys = [key for key in path if isinstance(key, str)]
        if not other or not keys or keys[-1] not in USED_BY.get(launch.type_of(other), ()):
            continue
        # Target groups, endpoints of resolvers and the like mention a VPC without being in it.
        if launch.type_of(other) != "AWS::EC2::VPC" or launch.type_of(name).startswith("AWS::EC2::"):
            found[other] = None
    return list(found)


def snapshot_while_creating(launch: Launch, deleted: Collection[str], failing: Collection[str]) -> Iterator[Fact]:
    """Databases that may be in creation when a resource fails that no dependency orders before or after them.

    A database whose own creation fails is not stated: no order in a template helps there.
    """
    for name in deleted:
        if launch.type_of(name) != "AWS::RDS::DBInstance" or deletion_policy(launch, name) != "Snapshot":
            continue
        ordered = {name, *launch.before(name)}
        at_the_same_time = [each for each in failing if each not in ordered and name not in launch.before(each)]
        if at_the_same_time:
            first, *others = at_the_same_time
            what = f"{first} and {len(others)} others" if len(others) > 2 else enumerated(at_the_same_time)
            sentence = f"{what} may fail while {name} is being created, and RDS refuses to delete it then: a final "
            yield Fact(name, "snapshot-while-creating", f"{sentence}snapshot cannot be taken.", ("DeletionPolicy",))


FILLED = {
    "AWS::S3::Bucket": ("filled-bucket", "it holds objects"),
    "AWS::ECR::Repository": ("filled-repository", "it holds images"),
    "AWS::Route53::HostedZone": ("filled-zone", "it has records that the stack did not make"),
    "AWS::IAM::User": (
        "extended-user",
        "somebody gave it an access key, a password or a policy that the stack did not make",
    ),
    "AWS::Backup::BackupVault": ("filled-vault", "it holds recovery points"),
}
"""Type -> the cause, and when AWS refuses its deletion."""


def filled_by_users(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """Resources that can't be deleted once people or programs have put something into them."""
    for name in deleted:
        cause, when = FILLED.get(launch.type_of(name), ("", ""))
        if cause and not (launch.type_of(name) == "AWS::S3::Bucket" and may_be_emptied(launch, name)):
            yield Fact(name, cause, f"It can't be deleted if {when}.")
