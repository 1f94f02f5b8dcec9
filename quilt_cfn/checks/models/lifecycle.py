"""What a failed creation, a retry and a deletion of a stack meet and leave behind: a model over one rendering.

    failed_creation(rendering, failing) ─┐
                                         ├──▶ Ending: what stays, what blocks, what may block, which names are taken
    deletion(rendering) ─────────────────┘

The rule: the worst order counts. When a resource fails, everything that does not depend on it was created, and it may
itself be half made; what no dependency orders is deleted in the order that hurts. What a user may or may not have
done since, such as filling a bucket, is a doubt and never a block. Each mechanism is one function of the resources
that exist; the rules of the family ask the same functions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from quilt_cfn.evaluation import Rendering
from quilt_cfn.evaluation.forms import mapping, section
from quilt_cfn.evaluation.texts import Path, as_text, is_known, origins_of, texts_of


class Remark(NamedTuple):
    """One thing about one resource: the place in the template that causes it, what it is, and what to do about it."""

    path: Path
    sentence: str
    remedy: str

    @property
    def resource(self) -> str:
        """The logical ID."""
        return str(self.path[1])


class Ending(NamedTuple):
    """How an operation on a stack ends."""

    stays: tuple[Remark, ...]
    """What is left in the account."""
    blocks: tuple[Remark, ...]
    """What can't be deleted: the stack ends in ROLLBACK_FAILED or DELETE_FAILED."""
    doubts: tuple[Remark, ...]
    """What can't be deleted if somebody has used it in a certain way."""
    taken: tuple[Remark, ...]
    """Names that what stays keeps: another stack with the same values fails on them."""


def failed_creation(rendering: Rendering, failing: str) -> Ending:
    """The rollback of a creation in which one resource fails."""
    dependent = rendering.after(failing)
    return rollback(rendering, [name for name in rendering.resources if name not in dependent], [failing])


def rollback(rendering: Rendering, existing: Collection[str], failing: Collection[str]) -> Ending:
    """The deletion of what exists after one of the failing resources could not be created."""
    kept, gone = parted(rendering, existing, ON_ROLLBACK)
    return Ending(
        (*left_behind(rendering, kept), *copies(rendering, gone), *service_logs(rendering, gone)),
        (
            *protected(rendering, gone),
            *written_at_once(rendering, gone),
            *mapped_addresses(rendering, gone),
            *held(rendering, kept, gone),
            *copied_too_early(rendering, gone, failing),
        ),
        (),
        tuple(taken_names(rendering, kept)),
    )


def deletion(rendering: Rendering) -> Ending:
    """The deletion of a stack that was created and used."""
    kept, gone = parted(rendering, rendering.resources, ON_DELETION)
    return Ending(
        (*left_behind(rendering, kept), *copies(rendering, gone), *service_logs(rendering, gone)),
        (
            *protected(rendering, gone),
            *protected_later(rendering, gone),
            *written_at_once(rendering, gone),
            *written_in_use(rendering, gone),
            *mapped_addresses(rendering, gone),
            *held(rendering, kept, gone),
        ),
        tuple(used(rendering, gone)),
        tuple(taken_names(rendering, kept)),
    )


# What stays.

SNAPSHOT_BY_DEFAULT = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance")


