"""The network of a stack: its resources with addresses, the rules of their security groups, and routes of subnets.

What isn't known (a security group or a subnet from a parameter, a port that only AWS knows) counts as open, so a
connection is called impossible only where the template by itself makes it so.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import instances
from quilt_cfn.cloudformation.launch import Launch, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path

INTERNET = "0.0.0.0/0"
EVERYWHERE = (INTERNET, "::/0")
NOWHERE = "127.0.0.1/32"
"""The destination of an outbound rule that only keeps EC2 from adding its default rule; it allows no connection."""

GROUP = "AWS::EC2::SecurityGroup"


class NetworkResource(NamedTuple):
    """A resource with addresses in the network: an instance or Auto Scaling group, a load balancer, a database."""

    name: str
    groups: frozenset[str] | None
    """Logical IDs of its security groups; None if one of them isn't known."""
    subnets: tuple[str, ...]
    """Logical IDs of its subnets, of those in the template."""


class SecurityGroupRule(NamedTuple):
    """One rule of a security group of the template."""

    group: str
    """Logical ID of the security group."""
    inbound: bool
    protocol: str
    """In lower case, as the template writes it; ``-1`` is every protocol."""
    first: int
    """The first port of the range, and ``last`` the last one."""
    last: int
    peer: str | None
    """The other side: a CIDR, the logical ID of a security group, or None if it isn't known."""
    path: Path

    def covers(self, port: int) -> bool:
        """Whether it allows TCP connections to a port."""
        return self.protocol in ("tcp", "6", "-1") and self.first <= port <= self.last


class NetworkView(NamedTuple):
    """The network of a launch."""

    resources: dict[str, NetworkResource]
    """By logical ID."""
    rules: tuple[SecurityGroupRule, ...]
    """All rules of all security groups."""
    restricted_outbound: frozenset[str]
    """Security groups with outbound rules of their own; those without may send anything anywhere."""
    vpc: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    """The address block of the template's VPC; None without a VPC, and with several."""

    def allows(self, resource: NetworkResource, inbound: bool, port: int, other: NetworkResource | str) -> bool:
        """Whether a resource's security groups allow TCP connections on a port, from or to another one or a CIDR."""
        if resource.groups is None or (not inbound and not resource.groups <= self.restricted_outbound):
            return True
        return any(rule.covers(port) for rule in self.rules_about(resource, inbound, other))

    def rules_about(
        self, resource: NetworkResource, inbound: bool, other: NetworkResource | str
    ) -> Iterator[SecurityGroupRule]:
        """The rules of a resource's security groups whose other side is this resource or contains this CIDR."""
        groups = resource.groups or ()
        about = (rule for rule in self.rules if rule.inbound == inbound and rule.group in groups)
        return (rule for rule in about if self._includes(rule.peer, other))

    def is_inside(self, cidr: str) -> bool:
        """Whether a CIDR is a part of the template's VPC."""
        return self.vpc is not None and _contains(str(self.vpc), cidr)

    def _includes(self, peer: str | None, other: NetworkResource | str) -> bool:
        if peer is None:
            return True
        if isinstance(other, str):
            return _contains(peer, other)
        if "/" not in peer:
            return other.groups is None or peer in other.groups
        block = address_block(peer)
        return not self.vpc or bool(block and block.version == self.vpc.version and block.overlaps(self.vpc))


