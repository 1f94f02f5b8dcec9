"""Which characters a text may contain that a pattern accepts.

The rule: rather a character too many than one too few: what looks ahead or behind is passed over.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

if sys.version_info >= (3, 11):
    from re import _parser as parser  # type: ignore[attr-defined]  # Python's own, without a public name
else:
    import sre_parse as parser

Interval = tuple[int, int]
EVERYTHING: tuple[Interval, ...] = ((0, sys.maxunicode),)
_CLASSES = {
    "CATEGORY_DIGIT": ((48, 57),),
    "CATEGORY_SPACE": ((9, 13), (32, 32)),
    "CATEGORY_WORD": ((48, 57), (65, 90), (95, 95), (97, 122)),
}
"""As Java reads them, which is how CloudFormation does: ASCII."""


@lru_cache(maxsize=256)
def alphabet(pattern: str) -> tuple[Interval, ...]:
    """Intervals of code points; a pattern that can't be read may match anything."""
    try:
        return tuple(_of(parser.parse(pattern)))
    except (re.error, RecursionError, OverflowError):
        return EVERYTHING


def _of(items: Any) -> Iterator[Interval]:
    for operation, argument in items:
        name = str(operation)
        if name == "LITERAL":
            yield argument, argument
        elif name == "NOT_LITERAL":
            yield from _complement([(argument, argument)])
        elif name == "ANY":
            yield from _complement([(10, 10)])
        elif name == "IN":
            yield from _class(argument)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            yield from _of(argument[2])
        elif name == "SUBPATTERN":
            yield from _of(argument[3])
        elif name == "ATOMIC_GROUP":
            yield from _of(argument)
        elif name == "BRANCH":
            for branch in argument[1]:
                yield from _of(branch)
        elif name == "GROUPREF_EXISTS":
            for branch in filter(None, argument[1:]):
                yield from _of(branch)


def _class(items: Iterable[Any]) -> Iterator[Interval]:
    found: list[Interval] = []
    negated = False
    for operation, argument in items:
        name = str(operation)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            found.append((argument, argument))
        elif name == "RANGE":
            found.append(argument)
        elif name == "CATEGORY":
            category = str(argument)
            positive = _CLASSES.get(category.replace("_NOT_", "_"), EVERYTHING)
            found += _complement(positive) if "_NOT_" in category else positive
    yield from _complement(found) if negated else found


def _complement(intervals: Iterable[Interval]) -> Iterator[Interval]:
    start = 0
    for low, high in sorted(intervals):
        if low > start:
            yield start, low - 1
        start = max(start, high + 1)
    if start <= sys.maxunicode:
        yield start, sys.maxunicode
