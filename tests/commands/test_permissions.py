"""``quilt-cfn permissions`` as users run it."""

from __future__ import annotations

import json

import pytest

from quilt_cfn.cli import main


def test_it_prints_every_policy_by_its_name(capsys):
    assert main(["permissions", "marketplace", "--stack-name", "shop"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [*made] == [f"deployment-role-marketplace-{each}" for each in (1, 2, "trust")]
    assert "arn:aws:iam::*:role/shop-*" in json.dumps(made)


def test_it_writes_a_file_for_each_and_again_changes_nothing(capsys, tmp_path):
    for word in ("written", "unchanged"):
        assert main(["permissions", "registry", "--output", str(tmp_path / "role")]) == 0
        assert all(line.endswith(word) for line in capsys.readouterr().out.splitlines())
    assert json.loads((tmp_path / "role" / "deployment-role-registry-1.json").read_text())["Version"] == "2012-10-17"


@pytest.mark.parametrize("name", ["1stack", "a_b", "a" * 129, "a*"])
def test_a_name_that_no_stack_can_have_is_refused(capsys, name):
    assert main(["permissions", "--stack-name", name]) == 2
    assert "is no name of a stack" in capsys.readouterr().err


def test_a_type_of_which_nothing_is_known_is_named(capsys, tmp_path):
    (tmp_path / "t.yaml").write_text("Resources: {Thing: {Type: 'Custom::Thing'}, Topic: {Type: 'AWS::SNS::Topic'}}")
    assert main(["permissions", str(tmp_path / "t.yaml")]) == 0
    assert "nobody says what CloudFormation calls for Custom::Thing: add it by hand." in capsys.readouterr().err


def test_a_template_that_needs_more_policies_than_a_role_may_have_is_refused(capsys, monkeypatch):
    monkeypatch.setattr("quilt_cfn.cloudformation.describe.deployment_role.MOST_POLICIES", 1)
    assert main(["permissions", "registry"]) == 2
    assert "A role for registry would need 2 policies, and a role may have 1." in capsys.readouterr().err
