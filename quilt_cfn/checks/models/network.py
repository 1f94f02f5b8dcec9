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

from quilt_cfn.checks.models.machines import machines
from quilt_cfn.evaluation import Rendering
from quilt_cfn.evaluation.forms import mapping
from quilt_cfn.evaluation.texts import Path, as_text, is_known, several

INTERNET = "0.0.0.0/0"
EVERYWHERE = (INTERNET, "::/0")
NOWHERE = "127.0.0.1/32"
"""The destination of a rule that only keeps EC2 from adding its own: no machine has this address for others."""

GROUP = "AWS::EC2::SecurityGroup"


class Party(NamedTuple):
    """Something with an address: ``groups`` are the logical IDs of its security groups, None if they aren't known."""

    name: str
    groups: frozenset[str] | None
    subnets: tuple[str, ...]
    """Logical IDs of its subnets, as far as this template makes them."""


class Permit(NamedTuple):
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


class Network(NamedTuple):
    """The parties by name, and all rules of all groups."""

    parties: dict[str, Party]
    permits: tuple[Permit, ...]
    guarded: frozenset[str]
    """Groups with outbound rules of their own; EC2 lets all others send anything anywhere."""
    vpc: Any
    """The block of the template's VPC, if there is one."""

    def admits(self, party: Party, inbound: bool, port: int, other: Party | str) -> bool:
        """Whether a party's groups let a conversation on a TCP port through, from or to another party or a CIDR."""
        if party.groups is None or (not inbound and not party.groups <= self.guarded):
            return True
        return any(True for permit in self.matching(party, inbound, other) if permit.covers(port))

    def matching(self, party: Party, inbound: bool, other: Party | str) -> Iterator[Permit]:
        """The rules of a party's groups that are about another party or a CIDR."""
        for permit in self.permits:
            if permit.inbound == inbound and permit.group in (party.groups or ()) and self._is(permit.peer, other):
                yield permit

    def is_inside(self, cidr: str) -> bool:
        """Whether a block is a part of the template's VPC."""
        return self.vpc is not None and _contains(str(self.vpc), cidr)

    def _is(self, peer: str | None, other: Party | str) -> bool:
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
def network_of(rendering: Rendering) -> Network:
    """The network of a rendering."""
    blocks = [properties.get("CidrBlock", "") for properties in rendering.of_type("AWS::EC2::VPC").values()]
    try:
        vpc = ipaddress.ip_network(as_text(blocks[0])) if len(blocks) == 1 else None
    except ValueError:
        vpc = None
    groups = rendering.of_type(GROUP)
    guarded = frozenset(name for name, properties in groups.items() if properties.get("SecurityGroupEgress"))
    parties = {party.name: party for party in _parties(rendering)}
    return Network(parties, tuple(_permits(rendering)), guarded, vpc)


def _parties(rendering: Rendering) -> Iterator[Party]:
    for machine in machines(rendering):
        interfaces = machine.settings.get("NetworkInterfaces")
        interface = mapping(interfaces[0]) if isinstance(interfaces, list) and interfaces else {}
        settings = {**machine.settings, **interface}
        groups = settings.get("SecurityGroupIds", settings.get("Groups", settings.get("GroupSet")))
        groups = groups if groups is not None else settings.get("SecurityGroups")
        subnets = settings.get("VPCZoneIdentifier", settings.get("SubnetId"))
        yield Party(machine.name, _groups(rendering, groups), _named(rendering, subnets))
    for name, properties in rendering.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        groups = properties.get("SecurityGroups")
        yield Party(name, _groups(rendering, groups), _named(rendering, properties.get("Subnets")))
    for name, properties in rendering.of_type("AWS::RDS::DBInstance", "AWS::RDS::DBCluster").items():
        groups = properties.get("VPCSecurityGroups", properties.get("VpcSecurityGroupIds"))
        subnets = rendering.properties(rendering.named(properties.get("DBSubnetGroupName")) or "").get("SubnetIds")
        yield Party(name, _groups(rendering, groups), _named(rendering, subnets))


def _named(rendering: Rendering, values: Any) -> tuple[str, ...]:
    return tuple(name for value in several(values) if (name := rendering.named(value)))


def _groups(rendering: Rendering, values: Any) -> frozenset[str] | None:
    named = _named(rendering, values)
    known = named and len(named) == len(several(values)) and all(rendering.type_of(each) == GROUP for each in named)
    return frozenset(named) if known else None


def _permits(rendering: Rendering) -> Iterator[Permit]:
    for name, properties in rendering.of_type(GROUP).items():
        for key, inbound in (("SecurityGroupIngress", True), ("SecurityGroupEgress", False)):
            for index, entry in enumerate(several(properties.get(key))):
                yield _permit(rendering, name, inbound, mapping(entry), ("Resources", name, "Properties", key, index))
    for name, properties in rendering.of_type(f"{GROUP}Ingress", f"{GROUP}Egress").items():
        group = rendering.named(properties.get("GroupId"))
        if group:
            inbound = rendering.type_of(name).endswith("Ingress")
            yield _permit(rendering, group, inbound, properties, ("Resources", name))


def _permit(rendering: Rendering, group: str, inbound: bool, entry: dict[str, Any], path: Path) -> Permit:
    protocol = as_text(entry.get("IpProtocol", "-1")).lower()
    first, last = (_port(entry.get(key)) for key in ("FromPort", "ToPort"))
    everything = protocol == "-1" or -1 in (first, last)
    end = "Source" if inbound else "Destination"
    peer_group = entry.get(f"{end}SecurityGroupId", entry.get("SourceSecurityGroupName"))
    cidr = entry.get("CidrIp", entry.get("CidrIpv6"))
    peer = rendering.named(peer_group) if peer_group is not None else as_text(cidr) if is_known(cidr) and cidr else None
    return Permit(
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


def way_out(rendering: Rendering, subnet: str) -> bool:
    """Whether a subnet that this template makes has a default route; without a table of its own it has none."""
    tables = [
        rendering.named(properties.get("RouteTableId"))
        for properties in rendering.of_type("AWS::EC2::SubnetRouteTableAssociation").values()
        if rendering.named(properties.get("SubnetId")) == subnet
    ]
    if None in tables:
        return True
    return any(
        rendering.named(properties.get("RouteTableId")) in tables
        and properties.get("DestinationCidrBlock", properties.get("DestinationIpv6CidrBlock")) in EVERYWHERE
        for properties in rendering.of_type("AWS::EC2::Route").values()
    )
