"""The changelog has an entry for a version, with a day and a text, and says which versions were withdrawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.errors import UserError
from quilt_cfn.inputs.changelog import Entry, changelog_entry, read_changelog, withdrawn_versions
from quilt_cfn.inputs.release import RELEASE_FILE

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


def test_an_entry_in_whose_text_a_block_of_code_never_ends_is_read_to_the_end():
    assert changelog_entry("## 1.2.3\n```\n## 1.2.2\n", "1.2.3") == Entry("1.2.3", None, "```\n## 1.2.2")


@pytest.mark.parametrize("state", ["withdrawn 2026-11-27", "withdrawn", "withdrawn 2026-13-01"])
def test_a_withdrawn_version_has_its_text_and_no_day(state):
    changelog = f"## 1.2.3 (unreleased)\nnew\n## 1.2.2 ({state})\nwhy\n## 1.2.1 (2026-11-22)\nold\n"
    assert changelog_entry(changelog, "1.2.2") == Entry("1.2.2", None, "why", withdrawn=True)
    assert withdrawn_versions(changelog) == {"1.2.2"}


def test_a_version_stays_withdrawn_when_another_heading_has_its_number():
    assert withdrawn_versions("## 1.2.2 (2026-11-28)\n## 1.2.2 (withdrawn 2026-11-27)\n") == {"1.2.2"}


def test_a_word_in_a_text_or_in_a_block_of_code_withdraws_nothing():
    changelog = "## 1.2.3 (2026-11-28)\n1.2.2 (withdrawn)\n### 1.2.2 (withdrawn)\n```\n## 1.2.2 (withdrawn)\n```\n"
    assert withdrawn_versions(changelog) == frozenset()
    assert withdrawn_versions("") == frozenset()


@given(st.text(st.sampled_from("## 0123.()withdrawn\n`")))
def test_any_changelog_is_read(text):
    for version in withdrawn_versions(text):
        entry = changelog_entry(text, version)
        assert entry is not None
        assert entry.version == version


def test_a_checkout_without_a_changelog_has_an_empty_one(tmp_path):
    assert read_changelog(tmp_path) == ""


def test_a_changelog_that_cannot_be_read_is_an_error_that_names_it(tmp_path):
    (tmp_path / "CHANGELOG.md").mkdir()
    with pytest.raises(UserError, match=r"CHANGELOG\.md could not be read"):
        read_changelog(tmp_path)


def test_our_changelog_has_an_entry_for_the_release_and_says_why_1_0_0_was_withdrawn(release):
    ours = read_changelog(RELEASE_FILE.parent.parent)
    entry = changelog_entry(ours, release.version)
    assert entry is not None
    assert entry.text
    assert withdrawn_versions(ours) == {"1.0.0"}
    withdrawn = changelog_entry(ours, "1.0.0")
    assert withdrawn is not None
    assert withdrawn.text
