"""The Network Load Balancer, which ends TLS, and what it sends to the instance.

Every request that reaches the instance came over TLS 1.2 or later, or gets nothing but a redirect to HTTPS.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from troposphere import GetAtt, Ref, Template
from troposphere import elasticloadbalancingv2 as elb

from quilt_cfn.stack.database import Database
from quilt_cfn.stack.instance import HEALTH_CHECK_PATH, Instance
from quilt_cfn.stack.network import Network, named
from quilt_cfn.stack.parameters import CERTIFICATE_ARN
from quilt_cfn.stack.security_groups import HTTP_PORT, HTTPS_PORT, REDIRECT_PORT, SITES_PORT, SecurityGroups

# TLS 1.3 and 1.2 with forward secrecy and authenticated encryption only.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"


class LoadBalancer(NamedTuple):
    """What other parts need to know of the load balancer."""

    dns_name: GetAtt
    hosted_zone: GetAtt
    metric_name: GetAtt
    """The name under which CloudWatch knows the load balancer."""
    sites_metric_name: GetAtt
    """The name under which CloudWatch knows the target group of both sites."""


def add_load_balancer(
    t: Template, network: Network, groups: SecurityGroups, database: Database, instance: Instance
) -> LoadBalancer:
    """A Network Load Balancer with a TLS listener for both sites and a TCP listener for redirects."""
    load_balancer = t.add_resource(
        elb.LoadBalancer(
            "LoadBalancer",
            # An internet-facing load balancer can't be created before its VPC has an Internet gateway. After the
            # database, because it takes minutes: they pass while the instance boots (order.py).
            DependsOn=[*network.internet, database.resource],
            Type="network",
            Scheme="internet-facing",
            Subnets=list(network.public_subnets),
            SecurityGroups=[groups.load_balancer],
            Tags=named("balancer"),
        )
    )

    def target_group(name: str, port: int, **health_check: Any) -> elb.TargetGroup:
        # With an instance as target, and not its address, nginx sees and logs the address of the client.
        to = {"TargetType": "instance", "Targets": [elb.TargetDescription(Id=instance.id, Port=port)]}
        return t.add_resource(elb.TargetGroup(name, VpcId=network.vpc, Protocol="TCP", Port=port, **to, **health_check))

    sites = target_group(
        "SitesTargetGroup",
        SITES_PORT,
        HealthCheckProtocol="HTTP",
        HealthCheckPath=HEALTH_CHECK_PATH,
        HealthCheckIntervalSeconds=10,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=3,
    )
    # A redirect needs no more than a port that accepts connections, which is the default health check.
    redirect = target_group("RedirectTargetGroup", REDIRECT_PORT)
    t.add_resource(
        elb.Listener(
            "HttpsListener",
            LoadBalancerArn=Ref(load_balancer),
            Protocol="TLS",
            Port=HTTPS_PORT,
            SslPolicy=_TLS_POLICY,
            Certificates=[elb.Certificate(CertificateArn=CERTIFICATE_ARN.ref)],
            DefaultActions=[elb.Action(Type="forward", TargetGroupArn=Ref(sites))],
        )
    )
    t.add_resource(
        elb.Listener(
            "HttpListener",
            LoadBalancerArn=Ref(load_balancer),
            Protocol="TCP",
            Port=HTTP_PORT,
            DefaultActions=[elb.Action(Type="forward", TargetGroupArn=Ref(redirect))],
        )
    )
    return LoadBalancer(
        dns_name=GetAtt(load_balancer, "DNSName"),
        hosted_zone=GetAtt(load_balancer, "CanonicalHostedZoneID"),
        metric_name=GetAtt(load_balancer, "LoadBalancerFullName"),
        sites_metric_name=GetAtt(sites, "TargetGroupFullName"),
    )
