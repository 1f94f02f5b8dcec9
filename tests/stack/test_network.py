"""Three subnets that don't overlap, in zones of the stack's own Region; only the public one reaches the internet."""

from __future__ import annotations

import ipaddress
from itertools import combinations

PUBLIC = "PublicSubnet1"


def test_subnets_lie_in_the_vpc_and_do_not_overlap(stack):
    whole = ipaddress.IPv4Network(stack.properties("Vpc")["CidrBlock"])
    parts = [ipaddress.IPv4Network(subnet["CidrBlock"]) for subnet in stack.of_type("AWS::EC2::Subnet").values()]
    assert all(part.subnet_of(whole) for part in parts)
    assert not any(one.overlaps(other) for one, other in combinations(parts, 2))


def test_zones_are_those_of_the_region(stack):
    zones = {subnet["AvailabilityZone"] for subnet in stack.of_type("AWS::EC2::Subnet").values()}
    assert zones == {"us-east-1a", "us-east-1b"}


def test_only_the_public_subnet_has_a_route_to_the_internet(stack):
    (route,) = stack.of_type("AWS::EC2::Route").values()
    assert (route["DestinationCidrBlock"], route["GatewayId"]) == ("0.0.0.0/0", "<InternetGateway>")
    associated = [
        association["SubnetId"]
        for association in stack.of_type("AWS::EC2::SubnetRouteTableAssociation").values()
        if association["RouteTableId"] == route["RouteTableId"]
    ]
    assert associated == [f"<{PUBLIC}>"]


def test_the_route_waits_for_the_gateway_to_be_attached(stack):
    assert stack.resources["PublicDefaultRoute"]["DependsOn"] == "InternetGatewayAttachment"


def test_an_instance_in_the_public_subnet_gets_an_address_before_the_fixed_one_is_attached(stack):
    """Or the instance could not signal: CloudFormation attaches the fixed address after the signal."""
    assert stack.properties(PUBLIC)["MapPublicIpOnLaunch"] is True
    for name, subnet in stack.of_type("AWS::EC2::Subnet").items():
        assert name == PUBLIC or not subnet.get("MapPublicIpOnLaunch")


def test_every_connection_is_logged(stack):
    log = stack.properties("NetworkFlowLog")
    assert (log["ResourceType"], log["ResourceId"], log["TrafficType"]) == ("VPC", "<Vpc>", "ALL")
    assert log["LogGroupName"] == "<NetworkLogs>"
    assert stack.properties("NetworkLogs")["RetentionInDays"] == "90"
