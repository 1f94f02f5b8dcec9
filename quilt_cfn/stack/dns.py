"""Both host names in Route 53, for customers whose domain is there."""

from __future__ import annotations

from troposphere import Template, route53

from quilt_cfn.stack.load_balancer import LoadBalancer
from quilt_cfn.stack.parameters import CATALOG_HOST, HOSTED_ZONE_ID, REGISTRY_HOST


def add_dns_records(t: Template, load_balancer: LoadBalancer) -> None:
    """An alias record for each host name, made only when a hosted zone was given.

    Aliases rather than the documented CNAMEs: they also work at the top of a domain, and Route 53 answers them free.
    """
    alias = route53.AliasTarget(DNSName=load_balancer.dns_name, HostedZoneId=load_balancer.hosted_zone)
    t.add_resource(
        route53.RecordSetGroup(
            "HostRecords",
            Condition=HOSTED_ZONE_ID.is_set_condition,
            HostedZoneId=HOSTED_ZONE_ID.ref,
            RecordSets=[
                route53.RecordSet(Name=host.ref, Type="A", AliasTarget=alias) for host in (CATALOG_HOST, REGISTRY_HOST)
            ],
        )
    )
