"""What can't be deleted: protections, what something else still uses, what is still being made or was filled."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.cloudformation.analysis.lifecycle.addresses import launch_template_data
from quilt_cfn.cloudformation.analysis.lifecycle.buckets import ATTRIBUTES, is_emptied
from quilt_cfn.cloudformation.analysis.lifecycle.outcome import Fact, is_on, maps, spelled
from quilt_cfn.cloudformation.analysis.lifecycle.retained import deletion_policy
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path, strings_in

PROTECTIONS = (
    "DeletionProtection",
    "DeletionProtectionEnabled",
    "DeleteProtection",
    "DisableApiTermination",
    "TerminationProtectionEnabled",
)
"""What services call the property that makes them refuse a deletion; CloudFormation never lifts one by itself."""

ON = ("true", "ACTIVE", "ENABLED", "prevent-all-deletion")


def protected(launch: Launch, gone: Collection[str]) -> Iterator[Fact]:
    """Resources that are protected from deletion from the moment on in which they are created."""
    for name in gone:
        for path in _protections(launch, name):
            what = as_text(path[-1])
            yield Fact(
                ("Resources", name, *path),
                f"{name} is created with {what} on, and AWS refuses to delete it then.",
                "Switch the protection off by hand and delete the stack again.",
            )


def _protections(launch: Launch, name: str) -> Iterator[Path]:
    properties = launch.properties(name)
    for each in PROTECTIONS:
        value = properties.get(each)
        if as_text(dict_or_empty(value).get("Mode", value)) in ON:
            yield ("Properties", each)
    for index, attributes in enumerate(maps(properties.get(ATTRIBUTES))):
        if attributes.get("Key") == "deletion_protection.enabled" and is_on(attributes.get("Value")):
            yield ("Properties", ATTRIBUTES, index, "Value")
    if launch.type_of(name) == "AWS::EC2::Instance" and "DisableApiTermination" not in properties:
        data = launch_template_data(launch, properties)
        if is_on(data.get("DisableApiTermination")):
            yield ("Properties", "LaunchTemplate")


def protected_later(launch: Launch, gone: Collection[str]) -> Iterator[Fact]:
    """Resources whose protection a state machine of the stack switches on when the stack stands."""
    for machine, properties in launch.of_type("AWS::StepFunctions::StateMachine").items():
        for state in dict_or_empty(dict_or_empty(properties.get("Definition")).get("States")).values():
            arguments = dict_or_empty(dict_or_empty(state).get("Parameters") or dict_or_empty(state).get("Arguments"))
            if not any(as_text(arguments.get(each)) in ON for each in PROTECTIONS):
                continue
            named = [launch.referenced_resource(value) for value in arguments.values()]
            for name in [each for each in named if each and each in gone]:
                yield Fact(
                    ("Resources", name),
                    f"{name} is protected from deletion: {machine} sees to it once the stack stands.",
                    f"Switch the deletion protection of {name} off by hand, then delete the stack.",
                )


HOLDS = {
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
"""Type whose deletion is refused while it is in use -> the properties by which others use it."""


def held(launch: Launch, kept: Collection[str], gone: Collection[str]) -> Iterator[Fact]:
    """Resources that are kept and use others that shall go: subnets, security groups, a subnet group."""
    for name in kept:
        used = [other for other in _used(launch, name) if other in gone]
        if used:
            yield Fact(
                ("Resources", name, "DeletionPolicy"),
                f"{name} is kept and goes on using {spelled(used)}, which then can't be deleted.",
                f"Delete {name} by hand, or delete the stack and keep {spelled(used)} too.",
            )


def _used(launch: Launch, name: str) -> list[str]:
    found: dict[str, None] = {}
    for text, path in strings_in(launch.properties(name)):
        other = launch.referenced_resource(text)
        keys = [key for key in path if isinstance(key, str)]
        if not other or not keys or keys[-1] not in HOLDS.get(launch.type_of(other), ()):
            continue
        # Target groups, endpoints of resolvers and the like mention a VPC without being in it.
        if launch.type_of(other) != "AWS::EC2::VPC" or launch.type_of(name).startswith("AWS::EC2::"):
            found[other] = None
    return list(found)


def copied_too_early(launch: Launch, gone: Collection[str], failing: Collection[str]) -> Iterator[Fact]:
    """Databases that may still be in the making when something fails that nothing orders before or after them.

    A database that RDS itself fails to make is not counted: no order in a template can help there.
    """
    for name in gone:
        if launch.type_of(name) != "AWS::RDS::DBInstance" or deletion_policy(launch, name) != "Snapshot":
            continue
        at_the_same_time = [
            other
            for other in failing
            if other != name and other not in launch.before(name) and name not in launch.before(other)
        ]
        if at_the_same_time:
            first, *others = at_the_same_time
            what = f"{first} and {len(others)} others" if len(others) > 2 else spelled(at_the_same_time)
            yield Fact(
                ("Resources", name, "DeletionPolicy"),
                f"{what} may fail while {name} is being created, and RDS refuses to delete it then: a final snapshot "
                "cannot be taken.",
                f"Wait until {name} is available, then delete the stack.",
            )


FILLED = {
    "AWS::S3::Bucket": ("it holds objects", "Empty it first: all versions of all objects."),
    "AWS::ECR::Repository": ("it holds images", "Delete its images first."),
    "AWS::Route53::HostedZone": ("it has records that the stack did not make", "Delete those records first."),
    "AWS::IAM::User": (
        "somebody gave it an access key, a password or a policy that the stack did not make",
        "Delete what was added first.",
    ),
    "AWS::Backup::BackupVault": ("it holds recovery points", "Delete its recovery points first."),
}
"""Type -> when its deletion is refused, and what to do."""


def used(launch: Launch, gone: Collection[str]) -> Iterator[Fact]:
    """Resources whose deletion is refused after some kinds of use."""
    for name in gone:
        when, remedy = FILLED.get(launch.type_of(name), ("", ""))
        if when and not (launch.type_of(name) == "AWS::S3::Bucket" and is_emptied(launch, name)):
            yield Fact(("Resources", name), f"It can't be deleted if {when}.", remedy)
