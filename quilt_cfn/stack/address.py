"""The fixed IPv4 address to SSH to, which the instance that serves takes over."""

from __future__ import annotations

from typing import NamedTuple

from troposphere import GetAtt, Ref, Template, ec2

from quilt_cfn.cloudformation.facts.replacement import resource_page
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.stack.network import Network, named

_REFERENCE = (resource_page("AWS::EC2::EIP"),)
_ANOTHER_ADDRESS = "replaces the address, and customers have it in their firewalls."
IMMUTABLE = (
    ImmutableProperty("ServerAddress", "Domain", f"A change {_ANOTHER_ADDRESS}", _REFERENCE),
    ImmutableProperty(
        "ServerAddress", "Address", f"Absent: AWS chooses it. Any later value {_ANOTHER_ADDRESS}", _REFERENCE
    ),
)
"""What must never change."""


class Address(NamedTuple):
    """The address and the ID by which EC2 knows it."""

    ip: Ref
    allocation_id: GetAtt


def add_address(t: Template, network: Network) -> Address:
    """An Elastic IP address. An instance associates itself with it, outside of CloudFormation.

    The launch template refers to the address, so every instance is gone before it is released.
    """
    address = t.add_resource(
        ec2.EIP("ServerAddress", DependsOn=list(network.internet), Domain="vpc", Tags=named("server"))
    )
    return Address(Ref(address), GetAtt(address, "AllocationId"))
