"""``quilt-cfn cost`` as users run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quilt_cfn.cli import main
from quilt_cfn.cloudformation.facts.prices import prices

FIRST = prices()["ec2/t3.small", "us-east-1"]


def test_the_table_fits_a_terminal_and_ends_in_its_total(capsys):
    assert main(["cost", "registry"]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = lines[: lines.index("Not included:")]
    sources = lines.index("Sources, each with its grade and the day on which it was true:")
    assert lines[0] == "registry in us-east-1, in a month of 730 hours"
    assert all(len(line) <= 80 for line in lines[:sources])
    assert any(line.split()[-1] == "82.70" for line in table if "all with a known price" in line)
    assert lines[sources + 1].startswith(f"  [1] {FIRST.grade}, {FIRST.date}, {FIRST.source}")


def test_what_is_unknown_says_so_and_how_to_ask(capsys, monkeypatch):
    monkeypatch.setattr("quilt_cfn.cloudformation.describe.cost.price", lambda key, region: None)
    assert main(["cost", "registry", "--region", "eu-central-1"]) == 0
    out = capsys.readouterr().out
    assert "Unknown, because no source says it for eu-central-1. To ask AWS, in a checkout:\n" in out
    assert "  quilt-cfn cost --refresh eu-central-1\n" in out
    assert out.count("unknown\n") == 16


def test_where_aws_has_no_prices_in_dollars_nobody_is_sent_to_ask(capsys, tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text("Resources: {Bucket: {Type: 'AWS::S3::Bucket'}}")
    assert main(["cost", str(file), "--region", "cn-north-1"]) == 0
    out = capsys.readouterr().out
    assert "Unknown: AWS's price list has no prices in US dollars for cn-north-1.\n" in out
    assert "--refresh" not in out


@pytest.mark.parametrize("given", [[], ["us-east-1", "eu-central-1"]])
def test_refresh_asks_in_the_regions_that_are_named(monkeypatch, capsys, given):
    asked: list[list[str]] = []

    def refresh(_: Path, regions: list[str]) -> list[str]:
        asked.append(regions)
        return ["done"]

    monkeypatch.setattr("quilt_cfn.delivery.prices.refresh.refresh", refresh)
    assert main(["cost", "--refresh", *given]) == 0
    assert asked == [given]
    assert capsys.readouterr().out == "done\n"


@pytest.mark.parametrize(
    ("name", "why"),
    [("cn-north-1", "no prices in US dollars for cn-north-1"), ("registry", "There is no Region registry")],
)
def test_a_region_that_cannot_be_asked_is_one_sentence(capsys, name, why):
    assert main(["cost", "--refresh", name]) == 2
    assert why in capsys.readouterr().err


def test_as_json_it_has_every_figure(capsys):
    assert main(["cost", "registry", "--packages", "1000", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (packages,) = (each for each in found["items"] if each["part"] == "Packages")
    assert packages["usd"] == pytest.approx(23)
    assert packages["price"] == prices()["s3-standard", "us-east-1"]._asdict()
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
