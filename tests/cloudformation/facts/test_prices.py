"""Prices: what a source says, with its date and grade, and nothing else."""

from __future__ import annotations

import re
from datetime import date

import pytest

from quilt_cfn.cloudformation.facts.availability import regions
from quilt_cfn.cloudformation.facts.prices import FILE, GRADES, Price, price, prices, read, written

WRITTEN_DOWN = date(2026, 11, 28)
"""When the grades were given. Not today: an unchanged checkout would begin to fail by the calendar alone."""


@pytest.mark.parametrize("each", prices().values(), ids=lambda each: f"{each.key} in {each.region}")
def test_every_price_has_a_date_a_source_and_a_grade(each):
    assert 0 < each.usd < 1000
    assert each.grade in GRADES
    assert each.region in regions()
    assert date.fromisoformat(each.date) <= WRITTEN_DOWN or each.grade == "A"
    if each.grade in "BD":
        assert re.fullmatch(r"https://\S+", each.source)


@pytest.mark.parametrize("each", prices().values(), ids=lambda each: f"{each.key} in {each.region}")
def test_a_figure_that_was_older_than_a_year_says_so(each):
    age = (WRITTEN_DOWN - date.fromisoformat(each.date)).days
    assert (age > 365) == (each.grade == "D"), "grade D is what is older than a year: quilt-cfn cost --refresh"


def test_what_no_source_says_is_unknown():
    assert price("rds-postgres/db.m5.large", "us-east-1") is None
    assert price("ec2/t3.small", "eu-west-1") is None


@pytest.mark.parametrize(
    ("small", "large", "factor"),
    [
        ("ec2/t3.medium", "ec2/t3.large", 2),
        ("ec2/m5.large", "ec2/m5.xlarge", 2),
        ("ec2/m6i.large", "ec2/m6i.xlarge", 2),
        ("rds-postgres/db.t3.small", "rds-postgres/db.t3.large", 4),
        ("rds-postgres/db.t3.medium", "rds-postgres/db.t3.large", 2),
    ],
)
def test_a_computed_price_is_what_its_source_says(small, large, factor):
    first, second = price(small, "us-east-1"), price(large, "us-east-1")
    assert first
    assert second
    assert "C" in (first.grade, second.grade)
    assert abs(first.usd * factor - second.usd) < 0.0015


def test_the_file_is_written_as_it_was_read():
    text = FILE.read_text(encoding="utf-8")
    assert written(read(text)) == text
    assert read(text)[0] == Price("ec2/t2.small", "us-east-1", "hour", 0.023, "2026-07-20", "B", read(text)[0].source)
