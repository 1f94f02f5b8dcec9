"""Cost, duration and picture on the page are those that our Python computes for the same choices."""

from __future__ import annotations

import re
from itertools import product

import pytest
from playwright.sync_api import expect

from quilt_cfn.cloudformation.describe.cost import estimate
from quilt_cfn.cloudformation.describe.diagram import THEMES, picture
from quilt_cfn.cloudformation.describe.timeline import timeline
from quilt_cfn.cloudformation.launch import evaluate, values_for
from quilt_cfn.delivery.site.launch_page.pictures import SHAPING
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.contract import read_contract
from tests.delivery.site.launch_page.filling import choose_edition, fill_in
from tests.delivery.site.launch_page.models import COST
from tests.launches import DOCUMENTED

TEXTS = [
    {},
    {"InstanceType": "m6i.large", "DBInstanceType": "db.m5.large"},
    {"InstanceType": "m5.large", "VpcCidr": "192.168.0.0/16", "SshInputCIDR": "203.0.113.0/24"},
]


def without_widths(svg: str) -> str:
    """A picture without the widths of its texts, which only say how an example was measured."""
    return re.sub(' textLength="[^"]*" lengthAdjust="[^"]*"', "", svg)


def drawn(template, edition, values, theme, region="us-east-1"):
    """What the diagram's own code draws."""
    contract = read_contract().for_template(EDITIONS[edition].file)
    launch = evaluate(template, values_for(template, {**DOCUMENTED, **values}), region, allow_missing=True)
    return picture(launch, contract, theme).svg("picture-")


def shown(functions, edition, values, theme, region="us-east-1"):
    """What the page's script draws."""
    known = {name: value for name, value in {**DOCUMENTED, **values}.items() if not name.endswith("*")}
    script = "([edition, values, theme]) => pictureFor(data.pictures, edition, values, theme)"
    return functions.evaluate(script, [edition, {**known, "AWS::Region": region}, theme])


def test_the_picture_of_the_example_is_the_diagram_byte_for_byte(functions, edition, template):
    for theme in THEMES:
        assert shown(functions, edition, {}, theme) == drawn(template, edition, {}, theme)


@pytest.mark.parametrize("filled", list(product((False, True), repeat=len(SHAPING))))
def test_the_picture_is_that_of_the_choices(functions, edition, template, filled):
    more = {name: value for (name, value), each in zip(SHAPING.items(), filled, strict=True) if each}
    for texts in TEXTS:
        values = {**texts, **more}
        expected = without_widths(drawn(template, edition, values, "light"))
        assert without_widths(shown(functions, edition, values, "light")) == expected


def test_a_text_of_a_choice_is_text_in_the_picture(functions):
    svg = shown(functions, "registry", {"SshInputCIDR": "<script>&"}, "light")
    assert "&lt;script>&amp;" in svg
    assert "<script" not in svg


def test_the_picture_follows_region_scheme_and_form(open_launch_page):
    page = open_launch_page(color_scheme="light")
    light = page.locator("#picture").get_attribute("src")
    words = page.locator("#picture-words").text_content()
    assert words.count("eu-west-1") == 1
    assert "LoadBalancer to ServerGroup" in words
    assert page.locator("#picture").evaluate("async (each) => { await each.decode(); return each.naturalWidth }") > 800
    page.emulate_media(color_scheme="dark")
    expect(page.locator("#picture")).not_to_have_attribute("src", light)
    page.emulate_media(color_scheme="light")
    expect(page.locator("#picture")).to_have_attribute("src", light)
    fill_in(page, {"AlarmEmail": "operations@example.com"})
    assert page.locator("#picture-words").text_content() != words
    fill_in(page, {"AlarmEmail": "operations"})
    assert page.locator("#picture-words").text_content() == words, "what is refused is not drawn"
    choose_edition(page, "marketplace")
    assert "RegistryUser" not in page.locator("#picture-words").text_content()


def cost_of(functions, values):
    return functions.evaluate("([model, values]) => costOf(model, values)", [COST, values])


