"""Wiring: values that are valid by their schema, and with which a launch fails once they are computed."""

from __future__ import annotations

import fnmatch
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.fact import enumerated
from quilt_cfn.cloudformation.analysis.instances import launched_settings
from quilt_cfn.cloudformation.analysis.network import address_block
from quilt_cfn.cloudformation.analysis.parameter_use import declaration, parameter_behind
from quilt_cfn.cloudformation.analysis.reference_types import accepted_types, is_own_identifier, sole_references
from quilt_cfn.cloudformation.checks.rules.rule import REFERENCE, USER_GUIDE, Violation, property_path, rule
from quilt_cfn.cloudformation.facts import availability
from quilt_cfn.cloudformation.launch import NAME, Contract, Launch, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path

RDS = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html"


# Intrinsic functions.


def _evaluation_errors(launch: Launch, family: str) -> Iterator[Violation]:
    """The errors of a launch that are about zones, about lists, or about neither (``all``)."""
    for error in launch.errors:
        kind = error.kind
        # Nothing is wrong with a value that is too large to be computed here; and T04 reports names, wherever they are.
        if kind in ("Size", NAME):
            continue
        found = "zones" if kind == "Select of Fn::GetAZs" else "lists" if kind.startswith(("Select", "Cidr")) else "all"
        if found == family:
            yield (error.path, f"{error.message[:1].upper()}{error.message[1:]}.")


