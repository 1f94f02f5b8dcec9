"""The generated pages are what the declarations, the rules and the templates say today."""

from __future__ import annotations

from pathlib import Path

import pytest

from quilt_cfn.commands.docs import pages, write_pages
from quilt_cfn.commands.explanations import EXPLANATIONS, FAMILIES
from quilt_cfn.editions import TEMPLATE_FILES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made():
    return pages(ROOT / "templates")


PAGES = [
    "docs/guide/accepted-findings.md",
    "docs/guide/cost.md",
    "docs/guide/decisions.md",
    "docs/guide/lifecycle.md",
    "docs/guide/monitoring.md",
    "docs/guide/parameters.md",
    "docs/guide/permissions.md",
    "docs/guide/resources.md",
    "docs/guide/security.md",
    "docs/guide/time.md",
    "docs/rules.md",
    "marketplace/usage-instructions.txt",
    *(f"docs/guide/pictures/{name}-{theme}.svg" for name in TEMPLATE_FILES for theme in ("light", "dark")),
]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(made, name):
    assert (ROOT / name).read_text() == made[name], "run: make docs"


@pytest.mark.parametrize("id", EXPLANATIONS)
def test_every_id_that_a_command_prints_has_a_sentence_an_explanation_and_a_link(id):
    explanation = EXPLANATIONS[id]
    assert explanation.sentence.endswith(".")
    assert len(explanation.explanation.split()) >= 8
    assert explanation.link.startswith("https://")


def test_no_two_rules_have_one_id():
    ids = [each.id for family in FAMILIES for each in family.explanations]
    assert len(ids) == len(set(ids))


def test_a_second_run_changes_nothing(made, tmp_path):
    first = list(write_pages(ROOT / "templates", tmp_path))
    assert len(first) == len(PAGES)
    assert all(line.endswith("written") for line in first)
    assert all(line.endswith("unchanged") for line in write_pages(ROOT / "templates", tmp_path))
