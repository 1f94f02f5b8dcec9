"""A rule that closes a connection that the product needs, or opens another one, is reported."""

from __future__ import annotations

import copy

import pytest

from quilt_cfn.cloudformation.analysis.traffic import connections
from quilt_cfn.cloudformation.checks.rules.reachability import needed_connections_are_possible, nothing_else_is_open
from quilt_cfn.editions import EDITIONS
from tests.cloudformation.checks.conftest import CONTRACT, findings
from tests.launches import evaluate_edition


def properties(template, name):
    return template["Resources"][name]["Properties"]


def launch_data(template):
    return properties(template, "ServerTemplate")["LaunchTemplateData"]


def embedded(template, name, old, new):
    file = template["Mappings"]["Files"][name]
    assert old in file["Text"]
    file["Text"] = file["Text"].replace(old, new)


@pytest.mark.parametrize("edition", EDITIONS, indirect=True)
def test_the_connections_of_the_product(edition, template):
    """Internet, load balancer, nginx, database, mail, AWS and SSH: what R01 and R02 compare security groups with."""
    parameter_values = CONTRACT.parameter_sets["documented"]
    found = connections(evaluate_edition(template, parameter_values), CONTRACT.for_template(EDITIONS[edition].file))
    assert {(*connection.ends, connection.port) for connection in found} == {
        ("the internet", "LoadBalancer", 443),
        ("the internet", "LoadBalancer", 80),
        ("LoadBalancer", "ServerGroup", 80),
        ("LoadBalancer", "ServerGroup", 8080),
        ("ServerGroup", "Database", 5432),
        ("ServerGroup", "the internet", 443),
        ("ServerGroup", "the internet", 587),
        ("198.51.100.0/24", "ServerGroup", 22),
    }


CLOSED = {
    "no rule lets clients in": ("ElbSecurityGroup", "SecurityGroupIngress", 0, "LoadBalancer"),
    "no rule lets clients be redirected": ("ElbSecurityGroup", "SecurityGroupIngress", 1, "LoadBalancer"),
    "the load balancer may not send": ("ElbSecurityGroup", "SecurityGroupEgress", 0, "ServerGroup"),
    "the instance may not connect to the database": ("ServerSecurityGroup", "SecurityGroupEgress", 0, "Database"),
    "the instance may not call AWS": ("ServerSecurityGroup", "SecurityGroupEgress", 1, "ServerGroup"),
    "the instance may not send mail": ("ServerSecurityGroup", "SecurityGroupEgress", 2, "ServerGroup"),
}


@pytest.mark.parametrize("case", CLOSED)
def test_a_rule_that_is_gone(edition, seeded, case):
    group, direction, index, place = CLOSED[case]
    del properties(seeded, group)[direction][index]
    assert findings(edition, seeded) == {("R01", place)}


@pytest.mark.parametrize(
    ("resource", "place"),
    [("ServerIngressSites", "ServerGroup"), ("ServerIngressRedirect", "ServerGroup"), ("DatabaseIngress", "Database")],
)
def test_a_rule_of_its_own_that_is_gone(edition, seeded, resource, place):
    del seeded["Resources"][resource]
    for other in seeded["Resources"].values():
        if resource in other.get("DependsOn", []):
            other["DependsOn"].remove(resource)
    assert findings(edition, seeded) == {("R01", place)}


def test_ssh_from_nowhere(edition, seeded):
    del properties(seeded, "SshSecurityGroup")["SecurityGroupIngress"]
    assert findings(edition, seeded) == {("R01", "ServerGroup")}


def test_an_instance_outside_its_group(edition, seeded):
    launch_data(seeded)["SecurityGroupIds"] = [{"Ref": "ServerSecurityGroup"}]
    assert findings(edition, seeded) == {("R01", "ServerGroup"), ("R02", "SshSecurityGroup")}


def test_mail_on_another_port_than_the_parameters(edition, seeded):
    rule = properties(seeded, "ServerSecurityGroup")["SecurityGroupEgress"][2]
    rule |= {"FromPort": 25, "ToPort": 25}
    assert findings(edition, seeded) == {("R01", "ServerGroup")}


def test_the_sentence_names_both_ports(template):
    seeded = copy.deepcopy(template)
    properties(seeded, "Database")["Port"] = "5433"
    launch = evaluate_edition(seeded, CONTRACT.parameter_sets["documented"])
    ((_, message),) = needed_connections_are_possible.find(launch, CONTRACT)
    assert message == (
        "ServerGroup can't reach Database on port 5433, though Database listens there: "
        "the security groups of ServerGroup don't allow it outbound; they open 5432."
    )


