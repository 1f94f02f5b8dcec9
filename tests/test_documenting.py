"""The generated pages are what the rules and the templates say today."""

from __future__ import annotations

from pathlib import Path

import pytest

from quilt_cfn.checks.rule import Rule
from quilt_cfn.checks.rules import FAMILIES, RULES
from quilt_cfn.documenting import pages, write_pages

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def made():
    return pages(ROOT / "templates")


@pytest.mark.parametrize("name", ["docs/rules.md", "docs/lifecycle.md", "marketplace/usage-instructions.txt"])
def test_a_page_is_up_to_date(made, name):
    assert (ROOT / name).read_text() == made[name], "run: make docs"


def test_every_rule_has_an_id_of_its_family_a_sentence_an_explanation_and_a_link():
    for letter, modules in FAMILIES.items():
        assert all(module.__doc__ for module in modules)
        assert any(id.startswith(letter) for id in RULES)
    for id, rule in RULES.items():
        assert id[0] in FAMILIES
        assert id[1:].isdigit()
        assert rule.sentence.endswith("."), id
        assert len(rule.explanation.split()) >= 8, id
        assert rule.link.startswith("https://"), id


def test_no_two_rules_have_one_id():
    modules = [module for family in FAMILIES.values() for module in family]
    ids = [each.id for module in modules for each in vars(module).values() if isinstance(each, Rule)]
    assert sorted(ids) == sorted(RULES)


def test_a_second_run_changes_nothing(made, tmp_path):
    first = list(write_pages(ROOT / "templates", tmp_path))
    assert len(first) == 3
    assert all(line.endswith("written") for line in first)
    assert all(line.endswith("unchanged") for line in write_pages(ROOT / "templates", tmp_path))
