"""The load balancer ends TLS, sends both sites to the instance, and only redirects requests without TLS."""

from __future__ import annotations

from tests.launches import DOCUMENTED, evaluate_edition


def listener(stack, port):
    (found,) = [
        each for each in stack.of_type("AWS::ElasticLoadBalancingV2::Listener").values() if each["Port"] == port
    ]
    return found


def target(stack, port):
    """The port on the instance that a listener's connections arrive at."""
    (action,) = listener(stack, port)["DefaultActions"]
    assert action["Type"] == "forward"
    return stack.properties(action["TargetGroupArn"].strip("<>"))["Port"]


def test_tls_ends_here_with_the_customers_certificate(stack):
    https = listener(stack, 443)
    assert https["Protocol"] == "TLS"
    assert https["Certificates"] == [{"CertificateArn": DOCUMENTED["CertificateArn"]}]


def test_only_tls_1_2_and_1_3_are_accepted(stack):
    assert listener(stack, 443)["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")


def test_requests_without_tls_arrive_where_nginx_redirects(stack):
    ports = stack.environments["stack"]
    assert target(stack, 443) == int(ports["SITES_PORT"])
    assert target(stack, 80) == int(ports["REDIRECT_PORT"])
    assert len(stack.of_type("AWS::ElasticLoadBalancingV2::Listener")) == 2


def test_it_is_a_network_load_balancer_on_the_internet_in_the_public_subnet(stack):
    balancer = stack.properties("LoadBalancer")
    assert (balancer["Type"], balancer["Scheme"]) == ("network", "internet-facing")
    assert balancer["Subnets"] == ["<PublicSubnet1>"]
    assert set(stack.resources["LoadBalancer"]["DependsOn"]) >= {"PublicDefaultRoute"}


def target_groups(stack):
    return stack.of_type("AWS::ElasticLoadBalancingV2::TargetGroup")


def test_the_groups_instances_are_the_targets_of_both_target_groups(stack):
    assert set(stack.properties("ServerGroup")["TargetGroupARNs"]) == {f"<{name}>" for name in target_groups(stack)}
    assert not [group for group in target_groups(stack).values() if "Targets" in group]


def test_health_is_what_the_registry_answers_for_both_listeners(stack):
    """An instance that isn't ready gets no requests to redirect either."""
    for group in target_groups(stack).values():
        assert (group["HealthCheckProtocol"], group["HealthCheckPath"]) == ("HTTP", "/healthcheck")
        assert group["HealthCheckPort"] == stack.environments["stack"]["SITES_PORT"]
    assert "location = /healthcheck {" in stack.file("/opt/quilt/nginx.conf")


def test_a_restart_by_hand_is_not_taken_for_an_instance_to_be_replaced(stack):
    for group in target_groups(stack).values():
        assert int(group["HealthCheckIntervalSeconds"]) * int(group["UnhealthyThresholdCount"]) >= 5 * 60


def test_an_instance_that_goes_serves_for_three_minutes_more(stack):
    """Connections still arrive for about two: https://github.com/aws/containers-roadmap/issues/470"""
    for group in target_groups(stack).values():
        attributes = {each["Key"]: each["Value"] for each in group["TargetGroupAttributes"]}
        assert attributes["deregistration_delay.timeout_seconds"] == "180"


def test_it_stands_with_its_listeners_and_records_before_the_database_and_the_instance(template):
    """A wrong certificate or zone then fails in the first minutes, and target health is there to be seen."""
    launch = evaluate_edition(template, DOCUMENTED | {"HostedZoneId": "Z0123456789"})
    for late in ("Database", "ServerGroup"):
        assert launch.before(late) >= {"LoadBalancer", "HttpsListener", "HttpListener", "HostRecords"}


def test_nginx_sees_the_clients_address(stack):
    """Client IP preservation is on by default for TCP where the targets are instances.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html
    """
    for group in target_groups(stack).values():
        assert (group["TargetType"], group["Protocol"]) == ("instance", "TCP")
        assert "preserve_client_ip.enabled" not in str(group)
