"""Reads CHANGELOG.md, in which the entry of a version begins with a heading of the second level.

The heading is ``## 1.0.0 (2026-11-23)``, or ``## 1.0.0 (unreleased)`` as long as the day is not decided.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import NamedTuple

CHANGELOG = Path("CHANGELOG.md")
"""Where the changelog of a checkout is, seen from its top folder."""

_HEADING = re.compile(r"## +(?P<version>[0-9]+\.[0-9]+\.[0-9]+)(?: +\((?P<day>[^()]*)\))? *")
_FENCE = re.compile(r" {0,3}(```|~~~)")


class Entry(NamedTuple):
    """What the changelog says about a version."""

    version: str
    date: str | None
    """The day of the release, 2026-11-23; None as long as there is none."""
    text: str
    """Markdown, without the heading and without empty lines around it."""


def changelog_entry(changelog: str, version: str) -> Entry | None:
    """The entry of a version in the text of a changelog; the first of several, None if there is none.

    What looks like a heading in a block of code is none.
    """
    found: re.Match[str] | None = None
    text: list[str] = []
    fenced = False
    for line in changelog.splitlines():
        fenced ^= bool(_FENCE.match(line))
        if line.startswith("## ") and not fenced:
            if found:
                break
            heading = _HEADING.fullmatch(line)
            found = heading if heading and heading["version"] == version else None
        elif found:
            text.append(line)
    return Entry(version, _date(found["day"]), "\n".join(text).strip()) if found else None


def _date(text: str | None) -> str | None:
    """The text if it is a day as ISO 8601 writes it, otherwise None."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text or ""):
        return None
    try:
        return datetime.date.fromisoformat(text or "").isoformat()
    except ValueError:  # the 31st of June
        return None
