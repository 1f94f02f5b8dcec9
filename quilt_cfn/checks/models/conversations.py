"""The conversations that a stack needs, as far as its template shows them, and those that its contract adds.

The rule: a conversation is needed because something in the stack starts it; it says what that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.checks.contract import Contract
from quilt_cfn.checks.models.machines import files, machines, scripts
from quilt_cfn.checks.models.network import INTERNET, Network, Party, network_of, ports
from quilt_cfn.evaluation import Rendering
from quilt_cfn.evaluation.forms import mapping
from quilt_cfn.evaluation.texts import as_text, origins_of, several

BALANCER = "AWS::ElasticLoadBalancingV2"
ENGINE_PORTS = {"postgres": 5432, "aurora-postgresql": 5432, "mysql": 3306, "mariadb": 3306, "aurora-mysql": 3306}
"""Database engine -> the port on which RDS lets it listen if no other is given."""

NOT_TCP = ("UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC")
"""Protocols of listeners and target groups that are no TCP, or not only."""

CALLS_AWS = re.compile(r"\b(cfn-init|cfn-signal|aws [a-z0-9-]+ [a-z-]+|yum|dnf|apt-get|docker pull|pip3? install)\b")


class Conversation(NamedTuple):
    """``source`` starts talking to ``destination`` on a TCP port; each is a party, or a CIDR outside the VPC."""

    source: Party | str
    destination: Party | str
    port: int
    because: str

    @property
    def ends(self) -> tuple[str, str]:
        return name_of(self.source), name_of(self.destination)


def name_of(end: Party | str) -> str:
    """How a sentence calls one end of a conversation."""
    return end.name if isinstance(end, Party) else "the internet" if end == INTERNET else end


@lru_cache(maxsize=1)
def conversations(rendering: Rendering, contract: Contract) -> tuple[Conversation, ...]:
    """Everything that has to be possible."""
    return tuple(_conversations(rendering, network_of(rendering), contract))


def _conversations(rendering: Rendering, network: Network, contract: Contract) -> Iterator[Conversation]:
    yield from _to_load_balancers(rendering, network)
    yield from _to_targets(rendering, network)
    yield from _to_databases(rendering, network)
    yield from _to_aws(rendering, network)
    for agreed in contract.conversations:
        source, destination = (
            network.parties.get(end) or as_text(rendering.compute({"Fn::Sub": end}))
            for end in (agreed.source, agreed.destination)
        )
        for port in ports([rendering.compute({"Fn::Sub": agreed.port})]):
            yield Conversation(source, destination, port, agreed.because)


def _to_load_balancers(rendering: Rendering, network: Network) -> Iterator[Conversation]:
    for listener, properties in rendering.of_type(f"{BALANCER}::Listener").items():
        balancer = network.parties.get(rendering.named(properties.get("LoadBalancerArn")) or "")
        facing = rendering.properties(balancer.name).get("Scheme", "internet-facing") if balancer else None
        if balancer and facing == "internet-facing" and properties.get("Protocol") not in NOT_TCP:
            for port in ports([properties.get("Port")]):
                yield Conversation(INTERNET, balancer, port, f"{listener} listens there")


def targets(rendering: Rendering, network: Network) -> Iterator[tuple[str, str, Party, int]]:
    """(load balancer, target group, machine, port) of everything that a load balancer sends to."""
    for listener in rendering.of_type(f"{BALANCER}::Listener", f"{BALANCER}::ListenerRule").values():
        owner = listener.get("LoadBalancerArn")
        if owner is None:
            owner = rendering.properties(rendering.named(listener.get("ListenerArn")) or "").get("LoadBalancerArn")
        for origin in sorted(origins_of(listener.get("DefaultActions", listener.get("Actions")))):
            group = rendering.properties(origin.name)
            if rendering.type_of(origin.name) == f"{BALANCER}::TargetGroup" and group.get("Protocol") not in NOT_TCP:
                for party, port in _members(rendering, network, origin.name, group):
                    yield rendering.named(owner) or "", origin.name, party, port


def _members(rendering: Rendering, network: Network, name: str, group: dict[str, Any]) -> Iterator[tuple[Party, int]]:
    health = group.get("HealthCheckPort", "traffic-port")
    members = [
        (rendering.named(mapping(target).get("Id")), mapping(target).get("Port", group.get("Port")))
        for target in several(group.get("Targets"))
    ]
    for fleet, properties in rendering.of_type("AWS::AutoScaling::AutoScalingGroup").items():
        if name in {origin.name for origin in origins_of(properties.get("TargetGroupARNs"))}:
            members.append((fleet, group.get("Port")))
    for member, traffic in members:
        party = network.parties.get(member or "")
        if party:
            for port in sorted(set(ports([traffic, traffic if health == "traffic-port" else health]))):
                yield party, port


def _to_targets(rendering: Rendering, network: Network) -> Iterator[Conversation]:
    for balancer, group, party, port in targets(rendering, network):
        sender = network.parties.get(balancer)
        # A Network Load Balancer without security groups sends from its clients' addresses.
        if sender and not (sender.groups is None and rendering.properties(balancer).get("Type") == "network"):
            yield Conversation(sender, party, port, f"{group} sends requests there")


def _to_databases(rendering: Rendering, network: Network) -> Iterator[Conversation]:
    for database, properties in rendering.of_type("AWS::RDS::DBInstance", "AWS::RDS::DBCluster").items():
        default = ENGINE_PORTS.get(as_text(properties.get("Engine", "")))
        for machine in machines(rendering):
            mentioned = {
                origin.name
                for source in machine.sources
                for origin in origins_of(rendering.resources[source])
                if origin.attribute.startswith(("Endpoint", "ReadEndpoint"))
            }
            if database in mentioned:
                for port in ports([properties.get("Port", default)]):
                    yield Conversation(
                        network.parties[machine.name], network.parties[database], port, f"{database} listens there"
                    )


def _to_aws(rendering: Rendering, network: Network) -> Iterator[Conversation]:
    endpoints = rendering.of_type("AWS::EC2::VPCEndpoint").values()
    if any(endpoint.get("VpcEndpointType") == "Interface" for endpoint in endpoints):
        return  # AWS may be reached within the VPC.
    for machine in machines(rendering):
        for source in machine.sources:
            calls = [CALLS_AWS.search(text) for _, text in scripts(rendering, source)]
            first = next(filter(None, calls), None)
            if first:
                yield Conversation(network.parties[machine.name], INTERNET, 443, f"{first[0]} runs at boot")
                break


PUBLISH = re.compile(r"--publish[ =]\"?(\$?)\{?([A-Za-z0-9_]+)\}?:([0-9]+)")


def published(rendering: Rendering, party: Party) -> dict[int, int]:
    """Port of a machine -> port of the container behind it, of every ``docker run --publish`` in its files.

    A shell variable is looked up among the values that the machine's JSON files have under its name.
    """
    found: dict[int, int] = {}
    texts = texts_on(rendering, party)
    for text in texts:
        for variable, name, inner in PUBLISH.findall(text):
            values = re.findall(rf'"{name}": "?([0-9]+)', "\n".join(texts)) if variable else [name]
            found |= {port: int(inner) for port in ports(values)}
    return found


def texts_on(rendering: Rendering, party: Party) -> list[str]:
    """The files that cfn-init writes on a machine."""
    return [
        text
        for machine in machines(rendering)
        if machine.name == party.name
        for source in machine.sources
        for _, text in files(rendering, source)
    ]
