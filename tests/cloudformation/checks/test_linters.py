"""Both engines are really asked, about every Region, and nothing that lies around makes them look away."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.checks.linters import cfn_lint, cloudformation_validate, explanation
from quilt_cfn.cloudformation.checks.report import merge_regions
from quilt_cfn.cloudformation.facts import availability


def validate(path):
    """cloudformation-validate in every Region, with the defaults of the form."""
    return list(cloudformation_validate(path, [(region, {}) for region in availability.regions()]))


def lint(path):
    """cfn-lint in every Region."""
    return cfn_lint([path])


ENGINES = (lint, validate)

FAULTY = """\
Metadata:
  cfn-lint: {config: {ignore_checks: [E3002, E3012]}}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Metadata:
      cfn-lint: {config: {ignore_checks: [E3002]}}
    Properties:
      Colour: red
"""
REGIONAL = """\
Resources:
  Instance:
    Type: AWS::EC2::Instance
    Properties:
      InstanceType: t2.small
      ImageId: ami-0123456789abcdef0
"""


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.__name__)
def test_a_fault_is_found_with_its_resource_and_line(tmp_path, engine):
    path = tmp_path / "faulty.yaml"
    path.write_text(FAULTY)
    found = [finding for finding in engine(path) if finding.severity == "error"]
    found = list(merge_regions(found, availability.regions()))
    assert [(finding.file, finding.resource) for finding in found] == [(str(path), "Topic")]
    assert found[0].line in (8, 9)


def test_neither_a_directive_nor_a_configuration_file_hides_it(tmp_path, monkeypatch):
    path = tmp_path / "faulty.yaml"
    path.write_text(FAULTY)
    (tmp_path / ".cfnlintrc").write_text("ignore_checks: [E]\n")
    monkeypatch.chdir(tmp_path)
    assert [finding.rule for finding in cfn_lint([path])] == ["E3002"]


def test_a_fault_that_only_some_regions_have_names_them(tmp_path):
    path = tmp_path / "regional.yaml"
    path.write_text(REGIONAL)
    found = list(merge_regions(validate(path), availability.regions()))
    regions = {region for finding in found if "t2.small" in finding.message for region in finding.regions}
    assert "eu-north-1" in regions
    assert "us-east-1" not in regions
    assert any(str(finding).endswith("(in 1 Region: eu-north-1)") for finding in found)
    assert any("eu-north-1" in finding.message for finding in cfn_lint([path]))


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.__name__)
def test_what_is_no_template_is_a_finding_and_no_crash(tmp_path, engine):
    for text in ("Resources: [", "", "just a text", "Resources: {A: {Type: [}}", "a: &x [*x]"):
        path = tmp_path / "no-template.yaml"
        path.write_text(text)
        assert {finding.file for finding in engine(path) if finding.severity == "error"} == {str(path)}, text


def test_a_linters_rule_is_explained_by_the_linters_that_have_it():
    both = explanation("e3002")
    assert both is not None
    assert (both.id, both.sentence) == ("E3002", "Resource properties are invalid.")
    assert [line.partition(":")[0] for line in both.explanation.splitlines()] == ["cfn-lint", "cloudformation-validate"]
    assert both.link.startswith("https://github.com/aws-cloudformation/cfn-lint/")
    only = explanation("W9008")
    assert only is not None
    assert only.explanation == "cloudformation-validate: RDS instance should have StorageEncrypted."
    assert explanation("E9999") is None
