"""A finding is suppressed with a reason, in the templates that are named, and only as long as it is reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quilt_cfn.cloudformation.checks.suppressions import Suppression, suppress
from quilt_cfn.finding import Finding

FINDING = Finding("folder/t.yaml", 3, "cfn-lint", "W1", "warning", "Database", "a message")
SUPPRESSION = Suppression("cfn-lint", "W1", "Database", ("t.yaml",), "because")


def test_what_it_names_is_suppressed_with_its_reason():
    assert suppress("folder/t.yaml", [FINDING], [SUPPRESSION]) == ([], [(FINDING, "because")])


@pytest.mark.parametrize(
    "other",
    [
        replace(FINDING, engine="cloudformation-validate"),
        replace(FINDING, rule="W2"),
        replace(FINDING, resource="Bucket"),
    ],
)
def test_any_other_finding_is_reported(other: Finding) -> None:
    remaining, suppressed = suppress("folder/t.yaml", [FINDING, other], [SUPPRESSION])
    assert (remaining, suppressed) == ([other], [(FINDING, "because")])


def test_one_that_suppresses_nothing_is_a_finding_about_that_template() -> None:
    remaining, _ = suppress("folder/t.yaml", [], [SUPPRESSION])
    assert [(each.file, each.rule, each.severity, each.resource) for each in remaining] == [
        ("folder/t.yaml", "stale-suppression", "error", "Database")
    ]
