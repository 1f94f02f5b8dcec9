"""Every accepted finding is complete, and its reason is a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.accepted_findings import read_accepted_findings

COMPLETE = {
    "finding": "It is open.",
    "kind": "choice",
    "resources": ["Bucket"],
    "rules": {"one": "R1 R2"},
    "reason": "You decide.",
}


def read(path, **changes):
    """The findings of a file with one finding, in which some fields are other ones."""
    engine = {"name": "one", "title": "One", "version": "1", "about": "All of it."}
    document = {"date": "2026-11-27", "text": "# Page", "engines": [engine], "findings": [COMPLETE | changes]}
    path.write_text(yaml.safe_dump(document))
    return read_accepted_findings(path)


def test_what_is_complete_is_read(tmp_path):
    [finding] = read(tmp_path / "findings.yaml").findings
    assert (finding.rules, finding.source, finding.template) == ({"one": ("R1", "R2")}, None, None)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"reason": None}, "no findings 1: reason"),
        ({"reason": "because"}, "'because' as findings 1: reason"),
        ({"reason": "A bar | ends the cell."}, "as findings 1: reason"),
        ({"kind": "whim"}, "'whim' as findings 1: kind"),
        ({"rules": {}}, "as findings 1: rules"),
        ({"rules": {"two": "R1"}}, "'two' as an engine in findings 1: rules"),
        ({"resources": []}, "as findings 1: resources"),
        ({"templates": "all"}, "an unknown field: findings 1: templates"),
    ],
)
def test_an_incomplete_one_is_refused(tmp_path, changes, error):
    with pytest.raises(UserError, match=re.escape(error)):
        read(tmp_path / "findings.yaml", **changes)


@pytest.mark.parametrize("finding", read_accepted_findings().findings, ids=lambda finding: finding.finding)
def test_each_of_ours_has_one_sentence_as_its_reason(finding):
    assert len(finding.reason.split()) >= 8
    assert not re.search(r"[.!?] [A-Z]", finding.reason)
    assert finding.template in (None, *TEMPLATE_FILES.values())


def test_none_of_ours_is_declared_twice():
    declared = [
        (engine, rule, resource, finding.template)
        for finding in read_accepted_findings().findings
        for engine, rules in finding.rules.items()
        for rule in rules
        for resource in finding.resources
    ]
    assert len(declared) == len(set(declared))


def test_each_of_ours_is_about_resources_that_there_are():
    folder = Path(__file__).parents[2] / "templates"
    resources = {file: read_template(folder / file).data["Resources"].keys() for file in TEMPLATE_FILES.values()}
    for finding in read_accepted_findings().findings:
        files = [finding.template] if finding.template else resources
        assert set(finding.resources) <= set().union(*(resources[file] for file in files))
