"""``quilt-cfn timeline`` as users run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quilt_cfn.cli import main

TEMPLATES = Path(__file__).parents[2] / "templates"


@pytest.mark.parametrize("name", ["registry", "marketplace", "image-factory"])
def test_every_line_fits_a_terminal(capsys, name):
    assert main(["timeline", name]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(f"A launch of {name} in us-east-1 takes ")
    chart = [line for line in rest if "|" in line]
    assert chart
    assert {len(line.partition("|")[2]) for line in chart} == {31}
    assert all(len(line) <= 100 for line in chart)


def test_an_update_from_the_same_template_changes_nothing(capsys):
    assert main(["timeline", "registry", "--update-from", str(TEMPLATES / "quilt-registry.yaml")]) == 0
    assert capsys.readouterr().out == "An update of registry in us-east-1 changes nothing.\n"


def test_an_update_names_what_is_replaced(capsys, tmp_path):
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text("Resources: {Bucket: {Type: 'AWS::S3::Bucket', Properties: {BucketName: one}}}")
    new.write_text("Resources: {Bucket: {Type: 'AWS::S3::Bucket', Properties: {BucketName: two}}}")
    assert main(["timeline", str(new), "--update-from", str(old)]) == 0
    assert "Bucket replaced: created" in capsys.readouterr().out


def test_as_json_it_has_every_resource(capsys):
    assert main(["timeline", "registry", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"][-1] == "Dashboard"
    assert {"Database", "Vpc", "LoadBalancer"} <= {step["resource"] for step in found["steps"]}


def test_a_template_to_update_from_that_is_none_is_one_sentence(capsys):
    assert main(["timeline", "registry", "--update-from", "nowhere.yaml"]) == 2
    assert "nowhere.yaml" in capsys.readouterr().err
