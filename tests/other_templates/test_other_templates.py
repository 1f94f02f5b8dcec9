"""`quilt-cfn check` reports about other people's templates what a person has assessed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from quilt_cfn.cloudformation.checks.check import check_one_launch
from tests.other_templates import HERE, TEMPLATES, page, read_assessments

REGIONS = ("us-east-1", "cn-north-1")
NAMES = [each.name for each in TEMPLATES]


@pytest.fixture(scope="module")
def findings():
    """Region -> name of a template -> what check finds in it."""
    return {
        region: {file.name: check_one_launch(file, {}, region).findings for file in TEMPLATES} for region in REGIONS
    }


@pytest.mark.parametrize("name", NAMES)
def test_check_finds_exactly_what_a_person_has_assessed(findings, name):
    assessed, _ = read_assessments()
    expected = [(each.rule, each.resource) for each in assessed if each.template == name]
    assert [(each.rule, each.resource) for each in findings["us-east-1"][name]] == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_template_is_checked_in_another_partition(findings, name):
    # Another Region may lack an instance type or an entry of a mapping, but no defect of the template itself goes away.
    here, there = ({(each.rule, each.resource) for each in findings[region][name]} for region in REGIONS)
    assert here <= there


def test_every_template_is_in_the_list_of_findings():
    assert list(yaml.safe_load((HERE / "findings.yaml").read_text())["templates"]) == NAMES


def test_the_page_says_what_the_list_says():
    file = Path(__file__).parents[2] / "docs" / "other-templates.md"
    assert file.read_text() == page(), "run: python -m tests.other_templates > docs/other-templates.md"
