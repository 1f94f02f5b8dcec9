"""Who can talk to whom: every conversation that the stack needs is possible, and with a contract no other is."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
from quilt_cfn.cloudformation.analysis.traffic import Connection, connections, files_on, published, targets
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.template.coerce import as_text

GROUPS = "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html"


def _closed(net: NetworkView, talk: Connection) -> Iterator[tuple[NetworkResource, bool]]:
    """The ends of a conversation that don't let it through, and whether it comes in there."""
    if isinstance(talk.source, NetworkResource) and not net.allows(talk.source, False, talk.port, talk.destination):
        yield talk.source, False
    if isinstance(talk.destination, NetworkResource) and not _comes_in(net, talk):
        yield talk.destination, True


def _comes_in(net: NetworkView, talk: Connection) -> bool:
    assert isinstance(talk.destination, NetworkResource)
    if talk.source != INTERNET:
        return net.allows(talk.destination, True, talk.port, talk.source)
    # A site may be for some addresses only; it is reachable as long as it is for any.
    groups = talk.destination.groups
    return groups is None or any(p.inbound and p.group in groups and p.covers(talk.port) for p in net.rules)


@rule(
    "R01",
    "error",
    "The stack comes up, and a part of it can't reach another: requests hang until they time out.",
    GROUPS,
)
def needed_conversations_are_possible(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Something in the stack will start a conversation (clients with a listener, a load balancer with its targets, a
    machine with the database that its configuration names, a boot script with AWS, whatever the contract adds), and the
    security groups of one end don't let it through. A database that listens on another port than its group opens is the
    usual case."""
    net = network_of(launch)
    told = set()
    for talk in connections(launch, contract):
        for party, inbound in _closed(net, talk):
            source, destination = talk.ends
            if (source, destination, talk.port) in told:
                continue
            told.add((source, destination, talk.port))
            other = talk.source if inbound else talk.destination
            instead = sorted(
                {_range(each) for each in net.rules_about(party, inbound, other) if _means(net, each, other)}
            )
            opens = f"; they open {', '.join(instead)}" if instead else ""
            yield (
                ("Resources", _place(talk)),
                f"{source} can't reach {destination} on port {talk.port}, though {talk.because}: "
                f"the security groups of {party.name} don't let it {'in' if inbound else 'out'}{opens}.",
            )


def _means(net: NetworkView, permit: SecurityGroupRule, other: NetworkResource | str) -> bool:
    """Whether a rule is about this other end, and not about everybody."""
    if permit.peer is None or isinstance(other, str):
        return permit.peer in (None, other)
    return "/" not in permit.peer or net.is_inside(permit.peer)


def _place(talk: Connection) -> str:
    ends = [end.name for end in (talk.destination, talk.source) if isinstance(end, NetworkResource)]
    return ends[0]


def _range(permit: SecurityGroupRule) -> str:
    return str(permit.first) if permit.first == permit.last else f"{permit.first} to {permit.last}"


@rule("R02", "error", "A port is open to somebody who has no business there.", GROUPS)
def nothing_else_is_open(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A rule of a security group serves no conversation that the stack needs. Only judged with a contract, which names
    what the template doesn't show; a conversation that is needed and impossible is told by R01, and the rules between
    its two ends are not told again."""
    if not contract.connections:
        return
    net = network_of(launch)
    needed = connections(launch, contract)
    broken = {talk.ends for talk in needed if any(True for _ in _closed(net, talk))}
    for permit in net.rules:
        if permit.peer == NOWHERE:
            continue
        served, excused = False, False
        for talk in needed:
            here, there = (talk.destination, talk.source) if permit.inbound else (talk.source, talk.destination)
            if not isinstance(here, NetworkResource) or permit not in net.rules_about(here, permit.inbound, there):
                continue
            served |= (
                permit.first == permit.last == talk.port and permit.protocol == "tcp" and _means(net, permit, there)
            )
            excused |= talk.ends in broken
        if not served and not excused:
            way = "from" if permit.inbound else "to"
            yield (
                permit.path,
                f"{permit.group} is open {way} {permit.peer} on port {_range(permit)}, more than anything needs.",
            )


@rule(
    "R03",
    "error",
    "The stack comes up without a way to the internet: nobody reaches it, or its boot can't reach AWS.",
    "https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html",
)
def public_subnets_have_a_route(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """An internet-facing load balancer, or a machine that talks to AWS, is in a subnet of this template that no route
    table with a default route is associated with. Subnets of the customer's are left alone."""
    told = set()
    for talk in connections(launch, contract):
        if INTERNET not in (talk.source, talk.destination):
            continue
        party = talk.destination if isinstance(talk.destination, NetworkResource) else talk.source
        if isinstance(party, NetworkResource):
            for subnet in party.subnets:
                known = launch.type_of(subnet) == "AWS::EC2::Subnet"
                if known and (party.name, subnet) not in told and not has_default_route(launch, subnet):
                    told.add((party.name, subnet))
                    yield (("Resources", subnet), f"{party.name} is in {subnet}, which has no default route.")


@rule("R04", "error", "The load balancer finds no healthy machine: the site answers nothing.", GROUPS)
def requests_arrive_where_something_listens(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A target group sends to a port of a machine on which none of its containers is published, as its files start
    them, or a container is published on a port on which its nginx doesn't listen."""
    net = network_of(launch)
    seen = set()
    for _, group, party, port in targets(launch, net):
        open_ports = published(launch, party.name)
        if open_ports and port not in open_ports:
            known = ", ".join(map(str, sorted(open_ports)))
            yield (("Resources", group), f"{group} sends to port {port}; {party.name} publishes {known}.")
        elif open_ports and (party.name, port) not in seen:
            seen.add((party.name, port))
            listens = {
                int(found)
                for text in files_on(launch, party.name)
                for found in re.findall(r"^\s*listen ([0-9]+)", text, re.MULTILINE)
            }
            if listens and open_ports[port] not in listens:
                yield (
                    ("Resources", group),
                    f"{group} sends to port {port}, which leads to {open_ports[port]} of a container; "
                    f"nginx listens on {', '.join(map(str, sorted(listens)))}.",
                )


@rule(
    "R05",
    "error",
    "nginx passes requests to where no container listens: every page is an error.",
    "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass",
)
def nginx_passes_to_containers(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The contract says on which port each container listens; nginx's configuration names container and port."""
    for machine in instances(launch):
        for source in machine.sources:
            for path, text in files(launch, source):
                for container, port in re.findall(r"\bdefault ([a-z][a-z0-9-]*):([0-9]+);", text):
                    agreed = contract.containers.get(container)
                    if agreed is not None and int(port) != agreed:
                        yield (
                            ("Resources", source),
                            f"{path} passes requests to {container}:{port}; the container listens on {agreed}.",
                        )


@rule(
    "R06",
    "error",
    "The database answers anybody in the world who knows or guesses the password.",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.RDSSecurityGroups.html",
)
def databases_are_private(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A database has a public address, and one of its security groups is open to every address on its port."""
    net = network_of(launch)
    for name, properties in launch.of_type("AWS::RDS::DBInstance").items():
        party = net.resources[name]
        if as_text(properties.get("PubliclyAccessible", "false")).lower() == "true" and party.groups:
            for permit in net.rules:
                listening = list(ports([properties.get("Port", permit.first)]))
                everybody = permit.inbound and permit.group in party.groups and permit.peer in EVERYWHERE
                if everybody and any(map(permit.covers, listening)):
                    yield (permit.path, f"{permit.group} opens {name} to {permit.peer}.")
