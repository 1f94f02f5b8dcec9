"""What AWS Marketplace would refuse about a text is known before it is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.marketplace.text_limits import in_ascii, violations


@pytest.mark.parametrize(
    ("text", "violation"),
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
def test_each_violation_is_named(text, violation):
    assert list(violations(text, 1_010)) == [violation]


def test_all_violations_are_named_at_once():
    assert len(list(violations(" \u00e9", 1))) == 3


def test_a_text_may_be_as_long_as_the_limit_and_have_paragraphs():
    assert not list(violations("a\n\n~b", 5))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).map(str.strip).filter(bool))
def test_every_ascii_text_is_accepted_and_left_as_it_is(text):
    assert not list(violations(text, len(text)))
    assert in_ascii(text) == text


def test_typography_becomes_ascii_and_what_has_no_equivalent_is_refused():
    assert in_ascii("\u201cIt\u2019s\u201d \u2013 caf\u00e9\u2026 \u2122") == '"It\'s" - cafe... TM'
    assert in_ascii("a \u2192 \u65e5") == "a \u2192 \u65e5"