ANYWHERE = {"IpProtocol": "tcp", "CidrIp": "0.0.0.0/0", "Description": "Too much"}
OPENED = {
    "another port of the instance": ("ServerSecurityGroup", ANYWHERE | {"FromPort": 8443, "ToPort": 8443}),
    "a range around a needed port": ("ServerSecurityGroup", ANYWHERE | {"FromPort": 80, "ToPort": 90}),
    "every protocol": ("ServerSecurityGroup", ANYWHERE | {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53}),
    "the database": ("DatabaseSecurityGroup", ANYWHERE | {"FromPort": 5432, "ToPort": 5432}),
}


@pytest.mark.parametrize("case", OPENED)
def test_a_rule_too_many(edition, seeded, case):
    group, rule = OPENED[case]
    properties(seeded, group)["SecurityGroupIngress"] = [rule]
    marketplace = {("M11", group)} if case == "the database" else set()
    assert findings(edition, seeded) == {("R02", group)} | marketplace


def test_ssh_from_more_than_the_parameters_range(edition, seeded):
    properties(seeded, "SshSecurityGroup")["SecurityGroupIngress"][0]["CidrIp"] = "198.51.0.0/16"
    assert findings(edition, seeded) == {("R02", "SshSecurityGroup")}


def test_a_site_for_some_addresses_only_is_known_traffic(edition, template):
    contract = CONTRACT.for_template(EDITIONS[edition].file)
    launch = evaluate_edition(template, contract.parameter_sets["documented"] | {"HttpsInputCIDR": "203.0.113.0/24"})
    assert not [*nothing_else_is_open.find(launch, contract)]
    assert not [*needed_connections_are_possible.find(launch, contract)]


def test_the_instance_is_not_open_to_some_addresses_of_the_internet(edition, seeded):
    rule = ANYWHERE | {"FromPort": 443, "ToPort": 443, "CidrIp": "203.0.113.0/24"}
    properties(seeded, "ServerSecurityGroup")["SecurityGroupIngress"] = [rule]
    assert findings(edition, seeded) == {("R02", "ServerSecurityGroup")}


def test_more_outbound_traffic_than_is_needed(edition, seeded):
    rule = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0", "Description": "Anything"}
    properties(seeded, "ServerSecurityGroup")["SecurityGroupEgress"].append(rule)
    assert findings(edition, seeded) == {("R02", "ServerSecurityGroup")}


def test_a_public_subnet_without_its_route_table(edition, seeded):
    del seeded["Resources"]["PublicSubnet1Routes"]
    for other in seeded["Resources"].values():
        if "PublicSubnet1Routes" in other.get("DependsOn", []):
            other["DependsOn"].remove("PublicSubnet1Routes")
    assert findings(edition, seeded) == {("R03", "PublicSubnet1")}


def test_a_target_group_that_sends_to_another_port(edition, seeded):
    """And its security groups follow it, as somebody would write who moves a port and forgets the containers."""
    properties(seeded, "RedirectTargetGroup")["Port"] = 8081
    properties(seeded, "ServerIngressRedirect").update(FromPort=8081, ToPort=8081)
    properties(seeded, "ElbSecurityGroup")["SecurityGroupEgress"][1].update(FromPort=8081, ToPort=8081)
    assert findings(edition, seeded) == {("R04", "RedirectTargetGroup")}


def test_an_nginx_that_listens_elsewhere(edition, seeded):
    embedded(seeded, "nginx.conf", "listen 8080", "listen 8081")
    assert findings(edition, seeded) == {("R04", "RedirectTargetGroup")}


def test_an_nginx_that_passes_requests_to_another_port(edition, seeded):
    embedded(seeded, "nginx.conf", "registry:9000", "registry:9001")
    assert findings(edition, seeded) == {("R05", "ServerTemplate")}


def test_a_database_that_is_open_to_the_world(edition, seeded):
    properties(seeded, "Database")["PubliclyAccessible"] = True
    seeded["Resources"]["Database"]["DependsOn"] = "InternetGatewayAttachment"  # as a public address wants
    rule = {"FromPort": 5432, "ToPort": 5432, "IpProtocol": "tcp", "CidrIp": "0.0.0.0/0", "Description": "Anybody"}
    properties(seeded, "DatabaseSecurityGroup")["SecurityGroupIngress"] = [rule]
    assert findings(edition, seeded) == {(rule, "DatabaseSecurityGroup") for rule in ("M11", "R02", "R06")}
