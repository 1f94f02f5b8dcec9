"""The partition, DNS suffix, Availability Zones and console of a Region.

Partitions and suffixes are from botocore's endpoint data; zones from AWS's page "AWS Availability Zones"
(https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html): every Region has at
least three, but an account sees only two of us-west-1's.
"""

from __future__ import annotations

_PARTITIONS = (
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("", "aws", "amazonaws.com"),
)
_ZONES = {
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
    "ca-central-1": "abd",
    "cn-north-1": "abd",
    "us-east-1": "abcdef",
    "us-west-1": "ac",
    "us-west-2": "abcd",
}


def partition(region: str) -> str:
    """The partition of a Region, as ``AWS::Partition`` has it."""
    return next(name for prefix, name, _ in _PARTITIONS if region.startswith(prefix))


def url_suffix(region: str) -> str:
    """The DNS suffix of a Region, as ``AWS::URLSuffix`` has it."""
    return next(suffix for prefix, _, suffix in _PARTITIONS if region.startswith(prefix))


def zones(region: str) -> list[str]:
    """The Availability Zones that an account sees in a Region, as Fn::GetAZs lists them."""
    return [f"{region}{letter}" for letter in _ZONES.get(region, "abc")]


CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-eusc": "console.amazonaws-eusc.eu",
}
"""Partition -> host of the console, from https://docs.aws.amazon.com/general/latest/gr/mgmt-console.html for aws and
from public launch links for the others. For the isolated partitions no public page names a console."""
