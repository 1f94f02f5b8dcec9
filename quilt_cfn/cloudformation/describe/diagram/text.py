"""The width of texts in the diagram's own font, and texts made to fit.

The font has no kerning and is carried in every picture, so a text is as wide as the sum of its characters' advances.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

FONTS = Path(__file__).with_name("font")
REGULAR, BOLD = 400, 600
FILES = {REGULAR: "regular", BOLD: "semibold"}
"""Weight -> name of the font's file, without its ending."""

_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^A-Za-z0-9]+")
"""The parts of a name such as ``DBPasswordSecret``, between which a line may end."""


@lru_cache(maxsize=2)
def _advances(weight: int) -> dict[str, float]:
    """Character -> its advance, as a part of the font's size.

    https://learn.microsoft.com/en-us/typography/opentype/spec/otff, tables head, hhea, hmtx and cmap (format 4)
    """
    data = (FONTS / f"{FILES[weight]}.ttf").read_bytes()
    count = struct.unpack_from(">H", data, 4)[0]
    records = (struct.unpack_from(">4sLLL", data, 12 + 16 * index) for index in range(count))
    tables = {tag: offset for tag, _, offset, _ in records}
    em: int = struct.unpack_from(">H", data, tables[b"head"] + 18)[0]
    metrics = struct.unpack_from(">H", data, tables[b"hhea"] + 34)[0]

    def advance(glyph: int) -> float:
        (units,) = struct.unpack_from(">H", data, tables[b"hmtx"] + 4 * min(glyph, metrics - 1))
        return float(units / em)

    return {chr(code): advance(glyph) for code, glyph in _glyphs(data, tables[b"cmap"]).items()}


def _glyphs(data: bytes, cmap: int) -> dict[int, int]:
    """Code point -> glyph, of the character map in format 4."""
    count = struct.unpack_from(">H", data, cmap + 2)[0]
    starts = (cmap + struct.unpack_from(">L", data, cmap + 4 + 8 * index + 4)[0] for index in range(count))
    table = next(start for start in starts if struct.unpack_from(">H", data, start)[0] == 4)
    segments = struct.unpack_from(">H", data, table + 6)[0] // 2
    ends, begins, deltas, offsets = (
        struct.unpack_from(f">{segments}H", data, table + 14 + 2 * segments * index + (2 if index else 0))
        for index in range(4)
    )
    found = {}
    for index, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        for code in range(begin, min(end, 0xFFFE) + 1):
            glyph = code
            if offsets[index]:
                place = table + 16 + 6 * segments + 2 * index + offsets[index] + 2 * (code - begin)
                glyph = struct.unpack_from(">H", data, place)[0]
            found[code] = (glyph + deltas[index]) & 0xFFFF
    return found


def drawable(text: str) -> str:
    """A text of characters that the font has, in one line; any other character becomes a question mark."""
    known = _advances(REGULAR)
    return "".join(each if each in known else "?" for each in " ".join(text.split()))


def width(text: str, size: float, weight: int = REGULAR) -> float:
    """The width of a drawable text, in the unit of ``size``."""
    advances = _advances(weight)
    return sum(advances[each] for each in text) * size


def shortened(text: str, room: float, size: float, weight: int = REGULAR) -> str:
    """The text, or as much of its beginning as fits with an ellipsis behind it."""
    if width(text, size, weight) <= room:
        return text
    while text and width(f"{text}…", size, weight) > room:
        text = text[:-1].rstrip()
    return f"{text}…"


def lines(text: str, room: float, size: float, weight: int = REGULAR, most: int = 2) -> Sequence[str]:
    """The text in at most so many lines, broken between words.

    A single word is taken as a name, and broken between its parts; a line end in the text ends a line, if all fit.
    """
    given = [drawable(each) for each in text.split("\n")]
    if len(given) > 1:
        return [shortened(each, room, size, weight) for each in (given if len(given) <= most else [", ".join(given)])]
    words = [f"{word} " for word in given[0].split()]
    parts = words if len(words) > 1 else _NAME.findall(given[0])
    made = [""]
    for part in parts:
        if made[-1] and len(made) < most and width((made[-1] + part).rstrip(), size, weight) > room:
            made.append("")
        made[-1] += part
    return [shortened(each.rstrip(), room, size, weight) for each in made if each.strip()]
