"""Who may talk to whom, on which port, and why.

The rule: every conversation is one described single-port rule at each end that is ours, and nothing else is open. A
range of addresses is a rule inside the group, and so is the calling end of a conversation between two groups; its other
end is a rule of its own, because groups that name each other can't be created.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from troposphere import Ref, Template, ec2

from quilt_cfn.stack.network import Network
from quilt_cfn.stack.parameters import SMTP_PORT, SSH_INPUT_CIDR

SSH_PORT = 22
HTTP_PORT = 80
HTTPS_PORT = 443
POSTGRES_PORT = 5432
SITES_PORT = 80
"""Where nginx on the instance serves both host names; the load balancer has ended TLS."""
REDIRECT_PORT = 8080
"""Where nginx sends to HTTPS whatever came in without it."""

_ANYWHERE = "0.0.0.0/0"


class SecurityGroups(NamedTuple):
    balancer: Ref
    server: Ref
    ssh: Ref
    database: Ref


def add_security_groups(t: Template, network: Network) -> SecurityGroups:
    """The four security groups, and every conversation between them and the world.

    Read from the database outwards: a group names the groups that it calls, so those come first.
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
    server = group(
        "ServerSecurityGroup",
        "Instance: web traffic from the load balancer",
        SecurityGroupEgress=[
            _tcp(POSTGRES_PORT, "The database", DestinationSecurityGroupId=Ref(database)),
            _tcp(HTTPS_PORT, "AWS and the sources of packages and images", CidrIp=_ANYWHERE),
            _tcp(SMTP_PORT.ref, "The mail service", CidrIp=_ANYWHERE),
        ],
    )
    balancer = group(
        "ElbSecurityGroup",
        "Load balancer: HTTPS from anywhere, HTTP to be redirected",
        SecurityGroupIngress=[
            _tcp(HTTPS_PORT, "HTTPS from anywhere", CidrIp=_ANYWHERE),
            _tcp(HTTP_PORT, "HTTP from anywhere", CidrIp=_ANYWHERE),
        ],
        SecurityGroupEgress=[
            _tcp(SITES_PORT, "Sites and health check", DestinationSecurityGroupId=Ref(server)),
            _tcp(REDIRECT_PORT, "Requests to be redirected", DestinationSecurityGroupId=Ref(server)),
        ],
    )

    def let_in(name: str, server: ec2.SecurityGroup, client: ec2.SecurityGroup, port: int, what: str) -> None:
        """The other end of a conversation between two groups; it would make a circle inside the group."""
        rule = ec2.SecurityGroupIngress(
            name, GroupId=Ref(server), **_rule(port, what), SourceSecurityGroupId=Ref(client)
        )
        t.add_resource(rule)

    let_in("ServerIngressSites", server, balancer, SITES_PORT, "Sites and health check")
    let_in("ServerIngressRedirect", server, balancer, REDIRECT_PORT, "Requests to be redirected")
    let_in("DatabaseIngress", database, server, POSTGRES_PORT, "PostgreSQL from the instance")
    return SecurityGroups(Ref(balancer), Ref(server), Ref(ssh), Ref(database))


# EC2 gives a group without egress rules one that allows everything; a rule that leads nowhere takes its place.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
_NOTHING = ec2.SecurityGroupRule(IpProtocol="-1", CidrIp="127.0.0.1/32", Description="No connections of its own")


def _tcp(port: int | Ref, why: str, **peer: Any) -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(**_rule(port, why), **peer)


def _rule(port: int | Ref, why: str) -> dict[str, Any]:
    return {"Description": why, "IpProtocol": "tcp", "FromPort": port, "ToPort": port}