def deletion_policy(rendering: Rendering, name: str) -> str:
    """The DeletionPolicy of a resource; databases of RDS that say nothing and are in no cluster have Snapshot.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    policy = mapping(rendering.resources[name]).get("DeletionPolicy")
    if policy is None:
        alone = "DBClusterIdentifier" not in rendering.properties(name)
        return "Snapshot" if rendering.type_of(name) in SNAPSHOT_BY_DEFAULT and alone else "Delete"
    return as_text(policy)


ON_ROLLBACK = ("Retain",)
ON_DELETION = ("Retain", "RetainExceptOnCreate")


def parted(
    rendering: Rendering, existing: Collection[str], keeping: tuple[str, ...]
) -> tuple[Collection[str], Collection[str]]:
    """The resources with one of these deletion policies, and the others."""
    kept = {name: None for name in existing if deletion_policy(rendering, name) in keeping}
    return kept, {name: None for name in existing if name not in kept}


def left_behind(rendering: Rendering, kept: Collection[str]) -> Iterator[Remark]:
    """The resources that CloudFormation keeps."""
    for name in kept:
        yield Remark(
            ("Resources", name, "DeletionPolicy"),
            f"It is kept, because its deletion policy is {deletion_policy(rendering, name)}.",
            "Delete it by hand when nobody needs it any more; until then AWS charges what it holds.",
        )


def copies(rendering: Rendering, gone: Collection[str]) -> Iterator[Remark]:
    """The snapshots and backups of what goes, and the keys that wait for their end."""
    for name in gone:
        if deletion_policy(rendering, name) == "Snapshot":
            yield Remark(
                ("Resources", name, "DeletionPolicy"),
                "A last snapshot of it stays; its name is generated.",
                "Delete the snapshot by hand when nobody will restore it; until then it is charged as storage.",
            )
        if as_text(rendering.properties(name).get("DeleteAutomatedBackups")) == "false":
            yield Remark(
                ("Resources", name, "Properties", "DeleteAutomatedBackups"),
                "Its automated backups stay as long as its BackupRetentionPeriod says.",
                "Nothing; or delete the retained backups by hand.",
            )
        if rendering.type_of(name) == "AWS::KMS::Key":
            days = as_text(rendering.properties(name).get("PendingWindowInDays", 30))
            yield Remark(
                ("Resources", name),
                f"The key is disabled and deleted {days} days later.",
                "Nothing; cancel its deletion if something that has to stay was encrypted with it.",
            )


def service_logs(rendering: Rendering, gone: Collection[str]) -> Iterator[Remark]:
    """Log groups that a service makes by itself, and that no stack knows."""
    for name in gone:
        properties = rendering.properties(name)
        if properties.get("EnableCloudwatchLogsExports") and rendering.type_of(name) in SNAPSHOT_BY_DEFAULT:
            yield Remark(
                ("Resources", name, "Properties", "EnableCloudwatchLogsExports"),
                "The log groups in CloudWatch Logs that RDS made for its exported logs stay.",
                "Delete them by hand, or let them expire: they have no retention of their own.",
            )
        if rendering.type_of(name) == "AWS::Lambda::Function" and "LogGroup" not in mapping(
            properties.get("LoggingConfig")
        ):
            yield Remark(
                ("Resources", name),
                "The log group that Lambda made for it stays, if it ever ran.",
                "Delete the log group by hand.",
            )


# What blocks.

PROTECTIONS = (
    "DeletionProtection",
    "DeletionProtectionEnabled",
    "DeleteProtection",
    "DisableApiTermination",
    "TerminationProtectionEnabled",
)
"""What services call the property that makes them refuse a deletion; CloudFormation never lifts one by itself."""

ON = ("true", "ACTIVE", "ENABLED", "prevent-all-deletion")


BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
ATTRIBUTES = "LoadBalancerAttributes"


def protected(rendering: Rendering, gone: Collection[str]) -> Iterator[Remark]:
    """Resources that are protected from deletion from the moment on in which they are created."""
    for name in gone:
        for path in _protections(rendering, name):
            what = as_text(path[-1])
            yield Remark(
                ("Resources", name, *path),
                f"{name} is created with {what} on, and AWS refuses to delete it then.",
                "Switch the protection off by hand and delete the stack again.",
            )


def _protections(rendering: Rendering, name: str) -> Iterator[Path]:
    properties = rendering.properties(name)
    for each in PROTECTIONS:
        value = properties.get(each)
        if as_text(mapping(value).get("Mode", value)) in ON:
            yield ("Properties", each)
    for index, attributes in enumerate(_members(properties.get(ATTRIBUTES))):
        if attributes.get("Key") == "deletion_protection.enabled" and _is_true(attributes.get("Value")):
            yield ("Properties", ATTRIBUTES, index, "Value")
    if rendering.type_of(name) == "AWS::EC2::Instance" and "DisableApiTermination" not in properties:
        data = _launch_template_data(rendering, properties)
        if _is_true(data.get("DisableApiTermination")):
            yield ("Properties", "LaunchTemplate")


def protected_later(rendering: Rendering, gone: Collection[str]) -> Iterator[Remark]:
    """Resources whose protection a state machine of the stack switches on when the stack stands."""
    for machine, properties in rendering.of_type("AWS::StepFunctions::StateMachine").items():
        for state in mapping(mapping(properties.get("Definition")).get("States")).values():
            arguments = mapping(mapping(state).get("Parameters") or mapping(state).get("Arguments"))
            if not any(as_text(arguments.get(each)) in ON for each in PROTECTIONS):
                continue
            named = [rendering.named(value) for value in arguments.values()]
            for name in [each for each in named if each and each in gone]:
                yield Remark(
                    ("Resources", name),
                    f"{name} is protected from deletion: {machine} sees to it once the stack stands.",
                    f"Switch the deletion protection of {name} off by hand, then delete the stack.",
                )


class Writers(NamedTuple):
    """Services that write into buckets."""

    properties: Mapping[str, tuple[str, ...]]
    """Type -> the properties that name the bucket."""
    balancers: tuple[str, ...]
    """The kinds of load balancer whose log goes there."""


AT_ONCE = Writers(
    {
        "AWS::CloudTrail::Trail": ("S3BucketName",),
        "AWS::Config::DeliveryChannel": ("S3BucketName",),
        "AWS::EC2::FlowLog": ("LogDestination",),
        "AWS::ElasticLoadBalancing::LoadBalancer": ("S3BucketName",),
    },
    ("application",),
)
"""Elastic Load Balancing first writes a file ELBAccessLogTestFile, Config a file ConfigWritabilityCheckFile; a trail
and a flow log deliver every few minutes."""

IN_USE = Writers(
    {
        "AWS::CloudFront::Distribution": ("Bucket",),
        "AWS::KinesisFirehose::DeliveryStream": ("BucketARN",),
        "AWS::Route53Resolver::ResolverQueryLoggingConfig": ("DestinationArn",),
        "AWS::S3::Bucket": ("DestinationBucketName", "BucketArn"),
    },
    ("network",),
)
"""These write when there is something to write."""


def written_at_once(rendering: Rendering, gone: Collection[str]) -> Iterator[Remark]:
    """Buckets that a service writes to while the stack is still being created."""
    return _not_empty(rendering, gone, _written(rendering, gone, AT_ONCE))


def written_in_use(rendering: Rendering, gone: Collection[str]) -> Iterator[Remark]:
    """Buckets that a service of the stack writes to later."""
    at_once = _written(rendering, gone, AT_ONCE)
    later = _written(rendering, gone, IN_USE)
    return _not_empty(rendering, gone, {bucket: by for bucket, by in later.items() if bucket not in at_once})


def _not_empty(rendering: Rendering, gone: Collection[str], written: Mapping[str, str]) -> Iterator[Remark]:
    for bucket, writer in written.items():
        if bucket in gone and not _emptied(rendering, bucket):
            yield Remark(
                ("Resources", bucket),
                f"{writer} writes to {bucket}, and S3 refuses to delete a bucket that is not empty.",
                "Empty the bucket, then delete the stack again.",
            )


def _written(rendering: Rendering, existing: Collection[str], writers: Writers) -> dict[str, str]:
    """The buckets of the stack that some service writes to, and a resource that makes it do so."""
    found: dict[str, str] = {}
    for name in existing:
        type_name, properties = rendering.type_of(name), rendering.properties(name)
        targets: Iterable[Any] = ()
        if type_name in writers.properties:
            keys = writers.properties[type_name]
            targets = [text for text, path in texts_of(properties) if path[-1] in keys]
        elif type_name == BALANCER and as_text(properties.get("Type", "application")) in writers.balancers:
            targets = _log_buckets(properties)
        for target in targets:
            for bucket in _buckets(rendering, target):
                found.setdefault(bucket, name)
    return found


def _log_buckets(properties: dict[str, Any]) -> Iterator[Any]:
    """The buckets to which a load balancer writes: of its access log, connection log and health check log."""
    attributes = {as_text(each.get("Key")): each.get("Value") for each in _members(properties.get(ATTRIBUTES))}
    for key, value in attributes.items():
        if key.endswith(".s3.bucket") and _is_true(attributes.get(key.replace(".bucket", ".enabled"))):
            yield value


def _buckets(rendering: Rendering, value: Any) -> set[str]:
    """The buckets of the stack that a value names, by reference or by their own name."""
    buckets = rendering.of_type("AWS::S3::Bucket")
    referred = {origin.name for origin in origins_of(value) if origin.kind in ("resource", "attribute")}
    return {
        name
        for name, properties in buckets.items()
        if name in referred or (value == properties.get("BucketName") and is_known(value))
    }


def _emptied(rendering: Rendering, bucket: str) -> bool:
    """Whether a custom resource has to do with a bucket: it may empty it."""
    return any(
        bucket in rendering.dependencies[name]
        for name in rendering.resources
        if rendering.type_of(name).startswith(("Custom::", "AWS::CloudFormation::CustomResource"))
    )


def mapped_addresses(rendering: Rendering, gone: Collection[str]) -> Iterator[Remark]:
    """Public addresses that may still be mapped when the Internet gateway of their VPC is detached.

    What waits for a default route to the gateway waits for the gateway: whether the route itself does is another
    question. Of two that stand one behind the other only the first is told.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
    """
    gateways = _gateways(rendering, gone)
    early = [name for name in gone if _is_early(rendering, name, gateways)]
    for name in early:
        if rendering.before(name).isdisjoint(early):
            yield Remark(
                ("Resources", name),
                f"{name} has a public address and does not wait for the attachment of the Internet gateway, "
                "which can't be detached while the address is mapped.",
                "Delete the stack again.",
            )


def _gateways(rendering: Rendering, gone: Collection[str]) -> dict[str, set[str]]:
    """VPC -> the attachments of its Internet gateway, and the routes to it."""
    found: dict[str, set[str]] = {}
    routes = rendering.of_type("AWS::EC2::Route")
    for name, properties in rendering.of_type("AWS::EC2::VPCGatewayAttachment").items():
        vpc = rendering.named(properties.get("VpcId"))
        gateway = rendering.named(properties.get("InternetGatewayId"))
        if name in gone and vpc and gateway:
            to_it = {route for route, each in routes.items() if rendering.named(each.get("GatewayId")) == gateway}
            found[vpc] = found.get(vpc, set()) | {name} | to_it
    return found


def _is_early(rendering: Rendering, name: str, gateways: dict[str, set[str]]) -> bool:
    """Whether a resource has a public address in the VPC of a gateway for which it does not wait."""
    vpcs: Collection[str | None] = gateways
    if rendering.type_of(name) not in ("AWS::EC2::EIP", "AWS::EC2::EIPAssociation"):
        subnets = _public_subnets(rendering, name) if gateways else set()
        vpcs = {rendering.named(rendering.properties(subnet).get("VpcId")) for subnet in subnets}
    ways = {way for vpc, each in gateways.items() if vpc in vpcs for way in each}
    return bool(ways) and ways.isdisjoint(rendering.before(name))


def _public_subnets(rendering: Rendering, name: str) -> set[str]:
    """The subnets of the stack in which a resource has a public address."""
    type_name, properties = rendering.type_of(name), rendering.properties(name)
    if type_name in ("AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup"):
        data = _launch_template_data(rendering, properties)
        interfaces = _members(properties.get("NetworkInterfaces", data.get("NetworkInterfaces")))
        subnets = _subnets(rendering, [properties, interfaces])
        asked = {as_text(each["AssociatePublicIpAddress"]) for each in interfaces if "AssociatePublicIpAddress" in each}
        if asked:
            return subnets if "true" in asked else set()
        return {each for each in subnets if _is_true(rendering.properties(each).get("MapPublicIpOnLaunch"))}
    public = {
        "AWS::EC2::NatGateway": properties.get("ConnectivityType", "public") == "public",
        "AWS::ElasticLoadBalancing::LoadBalancer": properties.get("Scheme", "internet-facing") == "internet-facing",
        "AWS::ElasticLoadBalancingV2::LoadBalancer": properties.get("Scheme", "internet-facing") == "internet-facing",
        "AWS::RDS::DBInstance": _is_true(properties.get("PubliclyAccessible")),
    }
    return _subnets(rendering, properties) if public.get(type_name) else set()


def _subnets(rendering: Rendering, value: Any) -> set[str]:
    """The subnets of the stack that a value refers to, by way of a subnet group if need be."""
    found: set[str] = set()
    for text, _ in texts_of(value):
        name = rendering.named(text)
        if name and rendering.type_of(name) == "AWS::EC2::Subnet":
            found.add(name)
        elif name and rendering.type_of(name) == "AWS::RDS::DBSubnetGroup":
            found |= _subnets(rendering, rendering.properties(name).get("SubnetIds"))
    return found


def _launch_template_data(rendering: Rendering, properties: dict[str, Any]) -> dict[str, Any]:
    """The data of the launch template of this stack that an instance or a group is made from."""
    specification = mapping(properties.get("LaunchTemplate"))
    named = rendering.named(specification.get("LaunchTemplateId"))
    return mapping(rendering.properties(named).get("LaunchTemplateData")) if named else {}


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


def held(rendering: Rendering, kept: Collection[str], gone: Collection[str]) -> Iterator[Remark]:
    """Resources that are kept and use others that shall go: subnets, security groups, a subnet group."""
    for name in kept:
        used = [other for other in _used(rendering, name) if other in gone]
        if used:
            yield Remark(
                ("Resources", name, "DeletionPolicy"),
                f"{name} is kept and goes on using {_listed(used)}, which then can't be deleted.",
                f"Delete {name} by hand, or delete the stack and keep {_listed(used)} too.",
            )


def _used(rendering: Rendering, name: str) -> list[str]:
    found: dict[str, None] = {}
    for text, path in texts_of(rendering.properties(name)):
        other = rendering.named(text)
        keys = [key for key in path if isinstance(key, str)]
        if not other or not keys or keys[-1] not in HOLDS.get(rendering.type_of(other), ()):
            continue
        # Target groups, endpoints of resolvers and the like mention a VPC without being in it.
        if rendering.type_of(other) != "AWS::EC2::VPC" or rendering.type_of(name).startswith("AWS::EC2::"):
            found[other] = None
    return list(found)


def copied_too_early(rendering: Rendering, gone: Collection[str], failing: Collection[str]) -> Iterator[Remark]:
    """Databases that may still be in the making when something fails that nothing orders before or after them.

    A database that RDS itself fails to make is not counted: no order in a template can help there.
    """
    for name in gone:
        if rendering.type_of(name) != "AWS::RDS::DBInstance" or deletion_policy(rendering, name) != "Snapshot":
            continue
        at_the_same_time = [
            other
            for other in failing
            if other != name and other not in rendering.before(name) and name not in rendering.before(other)
        ]
        if at_the_same_time:
            first, *others = at_the_same_time
            what = f"{first} and {len(others)} others" if len(others) > 2 else _listed(at_the_same_time)
            yield Remark(
                ("Resources", name, "DeletionPolicy"),
                f"{what} may fail while {name} is being created, and RDS refuses to delete it then: a final snapshot "
                "cannot be taken.",
                f"Wait until {name} is available, then delete the stack.",
            )


# What only its use can tell.

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


def used(rendering: Rendering, gone: Collection[str]) -> Iterator[Remark]:
    """Resources whose deletion is refused after some kinds of use."""
    for name in gone:
        when, remedy = FILLED.get(rendering.type_of(name), ("", ""))
        if when and not (rendering.type_of(name) == "AWS::S3::Bucket" and _emptied(rendering, name)):
            yield Remark(("Resources", name), f"It can't be deleted if {when}.", remedy)


# Names.

NAMES = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::EC2::LaunchTemplate": "LaunchTemplateName",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
"""Types that are identified by an ARN or an ID, and whose names have to be unique all the same."""


NAME_ENDINGS = ("Name", "Identifier", "Id")


class Name(NamedTuple):
    """The name that a template gives to a resource: the property that says it (the last one of several), and it."""

    property: str
    value: tuple[str, ...]


def name_of(rendering: Rendering, name: str) -> Name | None:
    """The name of a resource, where the template sets it and it is known."""
    type_name, properties = rendering.type_of(name), rendering.properties(name)
    if not any(str(key).endswith(NAME_ENDINGS) and is_known(value) for key, value in properties.items()):
        return None  # spares an import
    keys = _identifiers(type_name)
    values = [properties.get(key) for key in keys]
    known = tuple(value for value in values if isinstance(value, str) and is_known(value))
    return Name(keys[-1], known) if keys and len(known) == len(keys) else None


@cache
def _identifiers(type_name: str) -> tuple[str, ...]:
    """The properties that identify a resource of this type; no template sets those that AWS generates."""
    if type_name in NAMES:
        return (NAMES[type_name],)
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError  # late: 0.8 s

    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_name).schema
    except ResourceNotFoundError:  # a custom resource, or a misspelt type
        return ()
    return tuple(each.removeprefix("/properties/") for each in schema.get("primaryIdentifier", []))


def taken_names(rendering: Rendering, kept: Collection[str]) -> Iterator[Remark]:
    """Names that the next stack with the same values can't give, because what stays has them."""
    for name in kept:
        named = name_of(rendering, name)
        if named and not _from_the_stack_id(rendering, name, named.property):
            yield Remark(
                ("Resources", name, "Properties", named.property),
                f"{name} keeps its name, {_spoken(named.value)}; another launch with the same values fails with "
                '"already exists".',
                "Choose another name, or delete what was kept first.",
            )


