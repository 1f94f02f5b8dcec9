"""Every Region has a link to its own console, or a reason for having none."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.session import Session
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quilt_cfn.cloudformation.facts import availability, partitions
from quilt_cfn.delivery.publish.stores.locations import object_url
from quilt_cfn.delivery.publish.urls import Place, launch_links

KEY = "quilt/quilt-registry/1.0.0/quilt-registry.yaml"
VIRGINIA = Place("public", "us-east-1", KEY)
IRELAND = Place("public-ireland", "eu-west-1", KEY)
GOVCLOUD = Place("public-gov", "us-gov-west-1", KEY)
BEIJING = Place("public-cn", "cn-north-1", KEY)
BRANDENBURG = Place("public-eusc", "eusc-de-east-1", KEY)
EVERYWHERE = (VIRGINIA, IRELAND, GOVCLOUD, BEIJING, BRANDENBURG)


def link(published, region, stack_name="quilt"):
    return dict(launch_links(published, stack_name).rows)[region]


def asked_for(url):
    """What a quick-create link asks the console for; its query is behind the #."""
    page, _, query = urlsplit(url).fragment.partition("?")
    assert page == "/stacks/create/review"
    return {name: value for name, (value,) in parse_qs(query, strict_parsing=True, keep_blank_values=True).items()}


@pytest.mark.parametrize(
    ("bucket", "region", "url"),
    [
        ("public", "us-east-1", f"https://public.s3.us-east-1.amazonaws.com/{KEY}"),
        ("public", "us-gov-west-1", f"https://public.s3.us-gov-west-1.amazonaws.com/{KEY}"),
        ("public", "cn-north-1", f"https://public.s3.cn-north-1.amazonaws.com.cn/{KEY}"),
        ("public", "eusc-de-east-1", f"https://public.s3.eusc-de-east-1.amazonaws.eu/{KEY}"),
        ("public", "us-iso-east-1", f"https://public.s3.us-iso-east-1.c2s.ic.gov/{KEY}"),
        ("templates.example.com", "eu-west-1", f"https://s3.eu-west-1.amazonaws.com/templates.example.com/{KEY}"),
    ],
)
def test_an_object_has_the_url_of_its_region(bucket, region, url):
    assert object_url(bucket, region, KEY) == url


class Asked(Exception):
    """What a request that is not sent ends in."""


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "us-gov-east-1", "cn-north-1", "eusc-de-east-1"])
def test_the_url_is_the_one_that_botocore_asks(region):
    def stop(request, **_):
        raise Asked(request.url)

    config = Config(
        signature_version=UNSIGNED,
        ignore_configured_endpoint_urls=True,
        s3={"us_east_1_regional_endpoint": "regional"},
    )
    s3 = Session().create_client("s3", region, config=config)
    s3.meta.events.register("before-send.s3", stop)
    for bucket in ("public", "templates.example.com"):
        with pytest.raises(Asked, match=f"^{re.escape(object_url(bucket, region, KEY))}$"):
            s3.get_object(Bucket=bucket, Key=KEY)
    s3.close()


@given(st.from_regex(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", fullmatch=True), st.text(min_size=1))
def test_bucket_and_key_can_be_read_off_the_url(bucket, key):
    url = urlsplit(object_url(bucket, "eu-west-1", key))
    assert (url.scheme, url.query, url.fragment) == ("https", "", "")
    bucket_in_path, _, key_in_path = url.path[1:].partition("/")
    if "." in bucket:
        assert (bucket_in_path, url.hostname) == (bucket, "s3.eu-west-1.amazonaws.com")
        assert unquote(key_in_path) == key
    else:
        assert url.hostname == f"{bucket}.s3.eu-west-1.amazonaws.com"
        assert unquote(url.path[1:]) == key


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("ap-southeast-7", "ap-southeast-7.console.aws.amazon.com"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("us-gov-east-1", "us-gov-east-1.console.amazonaws-us-gov.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("cn-northwest-1", "cn-northwest-1.console.amazonaws.cn"),
        ("eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
    ],
)
def test_a_link_opens_the_console_of_its_partition_in_its_region(region, console):
    url = urlsplit(link(EVERYWHERE, region))
    assert (url.scheme, url.hostname, url.path) == ("https", console, "/cloudformation/home")
    assert parse_qs(url.query) == {"region": [region]}


def test_a_link_names_template_and_stack():
    assert asked_for(link([VIRGINIA], "us-east-1")) == {"templateURL": VIRGINIA.url, "stackName": "quilt"}


def test_a_region_takes_the_template_from_its_own_bucket_or_the_first_of_its_partition():
    assert asked_for(link(EVERYWHERE, "eu-west-1"))["templateURL"] == IRELAND.url
    assert asked_for(link(EVERYWHERE, "eu-central-1"))["templateURL"] == VIRGINIA.url
    assert asked_for(link([IRELAND, VIRGINIA], "eu-central-1"))["templateURL"] == IRELAND.url
    assert asked_for(link(EVERYWHERE, "us-gov-east-1"))["templateURL"] == GOVCLOUD.url
    assert asked_for(link(EVERYWHERE, "cn-northwest-1"))["templateURL"] == BEIJING.url


def test_no_link_leads_to_another_partition_and_the_reason_is_said():
    links = launch_links([VIRGINIA], "quilt")
    assert {partitions.partition(row.region) for row in links.rows} == {"aws"}
    why = dict(links.without)
    assert why["us-gov-west-1"] == "published to no bucket in aws-us-gov"
    assert why["us-iso-east-1"] == "no public page names the console of aws-iso"
    assert not launch_links([], "quilt").rows


@settings(max_examples=30)
@given(
    st.lists(
        st.builds(
            Place,
            st.from_regex(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", fullmatch=True),
            st.sampled_from(availability.regions()),
            st.text(min_size=1),
        ),
        max_size=4,
    ),
    st.text(),
)
@example([VIRGINIA._replace(key="a&stackName=b#c d+e%20")], "a&b=c#d e+f%20")
def test_every_region_has_one_link_or_one_reason_and_the_link_says_what_it_was_given(published, stack_name):
    links = launch_links(published, stack_name)
    assert sorted([row.region for row in links.rows] + [gap.region for gap in links.without]) == list(
        availability.regions()
    )
    for row in links.rows:
        asked = asked_for(row.url)
        assert asked["stackName"] == stack_name
        (place, *_) = [place for place in published if place.url == asked["templateURL"]]
        assert partitions.partition(place.region) == partitions.partition(row.region)


def test_the_printed_links_name_every_region_once():
    text = str(launch_links(EVERYWHERE, "quilt"))
    for region in availability.regions():
        assert len(re.findall(rf"(^|[ ,]){region}(,| |$)", text, re.MULTILINE)) == 1
    assert "No link (no public page names the console of aws-iso): us-iso-east-1, us-iso-west-1" in text
