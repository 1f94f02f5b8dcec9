"""What the page's script computes cost and duration from: tables, out of which it takes the rows of what was chosen.

A table has the choices on which it depends, ``by``: names of parameters or ``AWS::Region``. A name with a question mark
behind it stands for whether the parameter is filled in, ``yes`` or ``no``. The key of a row is what was chosen for each
of them, joined by ``|``; a ``*`` in the first place stands for everything that has no row of its own. So a function of
a launch becomes a table by calling it for every combination that matters, and the script needs no rule of its own.
"""

from __future__ import annotations

from typing import TypedDict


class CostRow(TypedDict):
    """One item of an estimate."""

    what: str
    """What is paid for, for example ``t3.small, Linux, on demand``."""
    quantity: float
    """In a month; for an item with ``times``, for each of it."""
    price: float | None
    """US dollars for one unit; None if unknown."""
    source: str
    date: str
    """When the price was true, YYYY-MM-DD."""
    grade: str
    """How good the source is; ``CostModel.grades`` explains it."""


class CostItem(TypedDict):
    """A table of one item; where no row fits, the launch does not have it."""

    part: str
    """What it belongs to, for example ``Instance``."""
    unit: str
    """Of the quantity, for example ``hours``."""
    by: list[str]
    times: str | None
    """A parameter, a number, by which the quantity is multiplied."""
    rows: dict[str, CostRow]


class CostModel(TypedDict):
    """The estimate of an edition as a function of the choices."""

    items: list[CostItem]
    grades: dict[str, str]
    """Grade -> what it means."""
    excluded: list[str]
    """What is not included: sentences."""


class DurationStep(TypedDict):
    """A resource on the critical path; ``start`` and the rest are seconds."""

    what: str
    start: float
    """After the launch, if everything takes as long as is typical."""
    low: float
    typical: float
    high: float


class DurationRow(TypedDict):
    """A launch, in seconds."""

    low: float
    typical: float
    high: float
    steps: list[DurationStep]
    """What is waited for, one after the other."""


class DurationModel(TypedDict):
    """The duration of an edition's launch as a function of the choices: one table."""

    by: list[str]
    rows: dict[str, DurationRow]
    source: str
    """Where the durations are from: a sentence."""
