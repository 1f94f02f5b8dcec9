"""The registry's own VPC: one public subnet for the load balancer and the instance, two private ones for the database.

An address range is given once, as the range of the VPC; every subnet is a part of it.
"""

from __future__ import annotations

from typing import NamedTuple

from troposphere import Cidr, GetAtt, GetAZs, Ref, Select, Sub, Tags, Template, ec2

from quilt_cfn.cloudformation.facts.replacement import resource_page
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.stack.parameters import AVAILABILITY_ZONE_1, AVAILABILITY_ZONE_2, VPC_CIDR

_SUBNET_HOST_BITS = 8  # /24: 251 usable addresses
_SUBNETS = 3
_ZONES = (AVAILABILITY_ZONE_1, AVAILABILITY_ZONE_2)

_SUBNET = (resource_page("AWS::EC2::Subnet"),)
IMMUTABLE = (
    ImmutableProperty(
        "Vpc",
        "CidrBlock",
        "Another range replaces the VPC and everything in it, the database included. A parameter, because nobody else "
        "knows with which networks it is to be peered.",
        (resource_page("AWS::EC2::VPC"),),
    ),
    *(
        ImmutableProperty(subnet, name, why, _SUBNET)
        for subnet in ("PublicSubnet1", "PrivateSubnet1", "PrivateSubnet2")
        for name, why in {
            "VpcId": "It follows the VPC.",
            "CidrBlock": "Another range replaces the subnet. Ranges are counted from the VPC's: where more are wanted, "
            "the first ones stay.",
            "AvailabilityZone": "Another zone replaces the subnet, and the update fails, because the new one's range "
            "is the old one's. `Fn::GetAZs` may answer otherwise once AWS adds a zone: then give the zones in use.",
        }.items()
    ),
)
"""What must never change."""


class Network(NamedTuple):
    """VPC and subnets; ``internet`` are the resources to wait for before an instance can reach the internet."""

    vpc: Ref
    public_subnets: tuple[Ref, ...]
    private_subnets: tuple[Ref, ...]
    internet: tuple[str, ...]


def named(suffix: str) -> Tags:
    """The Name tag under which the console lists a resource."""
    return Tags(Name=Sub(f"${{AWS::StackName}}-{suffix}"))


def add_network(t: Template) -> Network:
    """VPC, three subnets in two zones, and the way to the internet for the public one."""
    vpc = t.add_resource(
        ec2.VPC(
            "Vpc",
            CidrBlock=VPC_CIDR.ref,
            EnableDnsHostnames=True,
            Tags=named("vpc"),
        )
    )
    zones = [field.if_set(field.ref, Select(n, GetAZs(""))) for n, field in enumerate(_ZONES)]

    def subnet(name: str, index: int, zone: int, public: bool) -> ec2.Subnet:
        return t.add_resource(
            ec2.Subnet(
                name,
                VpcId=Ref(vpc),
                AvailabilityZone=zones[zone],
                CidrBlock=Select(index, Cidr(GetAtt(vpc, "CidrBlock"), _SUBNETS, _SUBNET_HOST_BITS)),
                # An instance has the fixed address only once it serves: until then it needs one of its own.
                **({"MapPublicIpOnLaunch": True} if public else {}),
                Tags=named(f"{'public' if public else 'private'}-{zone + 1}"),
            )
        )

    public = subnet("PublicSubnet1", index=0, zone=0, public=True)
    private = [
        subnet("PrivateSubnet1", index=1, zone=0, public=False),
        subnet("PrivateSubnet2", index=2, zone=1, public=False),
    ]

    # The private subnets stay with the VPC's main route table, which has no route but the VPC's own: nothing in them
    # reaches the internet, or is reached from it.
    return Network(
        vpc=Ref(vpc),
        public_subnets=(Ref(public),),
        private_subnets=tuple(Ref(each) for each in private),
        internet=add_internet(t, vpc, public),
    )


def add_internet(t: Template, vpc: ec2.VPC, subnet: ec2.Subnet) -> tuple[str, ...]:
    """The way to the internet for a subnet; the names of the resources to wait for before it leads there."""
    gateway = t.add_resource(ec2.InternetGateway("InternetGateway"))
    attachment = t.add_resource(
        ec2.VPCGatewayAttachment("InternetGatewayAttachment", VpcId=Ref(vpc), InternetGatewayId=Ref(gateway))
    )
    routes = t.add_resource(ec2.RouteTable("PublicRouteTable", VpcId=Ref(vpc)))
    default_route = t.add_resource(
        ec2.Route(
            "PublicDefaultRoute",
            DependsOn=attachment,
            RouteTableId=Ref(routes),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=Ref(gateway),
        )
    )
    association = t.add_resource(
        ec2.SubnetRouteTableAssociation(f"{subnet.title}Routes", SubnetId=Ref(subnet), RouteTableId=Ref(routes))
    )
    return default_route.title, association.title
