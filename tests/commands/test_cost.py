"""``quilt-cfn cost`` as users run it."""

from __future__ import annotations

import json

import pytest

from quilt_cfn.cli import main


def test_the_table_fits_a_terminal_and_ends_in_its_total(capsys):
    assert main(["cost", "registry"]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = lines[: lines.index("Not included:")]
    assert lines[0] == "registry in us-east-1, in a month of 730 hours"
    assert all(len(line) <= 84 for line in table)
    assert any(line.split()[-1] == "82.70" for line in table if "all with a known price" in line)
    assert any(line.startswith("  [1] B, 2026-07-20, https://") for line in lines)


def test_what_is_unknown_says_so_and_how_to_ask(capsys):
    assert main(["cost", "registry", "--region", "eu-central-1"]) == 0
    out = capsys.readouterr().out
    assert "Unknown, because no source says it for eu-central-1: quilt-cfn cost --refresh asks AWS." in out
    assert out.count("unknown\n") == 16


def test_as_json_it_has_every_figure(capsys):
    assert main(["cost", "registry", "--packages", "1000", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (packages,) = (each for each in found["items"] if each["part"] == "Packages")
    assert packages["usd"] == pytest.approx(23)
    assert packages["price"]["grade"] == "D"
    assert found["complete"] is True
    assert found["use"]["packages"] == 1000


@pytest.mark.parametrize("amount", ["-1", "much", "nan", "inf", "1e13"])
def test_an_amount_that_is_none_is_refused(capsys, amount):
    assert main(["cost", f"--packages={amount}"]) == 2
    assert f"{amount} is not an amount of 0 or more" in capsys.readouterr().err


def test_a_template_of_somebody_else_names_what_is_not_estimated(capsys, tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text("Resources: {Cache: {Type: 'AWS::MemoryDB::Cluster'}, Topic: {Type: 'AWS::SNS::Topic'}}")
    assert main(["cost", str(file)]) == 0
    assert "Not estimated: AWS::MemoryDB::Cluster." in capsys.readouterr().out
