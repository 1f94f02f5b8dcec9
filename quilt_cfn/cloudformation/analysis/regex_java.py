"""How Java, which CloudFormation uses, reads a regular expression: what it refuses, and where it differs from Python.

The tests run Java to hold each statement; where it isn't certain what Java does, nothing is reported.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-regexes.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from quilt_cfn.cloudformation.analysis.regex import LARGEST, parse

_TOKEN = re.compile(r"\\Q.*?(?:\\E|\Z)|\\[pPNx]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]?|\(\?[^:=!]|\{|.", re.DOTALL)
"""The tokens of a pattern, as far as they matter here; a class ends where Python ends it."""


class Difference(NamedTuple):
    """A part of a pattern that Java reads differently from Python."""

    part: str
    reading: str
    """What Java does: the predicate of a sentence whose subject is Java."""
    another_meaning: bool
    """False where the two differ only about characters beyond ASCII."""


def unreadable(pattern: str) -> str | None:
    """Why Java refuses a pattern; None if it accepts the pattern, or if that is not certain."""
    for token, rest in _tokens(pattern):
        if token == "\\0" and not re.match("[0-7]", rest):
            return "\\0 is not followed by an octal digit"
        if token in ("(?P", "(?#", "(?(", "\\U") or re.match(r"\(\?[imsux]*[aL]", token + rest):
            return f"{token} is Python syntax that Java doesn't have"
        if token == "{" and not re.match(r"[0-9]+(,[0-9]*)?\}", rest):
            return "a literal { has to be written \\{"
    error = parse(pattern)
    if not isinstance(error, re.error):
        return None
    position = error.pos or 0
    before, here = pattern[max(position - 1, 0) : position], pattern[position : position + 1]
    certain = (
        re.match(r"missing \), unterminated|unbalanced|unterminated character set|min repeat|the repetition", error.msg)
        or re.fullmatch(r"bad character range .-.|bad escape (\(end.*|\\[CEFIJKLMOTYgijlmoqy])", error.msg)
        or (error.msg == "nothing to repeat" and here in "*+?" and before in "(|")
        or (error.msg == "multiple repeat" and here in "*?")
    )
    return error.msg if certain else None


def differences(pattern: str) -> Iterator[Difference]:
    """What Java reads differently from Python in a pattern that Java accepts.

    Left out are differences that a match of a whole value can't show (``^``, ``$``, ``\\Z``), and that Java's dot
    doesn't match some line ends.
    """
    for token, rest in _tokens(pattern):
        if token.startswith("["):
            inside = re.sub(r"\\.", "", token[1:-1], flags=re.DOTALL)
            if "[" in inside:
                yield Difference(token, "begins a nested class at a [ inside a class, or refuses the pattern", True)
            if "&&" in inside:
                yield Difference(token, "takes && for the intersection of two classes", True)
            for letter in re.findall(r"\\([dDsSwW])", token.replace("\\\\", "")):
                yield Difference(f"\\{letter}", "matches ASCII characters only with it", False)
        elif re.fullmatch(r"\\[dDsSwWbB]", token):
            yield Difference(token, "matches ASCII characters only with it", False)
        elif token == "\\v":
            yield Difference(token, "matches any vertical white space with it", True)
        elif re.fullmatch(r"\\[1-3]", token) and re.match("[0-7]{2}", rest):
            yield Difference(token + rest[:2], "matches with it what a group matched, and two digits", True)
        elif token.startswith("(?"):
            flags = re.match("[a-z]*", token[2:] + rest)
            if flags and "i" in flags.group():
                yield Difference("(?i)", "ignores the case of ASCII letters only", False)
            if flags and "x" in flags.group():
                yield Difference("(?x)", "also ignores white space inside classes", True)
    error = parse(pattern)
    if isinstance(error, re.error):
        yield Difference(pattern, f"accepts it and Python doesn't ({error.msg})", False)


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """(token, beginning of what follows it) for each token of a pattern that isn't a plain character."""
    for match in _TOKEN.finditer(pattern[:LARGEST]):
        if match.group().startswith(("\\", "[", "(?", "{")):
            yield match.group(), pattern[match.end() : match.end() + 32]
