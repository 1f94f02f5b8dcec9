"""The changelog, read: what CHANGELOG.md says about a version.

The rule: the file is what people read, and nothing is kept beside it. An entry begins with a heading of the second
level, ``## 1.0.0 (2026-11-23)``, or ``## 1.0.0 (unreleased)`` as long as nobody knows the day.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

_HEADING = re.compile(r"## +(?P<version>[0-9]+\.[0-9]+\.[0-9]+)(?: +\((?P<day>[^()]*)\))? *")
_FENCE = re.compile(r" {0,3}(```|~~~)")


class Entry(NamedTuple):
    """What a version brings."""

    version: str
    date: str | None
    """The day of the release, 2026-11-23; None as long as there is none."""
    text: str
    """Markdown, without the heading and without empty lines around it."""


def changelog_entry(changelog: str, version: str) -> Entry | None:
    """The entry of a version, the first if there are several; None if there is none."""
    return next((entry for entry in _entries(changelog) if entry.version == version), None)


def _entries(changelog: str) -> Iterator[Entry]:
    lines = changelog.splitlines()
    for start, end in pairwise([*_headings(lines), len(lines)]):
        heading = _HEADING.fullmatch(lines[start])
        if heading:
            yield Entry(heading["version"], _date(heading["day"]), "\n".join(lines[start + 1 : end]).strip())


def _headings(lines: Iterable[str]) -> Iterator[int]:
    """Where the headings of the second level are; what looks like one in a block of code is none."""
    fenced = False
    for number, line in enumerate(lines):
        fenced ^= bool(_FENCE.match(line))
        if line.startswith("## ") and not fenced:
            yield number


def _date(text: str | None) -> str | None:
    """A day as ISO 8601 writes it, if that is what it is."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text or ""):
        return None
    try:
        return datetime.date.fromisoformat(text or "").isoformat()
    except ValueError:  # the 31st of June
        return None
