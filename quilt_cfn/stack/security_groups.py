"""The security groups: who may connect to whom, on which port, and why.

Every permitted connection is one rule for a single port, with a description, in the group of each end that is ours;
nothing else is open. A rule about an address range stands in its group, and so does the outbound rule of a connection
between two groups. The inbound rule of that connection is a resource of its own, because two groups that name each
other can't be created.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from troposphere import Ref, Template, ec2

from quilt_cfn.cloudformation.facts.replacement import resource_page
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.stack.network import Network
from quilt_cfn.stack.parameters import HTTPS_INPUT_CIDR, SMTP_PORT, SSH_INPUT_CIDR

SSH_PORT = 22
HTTP_PORT = 80
HTTPS_PORT = 443
POSTGRES_PORT = 5432
SITES_PORT = 80
"""Where nginx on the instance serves both host names; the load balancer has ended TLS."""
REDIRECT_PORT = 8080
"""Where nginx sends to HTTPS whatever came in without it."""

_ANYWHERE = "0.0.0.0/0"

IMMUTABLE = tuple(
    ImmutableProperty(
        group,
        name,
        why,
        (resource_page("AWS::EC2::SecurityGroup"),),
    )
    for group in ("DatabaseSecurityGroup", "SshSecurityGroup", "ServerSecurityGroup", "ElbSecurityGroup")
    for name, why in {
        "GroupDescription": "Another text replaces the group, and the old one can't be deleted while it is in use. It "
        "says what the group is for, because rules come and go.",
        "VpcId": "It follows the VPC.",
        "GroupName": "Absent: a generated name, so that a replacement can stand beside it.",
    }.items()
)
"""What must never change."""


class SecurityGroups(NamedTuple):
    """The groups, by what is in them; ``ssh`` is the instance's second group."""

    load_balancer: Ref
    instance: Ref
    ssh: Ref
    database: Ref


def add_security_groups(t: Template, network: Network) -> SecurityGroups:
    """The four security groups, and every connection between them and the rest of the world.

    The database's group comes first: a group's outbound rules name the groups that it connects to.
    """

    def group(name: str, purpose: str, **rules: Any) -> ec2.SecurityGroup:
        egress = {"SecurityGroupEgress": [_NOTHING]}
        return t.add_resource(ec2.SecurityGroup(name, GroupDescription=purpose, VpcId=network.vpc, **egress | rules))

    database = group("DatabaseSecurityGroup", "Database: PostgreSQL from the instance")
    ssh = group(
        "SshSecurityGroup",
        "Instance: SSH from SshInputCIDR",
        SecurityGroupIngress=[_tcp(SSH_PORT, "SSH from SshInputCIDR", CidrIp=SSH_INPUT_CIDR.ref)],
    )
    instance = group(
        "ServerSecurityGroup",
        "Instance: web traffic from the load balancer",
        SecurityGroupEgress=[
            _tcp(POSTGRES_PORT, "The database", DestinationSecurityGroupId=Ref(database)),
            _tcp(HTTPS_PORT, "AWS and the sources of packages and images", CidrIp=_ANYWHERE),
            _tcp(SMTP_PORT.ref, "The mail service", CidrIp=_ANYWHERE),
        ],
    )
    load_balancer = group(
        "ElbSecurityGroup",
        "Load balancer: HTTPS, and HTTP to be redirected",
        SecurityGroupIngress=[
            _tcp(HTTPS_PORT, "HTTPS from HttpsInputCIDR", CidrIp=HTTPS_INPUT_CIDR.ref),
            _tcp(HTTP_PORT, "HTTP from HttpsInputCIDR", CidrIp=HTTPS_INPUT_CIDR.ref),
        ],
        SecurityGroupEgress=[
            _tcp(SITES_PORT, "Sites and health check", DestinationSecurityGroupId=Ref(instance)),
            _tcp(REDIRECT_PORT, "Requests to be redirected", DestinationSecurityGroupId=Ref(instance)),
        ],
    )

    def let_in(name: str, server: ec2.SecurityGroup, client: ec2.SecurityGroup, port: int, what: str) -> None:
        """The inbound rule of a connection between two groups; inside the group it would make a circle."""
        rule = ec2.SecurityGroupIngress(
            name, GroupId=Ref(server), **_rule(port, what), SourceSecurityGroupId=Ref(client)
        )
        t.add_resource(rule)

    let_in("ServerIngressSites", instance, load_balancer, SITES_PORT, "Sites and health check")
    let_in("ServerIngressRedirect", instance, load_balancer, REDIRECT_PORT, "Requests to be redirected")
    let_in("DatabaseIngress", database, instance, POSTGRES_PORT, "PostgreSQL from the instance")
    return SecurityGroups(Ref(load_balancer), Ref(instance), Ref(ssh), Ref(database))


# EC2 gives a group without outbound rules one that allows everything; this rule, which leads nowhere, prevents that.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
_NOTHING = ec2.SecurityGroupRule(IpProtocol="-1", CidrIp="127.0.0.1/32", Description="No connections of its own")


def _tcp(port: int | Ref, why: str, **peer: Any) -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(**_rule(port, why), **peer)


def _rule(port: int | Ref, why: str) -> dict[str, Any]:
    return {"Description": why, "IpProtocol": "tcp", "FromPort": port, "ToPort": port}
