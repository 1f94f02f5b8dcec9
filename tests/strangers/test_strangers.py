"""`quilt-cfn check` judges other people's templates without falling over, and says of them what we think is so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from quilt_cfn.cloudformation.checks.check import check_one_launch
from quilt_cfn.cloudformation.template.coerce import get_section
from quilt_cfn.cloudformation.template.read import read_template
from tests.strangers import HERE, TEMPLATES, page, read_verdicts

REGIONS = ("us-east-1", "cn-north-1")
NAMES = [each.name for each in TEMPLATES]


@pytest.fixture(scope="module")
def findings():
    """Region -> name of a template -> what check finds in it."""
    return {
        region: {file.name: check_one_launch(file, {}, region).findings for file in TEMPLATES} for region in REGIONS
    }


def test_there_are_at_least_20_of_them_and_some_are_json():
    assert len(TEMPLATES) >= 20
    assert Counter(each.suffix for each in TEMPLATES)[".json"] == 4
    assert any("\n\t" in each.read_text() for each in TEMPLATES)


def test_each_has_another_set_of_resource_types():
    sets = Counter(
        frozenset(
            str(each.get("Type"))
            for each in get_section(read_template(file).data, "Resources").values()
            if "Type" in each
        )
        for file in TEMPLATES
    )
    assert set(sets.values()) == {1}


@pytest.mark.parametrize("name", NAMES)
def test_check_finds_exactly_what_has_a_verdict(findings, name):
    verdicts, _ = read_verdicts()
    expected = [(each.rule, each.resource) for each in verdicts if each.template == name]
    assert [(each.rule, each.resource) for each in findings["us-east-1"][name]] == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_judged_in_another_partition(findings, name):
    # Another Region may lack an instance type or an entry of a mapping, but no fault of the template's own goes away.
    here, there = ({(each.rule, each.resource) for each in findings[region][name]} for region in REGIONS)
    assert here <= there


@pytest.mark.parametrize("file", TEMPLATES, ids=NAMES)
def test_a_template_says_at_its_head_whether_it_is_right(file):
    verdicts, _ = read_verdicts()
    head = "".join(file.read_text().splitlines()[:6])
    assert ("Right." in head) != ("Fault" in head)
    assert ("Fault" in head) == any(each.right for each in verdicts if each.template == file.name)


def test_every_template_has_its_place_among_the_verdicts():
    assert list(yaml.safe_load((HERE / "verdicts.yaml").read_text())["templates"]) == NAMES


def test_the_page_says_what_the_verdicts_say():
    file = Path(__file__).parent.parent.parent / "docs" / "strangers.md"
    assert file.read_text() == page(), "run: python -m tests.strangers > docs/strangers.md"
