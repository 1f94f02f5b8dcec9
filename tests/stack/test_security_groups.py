"""Who can connect to whom: every connection that the product needs is possible, and no other."""

from __future__ import annotations

import pytest

from tests.launches import DOCUMENTED, launch_stack

ANYWHERE = "0.0.0.0/0"


def rules(stack, direction):
    """(group, peer, port) of every rule, wherever it is written."""
    found = []
    for name, group in stack.of_type("AWS::EC2::SecurityGroup").items():
        found += [(f"<{name}.GroupId>", rule) for rule in group.get(f"SecurityGroup{direction}", [])]
    for rule in stack.of_type(f"AWS::EC2::SecurityGroup{direction}").values():
        found.append((rule["GroupId"], rule))
    result = set()
    for group, rule in found:
        assert rule["Description"]
        peers = [rule[key] for key in rule if key.endswith(("CidrIp", "SecurityGroupId"))]
        if rule["IpProtocol"] == "-1":
            assert peers == ["127.0.0.1/32"], "the rule that stands for: no connections of its own"
            continue
        assert rule["IpProtocol"] == "tcp"
        assert str(rule["FromPort"]) == str(rule["ToPort"]), "a rule is about one port"
        (peer,) = peers
        result.add(
            (
                group.strip("<>").removesuffix(".GroupId"),
                peer.strip("<>").removesuffix(".GroupId"),
                int(rule["FromPort"]),
            )
        )
    return result


def test_what_may_come_in(stack):
    assert rules(stack, "Ingress") == {
        ("ElbSecurityGroup", ANYWHERE, 443),
        ("ElbSecurityGroup", ANYWHERE, 80),
        ("ServerSecurityGroup", "ElbSecurityGroup", 80),
        ("ServerSecurityGroup", "ElbSecurityGroup", 8080),
        ("SshSecurityGroup", DOCUMENTED["SshInputCIDR"], 22),
        ("DatabaseSecurityGroup", "ServerSecurityGroup", 5432),
    }


def test_what_may_go_out(stack):
    assert rules(stack, "Egress") == {
        ("ElbSecurityGroup", "ServerSecurityGroup", 80),
        ("ElbSecurityGroup", "ServerSecurityGroup", 8080),
        ("ServerSecurityGroup", "DatabaseSecurityGroup", 5432),
        ("ServerSecurityGroup", ANYWHERE, 443),
        ("ServerSecurityGroup", ANYWHERE, 587),
    }


def test_no_group_keeps_the_egress_that_ec2_gives_to_groups_without_rules(stack):
    for name, group in stack.of_type("AWS::EC2::SecurityGroup").items():
        assert group.get("SecurityGroupEgress"), name


def test_a_connection_between_two_groups_is_open_at_both_ends(stack):
    incoming = {(peer, group, port) for group, peer, port in rules(stack, "Ingress") if peer.endswith("Group")}
    outgoing = {(group, peer, port) for group, peer, port in rules(stack, "Egress") if peer.endswith("Group")}
    assert incoming == outgoing


def test_the_database_listens_where_its_group_is_open(stack):
    ((_, _, port),) = [rule for rule in rules(stack, "Ingress") if rule[0] == "DatabaseSecurityGroup"]
    assert stack.properties("Database")["Port"] == str(port)


def test_the_load_balancer_sends_to_ports_that_are_open_and_that_nginx_is_published_on(stack):
    open_ports = {port for group, _, port in rules(stack, "Ingress") if group == "ServerSecurityGroup"}
    target_groups = stack.of_type("AWS::ElasticLoadBalancingV2::TargetGroup").values()
    published = stack.environments["stack"]
    assert {group["Port"] for group in target_groups} == open_ports
    assert {int(published["SITES_PORT"]), int(published["REDIRECT_PORT"])} == open_ports
    assert {int(group["HealthCheckPort"]) for group in target_groups} <= open_ports


def test_the_sites_are_open_to_the_range_that_the_customer_gives(template):
    stack = launch_stack(template, DOCUMENTED | {"HttpsInputCIDR": "203.0.113.0/24"})
    opened = {(peer, port) for group, peer, port in rules(stack, "Ingress") if group == "ElbSecurityGroup"}
    assert opened == {("203.0.113.0/24", 443), ("203.0.113.0/24", 80)}


@pytest.mark.parametrize("port", [25, 587, 2525, 2587])
def test_mail_leaves_on_the_port_that_the_customer_chose(template, port):
    stack = launch_stack(template, DOCUMENTED | {"SmtpPort": port})
    assert ("ServerSecurityGroup", ANYWHERE, port) in rules(stack, "Egress")
    assert stack.environments["registry"]["SMTP_PORT"] == str(port)


def test_everything_with_an_address_is_in_its_groups(stack):
    machine = stack.properties("ServerTemplate")["LaunchTemplateData"]
    assert machine["SecurityGroupIds"] == ["<ServerSecurityGroup>", "<SshSecurityGroup>"]
    assert stack.properties("LoadBalancer")["SecurityGroups"] == ["<ElbSecurityGroup>"]
    assert stack.properties("Database")["VPCSecurityGroups"] == ["<DatabaseSecurityGroup>"]
