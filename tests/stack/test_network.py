"""Three subnets that don't overlap, in zones of the stack's own Region; only the public one reaches the internet."""

from __future__ import annotations

import ipaddress
from itertools import combinations

import pytest

from tests.launches import DOCUMENTED, launch_stack

PUBLIC = "PublicSubnet1"


def test_subnets_lie_in_the_vpc_and_do_not_overlap(stack):
    whole = ipaddress.IPv4Network(stack.properties("Vpc")["CidrBlock"])
    parts = [ipaddress.IPv4Network(subnet["CidrBlock"]) for subnet in stack.of_type("AWS::EC2::Subnet").values()]
    assert all(part.subnet_of(whole) for part in parts)
    assert not any(one.overlaps(other) for one, other in combinations(parts, 2))


def zones(stack):
    return [stack.properties(name)["AvailabilityZone"] for name in (PUBLIC, "PrivateSubnet1", "PrivateSubnet2")]


def test_zones_are_the_regions_first_two_unless_others_are_given(template, stack):
    assert zones(stack) == ["us-east-1a", "us-east-1a", "us-east-1b"]
    chosen = launch_stack(template, DOCUMENTED | {"AvailabilityZone1": "us-east-1d", "AvailabilityZone2": "us-east-1c"})
    assert zones(chosen) == ["us-east-1d", "us-east-1d", "us-east-1c"]


@pytest.mark.parametrize("size", [16, 20])
def test_the_vpc_has_the_range_that_was_given_and_room_for_more_subnets(template, size):
    """A cluster has nine; a larger Count of Fn::Cidr keeps the first ones."""
    stack = launch_stack(template, DOCUMENTED | {"VpcCidr": f"192.168.0.0/{size}"})
    subnets = [stack.properties(name)["CidrBlock"] for name in (PUBLIC, "PrivateSubnet1", "PrivateSubnet2")]
    assert stack.properties("Vpc")["CidrBlock"] == f"192.168.0.0/{size}"
    assert subnets == ["192.168.0.0/24", "192.168.1.0/24", "192.168.2.0/24"]


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


def test_an_instance_in_the_public_subnet_gets_an_address_before_it_takes_the_fixed_one_over(stack):
    """Or it could not fetch what it needs to be ready for that."""
    assert stack.properties(PUBLIC)["MapPublicIpOnLaunch"] is True
    for name, subnet in stack.of_type("AWS::EC2::Subnet").items():
        assert name == PUBLIC or not subnet.get("MapPublicIpOnLaunch")


def test_every_connection_is_logged(stack):
    log = stack.properties("NetworkFlowLog")
    assert (log["ResourceType"], log["ResourceId"], log["TrafficType"]) == ("VPC", "<Vpc>", "ALL")
    assert log["LogGroupName"] == "<NetworkLogs>"
    assert stack.properties("NetworkLogs")["RetentionInDays"] == "90"


def test_the_record_of_connections_outlives_the_stack(stack):
    assert stack.resources["NetworkLogs"]["DeletionPolicy"] == "Retain"
