"""Whether patterns run away, against a matcher that counts its steps; and how Java reads them, against Java."""

from __future__ import annotations

import base64
import importlib
import re
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quilt_cfn.cloudformation.analysis.regex import LARGEST, alphabet, lengths, runaway
from quilt_cfn.cloudformation.analysis.regex_java import differences, unreadable
from quilt_cfn.stack.parameters import FIELDS

parser = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

RUN_AWAY = [
    "(a+)+", "(a+)+b", "(a|a)*b", "(a|ab|b)*c", "([a-z]+)*", r"(\w+\s?)*", "(.*a){20}", "(x+x+)+y", "(a?b?)*c",
    "((a?)?b)*c", "((a*)*b)*c", "(a{1,100}){1,100}", "([a-z]+){4}", "(?i)(a|Ab?)+!", r"^(([a-z0-9]+\.?)+)$",
    "(a|[^b])*b", "(?=(a+)+b)a*", "a(?!(b*)*c).*", r"([^,]+,?)*;", "(a?){64}a{64}", "(?s:(.|\n)*)x",
    "(?:(?:ab)*|a|b)*c",
]  # fmt: skip
HARMLESS = [
    "", "a*", "(a|b)*", "(a|ab)*c?", "([^,]*,)*[^,]*", r"(\d{1,3}\.){3}\d{1,3}", r"([0-9]{1,3}\.?){4}",
    "([0-9a-f]{1,4}:?){8}", r"([a-z]{1,63}\.?){4}", "[a-zA-Z][a-zA-Z0-9]*", r"(?!-)[a-z0-9-]{3,63}(?<!-)",
    "([a-z]+){3}", "a*a*b", "(?i)(a|b)*", r"^(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])\.)*([A-Za-z]{2,})$",
    "(a{64}){64}", "(ab?)*c", r"(a)(\1b)*", r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$", "(|a){2}",
    r"(x)?(?(1)a|b)*",
]  # fmt: skip
OURS = {field.name: field.pattern for field in FIELDS if field.pattern}


@pytest.mark.parametrize("pattern", RUN_AWAY)
def test_what_runs_away_is_told_with_a_word_that_does_it(pattern):
    assert runaway(pattern)


@pytest.mark.parametrize("pattern", [*HARMLESS, *OURS.values()])
def test_nothing_is_said_about_a_pattern_that_ends_in_time(pattern):
    assert runaway(pattern) is None


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python reads atomic groups since 3.11")
def test_what_is_never_gone_back_into_does_not_run_away():
    assert [runaway(pattern) for pattern in ("(?>a+)+b", "(a++)+b", "(?>a|b)*+c")] == [None] * 3
    assert runaway("(?>(a+)+b)") == "a"


@pytest.mark.parametrize("pattern", ["(", "*", "[", r"\q", "(" * 5000, "(?P<a>", "a{2,1}", f"a{{{10**20}}}"])
def test_what_is_no_pattern_gets_no_answer(pattern):
    assert runaway(pattern) is None
    assert lengths(pattern) is None


HOSTILE = {
    "nested": "(" * 500 + "a" + ")*" * 500,
    "wide": "([" + "".join(chr(0x4E00 + 2 * index) for index in range(4000)) + "]*)*",
    "empty": "((){64}){64}" * 100,
    "counted": "((((a{64}){64}){64}){64}){64}",
    "looking": "((?=(a|b)*(ab)*x)y){3}" * 300,
    "branches": "(a|b|c|d|e|f|g|ab)*" * 200,
    "optional": "a?" * 4000,
    "long": "(a+)+" * 100_000,
    "brackets": "[" * 100_000,
    "slashes": "\\" * 100_000,
    "braces": "{1" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_pattern_holds_up_the_analysis(name):
    started = time.process_time()
    runaway(HOSTILE[name])
    lengths(HOSTILE[name])
    unreadable(HOSTILE[name])
    list(differences(HOSTILE[name]))
    assert time.process_time() - started < 10


def test_a_pattern_beyond_the_limit_is_not_looked_at():
    assert runaway("(a+)+" + "b" * LARGEST) is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("a", (1, 1)), ("a*", (0, None)), ("a{2,20}b?", (2, 21)), ("(?!ab)[a-z]{2}", (2, 2)), ("(a|bcd)+", (1, None))],
)
def test_lengths(pattern, expected):
    assert lengths(pattern) == expected


