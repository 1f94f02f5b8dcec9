"""The load balancer: where the internet ends and TLS with it.

The rule: everything that reaches the instance came over TLS 1.2 or later, or is only told to come back that way.
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
    balancer = t.add_resource(
        elb.LoadBalancer(
            "LoadBalancer",
            # The gateway: an internet-facing load balancer can't be created before its VPC has one. It takes minutes,
            # and takes them beside the instance's boot rather than before the database (order.py).
            DependsOn=[*network.internet, database.resource],
            Type="network",
            Scheme="internet-facing",
            Subnets=list(network.public_subnets),
            SecurityGroups=[groups.balancer],
            Tags=named("balancer"),
        )
    )

    def target_group(name: str, port: int, **health_check: Any) -> elb.TargetGroup:
        # Instances as targets see the client's own address, which nginx logs.
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
    # To be redirected, a request needs no more than a port that takes connections: the default health check.
    redirect = target_group("RedirectTargetGroup", REDIRECT_PORT)
    t.add_resource(
        elb.Listener(
            "HttpsListener",
            LoadBalancerArn=Ref(balancer),
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
            LoadBalancerArn=Ref(balancer),
            Protocol="TCP",
            Port=HTTP_PORT,
            DefaultActions=[elb.Action(Type="forward", TargetGroupArn=Ref(redirect))],
        )
    )
    return LoadBalancer(
        dns_name=GetAtt(balancer, "DNSName"),
        hosted_zone=GetAtt(balancer, "CanonicalHostedZoneID"),
        metric_name=GetAtt(balancer, "LoadBalancerFullName"),
        sites_metric_name=GetAtt(sites, "TargetGroupFullName"),
    )
