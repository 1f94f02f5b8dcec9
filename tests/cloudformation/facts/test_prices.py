"""Prices: what a source says, with its date and grade, and nothing else."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from quilt_cfn.cloudformation.facts.availability import regions
from quilt_cfn.cloudformation.facts.prices import FILE, GRADES, Price, price, prices, read, written

WRITTEN_DOWN = "2026-11-28"
"""When the first grades were given."""
CHANGELOG = Path(__file__).resolve().parents[3] / "CHANGELOG.md"


def day_of(changelog: str) -> date:
    """The day on which a figure may be a year old: that of the newest release.

    Not today: an unchanged checkout would begin to fail by the calendar alone. Who dates the next release reads here
    which figures have grown old, and asks AWS, or gives them grade D.
    """
    return date.fromisoformat(max([*re.findall(r"(?m)^## \S+ \((\d{4}-\d\d-\d\d)\)", changelog), WRITTEN_DOWN]))


DAY = day_of(CHANGELOG.read_text(encoding="utf-8"))


@pytest.mark.parametrize("each", prices().values(), ids=lambda each: f"{each.key} in {each.region}")
def test_every_price_has_a_date_a_source_and_a_grade(each):
    assert 0 < each.usd < 1000
    assert each.grade in GRADES
    assert each.region in regions()
    assert date.fromisoformat(each.date) <= DAY or each.grade == "A"
    if each.grade in "BD":
        assert re.fullmatch(r"https://\S+", each.source)


@pytest.mark.parametrize("each", prices().values(), ids=lambda each: f"{each.key} in {each.region}")
def test_a_figure_that_was_older_than_a_year_says_so(each):
    age = (DAY - date.fromisoformat(each.date)).days
    assert (age > 365) == (each.grade == "D"), "grade D is what is older than a year: quilt-cfn cost --refresh"


def test_the_next_release_decides_what_is_old():
    assert day_of("## 1.1.0 (unreleased)\n\n## 1.0.0 (withdrawn 2027-11-27)\n") == date(2026, 11, 28)
    assert day_of("## 1.2.0 (unreleased)\n\n## 1.1.0 (2027-08-01)\n") == date(2027, 8, 1)


def test_what_no_source_says_is_unknown():
    assert price("ec2/x9.small", "us-east-1") is None
    assert price("ec2/t3.small", "cn-north-1") is None


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
    if "C" not in (first.grade, second.grade):
        pytest.skip("AWS said both")
    assert abs(first.usd * factor - second.usd) < 0.0015


def test_the_file_is_written_as_it_was_read():
    text = FILE.read_text(encoding="utf-8")
    assert written(read(text)) == text
    row = "ec2/t2.small,us-east-1,hour,0.0230,2026-07-20,B,https://example.com/"
    assert read(f"{text.splitlines()[0]}\n{row}") == [
        Price("ec2/t2.small", "us-east-1", "hour", 0.023, "2026-07-20", "B", "https://example.com/")
    ]


@pytest.mark.parametrize(
    ("usd", "figure"), [(3, "3.0000"), (0.0416, "0.0416"), (0.02394, "0.02394"), (5e-6, "0.000005")]
)
def test_no_decimal_is_lost(usd, figure):
    assert (
        written([Price("nlb", "us-east-1", "hour", usd, "2026-11-28", "A", "")]).splitlines()[1].split(",")[3] == figure
    )
