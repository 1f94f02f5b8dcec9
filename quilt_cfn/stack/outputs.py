"""The stack's outputs; their names are documented and never change."""

from __future__ import annotations

from troposphere import Output, Template

from quilt_cfn.stack.address import Address
from quilt_cfn.stack.load_balancer import LoadBalancer


def add_outputs(t: Template, load_balancer: LoadBalancer, address: Address) -> None:
    t.add_output(
        Output(
            "LoadBalancerDNSName",
            Description="Target of both CNAME records: point CatalogHost and RegistryHost here",
            Value=load_balancer.dns_name,
        )
    )
    t.add_output(
        Output(
            "EC2InstanceIp",
            Description="Address to SSH to as ec2-user; it stays the same when the instance is replaced",
            Value=address.ip,
        )
    )