# A backtracking matcher that counts: slow, but every step of it can be read.


class TooManySteps(Exception):
    pass


def steps(pattern: str, text: str, most: int) -> int:
    """The steps in which a backtracking engine finds out whether a pattern matches a whole text."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count > most:
            raise TooManySteps

    def sequence(items: list, position: int, then: Callable[[int], bool]) -> bool:
        step()
        if not items:
            return then(position)
        (op, argument), rest = items[0], items[1:]
        return item(str(op), argument, position, lambda end: sequence(rest, end, then))

    def item(op: str, argument, position: int, then: Callable[[int], bool]) -> bool:
        step()
        if op == "SUBPATTERN":
            return sequence(list(argument[3]), position, then)
        if op == "BRANCH":
            return any(sequence(list(branch), position, then) for branch in argument[1])
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            return rounds(*argument, position, None, then)
        assert op in ("LITERAL", "IN")
        read = [argument] if op == "LITERAL" else [each for _, each in argument]
        return position < len(text) and ord(text[position]) in read and then(position + 1)

    def rounds(least: int, most: int, items, position: int, before: int | None, then: Callable[[int], bool]) -> bool:
        step()

        def another(end: int) -> bool:
            return rounds(max(least - 1, 0), most - 1, items, end, position, then)

        if least:
            return sequence(list(items), position, another)
        # After a round that matched nothing there is no other.
        return (most > 0 and position != before and sequence(list(items), position, another)) or then(position)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = parser.parse(pattern)
    try:
        sequence(list(tree), 0, lambda end: end == len(text))
    except TooManySteps:
        return most
    return count


def grows_by(pattern: str, word: str, beginning: str, few: int, many: int) -> float:
    """By how much the steps grow from few repetitions of a word to many, when the end is wrong."""
    short = max(20, steps(pattern, beginning + word * few + "!", 20_000))
    return steps(pattern, beginning + word * many + "!", 45 * short) / short


def test_the_matcher_agrees_that_a_word_of_the_table_grows():
    for pattern in ("(a+)+b", "(a|a)*b", "(a|ab|b)*c", "(x+x+)+y", "((a?)?b)*c"):
        word = runaway(pattern) or ""
        assert grows_by(pattern, word, "", 4, 8) > 10, pattern


@st.composite
def small_patterns(draw, depth=3):
    """Patterns over a, b and c with at most four quantifiers."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from("abc"))
    kind = draw(st.sampled_from(["sequence", "choice", "star", "plus", "maybe", "lazy"]))
    one = draw(small_patterns(depth - 1))
    if kind in ("sequence", "choice"):
        other = draw(small_patterns(depth - 1))
        return f"{one}{other}" if kind == "sequence" else f"(?:{one}|{other})"
    quantifier = {"star": "*", "plus": "+", "maybe": "?", "lazy": "*?"}[kind]
    return f"(?:{one}){quantifier}"


WORDS = ["".join(letters) for length in (1, 2, 3) for letters in product("abc", repeat=length)]
BEGINNINGS = ["", *WORDS[:12]]


@given(small_patterns())
@settings(max_examples=40)
def test_what_is_said_to_run_away_does(pattern):
    """From some beginning, the word makes the steps grow as no polynomial of so few quantifiers would."""
    word = runaway(pattern)
    assume(word)
    assert any(grows_by(pattern, word, beginning, 4, 10) > 40 for beginning in BEGINNINGS)


