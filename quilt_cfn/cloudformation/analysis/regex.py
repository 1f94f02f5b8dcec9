"""What Python's parse tree of a regular expression shows: lengths and characters of matches, and slow backtracking.

Nothing is matched, so nothing here can hang. About a pattern that Python can't parse nothing is known.
"""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_sre: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

LARGEST = 10_000
"""Characters of a pattern; a longer one isn't parsed."""
MANY = 10
"""A repetition that may happen so often counts as unbounded."""

_BEYOND = 128
"""Stands for every character beyond ASCII."""
_ALL = frozenset(range(_BEYOND + 1))
_CATEGORIES = {"DIGIT": r"[0-9]", "SPACE": r"[ \t-\r]", "WORD": r"[A-Za-z0-9_]"}
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT")


@lru_cache(maxsize=1024)
def parse(pattern: str) -> Any:
    """Python's parse tree of a pattern, or the ``re.error`` with which Python refuses it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python announces that it may one day read classes as Java does
        try:
            return _sre.parse(pattern) if len(pattern) <= LARGEST else re.error("it is too long", pattern)
        except re.error as error:
            return error
        except (RecursionError, OverflowError) as error:
            return re.error(str(error), pattern)


def lengths(pattern: str) -> tuple[int, int | None] | None:
    """The least and the greatest number of characters that a pattern matches, None for no limit; None if unknown."""
    tree = parse(pattern)
    if isinstance(tree, re.error):
        return None
    least, most = tree.getwidth()
    return least, most if most < _sre.MAXREPEAT else None


@lru_cache(maxsize=1024)
def may_contain(pattern: str, character: str) -> bool:
    """Whether what a pattern matches may contain an ASCII character; True if unknown. Lookarounds don't count."""
    tree = parse(pattern)
    try:
        return isinstance(tree, re.error) or ord(character) in _characters(tree)
    except RecursionError:
        return True


def slow_backtracking(pattern: str) -> str | None:
    """What in a pattern may make a backtracking engine try exponentially many ways: a clause, or None.

    Found are a repetition of a repetition, such as ``(a+)+``, ``([a-z]+-?)*`` and ``([a-z]*[a-z])*``, and a repetition
    of alternatives of which two begin with the same character, such as ``(a|a)*`` and ``(a|ab|b)*``. Not found are
    repeated optional parts, such as ``(a?b?)*``, and repetitions of fewer than ``MANY`` times.
    """
    tree = parse(pattern)
    try:
        return None if isinstance(tree, re.error) else next(filter(None, map(_ambiguity, _repeated(tree))), None)
    except RecursionError:
        return None


def _repeated(part: Any) -> Iterator[Any]:
    """What is repeated ``MANY`` times or more in a part of a parse tree, at any depth."""
    for op, argument in part:
        if str(op) in _REPEATS and argument[1] >= MANY:
            yield argument[2]
        for inside in _inside(argument):
            yield from _repeated(inside)


def _inside(argument: Any) -> Iterator[Any]:
    """The parts of the tree in what an operation holds."""
    if isinstance(argument, _sre.SubPattern):
        yield argument
    elif isinstance(argument, (tuple, list)):
        for each in argument:
            yield from _inside(each)


def _ambiguity(body: Any) -> str | None:
    """Why the rounds of a repetition can be divided in more than one way, as far as that shows."""
    items = [body[index : index + 1] for index in range(len(body))]
    all_mandatory = [item for item in items if item.getwidth()[0] > 0]
    for item, (op, argument) in zip(items, body, strict=True):
        mandatory = [other for other in all_mandatory if other is not item]
        if str(op) in _REPEATS and argument[1] >= MANY and argument[0] < argument[1]:
            reads = _characters(argument[2]) if argument[2].getwidth() == (1, 1) else frozenset()
            if all(_characters(other) <= reads for other in mandatory):
                return "it repeats what is itself a repetition, as (a+)+ does"
        alternatives = [*_inside(argument)] if str(op) in ("BRANCH", "SUBPATTERN") else []
        firsts = [_first(each) for each in alternatives]
        if mandatory:  # (a|a)* is parsed as (a(|))*
            firsts = [first for first in firsts if first == {-1}]
        if len(frozenset().union(*firsts)) < sum(map(len, firsts)):
            return "it repeats alternatives that begin with the same character, as (a|ab|b)* does"
        found = None if mandatory else next(filter(None, map(_ambiguity, alternatives)), None)
        if found:
            return found
    return None


def _first(part: Any) -> frozenset[int]:
    """The characters with which a match of a part may begin, and -1 if it may be empty."""
    found: frozenset[int] = frozenset()
    for index in range(len(part)):
        item = part[index : index + 1]
        inside = [*_inside(item[0][1])]
        found |= frozenset().union(*map(_first, inside)) - {-1} if inside else _characters(item)
        if item.getwidth()[0] > 0:
            return found
    return found | {-1}


def _characters(part: Any) -> frozenset[int]:
    """The characters that a match of a part may contain, as code points up to ``_BEYOND``."""
    found: frozenset[int] = frozenset()
    for op, argument in part:
        if str(op) not in ("ASSERT", "ASSERT_NOT"):
            inside = [*_inside(argument)]
            found |= frozenset().union(*map(_characters, inside)) if inside else _read_by(str(op), argument)
    return found


def _read_by(op: str, argument: Any) -> frozenset[int]:
    """The characters that an operation without parts reads."""
    if op == "LITERAL":
        return frozenset({min(argument, _BEYOND)})
    if op == "RANGE":
        return frozenset(range(min(argument[0], _BEYOND), min(argument[1], _BEYOND) + 1))
    if op == "CATEGORY":
        negated, name = "NOT_" in str(argument), str(argument).rpartition("_")[2]
        return frozenset(each for each in _ALL if bool(re.match(_CATEGORIES[name], chr(each))) != negated)
    if op == "NOT_LITERAL":
        return _ALL - _read_by("LITERAL", argument) | {_BEYOND}
    if op == "IN":
        found: frozenset[int] = frozenset().union(*(_read_by(str(kind), each) for kind, each in argument))
        return _ALL - found | {_BEYOND} if str(argument[0][0]) == "NEGATE" else found
    return _ALL - {0x0A, 0x0D} if op == "ANY" else frozenset()
