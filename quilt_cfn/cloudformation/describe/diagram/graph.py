"""What a diagram shows of a launch: cards, where they lie in the network, and who connects to or uses whom.

Flows are those of the reachability analysis. A use is a reference, also by way of what only configures: an instance
uses the secret that the policy of its role names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import instances
from quilt_cfn.cloudformation.analysis.network import INTERNET, NetworkResource, network_of
from quilt_cfn.cloudformation.analysis.traffic import connections
from quilt_cfn.cloudformation.describe.diagram.kinds import AREAS, Kind, kind_of
from quilt_cfn.cloudformation.launch import Contract, Launch, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_text

PUBLIC, PRIVATE, ISOLATED, ELSEWHERE = "public", "private", "isolated", "elsewhere"
"""Zones of a network, in the order of their rows; ELSEWHERE is a subnet that the template only gets as a value."""
OUTSIDE, BESIDE = "outside", "beside"
"""What is no part of the stack, and services of a Region that lie in no network."""

MOST_CARDS = 26
"""More than this nobody reads: kinds with the most resources are then drawn as one card each."""
MOST_USES = 14
"""Uses that are drawn at most; flows always are."""

_SUBNET = "AWS::EC2::Subnet"
_IN_SUBNETS = {"balancer", "compute", "data", "storage", "network"}
"""Areas whose resources lie in subnets, if they name any."""
_ATTACHED = {
    "AWS::IAM::Policy": ("Roles", "Users", "Groups"),
    "AWS::IAM::ManagedPolicy": ("Roles", "Users"),
    "AWS::EC2::VolumeAttachment": ("InstanceId",),
}
"""Types -> the properties that name whom they belong to."""
_LINKS = {
    "AWS::Lambda::Permission": ("SourceArn", "FunctionName"),
    "AWS::Lambda::EventSourceMapping": ("EventSourceArn", "FunctionName"),
    "AWS::SNS::Subscription": ("TopicArn", "Endpoint"),
    "AWS::ApiGateway::Method": ("RestApiId", "Integration"),
    "AWS::ApiGatewayV2::Integration": ("ApiId", "IntegrationUri"),
    "AWS::Cognito::IdentityPoolRoleAttachment": ("IdentityPoolId", "Roles"),
    "AWS::DMS::ReplicationTask": ("SourceEndpointArn", "TargetEndpointArn"),
}
"""Types that only join two resources -> (the property of the one that acts, the property of the other one)."""
_TARGETS = "AWS::ElasticLoadBalancingV2::TargetGroup"


class Node(NamedTuple):
    """One card."""

    id: str
    """A logical ID, a type, or what is outside."""
    name: str
    detail: str
    kind: Kind
    zone: str
    members: tuple[str, ...]
    """Logical IDs of the resources that it stands for."""


class Edge(NamedTuple):
    """An arrow from one card to another."""

    source: str
    destination: str
    ports: tuple[int, ...] = ()
    """The ports of a flow; none for a use."""


def label_of(edge: Edge) -> str:
    """The ports of a flow; more than four are counted."""
    shown = [str(port) for port in edge.ports[:4]]
    more = len(edge.ports) - len(shown)
    return ", ".join([*shown, f"{more} more"] if more else shown)


class Zone(NamedTuple):
    """A row of the network."""

    id: str
    title: str


class Graph(NamedTuple):
    """Everything that a diagram shows."""

    title: str
    region: str
    network: str | None
    """The title of the network; None without one."""
    zones: tuple[Zone, ...]
    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    note: str
    """How many resources there are, and what is not drawn; without a stop."""

    def in_zone(self, zone: str) -> list[Node]:
        return [node for node in self.nodes.values() if node.zone == zone]


def graph_of(launch: Launch, contract: Contract, title: str = "") -> Graph:
    """The graph of a launch. ``title`` stands above it; without one, what the template says of itself."""
    kinds = {name: kind_of(launch.type_of(name)) for name in launch.resources}
    zones = {name: _zone(launch, name, kind) for name, kind in kinds.items()}
    flows = _flows(launch, contract)
    nodes = dict(_nodes(launch, kinds, zones, flows))
    card = {member: node.id for node in nodes.values() for member in node.members}
    edges = [Edge(card[source], card[destination], ports) for (source, destination), ports in flows.items()]
    joined = {frozenset((edge.source, edge.destination)) for edge in edges}
    uses = [use for use in _uses(launch, card, nodes) if frozenset((use.source, use.destination)) not in joined]
    rows = tuple(_zones(launch, {node.zone for node in nodes.values()}))
    drawn = {member for node in nodes.values() for member in node.members}
    return Graph(
        title or _first_sentence(as_text(launch.template.get("Description") or "Architecture")),
        launch.region,
        _network_title(launch) if rows else None,
        rows,
        nodes,
        tuple(_merged([*edges, *uses[:MOST_USES]])),
        _note(launch, drawn, len(uses) - MOST_USES),
    )


def _first_sentence(words: str) -> str:
    return " ".join(words.split()).partition(". ")[0].rstrip(".")


def _note(launch: Launch, drawn: set[str], left_out: int) -> str:
    """How many resources there are, and what is not drawn."""
    rest = len(set(launch.resources) - drawn)
    total = len(launch.resources)
    words = "1 resource" if total == 1 else f"{total or 'no'} resources"
    if rest:
        words += f"; {rest} that only configure others {'is' if rest == 1 else 'are'} not drawn"
    if left_out > 0:
        words += f", and {left_out} more uses"
    return f"{words[0].upper()}{words[1:]}"


def _merged(edges: Iterable[Edge]) -> Iterator[Edge]:
    """One edge for each pair of cards and direction, with all ports."""
    found: dict[tuple[str, str], set[int]] = {}
    for edge in edges:
        if edge.source != edge.destination:
            found.setdefault((edge.source, edge.destination), set()).update(edge.ports)
    yield from (Edge(*ends, tuple(sorted(ports))) for ends, ports in found.items())


def _flows(launch: Launch, contract: Contract) -> dict[tuple[str, str], tuple[int, ...]]:
    """(source, destination) -> ports of the reachability analysis; an end outside is its CIDR, incoming or not."""
    found: dict[tuple[str, str], set[int]] = {}
    for each in connections(launch, contract):
        source = each.source.name if isinstance(each.source, NetworkResource) else f"from {each.source}"
        end = each.destination.name if isinstance(each.destination, NetworkResource) else f"to {each.destination}"
        found.setdefault((source, end), set()).add(each.port)
    return {ends: tuple(sorted(ports)) for ends, ports in found.items()}


def _nodes(
    launch: Launch, kinds: dict[str, Kind], zones: dict[str, str], flows: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, Node]]:
    for end in dict.fromkeys(chain.from_iterable(flows)):
        if end not in launch.resources:
            yield end, _outside(end)
    in_flows = set(chain.from_iterable(flows))
    drawn = {name: kind for name, kind in kinds.items() if kind.drawn != "no" or name in in_flows}
    groups: dict[tuple[str, str], list[str]] = {}
    for name in drawn:
        groups.setdefault((launch.type_of(name), zones[name]), []).append(name)
    single = {key for key, names in groups.items() if drawn[names[0]].drawn == "each" or len(names) == 1}
    while sum(len(groups[key]) for key in single) + len(groups) - len(single) > MOST_CARDS:
        largest = max(single, key=lambda key: (len(groups[key]), key))
        if len(groups[largest]) == 1:
            break
        single.remove(largest)
    others: dict[str, Node] = {}
    for area in sorted(AREAS, key=lambda area: -sum(drawn[names[0]].area == area for names in groups.values())):
        if len(groups) <= MOST_CARDS:
            break
        others |= _others(area, groups, drawn, in_flows)
    for key, names in groups.items():
        kind = drawn[names[0]]
        if key in single:
            for name in names:
                yield name, Node(name, name, _detail(launch, name, kind), kind, key[1], (name,))
        else:
            identity = " ".join(key)
            yield identity, Node(identity, kind.of(len(names)), _first_of(names), kind, key[1], tuple(names))
    yield from others.items()


def _first_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]}\nand {len(names) - 1} more"


def _others(
    area: str, groups: dict[tuple[str, str], list[str]], drawn: dict[str, Kind], in_flows: set[str]
) -> dict[str, Node]:
    """One card for the last types of an area beside the network, which are taken out of the groups."""
    keys = [key for key, names in groups.items() if key[1] == BESIDE and drawn[names[0]].area == area]
    keys = [key for key in keys if not in_flows.intersection(groups[key])]
    excess = min(len(groups) - MOST_CARDS + 1, len(keys) - 2)
    if excess < 2:
        return {}
    names = [name for key in keys[-excess:] for name in groups.pop(key)]
    kind = kind_of("anything")._replace(area=area, label="other")
    identity = f"others of {area}"
    return {identity: Node(identity, kind.of(len(names)), _first_of(names), kind, BESIDE, tuple(names))}


def _outside(end: str) -> Node:
    direction, _, cidr = end.partition(" ")
    if direction == "to":
        name, kind = "Internet", "internet"
        detail = "AWS, packages, mail" if cidr == INTERNET else cidr
    else:
        name, kind = ("People", "people") if cidr == INTERNET else ("Administrators", "administrators")
        detail = "from any address" if cidr == INTERNET else f"from {cidr}"
    return Node(end, name, detail, kind_of(kind), OUTSIDE, (end,))


_ENGINES = {
    "postgres": "PostgreSQL",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "aurora-postgresql": "Aurora PostgreSQL",
    "aurora-mysql": "Aurora MySQL",
}


def _detail(launch: Launch, name: str, kind: Kind) -> str:
    """What kind of resource it is, with its size where that is known."""
    properties = launch.properties(name)
    type_ = launch.type_of(name)
    size = properties.get(
        "DBInstanceClass", properties.get("CacheNodeType", properties.get("ReplicationInstanceClass"))
    )
    if kind.area == "compute":
        size = next((each.settings.get("InstanceType") for each in instances(launch) if each.name == name), size)
    label = kind.label
    engine = properties.get("Engine")
    if type_.startswith("AWS::RDS") and engine and is_known(engine):
        label = _ENGINES.get(as_text(engine), as_text(engine))
        label = label if label.startswith("Aurora") else f"RDS {label}"
    if type_ == "AWS::ElasticLoadBalancingV2::LoadBalancer" and is_known(properties.get("Type")):
        label = f"{as_text(properties.get('Type') or 'application').capitalize()} Load Balancer"
    return f"{label}, {as_text(size)}" if size and isinstance(size, str) and is_known(size) else label


# The network


def _zone(launch: Launch, name: str, kind: Kind) -> str:
    if kind.area not in _IN_SUBNETS or launch.type_of(name) == _TARGETS:
        return BESIDE
    subnets = _subnets(launch, name)
    if subnets:
        return min((_zone_of_subnet(launch, each) for each in subnets), key=[PUBLIC, PRIVATE, ISOLATED].index)
    if name not in network_of(launch).resources and not _names_subnets(launch.properties(name)):
        return BESIDE
    in_vpc = launch.type_of(launch.referenced_resource(launch.properties(name).get("VpcId"))) == "AWS::EC2::VPC"
    own = {_zone_of_subnet(launch, each) for each in launch.of_type(_SUBNET)}
    return next((zone for zone in (PRIVATE, ISOLATED, PUBLIC) if in_vpc and zone in own), ELSEWHERE)


def _subnets(launch: Launch, name: str) -> set[str]:
    """The subnets of the template in which a resource lies: those that it names, or that its subnet group names."""
    resource = network_of(launch).resources.get(name)
    found = set(resource.subnets) if resource else set()
    mounts = [
        each
        for each in launch.of_type("AWS::EFS::MountTarget").values()
        if launch.referenced_resource(each.get("FileSystemId")) == name
    ]
    for properties in (launch.properties(name), *mounts):
        named = {origin.name for origin in origins_of(properties)}
        groups = {each for each in named if launch.type_of(each).endswith("SubnetGroup")}
        named |= {origin.name for group in groups for origin in origins_of(launch.properties(group))}
        found |= {each for each in named if launch.type_of(each) == _SUBNET}
    return {each for each in found if launch.type_of(each) == _SUBNET}


_VPC_KEYS = ("VpcConfig", "VpcId", "VPCZoneIdentifier")


def _names_subnets(value: Any) -> bool:
    """Whether properties have one about subnets or a VPC."""
    if isinstance(value, dict):
        return any("Subnet" in key or key in _VPC_KEYS or _names_subnets(member) for key, member in value.items())
    return isinstance(value, list) and any(map(_names_subnets, value))


def _zone_of_subnet(launch: Launch, subnet: str) -> str:
    """Whether a subnet's default route leads to an internet gateway, to something else, or nowhere."""
    tables = {
        launch.referenced_resource(each.get("RouteTableId"))
        for each in launch.of_type("AWS::EC2::SubnetRouteTableAssociation").values()
        if launch.referenced_resource(each.get("SubnetId")) == subnet
    }
    zone = ISOLATED
    for route in launch.of_type("AWS::EC2::Route").values():
        if launch.referenced_resource(route.get("RouteTableId")) in tables:
            gateway = launch.type_of(launch.referenced_resource(route.get("GatewayId")))
            if route.get("GatewayId") is not None and gateway in ("", "AWS::EC2::InternetGateway"):
                return PUBLIC
            zone = PRIVATE
    return zone


