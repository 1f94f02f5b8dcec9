"""The order and the titles of the guide's pages, which stand in docs/guide/navigation.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.errors import UserError
from quilt_cfn.inputs.fields import read_yaml

GUIDE = Path("docs/guide")
"""Where the guide's pages are, seen from the top folder of a checkout."""
NAVIGATION = "navigation.yaml"


class Section(NamedTuple):
    """Pages that belong together."""

    title: str
    """Empty for a page that stands by itself."""
    pages: tuple[tuple[str, str], ...]
    """Title and file of each page, such as ``("Host names", "dns.md")``."""


def read_navigation(folder: Path) -> tuple[Section, ...]:
    """The sections of the guide in a folder; raises ``UserError`` unless each page there is named exactly once."""
    file = folder / NAVIGATION
    document = read_yaml(file, str(file), "Run the command in a checkout.")
    sections = tuple(_sections(document, file))
    named = [name for section in sections for _, name in section.pages]
    there = {path.name for path in folder.glob("*.md")}
    wrong = [
        *(f"{name} is not there" for name in dict.fromkeys(named) if name not in there),
        *(f"{name} is named twice" for name in dict.fromkeys(named) if named.count(name) > 1),
        *(f"{name} is not named" for name in sorted(there.difference(named))),
    ]
    if wrong:
        raise UserError(f"{file} does not fit the pages beside it: {', '.join(wrong)}.", "Name every page once there.")
    return sections


def _sections(document: object, file: Path) -> Iterator[Section]:
    for title, value in _pairs(document, file):
        if isinstance(value, str):
            yield Section("", ((title, value),))
        else:
            yield Section(title, tuple((name, str(page)) for name, page in _pairs(value, file)))


def _pairs(document: object, file: Path) -> Iterator[tuple[str, object]]:
    """The key and the value of each item of a list of maps with one key."""
    items = document if isinstance(document, list) else [document]
    for item in items:
        if not isinstance(item, dict) or len(item) != 1:
            raise UserError(f"{file} is not a list of titles and pages.", 'Write lines such as "- Cost: cost.md".')
        yield from item.items()
