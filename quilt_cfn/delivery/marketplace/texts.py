"""Texts for AWS Marketplace: how long each may be, and of which characters.

The rule: a text is judged as it is sent. The lengths are those that sellers' submissions passed with; AWS's pages name
several. "Remove unsupported characters" and "Remove spaces from the beginning" are errors of the API's own:
https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-single-ami-products.html.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

VERSION_TITLE = 64
RELEASE_NOTES = 30_000
OPTION_TITLE = 50
SHORT_DESCRIPTION = 200
LONG_DESCRIPTION = 2_000
USAGE_INSTRUCTIONS = 4_000

_FOREIGN = re.compile(r"[^\n\x20-\x7e]")
_TYPOGRAPHY = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2022": "-"}
)


def mistakes(text: str, most: int) -> Iterator[str]:
    """What is wrong with a text of at most so many characters: parts of sentences whose subject is the text."""
    if not text.strip():
        yield "is empty"
        return
    if len(text) > most:
        yield f"has {len(text):,} characters, {len(text) - most:,} more than the {most:,} that are safe"
    foreign = [*dict.fromkeys(_FOREIGN.findall(text))]
    if foreign:
        named = ", ".join(f"U+{ord(each):04X}" for each in foreign[:5])
        yield f"has characters other than printable ASCII and line ends: {named}{', ...' * (len(foreign) > 5)}"
    if text != text.strip():
        yield "begins or ends with a space or an empty line"


def in_ascii(text: str) -> str:
    """A text with typographic characters as people type them; what has no such form stays, and is a mistake."""
    return "".join(_plain(character) for character in text.translate(_TYPOGRAPHY))


def _plain(character: str) -> str:
    folded = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return folded if folded and not character.isascii() else character
