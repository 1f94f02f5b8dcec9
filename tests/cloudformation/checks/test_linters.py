"""Both linters check every Region, and nothing in the template or its folder switches a rule off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from quilt_cfn.cloudformation.checks.linters import cfn_lint, cloudformation_validate
from quilt_cfn.cloudformation.checks.report import merge_regions
from quilt_cfn.cloudformation.facts import availability
from quilt_cfn.finding import Finding


def validate(files: Sequence[Path]) -> list[Finding]:
    """cloudformation-validate in every Region, with default values."""
    launches: list[tuple[str, dict[str, str]]] = [(region, {}) for region in availability.regions()]
    return [finding for file in files for finding in cloudformation_validate(file, launches)]


LINTERS = (cfn_lint, validate)

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


@pytest.mark.parametrize("linter", LINTERS)
def test_an_error_has_its_resource_and_line_and_can_t_be_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linter: Callable[[list[Path]], list[Finding]]
) -> None:
    path = tmp_path / "faulty.yaml"
    path.write_text(FAULTY)
    (tmp_path / ".cfnlintrc").write_text("ignore_checks: [E]\n")
    monkeypatch.chdir(tmp_path)
    (found,) = merge_regions([each for each in linter([path]) if each.severity == "error"], availability.regions())
    assert (found.file, found.rule[1:], found.resource) == (str(path), "3002", "Topic")
    assert found.line in (8, 9)


def test_an_error_in_some_regions_names_them(tmp_path: Path) -> None:
    path = tmp_path / "regional.yaml"
    path.write_text(REGIONAL)
    found = list(merge_regions(validate([path]), availability.regions()))
    regions = {region for finding in found if "t2.small" in finding.message for region in finding.regions}
    assert "eu-north-1" in regions
    assert "us-east-1" not in regions
    assert any(str(finding).endswith("(in 1 Region: eu-north-1)") for finding in found)
    assert any("eu-north-1" in finding.message for finding in cfn_lint([path]))


@pytest.mark.parametrize("linter", LINTERS)
def test_a_file_that_is_not_a_template_is_a_finding(
    tmp_path: Path, linter: Callable[[list[Path]], list[Finding]]
) -> None:
    paths = []
    for number, text in enumerate(("Resources: [", "", "just a text", "Resources: {A: {Type: [}}", "a: &x [*x]")):
        paths.append(tmp_path / f"{number}.yaml")
        paths[-1].write_text(text)
    assert {finding.file for finding in linter(paths) if finding.severity == "error"} == {str(each) for each in paths}
