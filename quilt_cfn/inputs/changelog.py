"""Reads CHANGELOG.md, in which the entry of a version begins with a heading of the second level.

The heading is ``## 1.2.3 (2026-11-23)``, or ``## 1.2.3 (unreleased)`` as long as the day is not decided. The number of
a version that was withdrawn, ``## 1.2.3 (withdrawn 2026-11-27)``, is never used again.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.errors import UserError

CHANGELOG = Path("CHANGELOG.md")
"""Where the changelog of a checkout is, seen from its top folder."""

_HEADING = re.compile(r"## +(?P<version>[0-9]+\.[0-9]+\.[0-9]+)(?: +\((?P<state>[^()]*)\))? *")
_FENCE = re.compile(r" {0,3}(```|~~~)")


class Entry(NamedTuple):
    """What the changelog says about a version."""

    version: str
    date: str | None
    """The day of the release, 2026-11-23; None as long as there is none, and once it was withdrawn."""
    text: str
    """Markdown, without the heading and without empty lines around it."""
    withdrawn: bool = False


def read_changelog(root: Path) -> str:
    """The changelog of the checkout at ``root``, empty if it has none; raises ``UserError`` if it can't be read."""
    path = root / CHANGELOG
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UserError(f"{path} could not be read: {error.strerror}.", "Make it a file that you may read.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8.", "Save it as UTF-8.") from None


def changelog_entry(changelog: str, version: str) -> Entry | None:
    """The entry of a version in the text of a changelog; the first of several, None if there is none."""
    return next((entry for entry in _entries(changelog) if entry.version == version), None)


def withdrawn_versions(changelog: str) -> frozenset[str]:
    """The versions that the text of a changelog says were withdrawn."""
    return frozenset(entry.version for entry in _entries(changelog) if entry.withdrawn)


def _entries(changelog: str) -> Iterator[Entry]:
    """Every entry, from top to bottom; what looks like a heading in a block of code is none."""
    sections: list[tuple[re.Match[str] | None, list[str]]] = [(None, [])]
    fenced = False
    for line in changelog.splitlines():
        fenced ^= bool(_FENCE.match(line))
        if line.startswith("## ") and not fenced:
            sections.append((_HEADING.fullmatch(line), []))
        else:
            sections[-1][1].append(line)
    for heading, text in sections:
        if heading:
            state = heading["state"] or ""
            withdrawn = state.startswith("withdrawn")
            yield Entry(heading["version"], day(state), "\n".join(text).strip(), withdrawn)


def day(text: str) -> str | None:
    """The text if it is a day as ISO 8601 writes it, otherwise None."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:  # the 31st of June
        return None
