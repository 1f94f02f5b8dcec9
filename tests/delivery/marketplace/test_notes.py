"""Release notes are the changelog as plain text, and how to update a running stack."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.marketplace.notes import plain_text, release_notes
from quilt_cfn.delivery.marketplace.text_limits import RELEASE_NOTES, violations
from tests.delivery.marketplace.checkouts import TOP, VERSION

PARAMETER = "AmiIdForRelease1x1x0"
CHANGELOG = "## 1.1.0 (2026-12-01)\n\n- New.\n\n## 1.0.0 (2026-11-23)\n\n- Old.\n"


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("One line\nand its rest.\n\nAnother.", "One line and its rest.\n\nAnother."),
        ("- One\n  goes on.\n- Two.", "- One goes on.\n- Two."),
        ("* One\n+ Two", "- One\n- Two"),
        ("Words:\n- One", "Words:\n- One"),
        ("### Fixed\n\n- It.", "Fixed\n\n- It."),
        ("See [the guide](docs/a.md).", "See the guide."),
        ("See [`start.sh`](https://example.com/a_(b)).", "See start.sh."),
        ("`s3:*` and **bold** *words*", "s3:* and bold words"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("`[a](b)`", "[a](b)"),
        ("A team\u2019s caf\u00e9 \u2013 new", "A team's cafe - new"),
    ],
)
def test_markdown_becomes_plain_text(markdown, text):
    assert plain_text(markdown) == text


def test_the_notes_are_those_of_the_version():
    notes = release_notes(CHANGELOG, "1.0.0", PARAMETER)
    assert notes.startswith("- Old.\n\n")
    assert "New." not in notes


def test_the_notes_say_how_a_running_stack_gets_the_new_image():
    notes = release_notes(CHANGELOG, "1.1.0", PARAMETER)
    assert f"Leave every value as it is. {PARAMETER} is new in this template, and its default is the machine" in notes
    assert f"with UsePreviousValue=true, but neither {PARAMETER} nor the earlier version's parameter" in notes
    assert "{" not in notes


@pytest.mark.parametrize(
    "changelog", ["", "## 2.0.0 (2026-11-23)\nx", "## 1.0.0 (2026-11-23)\n\n## 0.9.0 (2026-01-01)\nx"]
)
def test_a_version_without_an_entry_has_no_notes(changelog):
    assert release_notes(changelog, "1.0.0", PARAMETER) == ""


def test_our_notes_are_accepted():
    notes = release_notes((TOP / "CHANGELOG.md").read_text(encoding="utf-8"), VERSION, PARAMETER)
    assert notes
    assert not list(violations(notes, RELEASE_NOTES))
    assert "`" not in notes
    assert "](" not in notes


@given(st.text(st.sampled_from("ab *`[]()!#-\n_\u2019")))
def test_any_markdown_is_read(markdown):
    text = plain_text(markdown)
    assert text == text.strip()
    assert "\n\n\n" not in text
