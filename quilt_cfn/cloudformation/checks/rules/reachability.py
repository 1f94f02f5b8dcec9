"""Reachability: every connection that the stack needs is possible, and with a contract no other is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from quilt_cfn.cloudformation.analysis.fact import enumerated
from quilt_cfn.cloudformation.analysis.instances import files, instances
from quilt_cfn.cloudformation.analysis.network import (
    EVERYWHERE,
    INTERNET,
    NOWHERE,
    NetworkResource,
    NetworkView,
    SecurityGroupRule,
    has_default_route,
    network_of,
    ports,
)
from quilt_cfn.cloudformation.analysis.traffic import Connection, connections, files_on, name_of, published, targets
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.launch import Contract, Launch
from quilt_cfn.cloudformation.template.coerce import as_text

GROUPS = "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html"


def _refusing(network: NetworkView, connection: Connection) -> Iterator[tuple[NetworkResource, bool]]:
    """(end, whether it refuses inbound) of each end of a connection whose security groups refuse it."""
    source, destination, port = connection.source, connection.destination, connection.port
    if isinstance(source, NetworkResource) and not network.allows(source, False, port, destination):
        yield source, False
    if isinstance(destination, NetworkResource) and not _accepts(network, destination, port, source):
        yield destination, True


def _accepts(network: NetworkView, resource: NetworkResource, port: int, source: NetworkResource | str) -> bool:
    if source != INTERNET:
        return network.allows(resource, True, port, source)
    # A site may be for some addresses only; it counts as reachable if it is for any.
    groups = resource.groups
    return groups is None or any(rule.inbound and rule.group in groups and rule.covers(port) for rule in network.rules)


@rule(
    "R01",
    "error",
    "The stack is created, and a part of it can't reach another: requests hang until they time out.",
    GROUPS,
)
def needed_connections_are_possible(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds needed connections that the security groups of one end refuse. Needed are those of clients to a listener,
    of a load balancer to its targets, of an instance to the database that its configuration names, of a boot script to
    AWS, and those in the contract.

    Why it is bad: security groups drop what no rule allows, without an answer. Often a database listens on another port
    than its security group opens.

    Use instead: an outbound rule at the one end and an inbound rule at the other, both for the port in the message.
    """
    network = network_of(launch)
    reported = set()
    for connection in connections(launch, contract):
        for refusing, inbound in _refusing(network, connection):
            source, destination = connection.ends
            if (source, destination, connection.port) in reported:
                continue
            reported.add((source, destination, connection.port))
            other = connection.source if inbound else connection.destination
            about = network.rules_about(refusing, inbound, other)
            opened = sorted({_ports(each) for each in about if _is_specific(network, each, other)})
            resource = destination if isinstance(connection.destination, NetworkResource) else source
            direction = "inbound" if inbound else "outbound"
            sentence = f"{source} can't reach {destination} on port {connection.port}, though {connection.because}: "
            sentence += f"the security groups of {refusing.name} don't allow it {direction}"
            yield (("Resources", resource), f"{sentence}{f'; they open {enumerated(opened)}' if opened else ''}.")


def _is_specific(network: NetworkView, permission: SecurityGroupRule, other: NetworkResource | str) -> bool:
    """Whether a security group rule is about this other end, and not about every address."""
    if permission.peer is None or isinstance(other, str):
        return permission.peer in (None, other)
    return "/" not in permission.peer or network.is_inside(permission.peer)


def _ports(permission: SecurityGroupRule) -> str:
    first, last = permission.first, permission.last
    return str(first) if first == last else f"{first} to {last}"


