"""Who can talk to whom: parties, the security groups around them, and the routes out of their subnets.

The rule: what isn't known (a group or a subnet from a parameter, a port that only AWS knows) lets everything through;
so a conversation is called impossible only where the template by itself makes it so.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import instances
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.values import is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path

INTERNET = "0.0.0.0/0"
EVERYWHERE = (INTERNET, "::/0")
NOWHERE = "127.0.0.1/32"
"""The destination of a rule that only keeps EC2 from adding its own: no machine has this address for others."""

GROUP = "AWS::EC2::SecurityGroup"


class Endpoint(NamedTuple):
    """Something with an address: ``groups`` are the logical IDs of its security groups, None if they aren't known."""

    name: str
    groups: frozenset[str] | None
    subnets: tuple[str, ...]
    """Logical IDs of its subnets, as far as this template makes them."""


class SecurityGroupRule(NamedTuple):
    """One rule of a security group: ``peer`` is a CIDR, the logical ID of a group, or None if it isn't known."""

    group: str
    inbound: bool
    protocol: str
    first: int
    last: int
    peer: str | None
    path: Path

    def covers(self, port: int) -> bool:
        return self.protocol in ("tcp", "6", "-1") and self.first <= port <= self.last


class NetworkView(NamedTuple):
    """The parties by name, and all rules of all groups."""

    parties: dict[str, Endpoint]
    permits: tuple[SecurityGroupRule, ...]
    guarded: frozenset[str]
    """Groups with outbound rules of their own; EC2 lets all others send anything anywhere."""
    vpc: Any
    """The block of the template's VPC, if there is one."""

    def admits(self, party: Endpoint, inbound: bool, port: int, other: Endpoint | str) -> bool:
        """Whether a party's groups let a conversation on a TCP port through, from or to another party or a CIDR."""
        if party.groups is None or (not inbound and not party.groups <= self.guarded):
            return True
        return any(True for permit in self.matching(party, inbound, other) if permit.covers(port))

    def matching(self, party: Endpoint, inbound: bool, other: Endpoint | str) -> Iterator[SecurityGroupRule]:
        """The rules of a party's groups that are about another party or a CIDR."""
        for permit in self.permits:
            if permit.inbound == inbound and permit.group in (party.groups or ()) and self._is(permit.peer, other):
                yield permit

    def is_inside(self, cidr: str) -> bool:
        """Whether a block is a part of the template's VPC."""
        return self.vpc is not None and _contains(str(self.vpc), cidr)

    def _is(self, peer: str | None, other: Endpoint | str) -> bool:
        if peer is None:
            return True
        if isinstance(other, str):
            return _contains(peer, other)
        if "/" not in peer:
            return other.groups is None or peer in other.groups
        return self.vpc is None or _overlaps(peer, self.vpc)


def _contains(peer: str, cidr: str) -> bool:
    if peer == cidr or "/" not in peer:
        return peer == cidr
    try:
        whole, part = ipaddress.ip_network(peer, strict=False), ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False
    return whole.version == part.version and part.subnet_of(whole)  # type: ignore[arg-type]  # the same version


def _overlaps(peer: str, block: Any) -> bool:
    try:
        network = ipaddress.ip_network(peer, strict=False)
    except ValueError:
        return False
    return network.version == block.version and network.overlaps(block)


@lru_cache(maxsize=1)
def network_of(launch: Launch) -> NetworkView:
    """The network of a launch."""
    blocks = [properties.get("CidrBlock", "") for properties in launch.of_type("AWS::EC2::VPC").values()]
    try:
        vpc = ipaddress.ip_network(as_text(blocks[0])) if len(blocks) == 1 else None
    except ValueError:
        vpc = None
    groups = launch.of_type(GROUP)
    guarded = frozenset(name for name, properties in groups.items() if properties.get("SecurityGroupEgress"))
    parties = {party.name: party for party in _parties(launch)}
    return NetworkView(parties, tuple(_permits(launch)), guarded, vpc)