def _zones(launch: Launch, used: set[str]) -> Iterator[Zone]:
    count = Counter(_zone_of_subnet(launch, name) for name in launch.of_type(_SUBNET))
    titles = {PUBLIC: "Public", PRIVATE: "Private", ISOLATED: "Private"}
    for zone, title in titles.items():
        if zone in used or count[zone]:
            number = count[zone]
            subnets = f"{title} subnet" if number == 1 else f"{title} subnets ({number})"
            yield Zone(zone, subnets + (", no route to the internet" if zone == ISOLATED else ""))
    if ELSEWHERE in used:
        yield Zone(ELSEWHERE, "Existing subnets")
    elif not used.intersection(titles) and not count and launch.of_type("AWS::EC2::VPC"):
        yield Zone(ISOLATED, "No subnets")


def _network_title(launch: Launch) -> str:
    vpcs = launch.of_type("AWS::EC2::VPC")
    if len(vpcs) != 1:
        return f"{len(vpcs)} VPCs" if vpcs else "Existing VPC"
    cidr = next(iter(vpcs.values())).get("CidrBlock")
    return f"VPC {as_text(cidr)}" if cidr and is_known(cidr) else "VPC"


# Uses


def _uses(launch: Launch, card: dict[str, str], nodes: dict[str, Node]) -> list[Edge]:
    """Who uses whom, of cards; what belongs to a card speaks for it."""
    belonging = _belonging(launch, card)
    pairs: dict[tuple[str, str], None] = {}
    for name, properties in ((each, launch.properties(each)) for each in launch.resources):
        link = _LINKS.get(launch.type_of(name))
        if link:
            ends = [_named(launch, properties.get(key)) for key in link]
            pairs |= dict.fromkeys((one, other) for one in ends[0] for other in ends[1])
    for name in card:
        if name in launch.resources:
            for part in (name, *belonging.get(name, ())):
                pairs |= dict.fromkeys((name, other) for other in _named(launch, launch.resources[part]))
    found: dict[tuple[str, str], None] = {}
    for one, other in pairs:
        source, destination = card.get(one), card.get(other)
        if source and destination and source != destination and _is_use(launch, nodes[source], nodes[destination]):
            found[source, destination] = None
    pairs_found = [Edge(*ends) for ends in found if (ends[1], ends[0]) not in found or ends[0] < ends[1]]
    return sorted(pairs_found, key=lambda edge: AREAS_IN_ORDER.index(nodes[edge.source].kind.area))


