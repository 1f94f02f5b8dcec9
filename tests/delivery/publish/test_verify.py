"""Verifying finds every byte that differs from the manifest, and names the file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from itertools import accumulate
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish.plan import latest_key, version_key
from quilt_cfn.delivery.publish.readers import Readers, deadline
from quilt_cfn.delivery.publish.verify import Verification, verify
from quilt_cfn.delivery.release.artifact import (
    LARGEST_LATEST,
    LARGEST_MANIFEST,
    LARGEST_PROVENANCE,
    LARGEST_SIGNATURE,
    LARGEST_SUMS,
    MANIFEST,
    PROVENANCE,
    SIGNATURE,
    SUMS,
    compose,
    read_manifest,
)
from quilt_cfn.delivery.release.provenance import provenance
from quilt_cfn.delivery.release.signing import fingerprint
from quilt_cfn.errors import UserError
from quilt_cfn.finding import Finding
from tests.delivery.publish.artifacts import (
    KEY,
    OTHER_KEY,
    POOL,
    AtOnce,
    Memory,
    artifact,
    facts,
    flip,
    pointer_content,
    publish,
    published,
)

OURS, OTHER, NEWER = artifact(big=600), artifact(note="other", big=600), artifact("1.1.0", big=600)


@pytest.fixture
def store() -> Memory:
    return Memory(published(OURS))


@pytest.fixture
def signed() -> Memory:
    return Memory(published(OURS, key=KEY))


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


class Rounds(AtOnce):
    """Executes nothing before a result is asked for, and then all that was submitted."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.sizes: list[int] = []

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future = Asked(self)

        def run() -> None:
            future.set_result(call(*arguments, **named))

        self.waiting.append(run)
        return future

    def run(self) -> None:
        if self.waiting:
            self.sizes.append(len(self.waiting))
        while self.waiting:
            self.waiting.pop(0)()

    def rounds(self, log: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
        """The calls in a log, by the rounds in which they were executed."""
        ends = [*accumulate(self.sizes)]
        return [log[end - size : end] for size, end in zip(self.sizes, ends, strict=True)]


class Asked(Future[Any]):
    def __init__(self, pool: Rounds) -> None:
        super().__init__()
        self.pool = pool

    def result(self, timeout: float | None = None) -> Any:
        self.pool.run()
        return super().result(timeout)


def missing(name: str) -> tuple[str, str]:
    return "V01", f"{name} is missing."


def changed(name: str) -> tuple[str, str]:
    return "V02", f"{name} is not what was released."


OTHER_MANIFEST = ("V06", f"memory/{key(MANIFEST)} is not the manifest that {latest_key()} names.")


def test_what_was_published_verifies_and_nothing_is_written(store):
    verification = verify(store, None, None, POOL)
    note = "it is not signed, so nobody vouches for it"
    assert verification == Verification("1.0.0", OURS.manifest, (), (note,))
    assert str(verification) == (
        "quilt-registry 1.0.0 of commit 0123456789abcdef0123456789abcdef01234567: "
        f"all 4 files are what its manifest says; {note}"
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


@pytest.mark.parametrize("digest", ["0" * 64, OTHER.manifest.sha256])
def test_latest_that_names_another_hash_is_found(store, digest):
    document = json.loads(store.contents[latest_key()]) | {"sha256": digest}
    store.put(latest_key(), json.dumps(document).encode())
    assert findings(store) == [OTHER_MANIFEST]


def test_a_manifest_that_was_edited_together_with_the_sums_is_found_by_the_pointer(store):
    edited = read_manifest(OURS.manifest.content.replace(b"2026-11-30", b"2026-11-29"), "edited")
    store.put(key(MANIFEST), edited.content)
    assert [rule for rule, _ in findings(store)] == ["V04", "V06"]
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


def test_a_signature_of_the_key_is_reported_with_its_fingerprint_and_the_date_of_the_pointer(signed, public_key):
    verification = verify(signed, None, public_key, POOL)
    assert verification.findings == ()
    assert str(verification).endswith(
        f"all 4 files are what its manifest says; signed with {public_key} ({fingerprint(KEY.public_key())}); "
        f"{latest_key()} was signed on 2026-11-30T12:00:00Z"
    )
    assert "latest.json" not in str(verify(signed, "1.0.0", public_key, POOL))


def test_a_signature_without_a_key_to_check_it_is_reported_as_not_checked(store):
    store.put(key(SIGNATURE), b"anything")
    assert findings(store) == []
    (note,) = verify(store, None, None, POOL).notes
    assert "was not checked" in note
    assert "--public-key" in note


def test_a_version_without_a_signature_says_that_nobody_vouches_for_it(store):
    assert str(verify(store, None, None, POOL)).endswith("; it is not signed, so nobody vouches for it")


def test_what_the_manifest_claims_about_the_signer_is_called_a_claim_and_misses_the_signature():
    claim = fingerprint(KEY.public_key())
    claiming = compose(facts() | {"signing_key": claim}, OURS.contents)
    signed = Memory(published(claiming, key=KEY))
    assert str(verify(signed, None, None, POOL)).endswith(f"; its manifest claims that the key {claim} signs it")
    del signed.held[key(SIGNATURE)]
    assert findings(signed) == [("V07", f"{SIGNATURE} is missing: 1.0.0 is not signed.")]


def refused(store: Memory, public_key: Path, rule: str) -> str:
    """The message of the one finding about the signature, where nothing was read that the manifest names."""
    store.log.clear()
    verification = verify(store, "1.0.0", public_key, POOL)
    assert sorted(store.log) == [("read", key(name)) for name in sorted((MANIFEST, PROVENANCE, SIGNATURE, SUMS))]
    assert verification.manifest is None
    assert "signed with" not in str(verification)
    assert str(verification).endswith("\nquilt-registry 1.0.0 is not to be trusted.")
    ((found, message),) = [(each.rule, each.message) for each in verification.findings]
    assert found == rule
    return message


def test_a_missing_signature_is_found_where_a_key_is_named(store, public_key):
    assert refused(store, public_key, "V07") == f"{SIGNATURE} is missing: 1.0.0 is not signed."


@pytest.mark.parametrize(
    "signature",
    [b"", bytes(64), OTHER_KEY.sign(OURS.manifest.sums), KEY.sign(OTHER.manifest.sums)],
    ids=["empty", "zeros", "of another key", "of something else"],
)
def test_a_wrong_signature_is_found_and_nothing_else_is_read(signed, public_key, signature):
    signed.put(key(SIGNATURE), signature)
    assert refused(signed, public_key, "V08").startswith(f"{SIGNATURE} was not made with the key sha256:")


def test_a_manifest_that_the_signed_sums_do_not_name_is_not_believed(signed, public_key):
    signed.put(key(MANIFEST), OTHER.manifest.content)
    assert "don't belong together" in refused(signed, public_key, "V04")


def test_a_signed_version_without_its_sums_is_not_believed(signed, public_key):
    del signed.held[key(SUMS)]
    assert refused(signed, public_key, "V01") == f"{SUMS} is missing."


def test_a_right_signature_does_not_excuse_a_changed_file(signed, public_key):
    signed.put(key("launch.html"), b"changed")
    assert findings(signed, None, public_key) == [changed("launch.html")]
    assert "signed with" not in str(verify(signed, None, public_key, POOL))


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{}", provenance(OTHER.manifest, KEY), provenance(OURS.manifest, OTHER_KEY)],
    ids=["missing", "empty", "no envelope", "of other files", "of another key"],
)
def test_a_provenance_that_is_missing_or_of_other_files_or_of_another_key_is_found(signed, public_key, content):
    del signed.held[key(PROVENANCE)]
    if content is not None:
        signed.put(key(PROVENANCE), content)
    assert [rule for rule, _ in findings(signed, None, public_key)] == ["V12"]


def test_a_pointer_without_signature_or_with_that_of_another_key_is_found(signed, public_key):
    for signer, rule in ((None, "V09"), (OTHER_KEY, "V10")):
        signed.put(latest_key(), pointer_content(OURS.manifest, signer))
        assert [found for found, _ in findings(signed, None, public_key)] == [rule]
        assert findings(signed, "1.0.0", public_key) == [], "nobody asked latest.json"


def test_a_pointer_whose_readable_fields_are_not_those_that_were_signed_is_found(public_key):
    store = Memory(published(OURS, NEWER, key=KEY))
    document = json.loads(store.contents[latest_key()])
    document |= json.loads(pointer_content(OURS.manifest))
    store.put(latest_key(), json.dumps(document).encode())
    assert "V10" in [rule for rule, _ in findings(store, None, public_key)]


def test_an_old_signed_pointer_is_found_where_the_newer_version_can_be_seen(public_key, monkeypatch):
    store = Memory(published(OURS, NEWER, key=KEY, latest=OURS))
    ((rule, message),) = findings(store, None, public_key)
    assert rule == "V11"
    assert message.startswith(f"{latest_key()} names 1.0.0, and 1.1.0 is published, signed and not withdrawn")
    monkeypatch.setattr(store, "names", lambda folder: None)
    assert findings(store, None, public_key) == []


def test_a_withdrawn_version_is_not_the_newer_one(public_key):
    store = Memory(published(OURS, NEWER, key=KEY))
    store.put(latest_key(), pointer_content(OURS.manifest, KEY, ["1.1.0"]))
    assert findings(store, None, public_key) == []


@pytest.mark.parametrize("name", [SUMS, SIGNATURE, MANIFEST])
def test_what_nobody_signed_or_published_is_not_the_newer_version(public_key, name):
    store = Memory(published(OURS, NEWER, key=KEY, latest=OURS))
    del store.held[version_key("1.1.0", name)]
    assert findings(store, None, public_key) == []
    planted = published(OURS, key=KEY)
    store = Memory(planted | {version_key("9.9.9", name): planted[key(name)] for name in (SUMS, SIGNATURE, MANIFEST)})
    assert findings(store, None, public_key) == [], "an old version under a new number"


def test_a_version_older_than_the_one_that_the_reader_knows_is_found(store):
    (finding,) = verify(store, None, None, POOL, at_least="1.0.1").findings
    assert (finding.rule, "1.0.0 is older than 1.0.1" in finding.message) == ("V11", True)
    for known in ("1.0.0", "0.10.0", "1.0.0-draft.3"):
        assert verify(store, "1.0.0", None, POOL, at_least=known).findings == ()


@pytest.mark.parametrize("version", ["1.0", "../1.0.0", "1.0.0/", "\x1b[2J"])
def test_what_is_no_version_is_not_looked_for(store, version):
    for arguments in ({"version": version}, {"version": None, "at_least": version}):
        with pytest.raises(UserError, match="is not a version") as error:
            verify(store, public_key=None, pool=POOL, **arguments)
        assert error.value.what.isprintable()


def test_of_many_files_that_the_manifest_does_not_name_ten_are_named(store):
    for number in range(500):
        store.put(key(f"extra-{number:03}"), b"")
    found = findings(store)
    assert [message.split(" ")[0] for _, message in found[:-1]] == [f"extra-{number:03}" for number in range(10)]
    assert found[-1] == ("V03", "490 more files that the manifest does not name.")


def test_latest_and_then_what_says_which_files_there_are_and_then_all_files_are_read_at_once(signed, public_key):
    pool = Rounds()
    assert verify(signed, None, public_key, pool).findings == ()
    small = {("read", key(name)) for name in (MANIFEST, PROVENANCE, SIGNATURE, SUMS)}
    files = {("digest", key(name)) for name in OURS.contents}
    lists = {("names", PRODUCT), ("names", f"{PRODUCT}/1.0.0")}
    assert [{*calls} for calls in pool.rounds(signed.log)] == [{("read", latest_key())}, small, files | lists]


def test_no_more_of_a_file_is_asked_for_than_it_may_have(store):
    limits = {}
    read, digest = store.read, store.digest
    store.read = lambda key, limit: (limits.update({key: limit}), read(key, limit))[1]
    store.digest = lambda key, limit: (limits.update({key: limit}), digest(key, limit))[1]
    verify(store, None, None, POOL)
    assert limits == {
        latest_key(): LARGEST_LATEST,
        key(SUMS): LARGEST_SUMS,
        key(SIGNATURE): LARGEST_SIGNATURE,
        key(MANIFEST): LARGEST_MANIFEST,
        key(PROVENANCE): LARGEST_PROVENANCE,
        **{key(entry.name): entry.size for entry in OURS.manifest.files},
    }


@pytest.mark.parametrize("name", [latest_key(), key(MANIFEST), key("launch.html"), f"{PRODUCT}/1.0.0"])
def test_a_source_that_does_not_answer_holds_nobody_beyond_the_deadline(store, name):
    answers = Event()
    store.before = lambda verb, about: answers.wait(10) if about == name else None
    try:
        with Readers(4) as pool, pytest.raises(UserError, match=r"memory could not be read within 0\.05 seconds"):
            verify(store, None, None, pool, end=deadline("memory", 0.05))
    finally:
        answers.set()


def test_a_process_ends_although_a_read_does_not():
    script = (
        "import threading, time; from quilt_cfn.delivery.publish.readers import Readers\n"
        "begun = threading.Event()\n"
        "with Readers(2) as pool: pool.submit(lambda: (begun.set(), time.sleep(1000))); begun.wait()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_every_finding_is_printed_in_a_line_with_the_location_and_the_rule(store):
    del store.held[key("launch.html")]
    store.put(key("diagram.png"), b"")
    verification = verify(store, None, None, POOL)
    assert verification.findings[0] == Finding("memory", 0, "quilt-cfn", "V02", "error", "", changed("diagram.png")[1])
    assert str(verification).splitlines() == [
        "memory: error V02 [quilt-cfn] diagram.png is not what was released.",
        "memory: error V01 [quilt-cfn] launch.html is missing.",
        "quilt-registry 1.0.0 of commit 0123456789abcdef0123456789abcdef01234567 is not to be trusted.",
    ]


def test_an_empty_file_of_a_release_is_no_missing_one():
    empty = compose(facts(), {**OURS.contents, "empty.txt": b""})
    assert findings(Memory(published(empty))) == []