def _spoken(value: tuple[str, ...]) -> str:
    """A name as an administrator knows it: by the parameter that it is the value of, or literally."""
    parameters = {origin.name for origin in origins_of(list(value)) if origin.kind == "parameter"}
    return f"which comes from {_listed(sorted(parameters))}" if parameters else "/".join(value)


def _from_the_stack_id(rendering: Rendering, name: str, key: str) -> bool:
    """Whether a name is made of the stack's ID, which is another one each time."""
    declared = mapping(mapping(section(rendering.template, "Resources").get(name)).get("Properties")).get(key)
    return any("AWS::StackId" in text for text, _ in texts_of(declared))


def clashes(rendering: Rendering) -> Iterator[Remark]:
    """Resources to which the template gives the name that another one of the same type has already."""
    first: dict[tuple[str, Name], str] = {}
    for name in _alike(rendering):
        named = name_of(rendering, name)
        other = first.setdefault((rendering.type_of(name), named), name) if named else name
        if named and other != name:
            yield Remark(
                ("Resources", name, "Properties", named.property),
                f"{other} and {name} are both to have the same name, {_spoken(named.value)}; the second one fails with "
                '"already exists".',
                "Give them different names.",
            )


def _alike(rendering: Rendering) -> list[str]:
    """The resources that share a type and a text that may be a name with another one; spares an import."""
    sharing: dict[tuple[str, str, str], list[str]] = {}
    for name in rendering.resources:
        for key, value in rendering.properties(name).items():
            if str(key).endswith(NAME_ENDINGS) and isinstance(value, str):
                sharing.setdefault((rendering.type_of(name), key, value), []).append(name)
    return list(dict.fromkeys(name for names in sharing.values() if len(names) > 1 for name in names))