AREAS_IN_ORDER = [
    "compute",
    "entry",
    "workflow",
    "storage",
    "data",
    "balancer",
    "identity",
    "network",
    "monitoring",
    "other",
]
"""The areas whose uses are drawn first, where there are too many."""


def _is_use(launch: Launch, source: Node, destination: Node) -> bool:
    """Whether a reference says something about data, and not only about permissions, keys or what is watched."""
    watched = source.kind.area == "monitoring" and destination.kind.label != "SNS topic"
    roles = {source.kind.label, destination.kind.label} & {"IAM role", "managed policy", "IAM group", "certificate"}
    return not watched and not roles and source.kind.label not in ("secret", "parameter", "KMS key")


def _named(launch: Launch, value: Any) -> list[str]:
    """The resources that a value comes from, in a fixed order."""
    return sorted({origin.name for origin in origins_of(value) if origin.name in launch.resources})


def _belonging(launch: Launch, card: dict[str, str]) -> dict[str, list[str]]:
    """Resource -> what only configures it: launch template, role, policies, task definition, settings."""
    attached: dict[str, list[str]] = {}
    for name in launch.resources:
        for key in _ATTACHED.get(launch.type_of(name), ()):
            for owner in _named(launch, launch.properties(name).get(key)):
                attached.setdefault(owner, []).append(name)
    found = {}
    for name in card:
        if name in launch.resources:
            parts: dict[str, None] = {}
            latest = [name]
            while latest:
                named = [part for each in latest for part in (*_configuring(launch, each), *attached.get(each, ()))]
                latest = [part for part in dict.fromkeys(named) if part not in parts and part != name]
                parts |= dict.fromkeys(latest)
            found[name] = list(parts)
    return found


_CONFIGURING = (
    "AWS::EC2::LaunchTemplate",
    "AWS::AutoScaling::LaunchConfiguration",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::Role",
    "AWS::ECS::TaskDefinition",
    "AWS::EFS::AccessPoint",
)


def _configuring(launch: Launch, name: str) -> list[str]:
    if launch.type_of(name) == "AWS::IAM::Role" or name not in launch.resources:
        return []
    values = [value for key, value in launch.properties(name).items() if key != "UserData"]
    return [each for each in _named(launch, values) if launch.type_of(each) in _CONFIGURING]
