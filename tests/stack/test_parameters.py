"""What each field of the form accepts and refuses: in Python and, where there is a JDK, in CloudFormation's Java."""

from __future__ import annotations

import base64
import re
import shutil
import signal
import subprocess
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.release import read_release
from quilt_cfn.stack import parameters
from quilt_cfn.stack.parameters import FIELDS, Field, ami_parameter, form
from tests.launches import DOCUMENTED, refusal
from tests.stack.form_values import ACCEPTED, REFUSED

DECLARED = {field.name: field.declaration().to_dict() for field in FIELDS}
FREE = [field.name for field in FIELDS if field.pattern]
CASES = [(name, value) for table in (ACCEPTED, REFUSED) for name, values in table.items() for value in values]


def test_every_field_is_part_of_the_form():
    declared = {field.name for field in vars(parameters).values() if isinstance(field, Field)}
    assert declared == {field.name for field in FIELDS}, "add it to a group in quilt_cfn/stack/parameters.py"


def test_every_field_with_a_pattern_is_tried_in_both_directions():
    for name in FREE:
        for table, what in ((ACCEPTED, "accepted"), (REFUSED, "refused")):
            values = len(set(table.get(name, ())))
            assert values >= 20, f"{name} has {values} {what} values: give it 20 in tests/stack/form_values.py"
    assert set(ACCEPTED) == set(REFUSED) == set(FREE), "remove what is no field from tests/stack/form_values.py"


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepts(name):
    assert {value: refusal(DECLARED[name], value) for value in ACCEPTED[name]} == dict.fromkeys(ACCEPTED[name])


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    assert [value for value in REFUSED[name] if refusal(DECLARED[name], value) is None] == []


@pytest.mark.parametrize("name", FREE)
def test_says_in_one_sentence_what_it_wants(name):
    sentence = DECLARED[name]["ConstraintDescription"]
    assert sentence.isascii()
    assert len(sentence) < 250


def required(field):
    """Whether somebody has to fill the field in; the default of the machine image's comes from the release."""
    return field.default is None and not field.name.startswith("AmiId")


@pytest.fixture(params=EDITIONS)
def groups(request, release):
    """The form of every edition in turn."""
    return form(EDITIONS[request.param], release)


def test_what_has_to_be_filled_in_comes_first_and_apart(groups):
    wanted = [{required(field) for field in group.fields} for group in groups]
    assert all(len(each) == 1 for each in wanted), "a group has required fields, or optional ones"
    assert wanted == sorted(wanted, key=lambda each: True not in each), "no required field after an optional one"


def test_a_group_that_may_stay_as_it_is_says_so(groups):
    says = ("all of it may stay as it is", "else leave it empty", "do not change")
    for group in groups:
        assert any(words in group.label for words in says) == (not required(group.fields[0])), group.label


@pytest.mark.parametrize("field", [field for field in FIELDS if field.default == ""], ids=lambda field: field.name)
def test_a_field_that_may_stay_empty_says_what_empty_means(field):
    assert "Empty: " in field.description
    assert field.constraint.endswith("empty.")


JARGON = "CIDR|dynamic reference|ASCII|regex|SSM parameter|prefix list|NoEcho|FQDN|RFC|default value|boolean|null"


MACHINE_IMAGES = [ami_parameter(edition, read_release()) for edition in EDITIONS.values()]


@pytest.mark.parametrize("field", [*FIELDS, *MACHINE_IMAGES], ids=lambda field: field.name)
def test_a_person_can_read_it_aloud(field):
    for text in (field.label, field.description, field.constraint or "."):
        assert not re.search(JARGON, text), text
    assert field.label[0].isupper()
    assert not field.label.endswith(".")
    assert field.description.endswith(".")
    assert len(field.description) <= 250


def test_the_documented_examples_are_accepted():
    examples = {name: value for name, value in DOCUMENTED.items() if not name.endswith("*")}
    assert {name: refusal(DECLARED[name], value) for name, value in examples.items()} == dict.fromkeys(examples)


@pytest.mark.parametrize("name", [name for name, declared in DECLARED.items() if "AllowedValues" in declared])
def test_lists_contain_their_default_and_refuse_everything_else(name):
    declared = DECLARED[name]
    assert declared["Default"] in declared["AllowedValues"]
    assert refusal(declared, "t1.micro") is not None


@pytest.mark.parametrize(("days", "accepted"), [("1", True), ("35", True), ("0", False), ("36", False), ("x", False)])
def test_backups_can_be_kept_from_1_to_35_days(days, accepted):
    assert (refusal(DECLARED["BackupRetentionDays"], days) is None) == accepted


def test_a_name_that_cloudformation_shows_as_question_marks_is_refused_when_it_comes_back():
    """DescribeStacks shows letters beyond ASCII as question marks; the console's update form sends those back."""
    for name in ACCEPTED["TeamName"]:
        shown = "".join(character if character.isascii() else "?" for character in name)
        assert shown == name or refusal(DECLARED["TeamName"], shown) is not None


