"""Every Region has a link to its own console, or a reason for having none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest

from quilt_cfn.cloudformation.facts import availability, partitions
from quilt_cfn.delivery.publish.launch_links import launch_links

VIRGINIA, IRELAND = {"us-east-1": "https://virginia/t.yaml"}, {"eu-west-1": "https://ireland/t.yaml"}
GOVCLOUD, BEIJING = {"us-gov-west-1": "https://govcloud/t.yaml"}, {"cn-north-1": "https://beijing/t.yaml"}
EVERYWHERE = {**VIRGINIA, **IRELAND, **GOVCLOUD, **BEIJING, "eusc-de-east-1": "https://brandenburg/t.yaml"}


def link(published: Mapping[str, str], region: str, stack_name: str = "quilt") -> str:
    return launch_links(published, stack_name).links[region]


def console_query(url: str) -> dict[str, str]:
    """What a quick-create link passes to the console; its query is behind the #."""
    page, _, query = urlsplit(url).fragment.partition("?")
    assert page == "/stacks/create/review"
    return {name: value for name, (value,) in parse_qs(query, strict_parsing=True, keep_blank_values=True).items()}


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("ap-southeast-7", "ap-southeast-7.console.aws.amazon.com"),
        ("us-gov-east-1", "us-gov-east-1.console.amazonaws-us-gov.com"),
        ("cn-northwest-1", "cn-northwest-1.console.amazonaws.cn"),
        ("eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
    ],
)
def test_a_link_opens_the_console_of_its_partition_in_its_region(region, console):
    url = urlsplit(link(EVERYWHERE, region))
    assert (url.scheme, url.hostname, url.path) == ("https", console, "/cloudformation/home")
    assert parse_qs(url.query) == {"region": [region]}


def test_a_link_names_template_and_stack():
    for url, stack_name in (("https://virginia/t.yaml", "quilt"), ("https://a&stackName=b#c d+e%20", "a&b=c#d e+f%20")):
        query = console_query(link({"us-east-1": url}, "us-east-1", stack_name))
        assert query == {"templateURL": url, "stackName": stack_name}


def test_a_region_takes_the_template_from_its_own_bucket_or_the_first_of_its_partition():
    def template(published: Mapping[str, str], region: str) -> dict[str, str]:
        """Which of the published templates a Region takes."""
        url = console_query(link(published, region))["templateURL"]
        return {region: each for region, each in published.items() if each == url}

    assert template(EVERYWHERE, "eu-west-1") == IRELAND
    assert template(EVERYWHERE, "eu-central-1") == VIRGINIA
    assert template({**IRELAND, **VIRGINIA}, "eu-central-1") == IRELAND
    assert template(EVERYWHERE, "us-gov-east-1") == GOVCLOUD
    assert template(EVERYWHERE, "cn-northwest-1") == BEIJING


def test_no_link_leads_to_another_partition_and_there_is_a_reason():
    links, reasons = launch_links(VIRGINIA, "quilt")
    assert {partitions.partition(each) for each in links} == {"aws"}
    assert reasons["us-gov-west-1"] == "published to no bucket in aws-us-gov"
    assert reasons["us-iso-east-1"] == "no public page names the console of aws-iso"
    assert not launch_links({}, "quilt").links


@pytest.mark.parametrize("published", [{}, BEIJING, EVERYWHERE])
def test_the_printed_links_name_every_region_once(published):
    text = str(launch_links(published, "quilt"))
    for region in availability.regions():
        assert len(re.findall(rf"(^|[ ,]){region}(,| |$)", text, re.MULTILINE)) == 1