@rule("W01", "error", "CloudFormation refuses the template.", f"{REFERENCE}/intrinsic-function-reference.html")
def values_can_be_computed(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds functions that refer to something that isn't created in this launch or get an argument that they can't
    take, and resources that depend on themselves. Linters find most of these, but not where it depends on a condition,
    a Region or a mapping. Names that nothing in the template has are found by T04.

    Why it is bad: CloudFormation refuses the template, or the launch with these parameter values.

    Use instead: a reference to something that exists under the same conditions.
    """
    yield from _evaluation_errors(launch, "all")
    for name in launch.resources:
        if name in launch.before(name):
            yield (("Resources", name), f"{name} depends on itself, by way of the resources that it refers to.")
        elif launch.refers_to_itself(name):
            yield (("Resources", name), f"{name} refers to itself, or names itself in DependsOn.")


@rule("W02", "error", "CloudFormation refuses the template.", f"{REFERENCE}/intrinsic-function-reference-select.html")
def lists_are_long_enough(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds ``Fn::Select`` with an index past the end of its list, and ``Fn::Cidr`` with more blocks than fit.

    Why it is bad: CloudFormation refuses the template. The length of a list often depends on a parameter or a Region.

    Use instead: a smaller index, or a count in ``Fn::Cidr`` that covers all of them.
    """
    yield from _evaluation_errors(launch, "lists")


@rule(
    "W03",
    "error",
    "The launch fails in Regions that have fewer Availability Zones.",
    f"{REFERENCE}/intrinsic-function-reference-getavailabilityzones.html",
)
def zones_exist(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds ``Fn::Select`` of ``Fn::GetAZs`` with an index that is too large for a Region.

    Why it is bad: many Regions have three Availability Zones, and an account has only two in us-west-1.

    Use instead: the indexes 0 and 1, or zones from a parameter.
    """
    yield from _evaluation_errors(launch, "zones")


# The network.


@rule(
    "W04", "error", "The launch fails when the second subnet is created.", f"{REFERENCE}/aws-resource-ec2-subnet.html"
)
def subnets_are_apart(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds subnets of one VPC whose address blocks overlap, also where ``Fn::Cidr`` computes the blocks.

    Why it is bad: EC2 refuses the second subnet.

    Use instead: another index in ``Fn::Select`` for each subnet.
    """
    placed: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for name, properties in launch.of_type("AWS::EC2::Subnet").items():
        network = address_block(properties.get("CidrBlock", ""))
        if network is None:
            continue
        for other, taken in placed[as_text(properties.get("VpcId", ""))]:
            if network.version == taken.version and network.overlaps(taken):
                yield (property_path(name, "CidrBlock"), f"The subnet {name}, {network}, overlaps {other}, {taken}.")
        placed[as_text(properties.get("VpcId", ""))].append((name, network))


@rule("W05", "error", "The launch fails when the subnet is created.", f"{REFERENCE}/aws-resource-ec2-subnet.html")
def subnets_are_in_their_vpc(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds subnets whose address block is not inside their VPC's. VPCs with further blocks are not checked.

    Why it is bad: EC2 refuses the subnet.

    Use instead: ``Fn::Cidr`` of the VPC's CidrBlock.
    """
    extended = {
        launch.referenced_resource(each.get("VpcId")) for each in launch.of_type("AWS::EC2::VPCCidrBlock").values()
    }
    for name, properties in launch.of_type("AWS::EC2::Subnet").items():
        vpc = launch.referenced_resource(properties.get("VpcId"))
        network = address_block(properties.get("CidrBlock", ""))
        whole = address_block(launch.properties(vpc).get("CidrBlock", "")) if vpc and vpc not in extended else None
        if not network or not whole or network.version != whole.version:
            continue
        if not network.subnet_of(whole):  # type: ignore[arg-type]  # the same version
            yield (property_path(name, "CidrBlock"), f"The subnet {name}, {network}, is not in its VPC's {whole}.")


def _zones(launch: Launch, subnets: Any) -> list[str] | None:
    """The Availability Zones of subnets of the template; None if one of them is unknown."""
    created = [launch.properties(launch.referenced_resource(subnet)) for subnet in as_list(subnets)]
    zones = [properties.get("AvailabilityZone") for properties in created]
    return [*map(as_text, zones)] if zones and None not in zones and is_known(zones) else None


@rule(
    "W06",
    "error",
    "The launch fails when the subnet group is created.",
    f"{REFERENCE}/aws-resource-rds-dbsubnetgroup.html",
)
def subnet_group_spans_zones(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds DB subnet groups whose subnets are all in one Availability Zone.

    Why it is bad: RDS requires subnets in at least two Availability Zones, also for a single instance.

    Use instead: two subnets, with ``Fn::Select`` of ``Fn::GetAZs`` 0 and 1.
    """
    for name, properties in launch.of_type("AWS::RDS::DBSubnetGroup").items():
        zones = _zones(launch, properties.get("SubnetIds"))
        if zones and len(set(zones)) < 2:
            one = "one subnet" if len(zones) == 1 else f"subnets of {zones[0]} only"
            yield (property_path(name, "SubnetIds"), f"The DB subnet group {name} has {one}; it needs two zones.")


@rule(
    "W07",
    "error",
    "The launch fails when the load balancer is created.",
    f"{REFERENCE}/aws-resource-elasticloadbalancingv2-loadbalancer.html",
)
def load_balancer_spans_zones(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds Application Load Balancers with one subnet, and load balancers with two subnets in one Availability Zone.

    Why it is bad: Elastic Load Balancing refuses them.

    Use instead: one subnet in each of two or more Availability Zones; a Network Load Balancer takes one, too.
    """
    for name, properties in launch.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        path, zones = property_path(name, "Subnets"), _zones(launch, properties.get("Subnets"))
        if zones and len(set(zones)) < len(zones):
            yield (path, f"The load balancer {name} has two subnets of one Availability Zone.")
        elif zones and len(zones) < 2 and properties.get("Type", "application") == "application":
            yield (path, f"The load balancer {name} has one subnet; its type needs two zones.")


@rule(
    "W08",
    "error",
    "The launch fails now and then, depending on which of two resources is created first.",
    f"{REFERENCE}/aws-attribute-dependson.html",
)
def gateway_is_attached_first(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds routes to an Internet gateway, or to a VPN gateway, that don't depend on its attachment.

    Why it is bad: EC2 refuses a route to a gateway that is not attached yet. Nothing in the route refers to the
    attachment, so CloudFormation may create the route first.

    Use instead: DependsOn the ``AWS::EC2::VPCGatewayAttachment``.

        DefaultRoute:
          Type: AWS::EC2::Route
          DependsOn: GatewayAttachment
          Properties:
            DestinationCidrBlock: 0.0.0.0/0
            GatewayId: !Ref InternetGateway
            RouteTableId: !Ref RouteTable
    """
    for name, properties in launch.of_type("AWS::EC2::Route").items():
        gateway = launch.referenced_resource(properties.get("GatewayId"))
        for attachment, attached in launch.of_type("AWS::EC2::VPCGatewayAttachment").items():
            gateways = {launch.referenced_resource(attached.get(key)) for key in ("InternetGatewayId", "VpnGatewayId")}
            if gateway and gateway in gateways and attachment not in launch.before(name):
                sentence = f"The route {name} to {gateway} doesn't wait for {attachment}: add DependsOn."
                yield (("Resources", name), sentence)


# What is available in a Region.


def _unavailable(
    launch: Launch, path: Path, value: Any, available: frozenset[str] | None, what: str
) -> Iterator[Violation]:
    """A violation if a value, or another one that its parameter and the rules of the template allow, is unavailable."""
    if available is None or not isinstance(value, str) or not is_known(value):
        return
    missing = [value] if value not in available else []
    name = parameter_behind(launch, value)
    for choice in map(as_text, as_list(declaration(launch, name).get("AllowedValues"))):
        if choice not in {*available, *missing} and not launch.refuses({str(name): choice}):
            missing.append(choice)
    if missing:
        # A message with the Region would be another finding in each; the finding lists the Regions.
        verb = "is" if len(missing) == 1 else "are"
        yield (path, f"The template allows {enumerated(missing)} as {what}, which {verb} not available in this Region.")


@rule(
    "W09",
    "error",
    "A launch fails with an instance type that the template allows.",
    f"{REFERENCE}/aws-resource-ec2-instance.html",
)
def instance_type_is_available(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds instance types among a parameter's AllowedValues that EC2 doesn't have in the Region, and that no rule in
    the template's Rules section refuses there. The data is cfn-lint's; the linters check only the default.

    Why it is bad: whoever chooses the type waits for a launch that fails.

    Use instead: types that all Regions have, or a rule in Rules that refuses the type in the Regions without it.
    """
    available = availability.instance_types(launch.region)
    for path, settings in launched_settings(launch):
        value = settings.get("InstanceType")
        yield from _unavailable(launch, (*path, "InstanceType"), value, available, "the instance type")


@rule("W10", "error", "A launch fails with a DB instance class that the template allows.", RDS)
def database_class_is_available(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds DB instance classes among a parameter's AllowedValues that RDS doesn't have in the Region for the engine,
    and that no rule in the template's Rules section refuses there. The data is cfn-lint's.

    Why it is bad: whoever chooses the class waits for a launch that fails.

    Use instead: classes that all Regions have, or a rule in Rules that refuses the class in the Regions without it.
    """
    for name, properties in launch.of_type("AWS::RDS::DBInstance").items():
        available = availability.database_classes(launch.region, as_text(properties.get("Engine", "")))
        path, value = property_path(name, "DBInstanceClass"), properties.get("DBInstanceClass")
        yield from _unavailable(launch, path, value, available, "the DB instance class")


# References.


@rule(
    "W11", "error", "The launch fails when the resource is created.", f"{REFERENCE}/aws-template-resource-type-ref.html"
)
def references_are_of_the_right_type(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds references to a resource of a type that the property doesn't accept, such as a DB subnet group in
    DBParameterGroupName.

    Why it is bad: the service refuses the identifier. For a linter any string fits.

    Use instead: a reference to a resource of the type in the message.
    """
    for path, origin in sole_references(launch):
        name, found = str(path[1]), launch.type_of(origin.name)
        accepted = accepted_types(launch.type_of(name), path)
        # An output of a nested stack or an attribute of a custom resource may identify anything.
        if not accepted or not found.startswith("AWS::") or found.startswith("AWS::CloudFormation::"):
            continue
        if found not in accepted and is_own_identifier(found, origin.attribute):
            key = [key for key in path if not isinstance(key, int)][-1]
            what = f"an {found}; it takes an {' or '.join(accepted)}"
            yield (path, f"{key} of {name} refers to {origin.name}, {what}.")


@rule("W12", "error", "The launch fails when the policy is created.", f"{REFERENCE}/aws-resource-s3-bucketpolicy.html")
def bucket_policy_is_about_its_bucket(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds bucket policies with a Resource outside of their bucket.

    Why it is bad: S3 refuses the policy.

    Use instead: the ARN of the bucket of the policy.

        Bucket: !Ref Packages
        PolicyDocument:
          Statement:
            - Effect: Deny
              Principal: '*'
              Action: s3:*
              Resource: [!GetAtt Packages.Arn, !Sub '${Packages.Arn}/*']
              Condition: {Bool: {aws:SecureTransport: 'false'}}
    """
    for name, properties in launch.of_type("AWS::S3::BucketPolicy").items():
        bucket = properties.get("Bucket")
        bucket = launch.properties(launch.referenced_resource(bucket)).get("BucketName", bucket)
        for index, statement in enumerate(as_list(map_at(properties, "PolicyDocument").get("Statement"))):
            for key in ("Resource", "NotResource"):
                for resource in as_list(dict_or_empty(statement).get(key)):
                    if isinstance(resource, str) and bucket and _is_another(launch, resource, bucket):
                        path = property_path(name, "PolicyDocument", "Statement", index, key)
                        yield (path, f"{name} is the policy of the bucket {bucket}, but names the resource {resource}.")


def _is_another(launch: Launch, resource: str, bucket: Any) -> bool:
    """Whether an ARN is certainly outside of a bucket."""
    text = as_text(bucket)
    pattern, _, _ = resource.partition(":s3:::")[2].partition("/")
    if not is_known(resource) and ":s3:::" not in resource:
        return False
    if pattern == text or fnmatch.fnmatchcase(text, pattern):
        return False
    # Two values that aren't known may be the same.
    return (is_known(bucket) and is_known(resource)) or bool(launch.referenced_resource(bucket) and "<" in pattern)


@rule(
    "W13", "error", "The launch fails when CloudFormation reads the reference.", f"{USER_GUIDE}/dynamic-references.html"
)
def dynamic_references_resolve(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds dynamic references that are misspelt, that name a resource which is no secret, or a key that a secret of
    the template doesn't have.

    Why it is bad: CloudFormation can't resolve the reference, and the launch fails.

    Use instead: ``{{resolve:secretsmanager:ARN:SecretString:KEY}}``, ``{{resolve:ssm:NAME}}`` or
    ``{{resolve:ssm-secure:NAME}}``.
    """
    for text, path in launch.property_strings:
        for reference in re.findall(r"\{\{resolve:.*?\}\}", text) if "{{resolve:" in text else ():
            wrong = _wrong_reference(launch, reference[10:-2])
            if wrong:
                yield (path, f"{path[1]} has the dynamic reference {reference}: {wrong}.")


def _wrong_reference(launch: Launch, reference: str) -> str | None:
    """Why the part of a dynamic reference after ``resolve:`` is wrong; None if it may be right."""
    service, _, rest = reference.partition(":")
    if service in ("ssm", "ssm-secure"):
        name = re.sub("<[^<>]*>", "x", rest)
        if not re.fullmatch("[A-Za-z0-9_./-]+(:[0-9]+)?", name) and not rest.startswith("arn:"):
            return "after the service comes a parameter's name, with a version number or without"
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
    part, _, key = rest[secret.end() :].lstrip(":").partition(":")
    if part not in ("", "SecretString"):
        return f"after the secret comes SecretString, not {part}"
    attached = launch.of_type("AWS::SecretsManager::SecretTargetAttachment").values()
    if secret[1] in {launch.referenced_resource(each.get("SecretId")) for each in attached}:
        return None  # The attachment adds keys: host, port and others.
    keys = _keys_of(launch.properties(secret[1]))
    key = key.partition(":")[0]
    return f"the secret {secret[1]} has no key {key}" if key and keys is not None and key not in keys else None


def _keys_of(secret: dict[str, Any]) -> set[str] | None:
    """The keys of a secret's JSON text; None if they aren't known."""
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
    """Finds attributes of load balancers and target groups that Elastic Load Balancing doesn't know. The list of known
    attributes is botocore's.

    Why it is bad: Elastic Load Balancing refuses an unknown attribute.

    Use instead: a key of the list in the link, such as ``load_balancing.cross_zone.enabled``.
    """
    for resource in ("LoadBalancer", "TargetGroup"):
        known = f"{resource}Attribute"
        for name, properties in launch.of_type(f"AWS::ElasticLoadBalancingV2::{resource}").items():
            for index, attribute in enumerate(as_list(properties.get(f"{known}s"))):
                key = dict_or_empty(attribute).get("Key")
                if isinstance(key, str) and is_known(key) and key not in availability.load_balancer_attributes(known):
                    place = property_path(name, f"{known}s", index, "Key")
                    yield (place, f"{name} is given the attribute {key}, which Elastic Load Balancing doesn't have.")


@rule(
    "W20",
    "error",
    "The launch fails when the target group is created.",
    f"{REFERENCE}/aws-resource-elasticloadbalancingv2-targetgroup.html",
)
def health_check_paths_begin_with_a_slash(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds health check paths that don't begin with a slash.

    Why it is bad: Elastic Load Balancing refuses the target group.

    Use instead: ``/healthcheck`` for ``healthcheck``.
    """
    for name, properties in launch.of_type("AWS::ElasticLoadBalancingV2::TargetGroup").items():
        value = properties.get("HealthCheckPath")
        if isinstance(value, str) and is_known(value) and not value.startswith("/"):
            path = property_path(name, "HealthCheckPath")
            yield (path, f"The health check path of {name} is {value}, without a slash.")


LONGEST_NAME = {"postgres": 63, "mysql": 64, "mariadb": 64}
"""Engine -> characters that RDS takes for the name of its first database."""


@rule("W21", "error", "The launch fails when the database is created.", RDS)
def database_name_is_valid(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds names of databases that RDS refuses for PostgreSQL, MySQL or MariaDB.

    Why it is bad: the database is not created, and the launch fails.

    Use instead: a letter, then letters, digits and underscores; up to 63 characters for PostgreSQL, 64 for the others.
    """
    for name, properties in launch.of_type("AWS::RDS::DBInstance").items():
        longest = LONGEST_NAME.get(as_text(properties.get("Engine", "")))
        database = properties.get("DBName")
        if not longest or not isinstance(database, str) or not is_known(database):
            continue
        if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9_]{{0,{longest - 1}}}", database):
            yield (property_path(name, "DBName"), f"{database}, the DBName of {name}, is not a name that RDS accepts.")


STORAGE = {"gp2": 20, "gp3": 20, "io1": 100, "io2": 100, "standard": 5}
"""Storage type -> the least that RDS creates for PostgreSQL, MySQL and MariaDB, in GiB."""


@rule("W22", "error", "The launch fails when the database is created.", RDS)
def database_has_enough_storage(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds databases with less storage than the minimum of their storage type: 20 GiB for gp2 and gp3, 100 for io1 and
    io2, 5 for standard.

    Why it is bad: RDS refuses the database.

    Use instead: AllocatedStorage of at least the minimum.
    """
    for name, properties in launch.of_type("AWS::RDS::DBInstance").items():
        least = STORAGE.get(as_text(properties.get("StorageType", "gp2" if "Iops" not in properties else "io1")))
        size = as_text(properties.get("AllocatedStorage", ""))
        engine = as_text(properties.get("Engine", ""))
        if engine in LONGEST_NAME and least and re.fullmatch("[0-9]+", size) and int(size) < least:
            sentence = f"{name} has {size} GiB; the minimum of its storage type is {least}."
            yield (property_path(name, "AllocatedStorage"), sentence)
