"""The connections that a stack needs: those that its template shows, and those that its contract adds.

A connection is needed because something in the stack opens it, such as a listener's clients, a load balancer that
sends to its targets, or an instance whose configuration names a database; each connection says what that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import files, instances, scripts
from quilt_cfn.cloudformation.analysis.network import INTERNET, NetworkResource, NetworkView, network_of, ports
from quilt_cfn.cloudformation.launch import Contract, Launch, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty

ELB = "AWS::ElasticLoadBalancingV2"
ENGINE_PORTS = {"postgres": 5432, "aurora-postgresql": 5432, "mysql": 3306, "mariadb": 3306, "aurora-mysql": 3306}
"""Database engine -> the port on which RDS makes it listen where the template sets none."""

NOT_TCP = ("UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC")
"""Protocols of listeners and target groups that are not TCP, or not only TCP."""

CALLS_AWS = re.compile(r"\b(cfn-init|cfn-signal|aws [a-z0-9-]+ [a-z-]+|yum|dnf|apt-get|docker pull|pip3? install)\b")
"""Commands that need the internet, for AWS's APIs or for packages."""


class Connection(NamedTuple):
    """``source`` opens TCP connections to ``destination``; each end is a resource, or a CIDR outside the VPC."""

    source: NetworkResource | str
    destination: NetworkResource | str
    port: int
    because: str
    """Why it is needed: a sentence without its stop."""

    @property
    def ends(self) -> tuple[str, str]:
        """Source and destination for a sentence."""
        return name_of(self.source), name_of(self.destination)


def name_of(end: NetworkResource | str) -> str:
    """One end of a connection for a sentence: a logical ID, a CIDR, or ``the internet``."""
    return end.name if isinstance(end, NetworkResource) else "the internet" if end == INTERNET else end


@lru_cache(maxsize=1)
def connections(launch: Launch, contract: Contract) -> tuple[Connection, ...]:
    """Every connection that has to be possible."""
    return tuple(_connections(launch, network_of(launch), contract))


def _connections(launch: Launch, network: NetworkView, contract: Contract) -> Iterator[Connection]:
    for find in (_to_load_balancers, _to_targets, _to_databases, _to_aws):
        yield from find(launch, network)
    for agreed in contract.connections:
        source, destination = (
            network.resources.get(end) or as_text(launch.compute({"Fn::Sub": end}))
            for end in (agreed.source, agreed.destination)
        )
        for port in ports(launch.compute({"Fn::Sub": agreed.port})):
            yield Connection(source, destination, port, agreed.because)


def _to_load_balancers(launch: Launch, network: NetworkView) -> Iterator[Connection]:
    for listener, properties in launch.of_type(f"{ELB}::Listener").items():
        load_balancer = network.resources.get(launch.referenced_resource(properties.get("LoadBalancerArn")) or "")
        scheme = launch.properties(load_balancer.name).get("Scheme", "internet-facing") if load_balancer else None
        if load_balancer and scheme == "internet-facing" and properties.get("Protocol") not in NOT_TCP:
            for port in ports(properties.get("Port")):
                yield Connection(INTERNET, load_balancer, port, f"{listener} listens there")


def targets(launch: Launch, network: NetworkView) -> Iterator[tuple[str, str, NetworkResource, int]]:
    """(load balancer, target group, target, port) of everything that a load balancer sends to."""
    for listener in launch.of_type(f"{ELB}::Listener", f"{ELB}::ListenerRule").values():
        owner = listener.get("LoadBalancerArn")
        if owner is None:
            parent = launch.referenced_resource(listener.get("ListenerArn")) or ""
            owner = launch.properties(parent).get("LoadBalancerArn")
        for origin in sorted(origins_of(listener.get("DefaultActions", listener.get("Actions")))):
            group = launch.properties(origin.name)
            if launch.type_of(origin.name) == f"{ELB}::TargetGroup" and group.get("Protocol") not in NOT_TCP:
                for target, port in _targets_of(launch, network, origin.name, group):
                    yield launch.referenced_resource(owner) or "", origin.name, target, port


def _targets_of(
    launch: Launch, network: NetworkView, name: str, group: dict[str, Any]
) -> Iterator[tuple[NetworkResource, int]]:
    """(target, port) of a target group, for its traffic and for its health check."""
    health = group.get("HealthCheckPort", "traffic-port")
    members = [
        (launch.referenced_resource(target.get("Id")), target.get("Port", group.get("Port")))
        for target in map(dict_or_empty, as_list(group.get("Targets")))
    ]
    for asg, properties in launch.of_type("AWS::AutoScaling::AutoScalingGroup").items():
        if name in {origin.name for origin in origins_of(properties.get("TargetGroupARNs"))}:
            members.append((asg, group.get("Port")))
    for member, traffic in members:
        target = network.resources.get(member or "")
        if target:
            for port in sorted(set(ports(traffic, traffic if health == "traffic-port" else health))):
                yield target, port


def _to_targets(launch: Launch, network: NetworkView) -> Iterator[Connection]:
    for load_balancer, group, target, port in targets(launch, network):
        sender = network.resources.get(load_balancer)
        # A Network Load Balancer without security groups sends from its clients' addresses.
        if sender and not (sender.groups is None and launch.properties(load_balancer).get("Type") == "network"):
            yield Connection(sender, target, port, f"{group} sends requests there")


def _to_databases(launch: Launch, network: NetworkView) -> Iterator[Connection]:
    for database, properties in launch.of_type("AWS::RDS::DBInstance", "AWS::RDS::DBCluster").items():
        default = ENGINE_PORTS.get(as_text(properties.get("Engine", "")))
        for instance in instances(launch):
            origins = origins_of([launch.resources[source] for source in instance.sources])
            mentioned = {each.name for each in origins if each.attribute.startswith(("Endpoint", "ReadEndpoint"))}
            if database in mentioned:
                ends = network.resources[instance.name], network.resources[database]
                for port in ports(properties.get("Port", default)):
                    yield Connection(*ends, port, f"{database} listens there")


def _to_aws(launch: Launch, network: NetworkView) -> Iterator[Connection]:
    endpoints = launch.of_type("AWS::EC2::VPCEndpoint").values()
    if any(endpoint.get("VpcEndpointType") == "Interface" for endpoint in endpoints):
        return  # AWS may be reached within the VPC.
    for instance in instances(launch):
        calls = (CALLS_AWS.search(text) for _, text in scripts(launch, *instance.sources))
        first = next(filter(None, calls), None)
        if first:
            yield Connection(network.resources[instance.name], INTERNET, 443, f"{first[0]} runs at boot")


PUBLISH = re.compile(r"--publish[ =]\"?(\$?)\{?([A-Za-z0-9_]+)\}?:([0-9]+)")


def published(launch: Launch, name: str) -> dict[int, int]:
    """Port of an instance -> port of the container behind it, of every ``docker run --publish`` in its files.

    The value of a shell variable is taken from the JSON files of the instance, by the variable's name.
    """
    found: dict[int, int] = {}
    texts = files_on(launch, name)
    for text in texts:
        for variable, port, inner in PUBLISH.findall(text):
            values = re.findall(rf'"{port}": "?([0-9]+)', "\n".join(texts)) if variable else [port]
            found |= {each: int(inner) for each in ports(*values)}
    return found


def files_on(launch: Launch, name: str) -> list[str]:
    """The texts of the files that cfn-init writes on the instance, or the instances of the group, of this name."""
    sources = [source for instance in instances(launch) if instance.name == name for source in instance.sources]
    return [text for _, _, text in files(launch, *sources)]