@given(small_patterns())
@settings(max_examples=100)
def test_what_is_not_said_to_run_away_does_not(pattern):
    """No word of up to three letters, repeated, makes the steps grow by more than a polynomial would."""
    assume(runaway(pattern) is None)
    for word in WORDS:
        assert grows_by(pattern, word, "", 6, 12) < 2**5, word


@given(st.lists(st.sampled_from(["a", "[a-z]", ".", r"\w", "(b|c)", "(?:de)"]), max_size=5), st.data())
def test_without_a_quantifier_in_another_nothing_runs_away(atoms, data):
    quantifiers = st.sampled_from(["", "*", "+", "?", "{3}", "{2,70}", "*?"])
    assert runaway("".join(atom + data.draw(quantifiers) for atom in atoms)) is None


@given(st.text("ab(|)*+?{}0123,[]^-\\.$:=!<", max_size=20))
def test_no_text_upsets_the_analysis(pattern):
    runaway(pattern)
    lengths(pattern)
    unreadable(pattern)
    list(differences(pattern))


# Java.

JAVA = """
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Scanner;
import java.util.regex.PatternSyntaxException;

public class Read {
    public static void main(String[] arguments) {
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            String[] words = lines.nextLine().split(" ", -1);
            try {
                System.out.println(decode(words[1]).matches(decode(words[0])));
            } catch (PatternSyntaxException exception) {
                System.out.println("refused");
            }
        }
    }

    static String decode(String word) {
        return new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
    }
}
"""

REFUSED = "refused"

READINGS = [
    # pattern, value, Python's answer, Java's answer: refused where the pattern is none.
    # Neither reads it.
    ("(a", "a", REFUSED, REFUSED), ("a)", "a", REFUSED, REFUSED), ("[a", "a", REFUSED, REFUSED),
    ("*a", "a", REFUSED, REFUSED), ("(+a)", "a", REFUSED, REFUSED), ("a|?b", "a", REFUSED, REFUSED),
    ("a**", "a", REFUSED, REFUSED), ("a+*", "a", REFUSED, REFUSED), ("a*??", "a", REFUSED, REFUSED),
    ("[z-a]", "a", REFUSED, REFUSED), ("a{3,2}", "a", REFUSED, REFUSED), ("a\\", "a", REFUSED, REFUSED),
    *((f"\\{letter}", letter, REFUSED, REFUSED) for letter in "CEFIJKLMOTYgijlmoqy"),
    # Only Python reads it.
    ("(?P<n>a)", "a", True, REFUSED), ("(a)(?#b)", "a", True, REFUSED), ("(a)?(?(1)b|c)", "ab", True, REFUSED),
    ("(?a)a", "a", True, REFUSED), (r"\U00000041", "A", True, REFUSED), (r"\0", "\0", True, REFUSED),
    ("a{", "a{", True, REFUSED), ("{{resolve", "{{resolve", True, REFUSED), ("a{,3}", "aa", True, REFUSED),
    ("a{1x}", "a{1x}", True, REFUSED),
    # Both read it, otherwise.
    ("[a[bc]]", "b", False, True), ("[[:alpha:]]", "a]", True, False), ("[a-z&&b]", "a", True, False),
    ("[a-z&&[aeiou]]", "e", False, True), ("[a[b]", "[", True, REFUSED), (r"\101", "A", True, False),
    (r"\v", "\n", False, True), ("(?x)[ a]", " ", True, False),
    # Other letters beyond ASCII.
    (r"\d", "\u0663", True, False), (r"\w", "é", True, False), (r"\s", "\u00a0", True, False),
    (r"\D", "\u0663", False, True), (r"\W", "é", False, True), (r"\S", "\u00a0", False, True),
    (r"[\w-]", "é", True, False), (r"[^\w]", "é", False, True), ("(?i)é", "É", True, False),
    ("(?i:é)", "É", True, False),
    # Only Java reads it.
    (r"\p{Alpha}", "a", REFUSED, True), ("(?<n>a)", "a", REFUSED, True), (r"\Qa.b\E", "a.b", REFUSED, True),
    (r"\h", "\t", REFUSED, True), (r"\R", "\n", REFUSED, True), (r"\x{41}", "A", REFUSED, True),
    (r"[\w-.]", "-", REFUSED, True), ("^*a", "a", REFUSED, True), ("(?<=a{1,2})b|a", "a", REFUSED, True),
    # The same.
    ("a$", "a\n", False, False), (r"a\Z", "a\n", False, False), ("]", "]", True, True), ("[]a]", "]", True, True),
    ("[^]a]", "b", True, True), ("x}", "x}", True, True), (r"\07", "\x07", True, True), (r"[\[a]", "[", True, True),
    (r"[a\&&b]", "&", True, True), ("[a||b]", "|", True, True), (r"\_", "_", True, True),
    (r"\x41\u0042", "AB", True, True), ("a{2}", "aa", True, True), ("a{2,}b", "aaab", True, True),
    ("(?:a)(?=b)b", "ab", True, True), (r"\{", "{", True, True), ("(a)\\1", "aa", True, True),
    ("[\U0001f600]", "\U0001f600", True, True), ("(?m-i:é)", "É", False, False), (r"\N{DIGIT ONE}", "1", True, True),
    ("[^a-z{]", "1", True, True),
]  # fmt: skip


