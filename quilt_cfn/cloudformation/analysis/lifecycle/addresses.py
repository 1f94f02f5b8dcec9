"""Public addresses: an Internet gateway can't be detached while its VPC has any."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.lifecycle.outcome import Fact, is_on, maps
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import strings_in


def mapped_addresses(launch: Launch, gone: Collection[str]) -> Iterator[Fact]:
    """Public addresses that may still be mapped when the Internet gateway of their VPC is detached.

    What waits for a default route to the gateway waits for the gateway: whether the route itself does is another
    question. Of two that stand one behind the other only the first is told.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
    """
    gateways = _gateways(launch, gone)
    early = [name for name in gone if _is_early(launch, name, gateways)]
    for name in early:
        if launch.before(name).isdisjoint(early):
            yield Fact(
                ("Resources", name),
                f"{name} has a public address and does not wait for the attachment of the Internet gateway, "
                "which can't be detached while the address is mapped.",
                "Delete the stack again.",
            )


def _gateways(launch: Launch, gone: Collection[str]) -> dict[str, set[str]]:
    """VPC -> the attachments of its Internet gateway, and the routes to it."""
    found: dict[str, set[str]] = {}
    routes = launch.of_type("AWS::EC2::Route")
    for name, properties in launch.of_type("AWS::EC2::VPCGatewayAttachment").items():
        vpc = launch.referenced_resource(properties.get("VpcId"))
        gateway = launch.referenced_resource(properties.get("InternetGatewayId"))
        if name in gone and vpc and gateway:
            to_it = {
                route for route, each in routes.items() if launch.referenced_resource(each.get("GatewayId")) == gateway
            }
            found[vpc] = found.get(vpc, set()) | {name} | to_it
    return found


def _is_early(launch: Launch, name: str, gateways: dict[str, set[str]]) -> bool:
    """Whether a resource has a public address in the VPC of a gateway for which it does not wait."""
    vpcs: Collection[str | None] = gateways
    if launch.type_of(name) not in ("AWS::EC2::EIP", "AWS::EC2::EIPAssociation"):
        subnets = _public_subnets(launch, name) if gateways else set()
        vpcs = {launch.referenced_resource(launch.properties(subnet).get("VpcId")) for subnet in subnets}
    ways = {way for vpc, each in gateways.items() if vpc in vpcs for way in each}
    return bool(ways) and ways.isdisjoint(launch.before(name))


def _public_subnets(launch: Launch, name: str) -> set[str]:
    """The subnets of the stack in which a resource has a public address."""
    type_name, properties = launch.type_of(name), launch.properties(name)
    if type_name in ("AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup"):
        data = launch_template_data(launch, properties)
        interfaces = maps(properties.get("NetworkInterfaces", data.get("NetworkInterfaces")))
        subnets = _subnets(launch, [properties, interfaces])
        asked = {as_text(each["AssociatePublicIpAddress"]) for each in interfaces if "AssociatePublicIpAddress" in each}
        if asked:
            return subnets if "true" in asked else set()
        return {each for each in subnets if is_on(launch.properties(each).get("MapPublicIpOnLaunch"))}
    public = {
        "AWS::EC2::NatGateway": properties.get("ConnectivityType", "public") == "public",
        "AWS::ElasticLoadBalancing::LoadBalancer": properties.get("Scheme", "internet-facing") == "internet-facing",
        "AWS::ElasticLoadBalancingV2::LoadBalancer": properties.get("Scheme", "internet-facing") == "internet-facing",
        "AWS::RDS::DBInstance": is_on(properties.get("PubliclyAccessible")),
    }
    return _subnets(launch, properties) if public.get(type_name) else set()


def _subnets(launch: Launch, value: Any) -> set[str]:
    """The subnets of the stack that a value refers to, by way of a subnet group if need be."""
    found: set[str] = set()
    for text, _ in strings_in(value):
        name = launch.referenced_resource(text)
        if name and launch.type_of(name) == "AWS::EC2::Subnet":
            found.add(name)
        elif name and launch.type_of(name) == "AWS::RDS::DBSubnetGroup":
            found |= _subnets(launch, launch.properties(name).get("SubnetIds"))
    return found


def launch_template_data(launch: Launch, properties: dict[str, Any]) -> dict[str, Any]:
    """The data of the launch template of this stack that an instance or a group is made from."""
    specification = dict_or_empty(properties.get("LaunchTemplate"))
    named = launch.referenced_resource(specification.get("LaunchTemplateId"))
    return dict_or_empty(launch.properties(named).get("LaunchTemplateData")) if named else {}
