"""Cost, duration and picture on the page are those that our Python computes for the same choices."""

from __future__ import annotations

import re
from itertools import product

import pytest
from playwright.sync_api import expect

from quilt_cfn.cloudformation.describe.diagram import THEMES, picture
from quilt_cfn.cloudformation.launch import evaluate, values_for
from quilt_cfn.delivery.site.launch_page.pictures import SHAPING
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.contract import read_contract
from tests.delivery.site.launch_page.filling import choose_edition, fill_in
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
