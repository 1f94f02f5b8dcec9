"""A file that people write gives its fields, or a sentence about the one that is wrong."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.errors import UserError
from quilt_cfn.inputs.fields import LARGEST, Fields, read_fields, read_yaml

WORD = re.compile("[a-z]+")

Write = Callable[[str], Fields]


@pytest.fixture
def fields(tmp_path) -> Write:
    def fields(text: str) -> Fields:
        (tmp_path / "some.yaml").write_text(text)
        return read_fields(tmp_path / "some.yaml", "list")

    return fields


def test_a_scalar_is_the_string_that_was_written(fields):
    read = fields("engine: 16.10\nday: 2026-13-45\nanswer: no\n")
    anything = re.compile(".*")
    assert [read.string(name, "x", anything) for name in ("engine", "day", "answer")] == ["16.10", "2026-13-45", "no"]


def test_an_empty_field_counts_as_missing(fields):
    read = fields("a:\nb: {c: }\n")
    assert (read.optional("a", "a word", WORD), read.optional("b.c", "a word", WORD)) == (None, None)
    read.refuse_others()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "has no a."),
        ("- a", "has no a."),
        ("b: x", "has no a."),
        ("a: 1", "has '1' as a."),
        ("a: [x]", "has a list as a."),
        ("a: []", "has a list as a."),
        ("a: {x: y}", "has a map as a."),
        (f"a: {'1' * 1000}", "has '1111"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_should_be(fields, tmp_path, text, what):
    with pytest.raises(UserError) as raised:
        fields(text).string("a", "a word", WORD)
    assert what in raised.value.what
    assert raised.value.what.startswith(f"The list {tmp_path}")
    assert raised.value.next_step == "It should be a word."
    assert len(raised.value.what) < 200 + len(str(tmp_path))


def test_a_list_is_a_list_of_what_it_should_be(fields):
    assert fields("a: [x, y]").strings("a", "a word", WORD) == ("x", "y")
    for text in ("a: x", "a: []", "a: [1]", "a: [[x]]", "b: x"):
        with pytest.raises(UserError):
            fields(text).strings("a", "a word", WORD)


def test_a_map_in_a_list_is_named_by_its_number(fields):
    read = fields("a: [{x: y}, {x: 1}]")
    with pytest.raises(UserError, match=r"has '1' as a 2: x\."):
        [entry.string("x", "a word", WORD) for entry in read.entries("a", "a map")]


def test_an_unknown_field_is_named_with_what_was_meant(fields):
    read = fields("title: x\nami: {usr_name: y, user_name: z}\n")
    read.string("title", "a word", WORD)
    read.optional("ami.user_name", "a word", WORD)
    with pytest.raises(UserError) as raised:
        read.refuse_others()
    assert raised.value.what.endswith("has an unknown field: ami.usr_name.")
    assert raised.value.next_step == "Did you mean ami.user_name?"


def test_an_unknown_field_that_is_like_no_other_is_named_with_all_of_them():
    read = Fields("The list", {"title": "x", "zzz": "y"})
    read.string("title", "a word", WORD)
    with pytest.raises(UserError, match=r"zzz\. Remove it, or name it one of: title\."):
        read.refuse_others()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"a: [", "is not YAML at line"),
        (b"a: &x [y]\nb: *x\n", "has an alias"),
        (b"a: &x [*x]\n", "has an alias"),
        (b"\x00", "is not YAML"),
        (b"a: \xff", "is not YAML"),
        (b"- " * 100_000, "has more than 20 levels"),
        (b"#" * (LARGEST + 1), "has more than 1,000,000 bytes"),
    ],
)
def test_a_file_that_is_not_such_yaml_is_an_error(tmp_path, content, error):
    (tmp_path / "some.yaml").write_bytes(content)
    with pytest.raises(UserError, match=error):
        read_fields(tmp_path / "some.yaml", "list")


def test_a_missing_file_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="could not be read: No such file") as raised:
        read_fields(tmp_path / "none.yaml", "list", "Name another.")
    assert raised.value.next_step == "Name another."


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes_are_a_document_or_an_error(tmp_path_factory, content, aliases):
    file: Path = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    with contextlib.suppress(UserError):
        assert isinstance(read_yaml(file, "The file", "Fix it.", aliases), (dict, list, str, type(None)))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("version: 1\nb: 2\nversion: 3\n", "has version twice in one map, in lines 1 and 3."),
        ("a:\n- b: 1\n  'b': 2\n", "has b twice in one map, in lines 2 and 3."),
        ('{"a": {"b": 1, "b": 1}}', "has b twice in one map, in lines 1 and 1."),
        ("a: &x {b: 1}\nb: *x\na: 1\n", "has a twice in one map, in lines 1 and 3."),
    ],
)
def test_a_key_that_a_map_has_twice_is_an_error_with_both_lines(tmp_path, text, what):
    (tmp_path / "some.yaml").write_text(text)
    with pytest.raises(UserError) as raised:
        read_yaml(tmp_path / "some.yaml", "The file", "Look.", aliases=True)
    assert raised.value.what == f"The file {what}"


def test_maps_beside_one_another_and_an_alias_may_have_the_same_keys(tmp_path):
    (tmp_path / "some.yaml").write_text("a: &x {b: 1}\nc: *x\nd: [*x, {b: 1}]\n")
    assert read_yaml(tmp_path / "some.yaml", "The file", "Look.", aliases=True) == {
        **{name: {"b": "1"} for name in "ac"},
        "d": [{"b": "1"}] * 2,
    }
