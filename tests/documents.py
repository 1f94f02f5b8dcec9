"""The Markdown files of this repository as CommonMark: their links, headings and blocks of code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
GUIDE = "docs/guide"
FRAGMENTS = "quilt_cfn/stack"
"""Where texts are that become part of a page of the guide: their links are written as from there."""


class Link(NamedTuple):
    """Where a link or a picture leads, and whether it is a picture."""

    target: str
    is_picture: bool


class Block(NamedTuple):
    """A block of code; the language of a fenced one, and nothing for one that is indented by four spaces."""

    text: str
    language: str
    line: int


@cache
def pages() -> dict[str, Page]:
    """Path in the repository -> page, of every Markdown file that somebody reads or writes here."""
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(f"{FRAGMENTS}/*.md")]
    names = sorted(file.relative_to(ROOT).as_posix() for file in files)
    return {name: Page(name, (ROOT / name).read_text(encoding="utf-8")) for name in names}


def guide() -> dict[str, Page]:
    """The pages of the guide."""
    return {name: page for name, page in pages().items() if name.startswith(f"{GUIDE}/")}


class Page:
    """A Markdown file."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self.folder = GUIDE if name.startswith(f"{FRAGMENTS}/") else str(Path(name).parent)
        self._tokens = MarkdownIt("commonmark").enable("table").parse(text)

    @property
    def links(self) -> list[Link]:
        """Every link and picture, those in HTML too, in the page's order."""
        return list(self._links())

    def _links(self) -> Iterator[Link]:
        for token in _all(self._tokens):
            if token.type == "link_open":
                yield Link(str(token.attrs["href"]), False)
            elif token.type == "image":
                yield Link(str(token.attrs["src"]), True)
            elif token.type in ("html_block", "html_inline"):
                yield from _links_of_html(token.content)

    @property
    def anchors(self) -> set[str]:
        """What can stand behind ``#`` in a link to this page, by GitHub's rule.

        Letters in lower case, spaces as hyphens, no other punctuation than these and underscores; one that is there
        already gets a number.
        https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#section-links
        """
        found: Counter[str] = Counter()
        anchors = set()
        for before, token in zip(self._tokens, self._tokens[1:], strict=False):
            if before.type == "heading_open":
                said = "".join(each.content for each in token.children or [])
                anchor = re.sub(r"[^\w\- ]", "", said.lower()).replace(" ", "-")
                anchors.add(f"{anchor}-{found[anchor]}" if found[anchor] else anchor)
                found[anchor] += 1
        return anchors

    @property
    def code(self) -> list[str]:
        """The code in sentences, each on one line."""
        return [token.content for token in _all(self._tokens) if token.type == "code_inline"]

    @property
    def titles(self) -> list[str]:
        """The headings of the first level."""
        return [title for level, title in self._headings if level == "h1"]

    @property
    def headings(self) -> list[str]:
        """The headings of every level."""
        return [title for _, title in self._headings]

    @property
    def _headings(self) -> list[tuple[str, str]]:
        tokens = zip(self._tokens, self._tokens[1:], strict=False)
        return [(before.tag, token.content) for before, token in tokens if before.type == "heading_open"]

    @property
    def blocks(self) -> list[Block]:
        """The blocks of code, without what indents them."""
        return [
            Block(token.content, token.info, (token.map or [0])[0] + 1)
            for token in self._tokens
            if token.type in ("code_block", "fence")
        ]


def _all(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or [])


def _links_of_html(text: str) -> list[Link]:
    found: list[Link] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            for name, value in attrs:
                if name in ("href", "src", "srcset") and value:
                    found.append(Link(value, name != "href"))

    Reader().feed(text)
    return found