@rule(
    "R02",
    "warning",
    "A port is open without a use: a rule of a security group serves no known traffic.",
    GROUPS,
)
def nothing_else_is_open(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds rules of security groups that serve no connection that the stack needs, or more ports or addresses than it
    needs. Only checked with a contract that has connections, because a template alone doesn't show all of them. Between
    two ends that R01 reports nothing is reported here.

    Why it is bad: an open port that nothing uses helps only an attacker.

    Use instead: one rule for each connection, with its port and its other end; or the connection in
    marketplace/contract.yaml, if it is needed.
    """
    if not contract.connections:
        return
    network = network_of(launch)
    needed = connections(launch, contract)
    impossible = {connection.ends for connection in needed if any(True for _ in _refusing(network, connection))}
    for permission in network.rules:
        if permission.peer == NOWHERE:
            continue
        inbound = permission.inbound
        for connection in needed:
            here, there = connection.source, connection.destination
            if inbound:
                here, there = there, here
            if not isinstance(here, NetworkResource) or permission.group not in (here.groups or ()):
                continue
            # A site that is only for some addresses of the internet has a rule for these.
            narrowed = inbound and there == INTERNET and "/" in (permission.peer or "")
            if narrowed or permission in network.rules_about(here, inbound, there):
                exact = permission.first == permission.last == connection.port and permission.protocol == "tcp"
                specific = narrowed or _is_specific(network, permission, there)
                if connection.ends in impossible or (exact and specific):
                    break
        else:
            sentence = f"{permission.group} is open {'from' if inbound else 'to'} {permission.peer} on port "
            yield (permission.path, f"{sentence}{_ports(permission)}, which serves no known traffic.")


@rule(
    "R03",
    "error",
    "The stack is created without a route to the internet: nobody reaches it, or its boot can't reach AWS.",
    "https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html",
)
def public_subnets_have_a_route(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds internet-facing load balancers, and instances that call AWS, in a subnet of the template without a default
    route. Subnets from outside the template are not checked.

    Why it is bad: without a default route nothing in the subnet reaches the internet, or is reached from there.

    Use instead: an ``AWS::EC2::SubnetRouteTableAssociation`` of the subnet with a route table that has a route for
    0.0.0.0/0, to an Internet gateway or a NAT gateway.
    """
    for connection in connections(launch, contract):
        if INTERNET not in (connection.source, connection.destination):
            continue
        for end in (connection.source, connection.destination):
            for subnet in end.subnets if isinstance(end, NetworkResource) else ():
                if launch.type_of(subnet) == "AWS::EC2::Subnet" and not has_default_route(launch, subnet):
                    yield (("Resources", subnet), f"{name_of(end)} is in {subnet}, which has no default route.")


@rule("R04", "error", "The load balancer finds no healthy target, and the site answers nothing.", GROUPS)
def requests_arrive_where_something_listens(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds target groups that send to a port of an instance on which no container is published, and containers that
    are published on a port on which nginx doesn't listen. Both are read in the files that cfn-init writes.

    Why it is bad: health checks and requests to that port are refused.

    Use instead: the same port in the target group, in ``docker run --publish``, and in nginx's ``listen``.
    """
    reported = set()
    for _, group, target, port in targets(launch, network_of(launch)):
        open_ports = published(launch, target.name)
        if open_ports and port not in open_ports:
            known = ", ".join(map(str, sorted(open_ports)))
            yield (("Resources", group), f"{group} sends to port {port}; {target.name} publishes {known}.")
        elif open_ports and (target.name, port) not in reported:
            reported.add((target.name, port))
            texts = "\n".join(files_on(launch, target.name))
            listens = sorted({*map(int, re.findall(r"^\s*listen ([0-9]+)", texts, re.MULTILINE))})
            if listens and open_ports[port] not in listens:
                sentence = f"{group} sends to port {port}, which leads to port {open_ports[port]} of a container; "
                yield (("Resources", group), f"{sentence}nginx listens on {', '.join(map(str, listens))}.")


@rule(
    "R05",
    "error",
    "nginx passes requests to a port on which no container listens: every page is an error.",
    "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass",
)
def nginx_passes_to_containers(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds containers in nginx's configuration with another port than the contract has for them.

    Why it is bad: the container doesn't listen there, and nginx answers 502 Bad Gateway.

    Use instead: the port in marketplace/contract.yaml.
    """
    for instance in instances(launch):
        for source, path, text in files(launch, *instance.sources):
            for container, port in re.findall(r"\bdefault ([a-z][a-z0-9-]*):([0-9]+);", text):
                agreed = contract.containers.get(container)
                if agreed is not None and int(port) != agreed:
                    sentence = f"{path} passes requests to {container}:{port}; the container listens on port {agreed}."
                    yield (("Resources", source), sentence)


@rule(
    "R06",
    "error",
    "The database answers anybody on the internet who knows or guesses the password.",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.RDSSecurityGroups.html",
)
def databases_are_private(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds databases with a public address and a security group that opens their port to every address.

    Why it is bad: nothing but the password protects the data, and such a port is attacked within minutes.

    Use instead: ``PubliclyAccessible: false``, and a rule for the security group of the clients.
    """
    network = network_of(launch)
    for name, properties in launch.of_type("AWS::RDS::DBInstance").items():
        groups = network.resources[name].groups
        if groups and as_text(properties.get("PubliclyAccessible", "false")).lower() == "true":
            for permission in network.rules:
                listening = list(ports(properties.get("Port", permission.first)))
                everybody = permission.inbound and permission.group in groups and permission.peer in EVERYWHERE
                if everybody and any(map(permission.covers, listening)):
                    yield (permission.path, f"{permission.group} opens {name} to {permission.peer}.")
