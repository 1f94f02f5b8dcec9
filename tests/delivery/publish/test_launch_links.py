"""Every Region has a link to its own console, or a reason for having none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest

from quilt_cfn.cloudformation.facts import availability, partitions
from quilt_cfn.delivery.publish.launch_links import LaunchLinks, launch_links, page
from quilt_cfn.editions import MARKETPLACE, REGISTRY, Edition

VIRGINIA, IRELAND = {"us-east-1": "https://virginia/t.yaml"}, {"eu-west-1": "https://ireland/t.yaml"}
GOVCLOUD, BEIJING = {"us-gov-west-1": "https://govcloud/t.yaml"}, {"cn-north-1": "https://beijing/t.yaml"}
EVERYWHERE = {**VIRGINIA, **IRELAND, **GOVCLOUD, **BEIJING, "eusc-de-east-1": "https://brandenburg/t.yaml"}


def link(published: Mapping[str, str], region: str, stack_name: str = "quilt") -> str:
    return links_of(published, stack_name).links[region]


def links_of(published: Mapping[str, str], stack_name: str = "quilt", edition: Edition = REGISTRY) -> LaunchLinks:
    return launch_links(published, stack_name, edition.name)


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
    links, reasons = links_of(VIRGINIA)
    assert {partitions.partition(each) for each in links} == {"aws"}
    assert reasons["us-gov-west-1"] == "published to no bucket in aws-us-gov"
    assert reasons["us-iso-east-1"] == "no public page names the console of aws-iso"
    assert not links_of({}).links


HOSTILE = {"us-east-1": "https://virginia/\"><script>alert(1)</script>'&.yaml"}


class Reader(HTMLParser):
    """What a browser sees of a page: its elements, which have to be nested well, its links, and the text of each."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data.strip()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.tags if each == tag]

    def text(self, tag: str) -> list[str]:
        return [text for each, text in self.texts if each == tag]


def read(published: Mapping[str, str], signer: str | None = None, command: str | None = None) -> Reader:
    editions = {each.name: links_of(published, edition=each) for each in (REGISTRY, MARKETPLACE)}
    return Reader(page("1.10.0", editions, signer, command))


@pytest.mark.parametrize("published", [{}, BEIJING, EVERYWHERE])
def test_the_page_has_every_region_of_an_edition_once_with_its_link_or_why_it_has_none(published):
    reader = read(published)
    editions = [links_of(published, edition=each) for each in (REGISTRY, MARKETPLACE)]
    assert [each["href"] for each in reader.all("a")] == [url for each in editions for url in each.links.values()]
    rows = [text for text in reader.text("th") if text not in ("Region", "Link")]
    assert rows == [region for each in editions for region in each.links]
    named = [region for item in reader.text("li") for region in item.partition(": ")[0].split(", ")]
    assert sorted(named) == sorted(region for each in editions for region in each.without)
    reasons = {reason for each in editions for reason in each.without.values()}
    assert {item.partition(": ")[2] for item in reader.text("li")} == reasons
    for each in editions:
        assert sorted([*each.links, *each.without]) == sorted(availability.regions())


def test_an_edition_with_a_machine_image_of_its_own_is_launched_where_the_image_is():
    links, reasons = links_of(EVERYWHERE, edition=MARKETPLACE)
    assert [*links] == ["us-east-1"]
    assert reasons["eu-west-1"] == "the machine image is not there: customers launch it from AWS Marketplace"
    assert links == {"us-east-1": links_of(EVERYWHERE).links["us-east-1"]}
    text = " ".join(" ".join(read(EVERYWHERE).text("p")).split())
    assert text.count("Customers launch it from AWS Marketplace. Only the account that made its machine image can") == 1


def test_the_page_can_be_read_aloud_and_in_the_dark():
    """WCAG: a language, a title, a heading for each part, headers of tables, links that say alone where they lead."""
    reader = read(EVERYWHERE)
    assert reader.all("html") == [{"lang": "en"}]
    assert reader.text("title") == reader.text("h1") == ["Launch quilt-registry 1.10.0"]
    assert reader.text("h2") == ["The registry edition", "The marketplace edition"]
    assert len(reader.all("table")) == len(reader.text("caption")) == 2
    assert {each.get("scope") for each in reader.all("th")} == {"col", "row"}
    assert len(set(reader.text("a"))) == len(reader.all("a"))
    assert {"name": "color-scheme", "content": "light dark"} in reader.all("meta")


def test_the_page_asks_for_nothing_and_runs_nothing():
    reader = read(EVERYWHERE)
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "img", "iframe", "object", "form", "base"}
    (policy,) = [each["content"] for each in reader.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    (style,) = reader.text("style")
    assert not re.search(r"url|@import|color:", style), "nothing is loaded, and no colour is fixed in light and dark"
    loading = [
        name for _, attributes in reader.tags for name in attributes if name in ("src", "srcset") or name[:2] == "on"
    ]
    assert loading == []


def test_what_is_put_into_the_page_is_text_whatever_it_holds():
    reader = read(HOSTILE, signer="<b>&amp;", command="a && b <c>")
    assert not reader.all("script")
    assert not reader.all("b")
    assert reader.text("code") == ["<b>&amp;", "key.pub", "a && b <c>"]
    assert console_query(str(reader.all("a")[0]["href"]))["templateURL"] == HOSTILE["us-east-1"]
    links = links_of(HOSTILE)
    assert "&stackName" not in page("1.10.0", {"registry": links}, None, None)


def test_the_page_says_whose_signature_there_is_or_that_nobody_vouches():
    assert "nobody vouches" in " ".join(read(EVERYWHERE).text("p"))
    signed = read(EVERYWHERE, "sha256:00", "openssl verify")
    assert signed.text("code") == ["sha256:00", "key.pub", "openssl verify"]
    assert "nobody vouches" not in " ".join(signed.text("p"))
