"""The changelog has an entry for a version, with a day and a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from quilt_cfn.inputs.changelog import Entry, changelog_entry

CHANGELOG = """# Changelog

What a customer notices.

## 1.1.0 (unreleased)

- More.

## 1.0.0 (2026-11-23)

The first.

### Details

```
## 0.9.0 (2026-01-01)
```

## 0.1.0

## Notes

Nothing about a version.
"""


def test_an_entry_has_its_day_and_its_text():
    assert changelog_entry(CHANGELOG, "1.0.0") == Entry(
        "1.0.0", "2026-11-23", "The first.\n\n### Details\n\n```\n## 0.9.0 (2026-01-01)\n```"
    )


def test_an_unreleased_version_has_no_day():
    assert changelog_entry(CHANGELOG, "1.1.0") == Entry("1.1.0", None, "- More.")


def test_an_entry_ends_at_the_next_heading_whatever_that_says():
    assert changelog_entry(CHANGELOG, "0.1.0") == Entry("0.1.0", None, "")


@pytest.mark.parametrize("version", ["2.0.0", "1.0", "1.0.00", "0.9.0", "unreleased", ""])
def test_a_version_without_a_heading_has_no_entry(version):
    assert changelog_entry(CHANGELOG, version) is None


@pytest.mark.parametrize("day", ["2026-13-01", "2026-06-31", "23 November", "20261123", "2026-W47-1", "2026-11-23 "])
def test_text_that_is_not_a_day_is_no_date(day):
    entry = changelog_entry(f"## 1.0.0 ({day})\nx", "1.0.0")
    assert entry == Entry("1.0.0", None, "x")


def test_the_first_of_two_entries_counts():
    entry = changelog_entry("## 1.0.0 (2026-11-23)\nnew\n## 1.0.0 (2026-11-22)\nold\n", "1.0.0")
    assert entry is not None
    assert entry.text == "new"


def test_our_changelog_has_an_entry_for_the_first_release():
    entry = changelog_entry(Path("CHANGELOG.md").read_text(encoding="utf-8"), "1.0.0")
    assert entry is not None
    assert entry.text.startswith("The first release")
