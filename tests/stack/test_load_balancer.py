"""The load balancer ends TLS, sends both sites to the instance, and only redirects requests without TLS."""

from __future__ import annotations

from tests.launches import DOCUMENTED


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


def test_both_target_groups_hold_the_instance(stack):
    groups = stack.of_type("AWS::ElasticLoadBalancingV2::TargetGroup").values()
    assert len(groups) == 2
    for group in groups:
        assert group["Targets"] == [{"Id": "<Server>", "Port": group["Port"]}]


def test_the_sites_health_is_what_the_registry_answers(stack):
    group = stack.properties("SitesTargetGroup")
    assert (group["HealthCheckProtocol"], group["HealthCheckPath"]) == ("HTTP", "/healthcheck")
    assert "location = /healthcheck {" in stack.file("/opt/quilt/nginx.conf")


def test_nginx_sees_the_clients_address(stack):
    """Client IP preservation is on by default for TCP where the targets are instances.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html
    """
    for group in stack.of_type("AWS::ElasticLoadBalancingV2::TargetGroup").values():
        assert (group["TargetType"], group["Protocol"]) == ("instance", "TCP")
        assert "TargetGroupAttributes" not in group
