"""What AWS Marketplace takes of a text is known before it is sent."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.marketplace.texts import in_ascii, mistakes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("x" * 1_011, "has 1,011 characters, 1 more than the 1,010 that are safe"),
        ("caf\u00e9 \u2026", "has characters other than printable ASCII and line ends: U+00E9, U+2026"),
        ("a\tb", "has characters other than printable ASCII and line ends: U+0009"),
        ("a\r\nb", "has characters other than printable ASCII and line ends: U+000D"),
        (" a", "begins or ends with a space or an empty line"),
        ("a\n", "begins or ends with a space or an empty line"),
        (
            "\u00e4\u00f6\u00fc\u00c4\u00d6\u00dc",
            "has characters other than printable ASCII and line ends: U+00E4, U+00F6, U+00FC, U+00C4, U+00D6, ...",
        ),
    ],
)
def test_each_mistake_is_told(text, said):
    assert list(mistakes(text, 1_010)) == [said]


def test_all_mistakes_are_told_at_once():
    assert len(list(mistakes(" \u00e9", 1))) == 3


def test_a_text_may_be_as_long_as_the_limit_and_have_paragraphs():
    assert not list(mistakes("a\n\n~b", 5))


@given(st.text(), st.integers(1, 50))
def test_what_is_accepted_is_plain_short_and_trimmed(text, most):
    if not list(mistakes(text, most)):
        assert re.fullmatch(r"[\n -~]+", text)
        assert len(text) <= most
        assert text == text.strip() != ""


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).map(str.strip).filter(bool))
def test_every_plain_text_is_accepted_and_left_as_it_is(text):
    assert not list(mistakes(text, len(text)))
    assert in_ascii(text) == text


def test_typography_becomes_what_people_type():
    assert in_ascii("\u201cIt\u2019s\u201d \u2013 caf\u00e9\u2026 \u2122") == '"It\'s" - cafe... TM'


def test_what_has_no_plain_form_stays_to_be_refused():
    assert list(mistakes(in_ascii("a \u2192 \u65e5"), 50)) == [
        "has characters other than printable ASCII and line ends: U+2192, U+65E5"
    ]
