"""Public IP addresses: an Internet gateway can't be detached from its VPC while addresses are mapped there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.api_calls import ASSOCIATE, commands
from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.instances import instance_settings, instances, scripts
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_list, dict_or_empty, is_true
from quilt_cfn.cloudformation.template.walk import strings_in


def addresses_before_gateway(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """Public addresses that may still be mapped when the Internet gateway of their VPC is detached.

    A resource that depends on a default route to the gateway counts as depending on the attachment; whether the route
    does is W08's question. Of two resources that depend on one another only the first is stated. An Elastic IP address
    is mapped as long as something has it that depends on it and is deleted first: a NAT gateway, an association, an
    instance that associates it at boot. So not the address has to wait, but what has it.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
    """
    gateways = _gateways(launch, deleted)
    unordered = [name for name in deleted if _is_unordered(launch, name, gateways)]
    for name in unordered:
        if launch.before(name).isdisjoint(unordered):
            sentence = f"{name} has a public address and does not wait for the attachment of the Internet gateway, "
            yield Fact(name, "mapped-address", f"{sentence}which can't be detached while the address is mapped.")


def _gateways(launch: Launch, deleted: Collection[str]) -> dict[str, set[str]]:
    """VPC -> the attachments of its Internet gateway, and the routes to it, as logical IDs."""
    found: dict[str, set[str]] = {}
    routes = launch.of_type("AWS::EC2::Route")
    for name, properties in launch.of_type("AWS::EC2::VPCGatewayAttachment").items():
        vpc = launch.referenced_resource(properties.get("VpcId"))
        gateway = launch.referenced_resource(properties.get("InternetGatewayId"))
        if name in deleted and vpc and gateway:
            to_it = {each for each, it in routes.items() if launch.referenced_resource(it.get("GatewayId")) == gateway}
            found[vpc] = found.get(vpc, set()) | {name} | to_it
    return found


def _is_unordered(launch: Launch, name: str, gateways: dict[str, set[str]]) -> bool:
    """Whether a resource has a public address in the VPC of a gateway for which it does not wait."""
    vpcs: Collection[str | None] = gateways
    if launch.type_of(name) == "AWS::EC2::EIP" and "InstanceId" not in launch.properties(name):
        return False
    if launch.type_of(name) not in ("AWS::EC2::EIP", "AWS::EC2::EIPAssociation"):
        subnets = _public_subnets(launch, name) if gateways else set()
        vpcs = {launch.referenced_resource(launch.properties(subnet).get("VpcId")) for subnet in subnets}
    to_wait_for = {each for vpc, names in gateways.items() if vpc in vpcs for each in names}
    return bool(to_wait_for) and to_wait_for.isdisjoint(launch.before(name))


def _public_subnets(launch: Launch, name: str) -> set[str]:
    """The subnets of the stack in which a resource has a public address."""
    resource_type, properties = launch.type_of(name), launch.properties(name)
    settings = instance_settings(launch, name)
    if settings:
        interfaces = as_list(settings.get("NetworkInterfaces"))
        subnets = _subnets(launch, settings)
        if _associates_an_address(launch, name):
            return subnets
        associate = [dict_or_empty(each).get("AssociatePublicIpAddress") for each in interfaces]
        if associate.count(None) < len(associate):
            return subnets if any(map(is_true, associate)) else set()
        return {each for each in subnets if is_true(launch.properties(each).get("MapPublicIpOnLaunch"))}
    public = {
        "AWS::EC2::NatGateway": properties.get("ConnectivityType", "public") == "public",
        "AWS::ElasticLoadBalancing::LoadBalancer": properties.get("Scheme", "internet-facing") == "internet-facing",
        "AWS::ElasticLoadBalancingV2::LoadBalancer": properties.get("Scheme", "internet-facing") == "internet-facing",
        "AWS::RDS::DBInstance": is_true(properties.get("PubliclyAccessible")),
    }
    return _subnets(launch, properties) if public.get(resource_type) else set()


def _associates_an_address(launch: Launch, name: str) -> bool:
    """Whether the scripts of an instance, or of the instances of a group, associate an address with it."""
    sources = [source for instance in instances(launch) if instance.name == name for source in instance.sources]
    texts = [text for _, text in scripts(launch, *sources) if "aws" in text]
    return any(action == ASSOCIATE for text in texts for action, _ in commands(text))


def _subnets(launch: Launch, value: Any) -> set[str]:
    """The subnets of the stack that a value refers to, directly or by a DB subnet group."""
    found: set[str] = set()
    for text, _ in strings_in(value):
        name = launch.referenced_resource(text)
        if name and launch.type_of(name) == "AWS::EC2::Subnet":
            found.add(name)
        elif name and launch.type_of(name) == "AWS::RDS::DBSubnetGroup":
            found |= _subnets(launch, launch.properties(name).get("SubnetIds"))
    return found
