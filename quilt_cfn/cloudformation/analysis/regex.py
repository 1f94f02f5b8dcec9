"""What a regular expression will do, from its parse tree alone: nothing is ever matched, so nothing can hang.

``runaway`` asks whether backtracking explodes, in two steps. First every repetition of more than three times is taken
for an endless one, which hides nothing and keeps the automaton small: is there a word that leads from some place of a
loop back to it in two ways? Then the true counts are used: in how many ways can that word, repeated, be read? An engine
that backtracks tries each of them before it gives up, and with a full match there is always an ending that makes it
give up. What is only polynomial, as ``x*x*y``, is not looked for, and what Python's parser makes simpler than it was
written, as ``[a-z]|[0-9a-f]``, is seen so.
"""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from collections import Counter, deque
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate, cycle, islice
from typing import Any, NamedTuple

_sre: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

LONGEST = 4096
"""Characters: what CloudFormation takes as the value of a parameter
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""

TOO_MANY = 10**8
"""Ways to read one text: trying them takes seconds to forever."""

_FEW, _MANY = 3, 64
"""The first step takes a repetition of more than few for an endless one, the second one of more than many: with two
ways each time, half of those would be too many."""

_EFFORT = 1_000_000
"""Steps of an analysis, a second or two; a pattern that takes more gets no answer."""

LARGEST = 10_000
"""Characters of a pattern; what is longer is not looked at."""

Characters = list[tuple[int, int]]
"""Code points, as ranges in order."""

_EVERY: Characters = [(0, sys.maxunicode)]
_CATEGORIES: dict[str, Characters] = {
    "CATEGORY_DIGIT": [(0x30, 0x39)],
    "CATEGORY_SPACE": [(0x09, 0x0D), (0x20, 0x20)],
    "CATEGORY_WORD": [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)],
}
"""As Java has them: ASCII."""


class _NoAnswer(Exception):
    """The pattern is too large for the analysis."""


class _Effort:
    """What is left of it, for everything that is done about one pattern."""

    def __init__(self) -> None:
        self.left = _EFFORT

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise _NoAnswer


@lru_cache(maxsize=1024)
def _parse(pattern: str) -> Any:
    """Python's parse tree; raises ``re.error``, also for what is too large to be parsed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python announces that it may one day read classes as Java does
        try:
            if len(pattern) > LARGEST:
                raise OverflowError(f"longer than {LARGEST} characters")
            return _sre.parse(pattern)
        except (RecursionError, OverflowError) as error:
            raise re.error(str(error), pattern) from error


def lengths(pattern: str) -> tuple[int, int | None] | None:
    """The least and the greatest length of what a pattern matches, None for no limit; None if Python can't read it."""
    try:
        least, most = _parse(pattern).getwidth()
    except re.error:
        return None
    return least, most if most < _sre.MAXREPEAT else None


@lru_cache(maxsize=1024)
def alphabet(pattern: str) -> Characters:
    """The characters that may stand in what a pattern matches; every one if that can't be told.

    Rather a character too many than one too few: what a pattern looks ahead or back for rules nothing out.
    """
    automaton = _Automaton(_FEW, _Effort())
    try:
        tree = _parse(pattern)
        automaton.sequence(tree, tree.state.flags)
    except (re.error, _NoAnswer, RecursionError):
        return _EVERY
    return sorted(each for reads in automaton.reads for each in reads)


class _Part(NamedTuple):
    """A part of a pattern: where it begins and ends, each with in how many ways, and in how many it matches nothing."""

    first: Counter[int]
    last: Counter[int]
    empty: int