def test_letters_beyond_ascii_are_letters_digits_or_marks():
    pattern = re.compile(DECLARED["TeamName"]["AllowedPattern"])
    allowed = {chr(code) for code in range(0x80, 0x10000) if pattern.fullmatch(f"A{chr(code)}A")}
    assert len(allowed) > 10_000
    assert {unicodedata.category(character)[0] for character in allowed - {"\u2019"}} <= {"L", "M", "N"}
    assert not {
        character for character in allowed if unicodedata.bidirectional(character) in ("RLO", "LRO", "RLE", "LRE")
    }


@given(st.text(min_size=1, max_size=64))
def test_a_team_name_never_leaves_a_javascript_string_a_shell_word_or_a_line(name):
    if refusal(DECLARED["TeamName"], name) is None:
        assert not set(name) & set("'\"\\`$<>\n\r\u2028\u2029\0")


@given(st.from_regex(re.compile(DECLARED["DBPassword"]["AllowedPattern"]), fullmatch=True))
def test_a_database_password_never_holds_what_rds_or_the_migrations_refuse(password):
    assert not set(password) & set('/@" %')
    assert password.isascii()
    assert password.isprintable()


@given(
    st.sampled_from(["DBPassword", "SmtpPassword", "SmtpUsername"]),
    st.text(alphabet="{resolve:}sm-1", max_size=20),
    st.text(alphabet="{resolve:}sm-1", max_size=20),
)
def test_no_dynamic_reference_gets_into_a_secret(name, before, after):
    assert refusal(DECLARED[name], f"{before}{{{{resolve:{after}") is not None


@given(st.sampled_from(FREE), st.text(alphabet="a-.b1:/@{Z ", min_size=1, max_size=12), st.integers(10, 400))
def test_no_pattern_backtracks_badly(name, unit, times):
    """A pattern that does would take longer than the age of the universe for some of these."""
    with at_most(seconds=5):
        for value in (unit * times, unit * times + "!", "a" * times + unit, "1." * times, "a-" * times + "\n"):
            re.fullmatch(DECLARED[name]["AllowedPattern"], value)


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise AssertionError(f"still matching after {seconds} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize("name", FREE)
def test_patterns_keep_to_what_java_and_python_read_alike(name):
    pattern = DECLARED[name]["AllowedPattern"]
    assert pattern.isascii()
    assert not re.search(r"\\[dDwWsSbBAZzGQEpPhHvVRXk]", pattern), "classes and anchors that differ"
    assert not re.search(r"[\^$]", re.sub(r"\[[^\]]*\]", "", pattern)), "CloudFormation matches the whole value"
    for inside in re.findall(r"\[((?:[^\]\\]|\\.)*)\]", pattern):
        assert "[" not in inside, "Java nests classes"
        assert "&&" not in inside, "Java intersects classes"


JAVA = """
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Scanner;

public class Match {
    public static void main(String[] arguments) {
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            String[] words = lines.nextLine().split(" ", -1);
            System.out.println(decode(words[1]).matches(decode(words[0])));
        }
    }

    static String decode(String word) {
        return new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8);
    }
}
"""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.skipif(shutil.which("javac") is None, reason="there is no JDK to ask how Java reads the patterns")
def test_java_agrees_on_every_value(tmp_path):
    """CloudFormation matches with java.util.regex: String.matches, the whole value."""
    (tmp_path / "Match.java").write_text(JAVA)
    near_misses = [
        (name, changed)
        for name, value in CASES
        for changed in (value + "\n", value + "\u2028", value.swapcase(), value[::-1], value * 2)
    ]
    cases = [*CASES, *near_misses]
    asked = "".join(f"{encoded(DECLARED[name]['AllowedPattern'])} {encoded(value)}\n" for name, value in cases)
    command = ["java", "-XX:TieredStopAtLevel=1", "Match.java"]
    answers = subprocess.run(command, cwd=tmp_path, input=asked, capture_output=True, text=True, check=True).stdout
    java = [answer == "true" for answer in answers.split()]
    python = [bool(re.fullmatch(DECLARED[name]["AllowedPattern"], value)) for name, value in cases]
    assert len(java) == len(cases) > 3_000
    assert [case for case, one, other in zip(cases, java, python, strict=True) if one != other] == []


def test_every_text_is_bounded_by_a_length_or_by_its_pattern():
    for name in FREE:
        too_long = max(ACCEPTED.get(name, "x"), key=len) * 200
        assert refusal(DECLARED[name], too_long) is not None, f"give {name} lengths in quilt_cfn/stack/parameters.py"


def test_no_text_of_the_form_looks_like_a_dynamic_reference_itself():
    """CloudFormation looks for them in a template's texts."""
    for declared in DECLARED.values():
        assert "{{" not in declared["Description"] + declared.get("ConstraintDescription", "")
