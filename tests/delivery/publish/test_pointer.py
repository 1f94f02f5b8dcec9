"""latest.json is signed as a whole: version, hash and date belong together, and to one key."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish import pointer
from quilt_cfn.delivery.publish.pointer import PAYLOAD_TYPE, check, is_signed_by, names, read
from quilt_cfn.delivery.release.artifact import (
    LARGEST_LATEST,
    MANIFEST,
)
from quilt_cfn.delivery.release.envelope import seal
from quilt_cfn.errors import UserError
from tests.delivery.publish.artifacts import KEY, NOW, OTHER_KEY, artifact, flip, pointer_content

OURS, OLDER = artifact(big=600).manifest, artifact("0.9.0", big=600).manifest
FIELDS = {
    "product": PRODUCT,
    "version": "1.0.0",
    "manifest": f"1.0.0/{MANIFEST}",
    "sha256": OURS.sha256,
}
SIGNED = pointer_content(OURS, KEY)
PUBLIC = KEY.public_key()


def changed(content: bytes = SIGNED, **fields: Any) -> bytes:
    """A latest.json with other fields; None stands for one that is left out."""
    document = json.loads(content) | fields
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


def ids(content: bytes) -> list[str]:
    return [rule for rule, _ in check(read(content, ""), PUBLIC)]


def test_without_a_key_it_is_where_the_manifest_is_and_what_its_bytes_are():
    assert json.loads(pointer_content(OURS)) == FIELDS
    latest = read(pointer_content(OURS), "")
    assert (latest.version, latest.sha256, latest.date, latest.withdrawn) == ("1.0.0", OURS.sha256, None, ())
    assert latest.envelope is None


def test_with_a_key_the_same_fields_and_the_date_are_signed():
    document = json.loads(SIGNED)
    envelope = document.pop("envelope")
    assert document == FIELDS | {"date": "2026-11-30T12:00:00Z"}
    assert envelope == seal(json.dumps(document).encode(), PAYLOAD_TYPE, KEY)
    latest = read(SIGNED, "")
    assert is_signed_by(latest, PUBLIC)
    assert (latest.date, ids(SIGNED)) == ("2026-11-30T12:00:00Z", [])


@pytest.mark.parametrize("hours", [-9, 0, 5])
def test_the_date_is_in_utc_and_whole_seconds_wherever_the_computer_is(hours):
    there = NOW.astimezone(timezone(timedelta(hours=hours))).replace(microsecond=999_999)
    assert read(pointer.content(OURS, KEY, there), "").date == "2026-11-30T12:00:00Z"


def test_one_that_is_not_signed_is_found():
    ((rule, message),) = check(read(pointer_content(OURS), ""), PUBLIC)
    assert (rule, message) == (
        "V09",
        "latest.json is not signed: nobody vouches that the version it names is the newest.",
    )


def test_one_that_lost_its_signature_is_found():
    assert ids(changed(envelope=None)) == ["V09"]


@pytest.mark.parametrize(
    "fields",
    [
        {"version": "0.9.0", "manifest": f"0.9.0/{MANIFEST}"},
        {"sha256": OLDER.sha256},
        {"date": "2027-01-01T00:00:00Z"},
        {"date": None},
        {"withdrawn": ["1.1.0"]},
        {"more": 1},
        {"envelope": {}},
        {"envelope": []},
        {"envelope": "signed"},
        {"envelope": json.loads(pointer_content(OLDER, KEY))["envelope"]},
        {"envelope": json.loads(pointer_content(OURS, OTHER_KEY))["envelope"]},
        {"envelope": seal(json.dumps(FIELDS).encode(), "application/vnd.in-toto+json", KEY)},
    ],
)
def test_fields_that_are_not_the_signed_ones_are_found(fields):
    ((rule, message),) = check(read(changed(**fields), ""), PUBLIC)
    assert rule == "V10"
    assert "sha256:" in message


def test_one_that_another_key_signed_is_found():
    assert ids(pointer_content(OURS, OTHER_KEY)) == ["V10"]
    assert not is_signed_by(read(pointer_content(OURS, OTHER_KEY), ""), PUBLIC)


@given(st.integers(0, len(SIGNED) - 1))
def test_whatever_byte_is_changed_it_says_the_same_or_is_refused(offset):
    try:
        latest = read(flip(SIGNED, offset), "")
    except UserError:
        return
    assert not is_signed_by(latest, PUBLIC) or latest.fields == read(SIGNED, "").fields


def test_a_version_that_was_withdrawn_later_is_named_beside_the_older_one():
    content = pointer_content(OURS, KEY, ["1.10.0", "0.9.0", "1.9.0"])
    assert read(content, "").withdrawn == ("1.9.0", "1.10.0")
    assert ids(content) == []


def test_it_names_a_version_whenever_it_was_signed_and_only_with_that_hash():
    latest = read(pointer.content(OURS, KEY, datetime(2020, 1, 1, tzinfo=timezone.utc)), "")
    assert names(latest, OURS)
    assert not names(latest, OURS, ["1.1.0"])
    assert names(latest, OURS, ["0.9.0"])
    assert not names(latest, OLDER)
    assert not names(latest, artifact(note="other", big=600).manifest)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"[" * LARGEST_LATEST,
        pointer_content(OURS) + b" " * LARGEST_LATEST,
        changed(product="another"),
        changed(product=None),
        changed(version=None),
        changed(version=1),
        changed(version="1.0"),
        changed(version="1.0.0\n"),
        changed(version="1.0.0-draft.1", manifest=f"1.0.0-draft.1/{MANIFEST}"),
        changed(manifest=f"../{MANIFEST}"),
        changed(manifest=None),
        changed(sha256=OURS.sha256[1:]),
        changed(sha256=OURS.sha256.upper()),
        changed(sha256=None),
        changed(date=1),
        changed(date="yesterday"),
        changed(date="\x1b[2J"),
        changed(withdrawn="1.1.0"),
        changed(withdrawn=["\x1b[2J"]),
    ],
    ids=lambda content: None,
)
def test_what_quilt_cfn_did_not_write_is_refused(content):
    with pytest.raises(UserError) as error:
        read(content, "here/latest.json")
    assert error.value.what == "here/latest.json does not name a version."
    assert "restore" in error.value.next_step


def test_it_stays_small_with_a_signature_and_every_version_withdrawn():
    assert len(pointer_content(OURS, KEY, [f"1.{minor}.0" for minor in range(1, 200)])) < LARGEST_LATEST
