"""The page of accepted findings has every rule's ID where its engine is, with the resources and the reason."""

from __future__ import annotations

from typing import Any

from quilt_cfn.cloudformation.describe.accepted_findings import (
    AcceptedFinding,
    AcceptedFindings,
    Engine,
    expected,
    page,
)

TEMPLATES: dict[str, dict[str, Any]] = {
    "one.yaml": {"Resources": {"Bucket": {}, "User": {}}},
    "other.yaml": {"Resources": {"Bucket": {}, "Role": {}}},
}
OPEN = AcceptedFinding(
    finding="It is open.",
    kind="choice",
    resources=("Bucket", "User"),
    rules={"first": ("F1", "F2"), "second": ("S1",)},
    reason="You decide.",
    source="https://docs.aws.amazon.com/a.html",
    template=None,
)
ONLY = OPEN._replace(finding="It is old.", kind="unseen", rules={"second": ("S2",)}, template="other.yaml", source=None)
ACCEPTED = AcceptedFindings(
    "# Page\n\nText.\n",
    "2026-11-27",
    (Engine("first", "First", "1.0", "All of it."), Engine("second", "Second", "2.0", "Some of it.")),
    (OPEN, ONLY),
)


def test_a_finding_is_expected_of_each_rule_and_resource_in_every_template_that_has_it():
    assert expected(ACCEPTED.findings, TEMPLATES, "first") == {
        (file, rule, resource)
        for rule in ("F1", "F2")
        for file, resource in [("one.yaml", "Bucket"), ("one.yaml", "User"), ("other.yaml", "Bucket")]
    }


def test_a_finding_of_one_template_is_expected_there_alone():
    assert expected([ONLY], TEMPLATES, "second") == {("other.yaml", "S2", "Bucket")}


def test_the_page_begins_with_the_text_the_day_and_how_many_there_are():
    first, second = page(ACCEPTED, TEMPLATES).partition("## First")[0], page(ACCEPTED, TEMPLATES)
    assert first.startswith("# Page\n\nText.\n\nOn 2026-11-27")
    assert "| First | 2 | 4 findings | 2 findings |\n| Second | 2 | 2 findings | 2 findings |" in first
    assert "**choice**, 1 of them" in first
    assert second.count("## ") == 2


def test_a_rule_stands_under_its_engine_with_what_it_says_of_what_and_why_it_is_left():
    before, after = page(ACCEPTED, TEMPLATES).split("## Second")
    row = "It is open. | `Bucket`, `User` | **choice**: You decide. ([AWS](https://docs.aws.amazon.com/a.html)) |"
    assert f"| `F1`, `F2` | {row}" in before
    assert "Some of it. Version 2.0." in after
    assert f"| `S1` | {row}" in after
    assert "| `S2` | It is old. | `Bucket`, `User`, in `other.yaml` only | **unseen**: You decide. |" in after
