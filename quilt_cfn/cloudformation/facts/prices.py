"""What AWS charges for what, per Region, as far as a source says so: ``prices.csv``.

Each figure has its date, its source and a grade. ``quilt-cfn cost --refresh`` asks AWS's own price list and writes the
file anew. There is no figure without a source: what is not in the file is unknown.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.cloudformation.facts.availability import regions
from quilt_cfn.cloudformation.facts.partitions import partition

FILE = Path(__file__).with_name("prices.csv")

GRADES = {
    "A": "AWS's own price list",
    "B": "a public copy of AWS's price list or of its page, less than a year old when it was written down here",
    "C": "computed from such a figure, as its source says",
    "D": "a public copy that was older than a year already: check it",
}
"""How good a source is."""


class Price(NamedTuple):
    """One price in US dollars."""

    key: str
    """What is charged, for example ``ec2/t3.small``."""
    region: str
    unit: str
    """For what, for example ``hour`` or ``GB-month``."""
    usd: float
    date: str
    """When it was true: YYYY-MM-DD."""
    grade: str
    """One of ``GRADES``."""
    source: str
    """An address, or for grade C what it was computed from."""


def price(key: str, region: str) -> Price | None:
    """The price of something in a Region; None if no source says it."""
    return prices().get((key, region))


@cache
def regions_in_dollars() -> tuple[str, ...]:
    """The Regions whose prices AWS's price list has in US dollars. China's are in yuan, and in a price list of its own:
    https://docs.amazonaws.cn/en_us/awsaccountbilling/latest/aboutv2/price-changes.html"""
    return tuple(each for each in regions() if partition(each) in ("aws", "aws-us-gov"))


@cache
def prices() -> dict[tuple[str, str], Price]:
    """Every price, by key and Region."""
    return {(each.key, each.region): each for each in read(FILE.read_text(encoding="utf-8"))}


def read(text: str) -> list[Price]:
    """The prices in the text of a file."""
    rows = csv.DictReader(io.StringIO(text))
    return [Price(**row)._replace(usd=float(row["usd"])) for row in rows]  # type: ignore[arg-type]  # the price is text


def written(found: Iterable[Price]) -> str:
    """The text of a file with these prices."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(Price._fields)
    rows.writerows((*each[:3], _figure(each.usd), *each[4:]) for each in found)
    return out.getvalue()


def _figure(usd: float) -> str:
    """Four decimals, and more where the price has more: AWS's list has ten."""
    whole, _, decimals = f"{usd:.10f}".rstrip("0").partition(".")
    return f"{whole}.{decimals:0<4}"
