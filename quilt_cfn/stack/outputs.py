"""What a customer reads off the finished stack; the names are documented and never change."""

from __future__ import annotations

from troposphere import Output, Template

from quilt_cfn.stack.balancer import Balancer
from quilt_cfn.stack.server import Server


def add_outputs(t: Template, balancer: Balancer, server: Server) -> None:
    t.add_output(
        Output(
            "LoadBalancerDNSName",
            Description="Target of both CNAME records: point CatalogHost and RegistryHost here",
            Value=balancer.dns_name,
        )
    )
    t.add_output(
        Output(
            "EC2InstanceIp",
            Description="Address to SSH to as ec2-user; it stays the same when the instance stops or is replaced",
            Value=server.address,
        )
    )
