"""The report is the journal, readable."""

from __future__ import annotations

import pytest

from quilt_cfn.delivery.rehearsal import journal, report
from tests.delivery.rehearsal.test_journal import HEAD


@pytest.fixture
def written(tmp_path):
    return journal.create(tmp_path / "j.jsonl", HEAD)


def test_a_step_that_began_and_did_not_end_says_so(written):
    written.note(step="launch", began=1_800_000_000)
    text = report.as_markdown(written)
    assert "| launch | ended without a result |" in text
    assert "| grow | not run |" in text
    assert "begun at 2027-01-15 08:00:00 UTC" in text


def test_failures_have_their_reason_and_the_events_of_the_stack(written):
    written.note(step="launch", began=1_800_000_000)
    written.note(event="08:01:00 Database CREATE_FAILED: no")
    written.note(step="launch", result="failed", why="It broke.", seconds=90.0)
    written.note(step="grow", began=1_800_000_100)
    written.note(event="another")
    text = report.as_markdown(written)
    assert "| launch | failed | 1.5 min |" in text
    launch = text[text.index("## launch") : text.index("## grow")]
    assert "- **failed:** *It broke.*" in launch
    assert "- *08:01:00 Database CREATE\\_FAILED: no*" in launch
    assert "another" not in launch


def test_what_aws_says_is_no_markdown(written):
    hostile = "![x](http://evil) <script> `rm` | a \x1b[2J *b* \n# heading"
    written.note(step="launch", answer=hostile)
    written.note(step="launch", result="failed", why=hostile, seconds=1)
    written.note(event=hostile)
    written.note(makes="stack", name="s")
    written.note(left="stack", name="s", why=hostile)
    text = report.as_markdown(written)
    for part in ("![x]", "<script>", "`rm`", "\x1b", "*b*", "\n# heading"):
        assert part not in text


def test_what_is_left_has_its_reason_and_the_command(written):
    written.makes("bucket", "data")
    written.note(left="bucket", name="data", why="it is not empty")
    text = report.as_markdown(written)
    assert "- **left:** bucket *data*: *it is not empty*" in text
    assert f"    quilt-cfn rehearse --clean-up {written.path}" in text
    assert "Nothing is left" not in text
    written.note(gone="bucket", name="data")
    assert "Nothing is left." in report.as_markdown(written)
    assert "**left" not in report.as_markdown(written)


def test_of_nothing_it_says_that(written):
    assert "Nothing was made." in report.as_markdown(written)
