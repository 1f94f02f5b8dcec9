"""A finding is left only with a reason, only where it was looked at, and only as long as it is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from quilt_cfn.checks.finding import Finding
from quilt_cfn.checks.suppressions import Suppression, apply, read_suppressions
from quilt_cfn.errors import Trouble

FILE = Path("folder/t.yaml")
FINDING = Finding(str(FILE), 3, "cfn-lint", "W1", "warning", "Database", "a message")
SUPPRESSION = Suppression("cfn-lint", "W1", "Database", ("t.yaml",), "because")


def test_what_it_names_is_suppressed():
    assert apply([SUPPRESSION], [FINDING], [FILE]) == ([], [FINDING])


@pytest.mark.parametrize(
    "other",
    [
        {"engine": "cloudformation-validate"},
        {"rule": "W2"},
        {"resource": "Bucket"},
        {"template": "folder/other.yaml"},
    ],
)
def test_anything_else_stands(other):
    finding = replace(FINDING, **other)
    stand, suppressed = apply([SUPPRESSION], [FINDING, finding], [FILE])
    assert (stand, suppressed) == ([finding], [FINDING])


def test_one_that_suppresses_nothing_is_an_error():
    stand, _ = apply([SUPPRESSION], [], [FILE])
    assert [(each.rule, each.severity, each.resource) for each in stand] == [("stale-suppression", "error", "Database")]


def test_it_says_nothing_about_templates_that_it_does_not_name():
    assert apply([SUPPRESSION], [], [Path("somebody-elses.yaml")]) == ([], [])


def test_it_can_be_stale_in_one_template_and_used_in_another():
    both = replace(SUPPRESSION, templates=("t.yaml", "u.yaml"))
    stand, suppressed = apply([both], [FINDING], [FILE, Path("folder/u.yaml")])
    assert [each.template for each in stand] == ["folder/u.yaml"]
    assert suppressed == [FINDING]


def test_ours_all_say_why():
    suppressions = read_suppressions()
    assert suppressions
    assert all(len(each.reason.split()) >= 8 for each in suppressions)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"reason": " "}, "has no reason"),
        ({"reason": None}, "has no reason"),
        ({"resourse": "Database"}, "could not be read"),
        ({"templates": None}, "could not be read"),
    ],
)
def test_an_incomplete_one_is_refused(tmp_path, entry, said):
    path = tmp_path / "suppressions.yaml"
    complete = {"engine": "e", "rule": "r", "resource": "x", "templates": ["t.yaml"], "reason": "because"}
    path.write_text(yaml.safe_dump([complete | entry]))
    with pytest.raises(Trouble, match=said):
        read_suppressions(path)
