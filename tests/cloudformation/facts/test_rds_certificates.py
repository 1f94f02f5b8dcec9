"""The addresses of RDS's certificate bundles are URLs of the partition that they are for."""

from __future__ import annotations

import re

import pytest

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.cloudformation.facts.availability import regions
from quilt_cfn.cloudformation.facts.rds_certificates import RDS_CERTIFICATES


@pytest.mark.parametrize("partition", RDS_CERTIFICATES)
def test_an_address_is_a_host_of_its_partition_without_a_slash_at_the_end(partition: str) -> None:
    suffixes = {partitions.url_suffix(region) for region in regions() if partitions.partition(region) == partition}
    [suffix] = suffixes
    assert re.fullmatch(rf"https://[a-z0-9.-]+\.{re.escape(suffix)}", RDS_CERTIFICATES[partition])


def test_every_partition_that_the_internet_reaches_has_one_but_for_the_sovereign_cloud() -> None:
    reachable = {partitions.partition(region) for region in regions() if "-iso" not in region}
    assert reachable - RDS_CERTIFICATES.keys() == {"aws-eusc"}
