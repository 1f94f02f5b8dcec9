"""Values that only a launch would find wrong: each is valid by its schema, and wrong by what it comes to."""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.reference_types import accepted_types, is_own_identifier, sole_references
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.facts import availability
from quilt_cfn.cloudformation.launch import Launch, Value
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.launch.values import is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, get_section
from quilt_cfn.cloudformation.template.walk import Path, strings_in

REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"
RDS = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html"


def at(name: str, *path: str | int) -> Path:
    """The path to a property of a resource."""
    return ("Resources", name, "Properties", *path)


# What the intrinsic functions come to.


def _problems(launch: Launch, family: str) -> Iterator[Violation]:
    for error in launch.errors:
        kind = error.kind
        if kind == "Size":  # nothing is wrong with it but that it can't be judged
            continue
        found = "zones" if kind == "Select of Fn::GetAZs" else "lists" if kind.startswith(("Select", "Cidr")) else "all"
        if found == family:
            yield (error.path, f"{error.message[:1].upper()}{error.message[1:]}.")


@rule("W01", "error", "CloudFormation refuses the template.", f"{REFERENCE}/intrinsic-function-reference.html")
def values_can_be_computed(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A function refers to something that doesn't exist, or is given what it can't take. Linters find most of these,
    but not where it depends on a condition, a Region or a mapping."""
    yield from _problems(launch, "all")
    for name in launch.resources:
        if name in launch.before(name):
            yield (("Resources", name), f"{name} depends on itself by way of what it refers to.")


@rule("W02", "error", "CloudFormation refuses the template.", f"{REFERENCE}/intrinsic-function-reference-select.html")
def lists_are_long_enough(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Fn::Select asks for a member past the end of its list, as of the blocks that Fn::Cidr makes, or Fn::Cidr is asked
    for more blocks than there are."""
    yield from _problems(launch, "lists")


@rule(
    "W03",
    "error",
    "The launch fails in Regions that have fewer Availability Zones.",
    f"{REFERENCE}/intrinsic-function-reference-getavailabilityzones.html",
)
def zones_exist(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Fn::Select asks for a member of Fn::GetAZs that the Region doesn't have: many have three, and an account sees
    only two of us-west-1's."""
    yield from _problems(launch, "zones")


# The network.


def _network(value: Any) -> Any:
    try:
        return ipaddress.ip_network(as_text(value), strict=False) if is_known(value) else None
    except ValueError:
        return None


@rule(
    "W04", "error", "The launch fails when the second subnet is created.", f"{REFERENCE}/aws-resource-ec2-subnet.html"
)
def subnets_are_apart(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Two subnets of one VPC have addresses in common; the blocks often come from Fn::Cidr and can't be seen."""
    placed: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for name, properties in launch.of_type("AWS::EC2::Subnet").items():
        network = _network(properties.get("CidrBlock", ""))
        if network is None:
            continue
        for other, taken in placed[as_text(properties.get("VpcId", ""))]:
            if network.version == taken.version and network.overlaps(taken):
                yield (at(name, "CidrBlock"), f"The subnet {name}, {network}, overlaps {other}, {taken}.")
        placed[as_text(properties.get("VpcId", ""))].append((name, network))


@rule("W05", "error", "The launch fails when the subnet is created.", f"{REFERENCE}/aws-resource-ec2-subnet.html")
def subnets_are_in_their_vpc(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A subnet's block isn't a part of its VPC's; where the VPC gets further blocks, nothing is said."""
    extended = {
        launch.referenced_resource(each.get("VpcId")) for each in launch.of_type("AWS::EC2::VPCCidrBlock").values()
    }
    for name, properties in launch.of_type("AWS::EC2::Subnet").items():
        vpc = launch.referenced_resource(properties.get("VpcId"))
        network = _network(properties.get("CidrBlock", ""))
        whole = _network(launch.properties(vpc).get("CidrBlock", "")) if vpc and vpc not in extended else None
        if network and whole and network.version == whole.version and not network.subnet_of(whole):
            yield (at(name, "CidrBlock"), f"The subnet {name}, {network}, is not in its VPC's {whole}.")


def _zones(launch: Launch, subnets: Any) -> list[str] | None:
    """The zones of subnets that this template makes; None where one of them is unknown."""
    found = []
    for subnet in as_list(subnets):
        zone = launch.properties(launch.referenced_resource(subnet) or "").get("AvailabilityZone")
        if zone is None or not is_known(zone):
            return None
        found.append(as_text(zone))
    return found or None


@rule(
    "W06",
    "error",
    "The launch fails when the subnet group is created.",
    f"{REFERENCE}/aws-resource-rds-dbsubnetgroup.html",
)
def subnet_group_spans_zones(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """RDS wants the subnets of a DB subnet group in two Availability Zones at least, also for a single instance."""
    for name, properties in launch.of_type("AWS::RDS::DBSubnetGroup").items():
        zones = _zones(launch, properties.get("SubnetIds"))
        if zones and len(set(zones)) < 2:
            one = "one subnet" if len(zones) == 1 else f"subnets of {zones[0]} only"
            yield (at(name, "SubnetIds"), f"The DB subnet group {name} has {one}; it needs two zones.")


@rule(
    "W07",
    "error",
    "The launch fails when the load balancer is created.",
    f"{REFERENCE}/aws-resource-elasticloadbalancingv2-loadbalancer.html",
)
def load_balancer_spans_zones(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """An Application Load Balancer needs subnets of two Availability Zones, and no load balancer takes two subnets of
    one."""
    for name, properties in launch.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        zones = _zones(launch, properties.get("Subnets"))
        if zones and len(set(zones)) < len(zones):
            yield (at(name, "Subnets"), f"The load balancer {name} has two subnets of one Availability Zone.")
        elif zones and len(zones) < 2 and properties.get("Type", "application") == "application":
            yield (at(name, "Subnets"), f"The load balancer {name} has one subnet; its type needs two zones.")


@rule(
    "W08",
    "error",
    "The launch fails now and then, depending on which of two resources is created first.",
    f"{REFERENCE}/aws-attribute-dependson.html",
)
def gateway_is_attached_first(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A route to an internet gateway can be created only once the gateway is attached to the VPC. Nothing in the route
    refers to the attachment, so it needs DependsOn."""
    for name, properties in launch.of_type("AWS::EC2::Route").items():
        gateway = launch.referenced_resource(properties.get("GatewayId"))
        if not gateway:
            continue
        for attachment, attached in launch.of_type("AWS::EC2::VPCGatewayAttachment").items():
            gateways = {launch.referenced_resource(attached.get(key)) for key in ("InternetGatewayId", "VpnGatewayId")}
            if gateway in gateways and attachment not in launch.before(name):
                yield (
                    ("Resources", name),
                    f"The route {name} to {gateway} doesn't wait for {attachment}: add DependsOn.",
                )


# What AWS offers.


def _not_offered(
    launch: Launch, path: Path, value: Any, offered: frozenset[str] | None, what: str
) -> Iterator[Violation]:
    """A fault if a value isn't offered, or another that the form lets a customer choose in its place."""
    if offered is None or not isinstance(value, str) or not is_known(value):
        return
    missing = [value] if value not in offered else []
    origins = [origin.name for origin in value.origins] if isinstance(value, Value) else []
    if len(origins) == 1 and launch.parameters.get(origins[0]) == value:
        declared = dict_or_empty(get_section(launch.template, "Parameters").get(origins[0]))
        for choice in map(as_text, as_list(declared.get("AllowedValues"))):
            if choice not in {*offered, *missing} and not launch.refuses({origins[0]: choice}):
                missing.append(choice)
    if missing:
        yield (path, f"There is no {what} {', '.join(missing)} here, and nothing refuses it before the launch.")


@rule(
    "W09", "error", "A launch with a value that the form offers fails.", f"{REFERENCE}/aws-resource-ec2-instance.html"
)
def instance_type_is_offered(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The form offers an instance type that EC2 doesn't have in this Region, and no rule of the template refuses it.
    The linters look at the default only. The data is cfn-lint's."""
    offered = availability.instance_types(launch.region)
    for name, properties in launch.of_type(
        "AWS::EC2::Instance", "AWS::EC2::LaunchTemplate", "AWS::AutoScaling::LaunchConfiguration"
    ).items():
        inner = ("LaunchTemplateData",) if "LaunchTemplateData" in properties else ()
        settings = dict_or_empty(properties.get("LaunchTemplateData", properties))
        path = at(name, *inner, "InstanceType")
        yield from _not_offered(launch, path, settings.get("InstanceType"), offered, "instance type")


@rule("W10", "error", "A launch with a value that the form offers fails.", RDS)
def database_class_is_offered(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The form offers an instance class that RDS doesn't have in this Region for this engine, and no rule of the
    template refuses it. The data is cfn-lint's."""
    for name, properties in launch.of_type("AWS::RDS::DBInstance").items():
        offered = availability.database_classes(launch.region, as_text(properties.get("Engine", "")))
        value = properties.get("DBInstanceClass")
        yield from _not_offered(launch, at(name, "DBInstanceClass"), value, offered, "DB instance class")


# References.


@rule(
    "W11", "error", "The launch fails when the resource is created.", f"{REFERENCE}/aws-template-resource-type-ref.html"
)
def references_are_of_the_right_kind(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A property gets the identifier of another kind of resource. To a linter any text fits."""
    for name, resource in launch.resources.items():
        resource_type = launch.type_of(name)
        for path, origin in sole_references(dict_or_empty(resource).get("Properties"), at(name)):
            kinds = accepted_types(resource_type, path)
            found = launch.type_of(origin.name) if origin.source in ("resource", "attribute") else ""
            names = [key for key in path if not isinstance(key, int)]
            # What CloudFormation itself answers for, a nested stack or a custom resource, may be anything.
            if not kinds or not found.startswith("AWS::") or found.startswith("AWS::CloudFormation::"):
                continue
            if found not in kinds and is_own_identifier(found, origin.attribute):
                yield (
                    path,
                    f"{names[-1]} of {name} refers to {origin.name}, an {found}; it takes an {' or '.join(kinds)}.",
                )


@rule("W12", "error", "The launch fails when the policy is created.", f"{REFERENCE}/aws-resource-s3-bucketpolicy.html")
def bucket_policy_is_about_its_bucket(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """S3 refuses a bucket policy with a resource that is not the bucket itself or something in it."""
    for name, properties in launch.of_type("AWS::S3::BucketPolicy").items():
        own = launch.referenced_resource(properties.get("Bucket"))
        bucket = properties.get("Bucket")
        if own:
            bucket = launch.properties(own).get("BucketName", bucket)
        statements = dict_or_empty(properties.get("PolicyDocument")).get("Statement")
        for index, statement in enumerate(statements if isinstance(statements, list) else [statements]):
            for key in ("Resource", "NotResource"):
                value = dict_or_empty(statement).get(key)
                for resource in value if isinstance(value, list) else [value]:
                    if isinstance(resource, str) and bucket and _is_another(launch, as_text(resource), bucket):
                        yield (
                            at(name, "PolicyDocument", "Statement", index, key),
                            f"{name} is the policy of the bucket {bucket}, but speaks of {resource}.",
                        )


def _is_another(launch: Launch, resource: str, bucket: Any) -> bool:
    text = as_text(bucket)
    pattern, _, _ = resource.partition(":s3:::")[2].partition("/")
    if not is_known(resource) and ":s3:::" not in resource:
        return False
    if pattern == text or fnmatch.fnmatchcase(text, pattern):
        return False
    # What neither side knows may be the same after all.
    return (is_known(bucket) and is_known(resource)) or bool(launch.referenced_resource(bucket) and "<" in pattern)


@rule(
    "W13",
    "error",
    "The launch fails when CloudFormation reads the reference.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html",
)
def dynamic_references_resolve(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A dynamic reference is misspelt, names a resource that is no secret, or asks a secret of this template for a key
    that its text does not have."""
    for name, resource in launch.resources.items():
        for text, path in strings_in(dict_or_empty(resource).get("Properties"), at(name)):
            for reference in re.findall(r"\{\{resolve:.*?\}\}", text) if "{{resolve:" in text else ():
                wrong = _wrong_reference(launch, reference[10:-2])
                if wrong:
                    yield (path, f"{name} has the dynamic reference {reference}: {wrong}.")


def _wrong_reference(launch: Launch, reference: str) -> str | None:
    service, _, rest = reference.partition(":")
    if service in ("ssm", "ssm-secure"):
        name = re.sub("<[^<>]*>", "x", rest)
        if not re.fullmatch("[A-Za-z0-9_./-]+(:[0-9]+)?", name) and not rest.startswith("arn:"):
            return "what follows is not a parameter's name and perhaps a version number"
        return None
    if service != "secretsmanager":
        return f"the services are ssm, ssm-secure and secretsmanager, not {service}"
    secret = re.match("<([A-Za-z0-9]+)>(?=:|$)", rest)
    if not secret:
        return None
    resource_type = launch.type_of(secret[1])
    # Ref of an attachment or a rotation schedule is the secret, too.
    if resource_type.startswith("AWS::") and not resource_type.startswith("AWS::SecretsManager::"):
        return f"{secret[1]} is an {resource_type} and no secret"
    kind, _, key = rest[secret.end() :].lstrip(":").partition(":")
    if kind not in ("", "SecretString"):
        return f"after the secret comes SecretString, not {kind}"
    attached = launch.of_type("AWS::SecretsManager::SecretTargetAttachment").values()
    if secret[1] in {launch.referenced_resource(each.get("SecretId")) for each in attached}:
        return None  # The attachment adds keys: host, port and others.
    keys = _keys_of(launch.properties(secret[1]))
    key = key.partition(":")[0]
    return f"the secret {secret[1]} has no key {key}" if key and keys is not None and key not in keys else None


def _keys_of(secret: dict[str, Any]) -> set[str] | None:
    """The keys of a secret's text; None if they can't be known."""
    generated = dict_or_empty(secret.get("GenerateSecretString"))
    text = generated.get("SecretStringTemplate", "{}") if generated else secret.get("SecretString")
    if not isinstance(text, str):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return set() if not text.lstrip().startswith("{") else None
    keys = set(found) if isinstance(found, dict) else set()
    return keys | ({as_text(generated["GenerateStringKey"])} if "GenerateStringKey" in generated else set())


# The load balancer and the database.


@rule(
    "W19",
    "error",
    "The launch fails when the load balancer is created.",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html",
)
def attributes_are_known(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """ELB refuses an attribute that it doesn't know. The list of those it knows is botocore's."""
    for kind in ("LoadBalancer", "TargetGroup"):
        for name, properties in launch.of_type(f"AWS::ElasticLoadBalancingV2::{kind}").items():
            for index, attribute in enumerate(as_list(properties.get(f"{kind}Attributes"))):
                key = dict_or_empty(attribute).get("Key", "")
                if key and is_known(key) and key not in availability.load_balancer_attributes(f"{kind}Attribute"):
                    yield (at(name, f"{kind}Attributes", index, "Key"), f"{name} has no attribute {key}.")


@rule(
    "W20",
    "error",
    "The launch fails when the target group is created.",
    f"{REFERENCE}/aws-resource-elasticloadbalancingv2-targetgroup.html",
)
def health_check_paths_begin_with_a_slash(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """ELB refuses a health check path that doesn't begin with a slash."""
    for name, properties in launch.of_type("AWS::ElasticLoadBalancingV2::TargetGroup").items():
        path = properties.get("HealthCheckPath")
        if isinstance(path, str) and is_known(path) and not path.startswith("/"):
            yield (at(name, "HealthCheckPath"), f"The health check path of {name} is {path}, without a slash.")


def _alphanumeric(longest: int) -> Callable[[str], bool]:
    return lambda name: re.fullmatch(rf"[A-Za-z][A-Za-z0-9_]{{0,{longest - 1}}}", name) is not None


NAMES = {"postgres": _alphanumeric(63), "mysql": _alphanumeric(64), "mariadb": _alphanumeric(64)}
"""Engine -> whether RDS takes a name for its first database."""


@rule("W21", "error", "The launch fails when the database is created.", RDS)
def database_name_is_valid(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """RDS refuses a database name that doesn't begin with a letter, has other characters than letters, digits and
    underscores, or is longer than the engine allows."""
    for name, properties in launch.of_type("AWS::RDS::DBInstance").items():
        valid = NAMES.get(as_text(properties.get("Engine", "")))
        database = properties.get("DBName")
        if valid and isinstance(database, str) and is_known(database) and not valid(database):
            yield (at(name, "DBName"), f"{name} can't create a database that is called {database}.")


STORAGE = {"gp2": 20, "gp3": 20, "io1": 100, "io2": 100, "standard": 5}
"""Storage type -> the least that RDS creates for PostgreSQL, MySQL and MariaDB, in GiB."""


@rule("W22", "error", "The launch fails when the database is created.", RDS)
def database_has_enough_storage(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """RDS creates no database with less storage than its storage type begins with."""
    for name, properties in launch.of_type("AWS::RDS::DBInstance").items():
        least = STORAGE.get(as_text(properties.get("StorageType", "gp2" if "Iops" not in properties else "io1")))
        size = as_text(properties.get("AllocatedStorage", ""))
        engine = as_text(properties.get("Engine", ""))
        if engine in NAMES and least and re.fullmatch("[0-9]+", size) and int(size) < least:
            yield (at(name, "AllocatedStorage"), f"{name} has {size} GiB; its storage begins with {least}.")
