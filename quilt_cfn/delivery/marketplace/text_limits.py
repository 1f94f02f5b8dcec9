"""What AWS Marketplace accepts as the text of a title, a description, release notes or usage instructions.

The lengths are those of texts with which sellers' submissions passed, because AWS's pages contradict each other.
Unsupported characters and spaces at the beginning are errors of the API itself:
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

_UNSUPPORTED = re.compile(r"[^\n\x20-\x7e]")
_TYPOGRAPHY = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2022": "-"}
)


def violations(text: str, most: int) -> Iterator[str]:
    """What AWS Marketplace would refuse about a text of at most ``most`` characters.

    Each is a sentence without its subject and its period, such as "is empty".
    """
    if not text.strip():
        yield "is empty"
        return
    if len(text) > most:
        yield f"has {len(text):,} characters, {len(text) - most:,} more than the {most:,} that are safe"
    unsupported = [*dict.fromkeys(_UNSUPPORTED.findall(text))]
    if unsupported:
        named = ", ".join(f"U+{ord(each):04X}" for each in unsupported[:5])
        yield f"has characters other than printable ASCII and line ends: {named}{', ...' * (len(unsupported) > 5)}"
    if text != text.strip():
        yield "begins or ends with a space or an empty line"


def in_ascii(text: str) -> str:
    """A text with typographic characters replaced by ASCII; a character that has no such equivalent stays."""
    return "".join(_ascii(character) for character in text.translate(_TYPOGRAPHY))


def _ascii(character: str) -> str:
    folded = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return folded if folded and not character.isascii() else character
