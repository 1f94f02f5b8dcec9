"""The conversations that a stack needs, as far as its template shows them, and those that its contract adds.

The rule: a conversation is needed because something in the stack starts it; it says what that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import files, instances, scripts
from quilt_cfn.cloudformation.analysis.network import INTERNET, Endpoint, NetworkView, network_of, ports
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.launch.values import origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty

BALANCER = "AWS::ElasticLoadBalancingV2"
ENGINE_PORTS = {"postgres": 5432, "aurora-postgresql": 5432, "mysql": 3306, "mariadb": 3306, "aurora-mysql": 3306}
"""Database engine -> the port on which RDS lets it listen if no other is given."""

NOT_TCP = ("UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC")
"""Protocols of listeners and target groups that are no TCP, or not only."""

CALLS_AWS = re.compile(r"\b(cfn-init|cfn-signal|aws [a-z0-9-]+ [a-z-]+|yum|dnf|apt-get|docker pull|pip3? install)\b")


class Connection(NamedTuple):
    """``source`` starts talking to ``destination`` on a TCP port; each is a party, or a CIDR outside the VPC."""

    source: Endpoint | str
    destination: Endpoint | str
    port: int
    because: str

    @property
    def ends(self) -> tuple[str, str]:
        return name_of(self.source), name_of(self.destination)


def name_of(end: Endpoint | str) -> str:
    """How a sentence calls one end of a conversation."""
    return end.name if isinstance(end, Endpoint) else "the internet" if end == INTERNET else end


@lru_cache(maxsize=1)
def connections(launch: Launch, contract: Contract) -> tuple[Connection, ...]:
    """Everything that has to be possible."""
    return tuple(_conversations(launch, network_of(launch), contract))


def _conversations(launch: Launch, network: NetworkView, contract: Contract) -> Iterator[Connection]:
    yield from _to_load_balancers(launch, network)
    yield from _to_targets(launch, network)
    yield from _to_databases(launch, network)
    yield from _to_aws(launch, network)
    for agreed in contract.connections:
        source, destination = (
            network.parties.get(end) or as_text(launch.compute({"Fn::Sub": end}))
            for end in (agreed.source, agreed.destination)
        )
        for port in ports([launch.compute({"Fn::Sub": agreed.port})]):
            yield Connection(source, destination, port, agreed.because)


def _to_load_balancers(launch: Launch, network: NetworkView) -> Iterator[Connection]:
    for listener, properties in launch.of_type(f"{BALANCER}::Listener").items():
        balancer = network.parties.get(launch.referenced_resource(properties.get("LoadBalancerArn")) or "")
        facing = launch.properties(balancer.name).get("Scheme", "internet-facing") if balancer else None
        if balancer and facing == "internet-facing" and properties.get("Protocol") not in NOT_TCP:
            for port in ports([properties.get("Port")]):
                yield Connection(INTERNET, balancer, port, f"{listener} listens there")


def targets(launch: Launch, network: NetworkView) -> Iterator[tuple[str, str, Endpoint, int]]:
    """(load balancer, target group, machine, port) of everything that a load balancer sends to."""
    for listener in launch.of_type(f"{BALANCER}::Listener", f"{BALANCER}::ListenerRule").values():
        owner = listener.get("LoadBalancerArn")
        if owner is None:
            owner = launch.properties(launch.referenced_resource(listener.get("ListenerArn")) or "").get(
                "LoadBalancerArn"
            )
        for origin in sorted(origins_of(listener.get("DefaultActions", listener.get("Actions")))):
            group = launch.properties(origin.name)
            if launch.type_of(origin.name) == f"{BALANCER}::TargetGroup" and group.get("Protocol") not in NOT_TCP:
                for party, port in _members(launch, network, origin.name, group):
                    yield launch.referenced_resource(owner) or "", origin.name, party, port


def _members(launch: Launch, network: NetworkView, name: str, group: dict[str, Any]) -> Iterator[tuple[Endpoint, int]]:
    health = group.get("HealthCheckPort", "traffic-port")
    members = [
        (
            launch.referenced_resource(dict_or_empty(target).get("Id")),
            dict_or_empty(target).get("Port", group.get("Port")),
        )
        for target in as_list(group.get("Targets"))
    ]
    for fleet, properties in launch.of_type("AWS::AutoScaling::AutoScalingGroup").items():
        if name in {origin.name for origin in origins_of(properties.get("TargetGroupARNs"))}:
            members.append((fleet, group.get("Port")))
    for member, traffic in members:
        party = network.parties.get(member or "")
        if party:
            for port in sorted(set(ports([traffic, traffic if health == "traffic-port" else health]))):
                yield party, port


def _to_targets(launch: Launch, network: NetworkView) -> Iterator[Connection]:
    for balancer, group, party, port in targets(launch, network):
        sender = network.parties.get(balancer)
        # A Network Load Balancer without security groups sends from its clients' addresses.
        if sender and not (sender.groups is None and launch.properties(balancer).get("Type") == "network"):
            yield Connection(sender, party, port, f"{group} sends requests there")


def _to_databases(launch: Launch, network: NetworkView) -> Iterator[Connection]:
    for database, properties in launch.of_type("AWS::RDS::DBInstance", "AWS::RDS::DBCluster").items():
        default = ENGINE_PORTS.get(as_text(properties.get("Engine", "")))
        for machine in instances(launch):
            mentioned = {
                origin.name
                for source in machine.sources
                for origin in origins_of(launch.resources[source])
                if origin.attribute.startswith(("Endpoint", "ReadEndpoint"))
            }
            if database in mentioned:
                for port in ports([properties.get("Port", default)]):
                    yield Connection(
                        network.parties[machine.name], network.parties[database], port, f"{database} listens there"
                    )


def _to_aws(launch: Launch, network: NetworkView) -> Iterator[Connection]:
    endpoints = launch.of_type("AWS::EC2::VPCEndpoint").values()
    if any(endpoint.get("VpcEndpointType") == "Interface" for endpoint in endpoints):
        return  # AWS may be reached within the VPC.
    for machine in instances(launch):
        for source in machine.sources:
            calls = [CALLS_AWS.search(text) for _, text in scripts(launch, source)]
            first = next(filter(None, calls), None)
            if first:
                yield Connection(network.parties[machine.name], INTERNET, 443, f"{first[0]} runs at boot")
                break


PUBLISH = re.compile(r"--publish[ =]\"?(\$?)\{?([A-Za-z0-9_]+)\}?:([0-9]+)")


def published(launch: Launch, party: Endpoint) -> dict[int, int]:
    """Port of a machine -> port of the container behind it, of every ``docker run --publish`` in its files.

    A shell variable is looked up among the values that the machine's JSON files have under its name.
    """
    found: dict[int, int] = {}
    texts = texts_on(launch, party)
    for text in texts:
        for variable, name, inner in PUBLISH.findall(text):
            values = re.findall(rf'"{name}": "?([0-9]+)', "\n".join(texts)) if variable else [name]
            found |= {port: int(inner) for port in ports(values)}
    return found


def texts_on(launch: Launch, party: Endpoint) -> list[str]:
    """The files that cfn-init writes on a machine."""
    return [
        text
        for machine in instances(launch)
        if machine.name == party.name
        for source in machine.sources
        for _, text in files(launch, source)
    ]