def _parties(launch: Launch) -> Iterator[Endpoint]:
    for machine in instances(launch):
        interfaces = machine.settings.get("NetworkInterfaces")
        interface = dict_or_empty(interfaces[0]) if isinstance(interfaces, list) and interfaces else {}
        settings = {**machine.settings, **interface}
        groups = settings.get("SecurityGroupIds", settings.get("Groups", settings.get("GroupSet")))
        groups = groups if groups is not None else settings.get("SecurityGroups")
        subnets = settings.get("VPCZoneIdentifier", settings.get("SubnetId"))
        yield Endpoint(machine.name, _groups(launch, groups), _named(launch, subnets))
    for name, properties in launch.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        groups = properties.get("SecurityGroups")
        yield Endpoint(name, _groups(launch, groups), _named(launch, properties.get("Subnets")))
    for name, properties in launch.of_type("AWS::RDS::DBInstance", "AWS::RDS::DBCluster").items():
        groups = properties.get("VPCSecurityGroups", properties.get("VpcSecurityGroupIds"))
        subnets = launch.properties(launch.referenced_resource(properties.get("DBSubnetGroupName")) or "").get(
            "SubnetIds"
        )
        yield Endpoint(name, _groups(launch, groups), _named(launch, subnets))


def _named(launch: Launch, values: Any) -> tuple[str, ...]:
    return tuple(name for value in as_list(values) if (name := launch.referenced_resource(value)))


def _groups(launch: Launch, values: Any) -> frozenset[str] | None:
    named = _named(launch, values)
    known = named and len(named) == len(as_list(values)) and all(launch.type_of(each) == GROUP for each in named)
    return frozenset(named) if known else None


def _permits(launch: Launch) -> Iterator[SecurityGroupRule]:
    for name, properties in launch.of_type(GROUP).items():
        for key, inbound in (("SecurityGroupIngress", True), ("SecurityGroupEgress", False)):
            for index, entry in enumerate(as_list(properties.get(key))):
                yield _permit(
                    launch, name, inbound, dict_or_empty(entry), ("Resources", name, "Properties", key, index)
                )
    for name, properties in launch.of_type(f"{GROUP}Ingress", f"{GROUP}Egress").items():
        group = launch.referenced_resource(properties.get("GroupId"))
        if group:
            inbound = launch.type_of(name).endswith("Ingress")
            yield _permit(launch, group, inbound, properties, ("Resources", name))


def _permit(launch: Launch, group: str, inbound: bool, entry: dict[str, Any], path: Path) -> SecurityGroupRule:
    protocol = as_text(entry.get("IpProtocol", "-1")).lower()
    first, last = (_port(entry.get(key)) for key in ("FromPort", "ToPort"))
    everything = protocol == "-1" or -1 in (first, last)
    end = "Source" if inbound else "Destination"
    peer_group = entry.get(f"{end}SecurityGroupId", entry.get("SourceSecurityGroupName"))
    cidr = entry.get("CidrIp", entry.get("CidrIpv6"))
    peer = (
        launch.referenced_resource(peer_group)
        if peer_group is not None
        else as_text(cidr)
        if is_known(cidr) and cidr
        else None
    )
    return SecurityGroupRule(
        group,
        inbound,
        protocol,
        0 if everything or first is None else first,
        65535 if everything or last is None else last,
        peer,
        path,
    )


def _port(value: Any) -> int | None:
    text = as_text(value)
    return int(text) if re.fullmatch("-?[0-9]+", text) else None


def ports(values: Iterable[Any]) -> Iterator[int]:
    """The ports among some values; what only AWS knows is left out."""
    for value in values:
        port = _port(value)
        if port is not None:
            yield port


def has_default_route(launch: Launch, subnet: str) -> bool:
    """Whether a subnet that this template makes has a default route; without a table of its own it has none."""
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
