"""Verifying finds every byte that differs from the manifest, and names the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.publish.plan import latest_key, version_key
from quilt_cfn.delivery.publish.verify import Verification, verify
from quilt_cfn.delivery.release.artifact import MANIFEST, SIGNATURE, SUMS, compose, read_manifest
from quilt_cfn.errors import UserError
from quilt_cfn.finding import Finding
from tests.delivery.publish.artifacts import (
    KEY,
    OTHER_KEY,
    POOL,
    Memory,
    artifact,
    facts,
    flip,
    publish,
    published,
)

OURS, OTHER, NEWER = artifact(big=600), artifact(note="other", big=600), artifact("1.1.0", big=600)


@pytest.fixture
def store() -> Memory:
    return Memory(published(OURS))


@pytest.fixture
def public_key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pub"
    path.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def key(name: str) -> str:
    return version_key("1.0.0", name)


def findings(store: Memory, version: str | None = None, public_key: Path | None = None) -> list[tuple[str, str]]:
    """The rule and the message of each finding."""
    return [(each.rule, each.message) for each in verify(store, version, public_key, POOL).findings]


def missing(name: str) -> tuple[str, str]:
    return "V01", f"{name} is missing."


def changed(name: str) -> tuple[str, str]:
    return "V02", f"{name} is not what was released."


OTHER_MANIFEST = ("V06", f"memory/{key(MANIFEST)} is not the manifest that {latest_key()} names.")


def test_what_was_published_verifies_and_nothing_is_written(store):
    verification = verify(store, None, None, POOL)
    assert verification == Verification(OURS.manifest, (), ())
    assert str(verification) == (
        "quilt-registry 1.0.0 of commit 0123456789abcdef0123456789abcdef01234567: "
        "all 4 files are what its manifest says"
    )
    assert store.writes == []


def test_a_version_is_verified_by_its_number_where_latest_is_another_or_lost(store):
    publish(NEWER, store)
    assert verify(store, "1.0.0", None, POOL).manifest == OURS.manifest
    assert verify(store, None, None, POOL).manifest == NEWER.manifest
    del store.held[latest_key()]
    assert findings(store, "1.0.0") == []


@given(st.sampled_from(sorted(OURS.everything)), st.data())
def test_a_flipped_byte_in_any_published_file_is_found_and_the_file_named(name, data):
    store = Memory(published(OURS))
    content = OURS.everything[name]
    store.put(key(name), flip(content, data.draw(st.integers(0, len(content) - 1))))
    try:
        found = findings(store)
    except UserError as error:
        assert name == MANIFEST  # a manifest that can't be read names nothing
        found = [("", error.what)]
    assert any(name in message for _, message in found)
    if name not in (SUMS, MANIFEST):
        assert found == [changed(name)]


@pytest.mark.parametrize("name", sorted(OURS.contents))
def test_a_file_that_is_shorter_or_longer_is_found(name):
    for content in (OURS.contents[name][:-1], OURS.contents[name] + b"\n", b""):
        assert findings(Memory(published(OURS) | {key(name): content})) == [changed(name)]


@pytest.mark.parametrize("name", sorted({SUMS, *OURS.contents}))
def test_a_missing_or_damaged_file_is_found(store, name):
    store.put(key(name), OURS.everything[name], intact=False)
    assert findings(store) == [changed(name)]
    del store.held[key(name)]
    assert findings(store) == [missing(name)]


def test_a_damaged_manifest_is_an_error_that_names_it(store):
    store.damage(key(MANIFEST))
    with pytest.raises(UserError, match=f"memory/{key(MANIFEST)} is not a manifest"):
        findings(store)


@pytest.mark.parametrize("name", ["notes.txt", "quilt-registry.yaml.orig", "quilt-registry"])
def test_a_file_that_the_manifest_does_not_name_is_found_where_the_store_can_list(store, name, monkeypatch):
    store.put(key(name), b"")
    ((rule, message),) = findings(store)
    assert rule == "V03"
    assert message.startswith(f"{name} is there, and the manifest does not name it")
    monkeypatch.setattr(store, "names", lambda folder: None)
    assert findings(store) == []


def test_the_manifest_of_another_version_in_its_place_is_found(store):
    publish(NEWER, store)
    for name, content in NEWER.everything.items():
        store.put(key(name), content)
    assert findings(store, "1.0.0") == [("V05", f"memory/{key(MANIFEST)} is the manifest of 1.1.0.")]
    store.put(latest_key(), published(OURS)[latest_key()])
    assert OTHER_MANIFEST in findings(store)


def test_another_artifact_of_the_version_in_its_place_is_found_by_the_pointer(store):
    for name, content in OTHER.everything.items():
        store.put(key(name), content)
    assert findings(store) == [OTHER_MANIFEST]


@pytest.mark.parametrize("digest", [None, 1, "", "0" * 64, OTHER.manifest.sha256])
def test_latest_that_names_another_hash_or_none_is_found(store, digest):
    document = json.loads(store.contents[latest_key()]) | {"sha256": digest}
    store.put(latest_key(), json.dumps(document).encode())
    assert findings(store) == [OTHER_MANIFEST]


def test_a_manifest_that_was_edited_together_with_the_sums_is_found_by_the_pointer(store):
    edited = read_manifest(OURS.manifest.content.replace(b"2026-11-30", b"2026-11-29"), "edited")
    store.put(key(MANIFEST), edited.content)
    assert [rule for rule, _ in findings(store)] == ["V06", "V04"]
    store.put(key(SUMS), edited.sums)
    assert findings(store) == [OTHER_MANIFEST]


def test_where_nothing_is_published_that_is_the_error(store):
    with pytest.raises(UserError, match="Nothing is published at memory"):
        findings(Memory())
    with pytest.raises(UserError, match=r"1\.1\.0 is not published at memory: it has no manifest"):
        findings(store, "1.1.0")


def test_a_version_that_was_published_in_part_is_not_published(store):
    del store.held[key(MANIFEST)]
    with pytest.raises(UserError, match=r"1\.0\.0 is not published"):
        findings(store, "1.0.0")


def test_a_signature_of_the_key_is_reported(store, public_key):
    store.put(key(SIGNATURE), KEY.sign(OURS.manifest.sums))
    verification = verify(store, None, public_key, POOL)
    assert verification.findings == ()
    assert str(verification).endswith(f"all 4 files are what its manifest says; signed with {public_key}")


def test_a_signature_without_a_key_to_check_it_is_reported_as_not_checked(store):
    store.put(key(SIGNATURE), b"anything")
    assert findings(store) == []
    (note,) = verify(store, None, None, POOL).notes
    assert "was not checked" in note
    assert "--public-key" in note


def test_a_missing_signature_is_found_where_a_key_is_named(store, public_key):
    assert findings(store, None, public_key) == [("V07", f"{SIGNATURE} is missing: 1.0.0 is not signed.")]


@pytest.mark.parametrize(
    "signature",
    [b"", bytes(64), OTHER_KEY.sign(OURS.manifest.sums), KEY.sign(OTHER.manifest.sums)],
    ids=["empty", "zeros", "of another key", "of something else"],
)
def test_a_wrong_signature_is_found_and_nothing_is_called_signed(store, public_key, signature):
    store.put(key(SIGNATURE), signature)
    assert findings(store, None, public_key) == [("V08", f"{SIGNATURE} was not made with the key in {public_key}.")]
    assert "signed with" not in str(verify(store, None, public_key, POOL))


def test_a_right_signature_does_not_excuse_a_changed_file(store, public_key):
    store.put(key(SIGNATURE), KEY.sign(OURS.manifest.sums))
    store.put(key("guide.md"), b"changed")
    assert findings(store, None, public_key) == [changed("guide.md")]
    assert "signed with" not in str(verify(store, None, public_key, POOL))


def test_every_finding_is_printed_in_a_line_with_the_location_and_the_rule(store):
    del store.held[key("guide.md")]
    store.put(key("diagram.png"), b"")
    verification = verify(store, None, None, POOL)
    assert verification.findings[0] == Finding("memory", 0, "quilt-cfn", "V02", "error", "", changed("diagram.png")[1])
    assert str(verification).splitlines() == [
        "memory: error V02 [quilt-cfn] diagram.png is not what was released.",
        "memory: error V01 [quilt-cfn] guide.md is missing.",
        "quilt-registry 1.0.0 of commit 0123456789abcdef0123456789abcdef01234567 is not what was released.",
    ]


def test_an_empty_file_of_a_release_is_no_missing_one():
    empty = compose(facts(), {**OURS.contents, "empty.txt": b""})
    assert findings(Memory(published(empty))) == []