class _Automaton:
    """Glushkov's: a position for each character class of a pattern, and in how many ways one follows another."""

    def __init__(self, copies: int, effort: _Effort) -> None:
        self.effort = effort
        self.copies = copies
        """A repetition of more than so many is a loop."""
        self.reads: list[Characters] = []
        self.follows: list[Counter[int]] = []
        self.loops: list[range] = []
        """The positions of each outermost loop; each of them can be reached from each."""
        self.apart: dict[int, Any] = {}
        """What is matched by itself, and never gone back into: lookarounds, atomic groups."""

    def sequence(self, items: Iterable[tuple[Any, Any]], flags: int) -> _Part:
        return self.chain(self.item(str(op), argument, flags) for op, argument in items)

    def chain(self, parts: Iterable[_Part]) -> _Part:
        whole = _Part(Counter(), Counter(), 1)
        for part in parts:
            self.effort.spend(20 + len(whole.first) + len(whole.last))
            self.connect(whole, part)
            whole = _Part(
                whole.first + _times(part.first, whole.empty),
                part.last + _times(whole.last, part.empty),
                whole.empty * part.empty,
            )
        return whole

    def connect(self, before: _Part, after: _Part) -> None:
        self.effort.spend(len(before.last) * len(after.first))
        for position, ways in before.last.items():
            self.follows[position].update(_times(after.first, ways))

    def item(self, op: str, argument: Any, flags: int) -> _Part:
        if op == "SUBPATTERN":
            _, added, removed, items = argument
            return self.sequence(items, (flags | added) & ~removed)
        if op == "BRANCH":
            return _either([self.sequence(items, flags) for items in argument[1]])
        if op == "GROUPREF_EXISTS":
            return _either([self.sequence(items or [], flags) for items in argument[1:]])
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, items = argument
            return self.repeat(least, most, items, flags)
        if op in ("POSSESSIVE_REPEAT", "ATOMIC_GROUP"):  # one way only: as good as one character of it
            items = argument[2] if op == "POSSESSIVE_REPEAT" else argument
            self.apart[id(items)] = items
            inside = _Automaton(self.copies, self.effort)
            part = inside.sequence(items, flags)
            return self.position(sorted(each for reads in inside.reads for each in reads))._replace(empty=part.empty)
        if op in ("ASSERT", "ASSERT_NOT"):
            self.apart[id(argument)] = argument[1]
        if op in ("ASSERT", "ASSERT_NOT", "AT"):  # to ignore a condition adds ways, and hides none
            return _Part(Counter(), Counter(), 1)
        return self.position(_characters(op, argument, flags))

    def position(self, reads: Characters) -> _Part:
        self.reads.append(reads)
        self.follows.append(Counter())
        here = Counter([len(self.reads) - 1])
        return _Part(here, here, 0)

    def repeat(self, least: int, most: int, items: Any, flags: int) -> _Part:
        if most > self.copies:
            return self.loop(least, items, flags)
        required = self.chain(self.sequence(items, flags) for _ in range(least))
        optional = _Part(Counter(), Counter(), 1)
        for _ in range(most - least):  # from the inside, X(X(X)?)?; a round that matches nothing is the last
            part = self.sequence(items, flags)
            rounds = self.chain([part._replace(empty=0), optional])
            optional = rounds._replace(empty=1 + part.empty)
        return self.chain([required, optional])

    def loop(self, least: int, items: Any, flags: int) -> _Part:
        start = len(self.reads)
        part = self.sequence(items, flags)
        self.connect(part, part)
        if part.empty and least > 1:  # a required round may match nothing, which is another way to the next
            self.connect(part, part)
        self.loops = [*(loop for loop in self.loops if loop.start < start), range(start, len(self.reads))]
        return _Part(part.first, _times(part.last, 1 + part.empty), part.empty + (least == 0))

    def pump(self, place: int, loop: range) -> str | None:
        """The shortest word that leads from a place of a loop back to it in two ways."""
        start = (place, place, False)
        words = {start: ""}
        waiting = deque([start])
        while waiting:
            one, other, parted = state = waiting.popleft()
            for one_next, ways in self.follows[one].items():
                for other_next in self.follows[other]:
                    one_reads, other_reads = self.reads[one_next], self.reads[other_next]
                    self.effort.spend(1 + len(one_reads) * len(other_reads))
                    character = _common(one_reads, other_reads)
                    split = parted or one_next != other_next or (one == other and ways > 1)
                    following = (one_next, other_next, split)
                    if following in words or character is None or one_next not in loop or other_next not in loop:
                        continue
                    words[following] = words[state] + character
                    if following == (place, place, True):
                        return words[following]
                    waiting.append(following)
        return None

    def reads_in_too_many_ways(self, word: str) -> bool:
        """Whether a text of this word, again and again, can be read in too many ways, from wherever the word begins."""
        readers = {
            character: {place for place, reads in enumerate(self.reads) if _common(reads, [(ord(character),) * 2])}
            for character in set(word)
        }
        ways = Counter(range(len(self.reads)))
        for character in islice(cycle(word), LONGEST):
            following: Counter[int] = Counter()
            for place, number in ways.items():
                self.effort.spend(1 + len(self.follows[place]))
                for after, each in self.follows[place].items():
                    if after in readers[character]:
                        following[after] += number * each
            if not following or max(following.values()) > TOO_MANY:
                return bool(following)
            ways = following
        return False