def address_block(value: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A CIDR as Python's type; None for anything else, and for one that is not known."""
    try:
        return ipaddress.ip_network(as_text(value), strict=False) if is_known(value) else None
    except ValueError:
        return None


def _contains(peer: str, cidr: str) -> bool:
    if peer == cidr or "/" not in peer:
        return peer == cidr
    whole, part = address_block(peer), address_block(cidr)
    if not whole or not part or whole.version != part.version:
        return False
    return part.subnet_of(whole)  # type: ignore[arg-type]  # the same version


@lru_cache(maxsize=1)
def network_of(launch: Launch) -> NetworkView:
    """The network of a launch."""
    vpcs = [*launch.of_type("AWS::EC2::VPC").values()]
    vpc = address_block(vpcs[0].get("CidrBlock", "")) if len(vpcs) == 1 else None
    groups = launch.of_type(GROUP)
    restricted = frozenset(name for name, properties in groups.items() if properties.get("SecurityGroupEgress"))
    resources = {resource.name: resource for resource in _resources(launch)}
    return NetworkView(resources, tuple(_rules(launch)), restricted, vpc)


def _resources(launch: Launch) -> Iterator[NetworkResource]:
    for instance in instances(launch):
        interfaces = as_list(instance.settings.get("NetworkInterfaces"))
        settings = {**instance.settings, **dict_or_empty(interfaces[0] if interfaces else None)}
        keys = ("SecurityGroupIds", "Groups", "GroupSet", "SecurityGroups")
        groups = next((settings[key] for key in keys if settings.get(key) is not None), None)
        subnets = settings.get("VPCZoneIdentifier", settings.get("SubnetId"))
        yield NetworkResource(instance.name, _groups(launch, groups), _referenced(launch, subnets))
    for name, properties in launch.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        groups = properties.get("SecurityGroups")
        yield NetworkResource(name, _groups(launch, groups), _referenced(launch, properties.get("Subnets")))
    for name, properties in launch.of_type("AWS::RDS::DBInstance", "AWS::RDS::DBCluster").items():
        groups = properties.get("VPCSecurityGroups", properties.get("VpcSecurityGroupIds"))
        subnet_group = launch.referenced_resource(properties.get("DBSubnetGroupName"))
        subnets = launch.properties(subnet_group).get("SubnetIds")
        yield NetworkResource(name, _groups(launch, groups), _referenced(launch, subnets))


def _referenced(launch: Launch, values: Any) -> tuple[str, ...]:
    """The logical IDs of the resources that the members of a property refer to."""
    return tuple(name for value in as_list(values) if (name := launch.referenced_resource(value)))


def _groups(launch: Launch, values: Any) -> frozenset[str] | None:
    names = _referenced(launch, values)
    known = names and len(names) == len(as_list(values)) and all(launch.type_of(each) == GROUP for each in names)
    return frozenset(names) if known else None


def security_group_entries(launch: Launch, inbound: bool) -> Iterator[tuple[Path, dict[str, Any]]]:
    """(path, entry) of every inbound or outbound rule of a security group."""
    direction = "Ingress" if inbound else "Egress"
    for name, properties in launch.of_type(GROUP).items():
        for index, entry in enumerate(as_list(properties.get(f"SecurityGroup{direction}"))):
            yield ("Resources", name, "Properties", f"SecurityGroup{direction}", index), dict_or_empty(entry)
    for name, properties in launch.of_type(f"{GROUP}{direction}").items():
        yield ("Resources", name), properties


def _rules(launch: Launch) -> Iterator[SecurityGroupRule]:
    for inbound in (True, False):
        for path, entry in security_group_entries(launch, inbound):
            group = str(path[1]) if len(path) > 2 else launch.referenced_resource(entry.get("GroupId"))
            if group:
                yield _rule(launch, group, inbound, entry, path)


def _rule(launch: Launch, group: str, inbound: bool, entry: dict[str, Any], path: Path) -> SecurityGroupRule:
    protocol = as_text(entry.get("IpProtocol", "-1")).lower()
    first, last = _port(entry.get("FromPort")), _port(entry.get("ToPort"))
    if protocol == "-1" or -1 in (first, last):
        first = last = None
    end = "Source" if inbound else "Destination"
    peer_group = entry.get(f"{end}SecurityGroupId", entry.get("SourceSecurityGroupName"))
    cidr = entry.get("CidrIp", entry.get("CidrIpv6"))
    peer = as_text(cidr) if is_known(cidr) and cidr else None
    if peer_group is not None:
        peer = launch.referenced_resource(peer_group)
    first, last = first or 0, 65535 if last is None else last
    return SecurityGroupRule(group, inbound, protocol, first, last, peer, path)


def _port(value: Any) -> int | None:
    text = as_text(value)
    return int(text) if re.fullmatch("-?[0-9]+", text) else None


def ports(*values: Any) -> Iterator[int]:
    """The ports among some values; those that only AWS knows are left out."""
    return (port for port in map(_port, values) if port is not None)


def has_default_route(launch: Launch, subnet: str) -> bool:
    """Whether a subnet of the template has a default route; one without a route table of its own has none."""
    tables = [
        launch.referenced_resource(properties.get("RouteTableId"))
        for properties in launch.of_type("AWS::EC2::SubnetRouteTableAssociation").values()
        if launch.referenced_resource(properties.get("SubnetId")) == subnet
    ]
    if None in tables:
        return True
    return any(
        launch.referenced_resource(properties.get("RouteTableId")) in tables
        and properties.get("DestinationCidrBlock", properties.get("DestinationIpv6CidrBlock")) in EVERYWHERE
        for properties in launch.of_type("AWS::EC2::Route").values()
    )
