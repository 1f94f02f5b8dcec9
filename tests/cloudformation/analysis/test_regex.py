"""What patterns match, whether they are slow, and how Java reads them: held against a real Java, in one run."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import time
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.cloudformation.analysis.regex import LARGEST, lengths, may_contain, slow_backtracking
from quilt_cfn.cloudformation.analysis.regex_java import differences, unreadable
from quilt_cfn.cloudformation.template.coerce import map_at

SLOW = [
    "(a+)+", "(a+)+b", "(a|a)*b", "(a|ab|b)*c", "([a-z]+)*", r"(\w+\s?)*", "(.*a){20}", "(x+x+)+y", "((a*)*b)*c",
    "(a{1,100}){1,100}", r"^(([a-z0-9]+\.?)+)$", "(a|[^b])*b", "(?=(a+)+b)a*", "a(?!(b*)*c).*", r"([^,]+,?)*;",
    "(?:(?:ab)*|a|b)*c", "^[0-9a-z]+([0-9a-z-]*[0-9a-z])*$", "((a|b)|ab|c)*", "(|a|)*",
]  # fmt: skip
FAST = [
    "", "a*", "(a|b)*", "(a|ab)*c?", "([^,]*,)*[^,]*", r"(\d{1,3}\.){3}\d{1,3}", r"([0-9]{1,3}\.?){4}",
    "([0-9a-f]{1,4}:?){8}", r"([a-z]{1,63}\.?){4}", "[a-zA-Z][a-zA-Z0-9]*", r"(?!-)[a-z0-9-]{3,63}(?<!-)",
    "([a-z]+){3}", "a*a*b", "(?i)(a|b)*", r"^(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])\.)*([A-Za-z]{2,})$",
    "(a{64}){64}", "(ab?)*c", r"(a)(\1b)*", r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$", "(|a){2}",
    r"(x)?(?(1)a|b)*", "(.|\n)*", "(x+y+)*", "([a-z]*é)*", "(foo|bar)*",
]  # fmt: skip


@pytest.mark.parametrize("pattern", SLOW)
def test_a_repetition_that_can_be_divided_in_many_ways_is_found(pattern):
    assert slow_backtracking(pattern)


@pytest.mark.parametrize("pattern", FAST)
def test_a_repetition_that_can_be_divided_in_one_way_is_not_reported(pattern):
    assert slow_backtracking(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("a", (1, 1)), ("a*", (0, None)), ("a{2,20}b?", (2, 21)), ("(?!ab)[a-z]{2}", (2, 2)), ("(a|bcd)+", (1, None))],
)
def test_lengths(pattern, expected):
    assert lengths(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("[a-z-]{2,20}", "az-", "A '$\n"),
        ("(?!x)[a-c]+(?<!d)", "abc", "dx"),
        ("a|[^b]", "a$' ", "b"),
        (r"\w+\s?", "aZ_9 \n", "-$"),
        (r"[^\W]", "aZ_9", "-$ "),
        ("a.b", "a$'", "\n"),
    ],
)
def test_the_characters_that_a_match_may_contain(pattern, inside, outside):
    assert [each for each in inside + outside if may_contain(pattern, each)] == [*inside]


@pytest.mark.parametrize("pattern", ["(", "*", "[", r"\q", "(" * 5000, "(?P<a>", "a{2,1}", f"a{{{10**20}}}"])
def test_nothing_is_known_about_what_python_can_not_parse(pattern):
    assert slow_backtracking(pattern) is None
    assert lengths(pattern) is None
    assert may_contain(pattern, "$")


HOSTILE = {
    "nested": "(" * 500 + "a" + ")*" * 500,
    "wide": "([" + "".join(chr(0x4E00 + 2 * index) for index in range(4000)) + "]*)*",
    "counted": "((((a{64}){64}){64}){64}){64}",
    "looking": "((?=(a|b)*(ab)*x)y){3}" * 300,
    "branches": "(a|b|c|d|e|f|g|ab)*" * 200,
    "optional": "(" + "a?" * 4000 + ")*",
    "brackets": "[" * LARGEST,
    "slashes": "\\" * LARGEST,
    "braces": "{1" * LARGEST,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_pattern_holds_up_the_analysis(name):
    started = time.process_time()
    analyse(HOSTILE[name])
    assert time.process_time() - started < 5


@given(st.text("ab(|)*+?{}0123,[]^-\\.$:=!<", max_size=20))
def test_no_pattern_makes_the_analysis_fail(pattern):
    analyse(pattern)


def analyse(pattern: str) -> None:
    slow_backtracking(pattern)
    lengths(pattern)
    may_contain(pattern, "$")
    unreadable(pattern)
    list(differences(pattern))


# Java.

JAVA = """
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Scanner;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

public class Read {
    static final int LONGEST = 4096;

