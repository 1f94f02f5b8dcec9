"""How Java reads a regular expression: CloudFormation's are Java's.

The rule: what is said of Java was tried with Java, in the tests; where that is not certain, nothing is said.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-regexes.html.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

from quilt_cfn.cloudformation.analysis.regex import LARGEST

_TOKEN = re.compile(r"\\Q.*?(?:\\E|\Z)|\\[pPNx]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]?|\(\?[^:=!]|\{|.", re.DOTALL)
"""A pattern's pieces, as far as they matter here; a class ends where Python ends it."""


class Difference(NamedTuple):
    """A part of a pattern that Java reads otherwise than Python."""

    part: str
    reading: str
    """What Java does, to be read after "Java"."""
    another_meaning: bool
    """False where only the letters differ that the part stands for, beyond ASCII."""


def unreadable(pattern: str) -> str | None:
    """Why Java refuses a pattern; None if it takes it, or if that is not certain: what only Java reads is Java's."""
    for token, rest in _tokens(pattern):
        if token == "\\0" and not re.match("[0-7]", rest):
            return "\\0 is not followed by an octal digit"
        if token in ("(?P", "(?#", "(?(", "\\U") or re.match(r"\(\?[imsux]*[aL]", token + rest):
            return f"{token} is Python's, and unknown to Java"
        if token == "{" and not re.match(r"[0-9]+(,[0-9]*)?\}", rest):
            return "a literal { has to be written \\{"
    error = _error(pattern)
    if error is None:
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
    """What Java reads otherwise than Python, in a pattern that Java reads.

    Not told: what no full match can show (``^``, ``$``, ``\\Z``), and that Java's dot leaves out more line ends.
    """
    for token, rest in _tokens(pattern):
        if token.startswith("["):
            inside = re.sub(r"\\.", "", token[1:-1], flags=re.DOTALL)
            if "[" in inside:
                yield Difference(token, "begins another class at a [ inside a class, or refuses the pattern", True)
            if "&&" in inside:
                yield Difference(token, "takes && for what two classes have in common", True)
            for letter in re.findall(r"\\([dDsSwW])", token.replace("\\\\", "")):
                yield Difference(f"\\{letter}", "takes it for ASCII characters only", False)
        elif re.fullmatch(r"\\[dDsSwWbB]", token):
            yield Difference(token, "takes it for ASCII characters only", False)
        elif token == "\\v":
            yield Difference(token, "takes it for any vertical white space", True)
        elif re.fullmatch(r"\\[1-3]", token) and re.match("[0-7]{2}", rest):
            yield Difference(token + rest[:2], "takes it for what a group matched and two digits", True)
        elif token.startswith("(?"):
            flags = re.match("[a-z]*", token[2:] + rest)
            if flags and "i" in flags.group():
                yield Difference("(?i)", "ignores the case of ASCII letters only", False)
            if flags and "x" in flags.group():
                yield Difference("(?x)", "also drops white space inside classes", True)
    error = _error(pattern)
    if error:
        yield Difference(pattern, f"can read it and Python can't ({error.msg})", False)


def _error(pattern: str) -> re.error | None:
    """What Python has against a pattern."""
    if len(pattern) > LARGEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python announces that it may one day read classes as Java does
        try:
            re.compile(pattern)
        except re.error as error:
            return error
        except (RecursionError, OverflowError) as error:
            return re.error(str(error), pattern)
    return None


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """The pieces of a pattern that are more than a character, each with the beginning of what follows it."""
    for match in _TOKEN.finditer(pattern[:LARGEST]):
        if match.group().startswith(("\\", "[", "(?", "{")):
            yield match.group(), pattern[match.end() : match.end() + 32]