# The report.


def report(rendering: Rendering) -> str:
    """What an administrator should know before launching: two Markdown sections with tables, for one edition."""
    failed, deleted = rollback(rendering, rendering.resources, rendering.resources), deletion(rendering)
    return "\n".join(
        [
            "### A first launch that fails",
            "",
            *_section(
                rendering, failed, "The stack ends in `ROLLBACK_FAILED`", "The stack ends in `ROLLBACK_COMPLETE`"
            ),
            "",
            "### Deletion of the stack",
            "",
            *_section(rendering, deleted, "The stack ends in `DELETE_FAILED`", "The stack is deleted"),
            "",
        ]
    )


def _section(rendering: Rendering, ending: Ending, blocked: str, clean: str) -> Iterator[str]:
    if ending.blocks:
        yield f"{blocked} until this is done:"
        yield from _table(rendering, "What blocks", ending.blocks)
        yield ""
    else:
        yield f"{clean}; nothing blocks it."
        yield ""
    if ending.doubts:
        yield "Something else may block, depending on what was done since the launch:"
        yield from _table(rendering, "What may block", ending.doubts)
        yield ""
    if ending.stays:
        yield "This stays in the account:"
        yield from _table(rendering, "What stays", ending.stays)
        yield ""
    if ending.taken:
        yield "A new launch with the same values fails:"
        yield from _table(rendering, "What it meets", ending.taken)
    else:
        yield "Delete the stack and launch again, with the same values if you like: nothing of it is in the way."


def _table(rendering: Rendering, head: str, remarks: Collection[Remark]) -> Iterator[str]:
    yield ""
    yield f"| {head} | Why | What to do |"
    yield "|---|---|---|"
    for each in remarks:
        yield f"| `{each.resource}` ({rendering.type_of(each.resource)}) | {each.sentence} | {each.remedy} |"


def _is_true(value: Any) -> bool:
    return as_text(value) == "true"


def _members(value: Any) -> list[dict[str, Any]]:
    """A list of maps; what is something else is as good as empty."""
    return [mapping(each) for each in value] if isinstance(value, list) else []


def _listed(names: Collection[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
