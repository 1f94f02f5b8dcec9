"""Partitions, DNS suffixes and Availability Zones are AWS's own, as botocore and cfn-lint carry them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import loaders
from cfnlint.helpers import REGIONS

from quilt_cfn.cloudformation.facts import partitions


@pytest.fixture(scope="module")
def botocore_partitions() -> list[dict[str, Any]]:
    """botocore's own list of them."""
    found: list[dict[str, Any]] = loaders.create_loader().load_data("partitions")["partitions"]
    return found


def test_partition_and_suffix_of_every_region_are_botocore_s(botocore_partitions: list[dict[str, Any]]) -> None:
    regions = {region: each for each in botocore_partitions for region in each["regions"] if "global" not in region}
    assert regions.keys() >= set(REGIONS)
    for region, partition in regions.items():
        assert partitions.partition(region) == partition["id"]
        assert partitions.url_suffix(region) == partition["outputs"]["dnsSuffix"]


def test_every_region_has_its_zones_in_order() -> None:
    for region in REGIONS:
        zones = partitions.zones(region)
        assert zones == sorted(set(zones))
        assert all(zone[:-1] == region for zone in zones)
        assert len(zones) >= (2 if region == "us-west-1" else 3)
