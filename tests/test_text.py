"""What others wrote is shown on a terminal, and does nothing there."""

from __future__ import annotations

import pytest

from quilt_cfn.text import printable, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("größer als 3, “quoted”", "größer als 3, “quoted”"),
        ("\x1b[2Jnothing here", "\\x1b[2Jnothing here"),
        ("one\nquilt-cfn: all is well", "one\\nquilt-cfn: all is well"),
        ("\ud800", "\\ud800"),
        ("a\u202eb", "a\\u202eb"),
        ("\x9b2J", "\\x9b2J"),
    ],
)
def test_whatever_a_terminal_would_obey_or_could_not_show_is_escaped(text, expected):
    assert printable(text) == expected
    printable(text).encode()


def test_a_long_text_is_cut():
    assert shown("a" * 200) == "a" * 200
    assert shown("a" * 201) == "a" * 199 + "…"
    assert shown("\x1b" * 1_000_000, 10) == "\\x1b\\x1b\\…"
