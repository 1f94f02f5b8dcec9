"""A file that somebody maintains by hand gives its fields, or a sentence about the one that is wrong."""

from __future__ import annotations

import re

import pytest

from quilt_cfn.errors import UserError
from quilt_cfn.inputs.fields import Fields, read_fields

WORD = re.compile("[a-z]+")


def fields(tmp_path, text):
    path = tmp_path / "some.yaml"
    path.write_text(text)
    return read_fields(path, "list")


def test_a_scalar_is_the_text_that_was_written(tmp_path):
    given = fields(tmp_path, "engine: 16.10\nday: 2026-13-45\nanswer: no\n")
    anything = re.compile(".*")
    assert [given.text(name, anything, "x") for name in ("engine", "day", "answer")] == ["16.10", "2026-13-45", "no"]


def test_an_empty_field_is_as_good_as_none(tmp_path):
    given = fields(tmp_path, "a:\nb: {c: }\n")
    assert (given.optional("a", WORD, "a word"), given.optional("b.c", WORD, "a word")) == (None, None)
    given.nothing_left()


@pytest.mark.parametrize(
    ("text", "what", "next_step"),
    [
        ("b: x", "has no a.", "It should be a word."),
        ("a: 1", "has '1' as a.", "It should be a word."),
        ("a: [x]", "has a list as a.", "It should be a word."),
        ("a: {x: y}", "has a map as a.", "It should be a word."),
        (f"a: {'1' * 1000}", "has '1111", "It should be a word."),
    ],
)
def test_a_wrong_field_is_named_with_what_it_should_be(tmp_path, text, what, next_step):
    with pytest.raises(UserError) as trouble:
        fields(tmp_path, text).text("a", WORD, "a word")
    assert what in trouble.value.what
    assert trouble.value.what.startswith(f"The list {tmp_path}")
    assert trouble.value.next_step == next_step
    assert len(trouble.value.what) < 200 + len(str(tmp_path))


def test_a_list_is_a_list_of_what_it_should_be(tmp_path):
    assert fields(tmp_path, "a: [x, y]").texts("a", WORD, "a word") == ("x", "y")
    for text in ("a: x", "a: []", "a: [1]", "a: [[x]]", "b: x"):
        with pytest.raises(UserError):
            fields(tmp_path, text).texts("a", WORD, "a word")


def test_the_members_of_a_list_are_named_by_their_number(tmp_path):
    given = fields(tmp_path, "a: [{x: y}, {x: 1}]")
    with pytest.raises(UserError, match=r"has '1' as a 2: x\."):
        [part.text("x", WORD, "a word") for part in given.parts("a", "a map")]


def test_a_field_that_nothing_reads_is_named_with_what_was_meant(tmp_path):
    given = fields(tmp_path, "title: x\nami: {usr_name: y, user_name: z}\n")
    given.text("title", WORD, "a word")
    given.optional("ami.user_name", WORD, "a word")
    with pytest.raises(UserError) as trouble:
        given.nothing_left()
    assert trouble.value.what.endswith("has a field that nothing reads: ami.usr_name.")
    assert trouble.value.next_step == "Did you mean ami.user_name?"


def test_a_field_that_is_like_none_is_told_which_there_are():
    given = Fields("The list", {"title": "x", "zzz": "y"})
    given.text("title", WORD, "a word")
    with pytest.raises(UserError, match=r"zzz\. Remove it, or name it one of: title\."):
        given.nothing_left()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is not YAML at line"),
        ("a: &x [y]\nb: *x\n", "has an alias"),
        ("a: &x [*x]\n", "has an alias"),
        ("\x00", "is not YAML"),
        ("- " * 100_000, "is nested more than 20 deep"),
    ],
)
def test_what_is_no_such_file_is_said_in_a_sentence(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        fields(tmp_path, text)


def test_a_missing_file_is_said_in_a_sentence(tmp_path):
    with pytest.raises(UserError, match="could not be read: No such file"):
        read_fields(tmp_path / "none.yaml", "list")


def test_bytes_that_are_no_text_are_said_in_a_sentence(tmp_path):
    (tmp_path / "some.yaml").write_bytes(b"a: \xff")
    with pytest.raises(UserError, match="is not YAML"):
        read_fields(tmp_path / "some.yaml", "list")