    // Each line has a pattern and a value, or a pattern and the length of values that almost match.
    public static void main(String[] arguments) {
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            String[] words = lines.nextLine().split(" ", -1);
            String pattern = decode(words[0]);
            try {
                boolean match = words.length == 2 && decode(words[1]).matches(pattern);
                System.out.println(words.length == 2 ? match : milliseconds(pattern, Integer.parseInt(words[2])));
            } catch (PatternSyntaxException exception) {
                System.out.println("refused");
            }
        }
    }

    // The longest processor time for one value: every pair of letters repeated, with an end that doesn't match.
    static Object milliseconds(String pattern, int length) {
        Pattern compiled = Pattern.compile(pattern);
        String letters = "aZ0-_.@/:, ";
        String[] beginnings = {"", "a", "a@a.", "arn:aws:rds:us-east-1:111122223333:snapshot:a"};
        long longest = 0;
        for (char first : letters.toCharArray()) {
            for (char second : letters.toCharArray()) {
                for (String beginning : beginnings) {
                    String letterPairs = beginning + ("" + first + second).repeat(length);
                    String value = letterPairs.substring(0, length - 1) + "\\u0000";
                    long started = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
                    try {
                        compiled.matcher(value).matches();
                    } catch (StackOverflowError error) {
                        if (length < LONGEST) return "overflow";
                    }
                    long ended = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
                    longest = Math.max(longest, ended - started);
                }
            }
        }
        return longest / 1_000_000;
    }

    static String decode(String word) {
        return new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
    }
}
"""

LONGEST = 4096
"""Characters: what CloudFormation takes as the value of a parameter
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""

REFUSED = "refused"

READINGS = [
    # pattern, value, Python's answer, Java's answer: refused where the pattern is not valid.
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
    # Both read it, differently.
    ("[a[bc]]", "b", False, True), ("[[:alpha:]]", "a]", True, False), ("[a-z&&b]", "a", True, False),
    ("[a-z&&[aeiou]]", "e", False, True), ("[a[b]", "[", True, REFUSED), (r"\101", "A", True, False),
    (r"\v", "\n", False, True), ("(?x)[ a]", " ", True, False),
    # They differ about characters beyond ASCII.
    (r"\d", "\u0663", True, False), (r"\w", "é", True, False), (r"\s", "\u00a0", True, False),
    (r"\D", "\u0663", False, True), (r"\W", "é", False, True), (r"\S", "\u00a0", False, True),
    (r"[\w-]", "é", True, False), (r"[^\w]", "é", False, True), ("(?i)é", "É", True, False),
    ("(?i:é)", "É", True, False),
    # Only Java reads it.
    (r"\p{Alpha}", "a", REFUSED, True), ("(?<n>a)", "a", REFUSED, True), (r"\Qa.b\E", "a.b", REFUSED, True),
    (r"\h", "\t", REFUSED, True), (r"\R", "\n", REFUSED, True), (r"\x{41}", "A", REFUSED, True),
    (r"[\w-.]", "-", REFUSED, True), ("^*a", "a", REFUSED, True),
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
def test_what_java_reads_differently_is_reported_and_nothing_else(pattern, value, python, java):
    assert python_reads(pattern, value) == python
    found = list(differences(pattern))
    if any(each.another_meaning for each in found):
        assert python != java
    else:
        assert (unreadable(pattern) is not None) == (java == REFUSED)
        assert unreadable(pattern) or bool(found) == (python != java)


@pytest.fixture(scope="module")
def ours(templates: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Name -> declaration of each parameter with a pattern, of every edition."""
    declared = [each for template in templates.values() for each in map_at(template, "Parameters").items()]
    return {name: parameter for name, parameter in declared if "AllowedPattern" in parameter}


@pytest.fixture(scope="module")
def java_answers(ours, tmp_path_factory) -> list[str]:
    """What Java answers about each of READINGS, then about each of our patterns: for its MaxLength, and for LONGEST."""
    if shutil.which("javac") is None:
        pytest.skip("there is no JDK to try the patterns with")
    folder = tmp_path_factory.mktemp("java")
    (folder / "Read.java").write_text(JAVA)
    lines = [f"{encoded(pattern)} {encoded(value)}" for pattern, value, *_ in READINGS]
    for parameter in ours.values():
        pattern = encoded(parameter["AllowedPattern"])
        lines += [f"{pattern} length {parameter.get('MaxLength', 100)}", f"{pattern} length {LONGEST}"]
    command = ["java", "-XX:TieredStopAtLevel=1", "Read.java"]
    answers = subprocess.run(
        command, cwd=folder, input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60
    )
    return answers.stdout.split()


def encoded(word: str) -> str:
    return base64.b64encode(word.encode()).decode()


def test_java_answers_what_the_table_has(java_answers):
    java = [{"true": True, "false": False}.get(answer, answer) for answer in java_answers[: len(READINGS)]]
    assert [(pattern, answer) for (pattern, *_), answer in zip(READINGS, java, strict=True)] == [
        (pattern, expected) for pattern, _, _, expected in READINGS
    ]


def test_java_refuses_at_once_what_almost_matches_our_patterns(ours, java_answers):
    """Of more than MaxLength characters too: nobody knows which constraint CloudFormation tries first."""
    answers = java_answers[len(READINGS) :]
    for name, allowed, longest in zip(ours, answers[::2], answers[1::2], strict=True):
        assert allowed.isdecimal(), name
        assert int(allowed) < 50, name
        assert int(longest) < 50, name


def test_java_reads_our_own_patterns_as_python_does(ours):
    assert len(ours) > 10
    for name, parameter in ours.items():
        pattern = parameter["AllowedPattern"]
        assert unreadable(pattern) is None, name
        assert list(differences(pattern)) == [], name
        assert slow_backtracking(pattern) is None, name
