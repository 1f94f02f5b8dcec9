"""Route 53 records are made for customers who name a hosted zone, and for nobody else."""

from __future__ import annotations

from tests.launches import DOCUMENTED, launch_stack


def test_without_a_hosted_zone_there_are_none(stack):
    assert "HostRecords" not in stack.resources


def test_with_one_both_names_lead_to_the_load_balancer(template):
    records = launch_stack(template, DOCUMENTED | {"HostedZoneId": "Z0123456789"}).properties("HostRecords")
    assert records["HostedZoneId"] == "Z0123456789"
    assert [(each["Name"], each["Type"]) for each in records["RecordSets"]] == [
        (DOCUMENTED["CatalogHost"], "A"),
        (DOCUMENTED["RegistryHost"], "A"),
    ]
    for each in records["RecordSets"]:
        assert each["AliasTarget"] == {
            "DNSName": "<LoadBalancer.DNSName>",
            "HostedZoneId": "<LoadBalancer.CanonicalHostedZoneID>",
        }
