"""The Network Load Balancer, which ends TLS, and the target groups of the instance.

Every request that reaches the instance came over TLS 1.2 or later, or gets nothing but a redirect to HTTPS. All of it
is created before the database and the instance: a wrong certificate ends a launch in its first minutes, and an instance
finds the target groups in use, in which its health can be seen.
"""

from __future__ import annotations

from typing import NamedTuple

from troposphere import GetAtt, Ref, Template
from troposphere import elasticloadbalancingv2 as elb

from quilt_cfn.cloudformation.facts.replacement import resource_page
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.stack.network import Network, named
from quilt_cfn.stack.parameters import CERTIFICATE_ARN
from quilt_cfn.stack.security_groups import HTTP_PORT, HTTPS_PORT, REDIRECT_PORT, SITES_PORT, SecurityGroups

# TLS 1.3 and 1.2 with forward secrecy and authenticated encryption only.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
_HEALTH_CHECK_PATH = "/healthcheck"


_LOAD_BALANCER = (resource_page("AWS::ElasticLoadBalancingV2::LoadBalancer"),)
_TARGET_GROUP = (resource_page("AWS::ElasticLoadBalancingV2::TargetGroup"),)
_ANOTHER_LOAD_BALANCER = (
    "A change replaces the load balancer: the new one has another DNS name, to which the customer's own records don't "
    "point."
)
IMMUTABLE = (
    ImmutableProperty("LoadBalancer", "Type", _ANOTHER_LOAD_BALANCER, _LOAD_BALANCER),
    ImmutableProperty("LoadBalancer", "Scheme", _ANOTHER_LOAD_BALANCER, _LOAD_BALANCER),
    ImmutableProperty("LoadBalancer", "Name", "Absent: a generated name.", _LOAD_BALANCER),
    ImmutableProperty(
        "LoadBalancer",
        "SecurityGroups",
        "A Network Load Balancer that is created without security groups can never get any, so this one never goes.",
        ("https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html",),
    ),
    *(
        ImmutableProperty(group, name, why, _TARGET_GROUP)
        for group in ("SitesTargetGroup", "RedirectTargetGroup")
        for name, why in {
            "Protocol": "A change replaces the group, and requests fail until the instance is healthy in the new one. "
            "TLS ends at the listener, and nginx gets what the client sent.",
            "Port": "A change replaces the group. The port is where nginx listens.",
            "TargetType": "A change replaces the group. With instances as targets nginx sees the client's address.",
            "VpcId": "It follows the VPC.",
            "Name": "Absent: a generated name, so that a replacement can stand beside it.",
        }.items()
    ),
)
"""What must never change."""


class LoadBalancer(NamedTuple):
    """What other parts need to know of the load balancer."""

    dns_name: GetAtt
    hosted_zone: GetAtt
    target_groups: tuple[Ref, ...]
    metric_name: GetAtt
    """The name under which CloudWatch knows the load balancer."""
    sites_metric_name: GetAtt
    """The name under which CloudWatch knows the target group of both sites."""


def add_load_balancer(t: Template, network: Network, groups: SecurityGroups) -> LoadBalancer:
    """A Network Load Balancer with a TLS listener for both sites and a TCP listener for redirects."""
    load_balancer = t.add_resource(
        elb.LoadBalancer(
            "LoadBalancer",
            # An internet-facing load balancer can't be created before its VPC has an Internet gateway.
            DependsOn=list(network.internet),
            Type="network",
            Scheme="internet-facing",
            Subnets=list(network.public_subnets),
            # One that is created without a security group can never get one.
            SecurityGroups=[groups.load_balancer],
            Tags=named("balancer"),
        )
    )

    def target_group(name: str, port: int) -> elb.TargetGroup:
        return t.add_resource(
            elb.TargetGroup(
                name,
                VpcId=network.vpc,
                # With an instance as target, and not its address, nginx sees and logs the address of the client.
                TargetType="instance",
                Protocol="TCP",
                Port=port,
                # Both follow one check, so that neither sends requests to an instance that is not ready.
                HealthCheckProtocol="HTTP",
                HealthCheckPort=str(SITES_PORT),
                HealthCheckPath=_HEALTH_CHECK_PATH,
                HealthCheckIntervalSeconds=30,
                HealthyThresholdCount=2,
                # Five minutes, after which the group replaces the instance: somebody who restarts the containers by
                # hand is not overtaken. Nothing is lost by it, because there is no other instance to send requests to.
                UnhealthyThresholdCount=10,
                # An instance that is replaced gets new connections for about two minutes more, and serves them.
                # https://github.com/aws/containers-roadmap/issues/470
                TargetGroupAttributes=[
                    elb.TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value="180")
                ],
            )
        )

    sites = target_group("SitesTargetGroup", SITES_PORT)
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
        target_groups=(Ref(sites), Ref(redirect)),
        metric_name=GetAtt(load_balancer, "LoadBalancerFullName"),
        sites_metric_name=GetAtt(sites, "TargetGroupFullName"),
    )