@lru_cache(maxsize=1024)
def runaway(pattern: str) -> str | None:
    """A word that a backtracking engine can read in exponentially many ways when it is repeated; None if there is none.

    None also for a pattern that is no pattern, and for one too large to be analysed.
    """
    try:
        tree = _parse(pattern)
        return _runaway(tree, tree.state.flags, _Effort())
    except (re.error, _NoAnswer, RecursionError):
        return None


def _runaway(items: Any, flags: int, effort: _Effort) -> str | None:
    loops, exact = _Automaton(_FEW, effort), _Automaton(_MANY, effort)
    loops.sequence(items, flags)
    for loop in loops.loops:
        for place in loop:
            word = loops.pump(place, loop)
            if word is None:
                break  # then no place of this loop has one
            if not exact.reads:
                exact.sequence(items, flags)
            if exact.reads_in_too_many_ways(word):
                return word
    return next(filter(None, (_runaway(inside, flags, effort) for inside in loops.apart.values())), None)


def _either(parts: list[_Part]) -> _Part:
    first: Counter[int] = Counter()
    last: Counter[int] = Counter()
    for part in parts:
        first.update(part.first)
        last.update(part.last)
    return _Part(first, last, sum(part.empty for part in parts))


def _times(ways: Counter[int], factor: int) -> Counter[int]:
    return ways if factor == 1 else Counter({each: number * factor for each, number in ways.items() if factor})


def _characters(op: str, argument: Any, flags: int) -> Characters:
    """What one item of a parse tree reads."""
    if op == "LITERAL":
        ranges = [(argument, argument)]
    elif op == "RANGE":
        ranges = [argument]
    elif op == "NOT_LITERAL":
        return _others(_characters("LITERAL", argument, flags))
    elif op == "ANY":
        return _EVERY if flags & re.DOTALL else _others([(0x0A, 0x0A)])
    elif op == "CATEGORY":
        name = str(argument).replace("NOT_", "")
        return _CATEGORIES[name] if name == str(argument) else _others(_CATEGORIES[name])
    elif op == "IN":
        negated = str(argument[0][0]) == "NEGATE"
        members = [_characters(str(kind), each, flags) for kind, each in argument[negated:]]
        united = sorted(each for member in members for each in member)
        return _others(united) if negated else united
    else:  # a reference to a group: anything
        return _EVERY
    if flags & re.IGNORECASE:
        for low, high in ((0x41, 0x5A), (0x61, 0x7A)):
            letters = [(max(low, a), min(high, b)) for a, b in ranges if a <= high and b >= low]
            ranges = [*ranges, *((a ^ 0x20, b ^ 0x20) for a, b in letters)]
    return sorted(ranges)


def _others(ranges: Characters) -> Characters:
    """Every character that is in none of these ranges, which are in order but may overlap."""
    ends = accumulate((end for _, end in ranges), max, initial=-1)
    starts = [*(start for start, _ in ranges), sys.maxunicode + 1]
    return [(end + 1, start - 1) for end, start in zip(ends, starts, strict=True) if end + 1 < start]


def _common(one: Characters, other: Characters) -> str | None:
    """A character in both, one that can be shown if there is any."""
    both = [(max(a, c), min(b, d)) for a, b in one for c, d in other if a <= d and c <= b]
    shown = (chr(max(low, 0x61)) for low, high in both if high >= 0x61)
    printable = (chr(max(low, 0x21)) for low, high in both if high >= 0x21)
    return next(shown, None) or next(printable, None) or (chr(both[0][0]) if both else None)