def test_the_cost_is_the_sum_of_the_rows_of_what_was_chosen(functions):
    chosen = {"AWS::Region": "us-east-1", "InstanceType": "m5.large", "DBStorage": "300", "HostedZoneId": "Z0123456789"}
    cost = cost_of(functions, chosen)
    assert [(each["part"], each["quantity"], each["amount"]) for each in cost["items"]] == [
        ("Instance", 730, 73),
        ("Database", 300, 37.5),
        ("DNS", 1, 0.5),
    ]
    assert (cost["total"], cost["unknown"]) == (111, 0)
    assert cost_of(functions, {**chosen, "HostedZoneId": ""})["total"] == 110.5
    assert cost_of(functions, {**chosen, "AWS::Region": "eu-west-1"})["total"] == 184


def test_an_unknown_price_is_no_part_of_the_sum_and_is_counted(functions):
    chosen = {"AWS::Region": "eu-north-1", "InstanceType": "m5.large", "DBStorage": "20", "HostedZoneId": ""}
    cost = cost_of(functions, chosen)
    assert (cost["total"], cost["unknown"]) == (2.5, 1)
    assert cost["items"][0]["amount"] is None


CHOICES = [
    {},
    {"InstanceType": "m5.xlarge", "DBInstanceType": "db.t3.large", "DBStorage": "300"},
    {"BackupRegion": "us-west-2", "BackupKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "DBStorage": "1000"},
    {"AlarmEmail": "a@example.com", "HostedZoneId": "Z0123456789", "ExistingBucket": "earlier", "OldVersionDays": "30"},
    {"LogRetentionDays": "7", "DBSnapshotIdentifier": "earlier", "SmtpHost": "smtp.example.com"},
]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "us-gov-west-1"])
def test_the_cost_is_what_python_estimates_for_the_same_launch(functions, edition, template, region):
    defaults = {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}
    script = "([edition, values]) => costOf(data.costs[edition], values)"
    for values in CHOICES:
        launch = evaluate(template, values_for(template, {**DOCUMENTED, **values}), region, allow_missing=True)
        expected = estimate(launch)
        got = functions.evaluate(script, [edition, {**defaults, **values, "AWS::Region": region}])
        assert got["total"] == pytest.approx(expected.total)
        assert got["unknown"] == len(expected.unknown)
        assert sorted((each["part"], each["what"]) for each in got["items"]) == sorted(
            (each.part, each.what) for each in expected.items
        )


def test_the_page_shows_cost_and_duration_of_the_choices(page):
    page.locator("#region").select_option("us-east-1")
    total = page.evaluate(
        "dollars.format(costOf(data.costs.registry, {...openValues(), 'AWS::Region': 'us-east-1'}).total)"
    )
    assert page.locator("#cost-figure").inner_text().startswith(f"{total} a month")
    quick = page.locator("#duration-figure").inner_text()
    assert quick.startswith("about ")
    fill_in(page, {"DBStorage": "300", "DBSnapshotIdentifier": "earlier", "HostedZoneId": "Z0123456789"})
    larger = page.locator("#cost-figure").inner_text()
    assert not larger.startswith(total)
    assert page.locator("#duration-figure").inner_text() != quick
    assert page.locator("#duration-steps li").count() > 3
    storage = [row for row in page.locator("#cost-rows tr").all_inner_texts() if "storage" in row]
    assert storage[0].split("\t")[2] == "300 GB-months"
    fill_in(page, {"DBStorage": "6000"})
    assert page.locator("#cost-figure").inner_text().startswith(total), "what is refused costs nothing"
    page.locator("#region").select_option("eu-north-1")
    assert "unknown in Europe (Stockholm)" in page.locator("#cost-text").inner_text()
    assert "unknown" in page.locator("#cost-rows tr").first.inner_text()


@pytest.mark.parametrize("values", CHOICES)
def test_the_duration_is_the_timeline_of_the_same_launch(functions, edition, template, values):
    launch = evaluate(template, values_for(template, {**DOCUMENTED, **values}), "us-east-1", allow_missing=True)
    expected = timeline(launch)
    got = functions.evaluate("([edition, values]) => rowFor(data.durations[edition], values)", [edition, values])
    assert (got["low"], got["typical"], got["high"]) == (expected.low, expected.typical, expected.high)
    assert [each["start"] for each in got["steps"]] == [each.start for each in expected.path]
