"""Texts of others, such as a manifest, a server's answer or a template, in a form that a terminal only shows."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""``text`` with ``\x1b`` and the like in place of every character that is not printable, line ends included.

    A terminal therefore obeys nothing in it, and nothing in it looks like a line of ours.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def shown(text: str, longest: int = 200) -> str:
    """The printable form of a text, of which the end is cut off, with an ellipsis, where it has more characters."""
    start = printable(text[: longest + 1])
    return start if len(start) <= longest else f"{start[: longest - 1]}…"
