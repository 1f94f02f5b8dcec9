"""Every rule states its severity, and its page says what it finds, why that is bad, and what to use instead."""

from __future__ import annotations

import re

import pytest

from quilt_cfn.cloudformation.checks.rules import FAMILIES, RULES
from quilt_cfn.cloudformation.describe.rules import page


def test_what_may_go_wrong_or_is_only_recommended_is_a_warning():
    warnings = [rule.id for rule in RULES.values() if rule.severity == "warning"]
    lifecycle = ["L08", "L10", "L11", "L12", "L13", "L14", "L17", "L18", "L19"]
    wiring = ["W26", "W31", "W34"]
    assert warnings == ["M15", "M16", "R02", *lifecycle, "P02", "P03", "P08", *wiring, "F01", "F02", "F06", "F07"]
    assert [rule.id for rule in RULES.values() if rule.severity == "information"] == ["T12"]


@pytest.mark.parametrize("id", RULES)
def test_a_rule_says_what_it_finds_why_that_is_bad_and_what_to_use_instead(id):
    text = RULES[id].explanation.explanation
    assert re.match(r"Finds .+\n\nWhy it is bad: .+\n\nUse instead: ", text, re.DOTALL)


def test_the_page_has_every_rule_under_its_family():
    headings = re.findall("(?m)^##+ (.+)$", page(FAMILIES))
    assert [each for each in headings if each in RULES] == list(RULES)
    assert headings[0] == FAMILIES[0].title
