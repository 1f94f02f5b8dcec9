"""A finding is left only with a reason, only where it was looked at, and only as long as it is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quilt_cfn.cloudformation.checks.suppressions import Suppression, suppress
from quilt_cfn.finding import Finding

FINDING = Finding("folder/t.yaml", 3, "cfn-lint", "W1", "warning", "Database", "a message")
SUPPRESSION = Suppression("cfn-lint", "W1", "Database", ("t.yaml",), "because")


def test_what_it_names_is_suppressed_with_its_reason():
    assert suppress("folder/t.yaml", [FINDING], [SUPPRESSION]) == ([], [(FINDING, "because")])


@pytest.mark.parametrize("other", [{"engine": "cloudformation-validate"}, {"rule": "W2"}, {"resource": "Bucket"}])
def test_anything_else_stands(other):
    finding = replace(FINDING, **other)
    stand, suppressed = suppress("folder/t.yaml", [FINDING, finding], [SUPPRESSION])
    assert (stand, suppressed) == ([finding], [(FINDING, "because")])


def test_one_that_suppresses_nothing_is_an_error_in_that_template():
    stand, _ = suppress("folder/t.yaml", [], [SUPPRESSION])
    assert [(each.file, each.rule, each.severity, each.resource) for each in stand] == [
        ("folder/t.yaml", "stale-suppression", "error", "Database")
    ]
