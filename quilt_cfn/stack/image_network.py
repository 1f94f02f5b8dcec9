"""The network of Image Builder's instances: one public subnet, because an account may have no default VPC.

Nothing may connect to the instances, and they connect to nothing but HTTPS. Security groups don't filter what the VPC
itself offers: names, time and instance metadata.
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
"""

from __future__ import annotations

from typing import NamedTuple

from troposphere import Ref, Template, ec2

from quilt_cfn.stack.network import add_internet, named

_RANGE = "10.42.0.0/24"
_HTTPS = 443


class BuildNetwork(NamedTuple):
    """Where Image Builder launches its instances; ``internet`` are the resources to wait for before."""

    subnet: Ref
    group: Ref
    internet: tuple[str, ...]


def add_build_network(t: Template) -> BuildNetwork:
    """VPC, subnet, the way to the internet, and the security group."""
    vpc = t.add_resource(ec2.VPC("Vpc", CidrBlock=_RANGE, Tags=named("vpc")))
    subnet = t.add_resource(
        ec2.Subnet("PublicSubnet", VpcId=Ref(vpc), CidrBlock=_RANGE, MapPublicIpOnLaunch=True, Tags=named("public"))
    )
    group = t.add_resource(
        ec2.SecurityGroup(
            "BuildSecurityGroup",
            GroupDescription="Instances that bake or try a machine image: nothing comes in",
            VpcId=Ref(vpc),
            SecurityGroupEgress=[
                ec2.SecurityGroupRule(
                    Description="AWS and the sources of packages and images",
                    IpProtocol="tcp",
                    FromPort=_HTTPS,
                    ToPort=_HTTPS,
                    CidrIp="0.0.0.0/0",
                )
            ],
        )
    )
    return BuildNetwork(Ref(subnet), Ref(group), add_internet(t, vpc, subnet))
