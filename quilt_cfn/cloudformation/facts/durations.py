"""How long CloudFormation takes for a resource: ``durations.csv``, from public tables and logs.

Nobody at AWS promises these. Of types that are not in the file, ``ASSUMED`` is taken, and the answer says so.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("durations.csv")


class Duration(NamedTuple):
    """Seconds, and where they are from."""

    low: float
    typical: float
    high: float
    source: str
    """An address, or ``assumed`` with the reason."""

    @property
    def is_assumed(self) -> bool:
        """Whether no source says it."""
        return self.source.startswith("assumed")


ASSUMED = Duration(1, 10, 60, "assumed: no source has this type")


def duration(resource_type: str, action: str = "create") -> Duration:
    """How long an action takes for a resource of a type: ``create``, ``update``, ``restore`` or ``boot``."""
    return durations().get((resource_type, action), ASSUMED)


@cache
def durations() -> dict[tuple[str, str], Duration]:
    """Every known duration, by type and action."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return {
            (row["type"], row["action"]): Duration(
                float(row["low"]), float(row["typical"]), float(row["high"]), row["source"]
            )
            for row in csv.DictReader(file)
        }