def python_reads(pattern, value):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(re.fullmatch(pattern, value))
        except re.error:
            return REFUSED


@pytest.mark.parametrize(("pattern", "value", "python", "java"), READINGS)
def test_what_java_reads_otherwise_is_told_and_nothing_else(pattern, value, python, java):
    assert python_reads(pattern, value) == python
    found = list(differences(pattern))
    if any(each.another_meaning for each in found):
        assert python != java
    else:
        assert (unreadable(pattern) is not None) == (java == REFUSED)
        assert unreadable(pattern) or bool(found) == (python != java)


@pytest.mark.skipif(shutil.which("javac") is None, reason="there is no JDK to ask how Java reads the patterns")
def test_java_says_what_the_table_says(tmp_path):
    (tmp_path / "Read.java").write_text(JAVA)
    words = [base64.b64encode(text.encode()).decode() for pattern, value, *_ in READINGS for text in (pattern, value)]
    asked = "".join(f"{pattern} {value}\n" for pattern, value in zip(words[::2], words[1::2], strict=True))
    command = ["java", "-XX:TieredStopAtLevel=1", "Read.java"]
    answers = subprocess.run(command, cwd=tmp_path, input=asked, capture_output=True, text=True, check=True).stdout
    java = [{"true": True, "false": False}.get(answer, answer) for answer in answers.split()]
    assert [(pattern, said) for (pattern, *_), said in zip(READINGS, java, strict=True)] == [
        (pattern, expected) for pattern, _, _, expected in READINGS
    ]


@pytest.mark.parametrize("name", OURS)
def test_java_reads_our_own_patterns_as_python_does(name):
    assert unreadable(OURS[name]) is None
    assert list(differences(OURS[name])) == []


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("[a-z-]{2,20}", "az-", "A '$\n"),
        ("(?!x)[a-c]+(?<!d)", "abc", "dx"),
        ("a|[^b]", "a$' ", "b"),
        (r"\w+\s?", "aZ_9 \n", "-é"),
        ("(?i)q", "qQ", "r"),
        ("a.b", "a$'", "\n"),
        ("(?>ab)c", "abc", "d") if sys.version_info >= (3, 11) else ("abc", "abc", "d"),
        ("[", "a'\n", ""),
    ],
)
def test_the_characters_of_what_a_pattern_matches(pattern, inside, outside):
    ranges = alphabet(pattern)
    assert all(any(low <= ord(each) <= high for low, high in ranges) for each in inside)
    assert not any(low <= ord(each) <= high for each in outside for low, high in ranges)
