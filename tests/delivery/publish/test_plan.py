"""A plan is what is missing, decided by reading alone; what is published is never planned to change."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish.plan import PublishPlan, latest_key, plan_publication, version_key
from quilt_cfn.delivery.publish.pointer import PAYLOAD_TYPE
from quilt_cfn.delivery.release.artifact import (
    MANIFEST,
    PROVENANCE,
    SIGNATURE,
    SUMS,
    Artifact,
    compose,
)
from quilt_cfn.delivery.release.envelope import opened, seal
from quilt_cfn.delivery.release.provenance import PAYLOAD_TYPE as IN_TOTO
from quilt_cfn.delivery.release.provenance import provenance, statement
from quilt_cfn.errors import UserError
from tests.delivery.publish.artifacts import (
    KEY,
    NOW,
    OTHER_KEY,
    POOL,
    Memory,
    artifact,
    facts,
    pointer_content,
    published,
)

OURS, OTHER = artifact(big=600), artifact(note="other", big=600)
OLDER, NEWER = artifact("0.9.0", big=600), artifact("1.10.0", big=600)
KEYS = [version_key("1.0.0", name) for name in OURS.everything]
FILES = [version_key("1.0.0", name) for name in OURS.contents]


READS = {"read", "digest", "names"}


def read_only(store: Memory, signer: Ed25519PrivateKey | None = None, wanted: Artifact = OURS) -> PublishPlan:
    """The plan for `OURS`; nothing was written to make it."""
    store.log.clear()
    made = plan_publication(wanted, signer, store, POOL, NOW)
    assert {verb for verb, _ in store.log} <= READS
    return made


def refusal(store: Memory, signer: Ed25519PrivateKey | None = None, wanted: Artifact = OURS) -> UserError:
    """Why there is no plan for `OURS`; nothing was written to find out."""
    store.log.clear()
    with pytest.raises(UserError) as error:
        plan_publication(wanted, signer, store, POOL, NOW)
    assert {verb for verb, _ in store.log} <= READS
    return error.value


def key(name: str) -> str:
    return version_key("1.0.0", name)


def holding(*names: str) -> Memory:
    """A store that has these files of `OURS`."""
    return Memory({key(name): OURS.everything[name] for name in names})


def test_where_nothing_is_everything_is_written_the_sums_first_and_the_manifest_last():
    made = read_only(Memory())
    assert [write.key for write in made.writes] == KEYS
    assert (made.sums, made.manifest) == (made.writes[0], made.writes[-1])
    assert [write.key for write in made.files] == FILES
    assert all(write.damaged_tag is None for write in made.writes)
    assert {write.key: write.content for write in made.writes} == {key(k): v for k, v in OURS.everything.items()}
    assert made.kept == ()
    assert made.pointer == ("1.0.0", pointer_content(OURS.manifest), None, None, True)


def test_where_everything_is_nothing_is_written():
    made = read_only(Memory(published(OURS)))
    assert made.writes == ()
    assert not made.pointer.moves
    assert set(made.kept) == set(KEYS)


@given(st.sets(st.sampled_from(sorted(OURS.contents))))
def test_what_was_published_in_part_with_our_bytes_is_finished(there):
    made = read_only(holding(SUMS, *there))
    assert made.sums is None
    assert {write.key for write in made.files} == {key(name) for name in OURS.contents.keys() - there}
    assert made.manifest
    assert set(made.kept) == {key(name) for name in (SUMS, *there)}


@given(st.sets(st.sampled_from(sorted(OURS.everything))))
def test_what_is_lost_of_a_published_version_is_written_again(lost):
    store = Memory(published(OURS))
    for name in lost:
        del store.held[key(name)]
    assert {write.key for write in read_only(store).writes} == {key(name) for name in lost}


@pytest.mark.parametrize("name", sorted(OURS.everything))
def test_a_damaged_file_is_repaired_only_in_place_of_the_damaged_bytes(name):
    store = Memory(published(OURS))
    store.damage(key(name))
    made = read_only(store)
    (write,) = made.writes
    assert (write.key, write.content) == (key(name), OURS.everything[name])
    assert write.damaged_tag == store.held[key(name)].tag
    assert f"\n  repair  {key(name)}  " in str(made)


def test_a_version_that_was_published_in_part_with_other_bytes_has_no_plan_and_a_way_out():
    error = refusal(Memory({key(SUMS): OTHER.everything[SUMS]}))
    assert "was published in part" in error.what
    assert "other bytes" in error.what
    assert key(SUMS) in error.what
    assert "delete" in error.next_step


def test_a_version_that_is_published_with_other_bytes_has_no_plan_and_is_not_to_be_deleted():
    error = refusal(Memory(published(OTHER)))
    assert error.what.startswith("1.0.0 is published at memory with other bytes")
    assert "next version" in error.next_step
    assert "delete" not in error.next_step


@pytest.mark.parametrize("name", sorted(OURS.everything))
def test_other_bytes_in_any_one_file_leave_no_plan(name):
    store = Memory(published(OURS))
    store.put(key(name), b"something else")
    assert key(name) in refusal(store).what


def test_damaged_sums_do_not_open_the_way_to_a_version_that_is_published_with_other_bytes():
    store = Memory(published(OTHER))
    store.damage(key(SUMS))
    assert "is published at memory with other bytes" in refusal(store).what


def test_signature_and_provenance_come_before_the_manifest_and_may_come_later_but_not_change():
    made = read_only(Memory(), KEY)
    assert [write.key for write in made.writes] == [*KEYS[:-1], key(SIGNATURE), key(PROVENANCE), KEYS[-1]]
    signed = {key(SIGNATURE): KEY.sign(OURS.manifest.sums), key(PROVENANCE): provenance(OURS.manifest, KEY)}
    assert {write.key: write.content for write in made.writes}.items() >= signed.items()
    store = Memory(published(OURS))
    assert {write.key: write.content for write in read_only(store, KEY).writes} == signed
    store = Memory(published(OURS, key=KEY))
    assert read_only(store, KEY).writes == ()
    assert read_only(store).writes == ()
    error = refusal(store, OTHER_KEY)
    assert error.what == f"{key(SIGNATURE)} at memory was not made with this key."


@pytest.mark.parametrize("name", [SIGNATURE, PROVENANCE])
def test_a_damaged_signature_is_repaired_and_another_one_is_not(name):
    store = Memory(published(OURS, key=KEY))
    store.damage(key(name))
    (write,) = read_only(store, KEY).writes
    assert (write.key, write.damaged_tag) == (key(name), store.held[key(name)].tag)
    store.put(key(name), b"another")
    assert key(name) in refusal(store, KEY).what


def test_the_provenance_that_an_earlier_version_of_this_package_made_is_kept():
    store = Memory(published(OURS, key=KEY))
    earlier = statement(OURS.manifest)
    earlier["predicate"]["runDetails"]["metadata"] = {}
    store.put(key(PROVENANCE), json.dumps(seal(json.dumps(earlier).encode(), IN_TOTO, KEY)).encode())
    made = read_only(store, KEY)
    assert made.writes == ()
    assert key(PROVENANCE) in made.kept


def test_of_a_file_in_the_store_no_more_is_read_than_the_one_to_publish_has(monkeypatch):
    limits = {}
    store = Memory(published(OURS, key=KEY))
    digest = store.digest
    monkeypatch.setattr(store, "digest", lambda key, limit: (limits.update({key: limit}), digest(key, limit))[1])
    read_only(store, KEY)
    assert limits == {each: len(content) for each, content in published(OURS, key=KEY).items() if each != latest_key()}


def test_a_plan_reads_as_what_will_be_done():
    store = holding(SUMS)
    store.damage(key("launch.html"))
    assert str(read_only(store)).splitlines() == [
        "memory: quilt-registry 1.0.0",
        f"  write   {key('quilt-registry.yaml')}  {len(OURS.contents['quilt-registry.yaml']):,} bytes",
        f"  write   {key('quilt-registry.json')}  18 bytes",
        f"  write   {key('diagram.png')}  {len(OURS.contents['diagram.png']):,} bytes",
        f"  repair  {key('launch.html')}  {len(OURS.contents['launch.html'])} bytes",
        f"  write   {key(MANIFEST)}  {len(OURS.manifest.content):,} bytes",
        f"  keep    {key(SUMS)}",
        f"  point   {latest_key()}  nothing -> 1.0.0",
    ]
    assert str(read_only(Memory(published(OURS)))).splitlines()[-1] == f"  keep    {latest_key()}  1.0.0"
    assert str(read_only(Memory(published(OLDER)))).splitlines()[-1] == f"  point   {latest_key()}  0.9.0 -> 1.0.0"


def test_latest_moves_from_an_older_version_in_place_of_what_was_read():
    store = Memory(published(OLDER))
    pointer = read_only(store).pointer
    assert (pointer.version, pointer.before, pointer.moves) == ("1.0.0", "0.9.0", True)
    assert pointer.tag == store.held[latest_key()].tag
    assert pointer.content == pointer_content(OURS.manifest)


def test_latest_stays_at_a_newer_version():
    pointer = read_only(Memory(published(OLDER, NEWER))).pointer
    assert (pointer.version, pointer.before, pointer.moves) == ("1.10.0", "1.10.0", False)


def test_latest_that_names_another_hash_of_this_version_is_corrected():
    store = Memory(published(OURS, latest=OTHER))
    pointer = read_only(store).pointer
    assert (pointer.version, pointer.content, pointer.moves) == ("1.0.0", pointer_content(OURS.manifest), True)


@pytest.mark.parametrize(
    ("held", "newest"),
    [([NEWER], OURS), ([OURS, NEWER], OURS), ([artifact("1.5.0", big=600), NEWER], artifact("1.5.0", big=600))],
)
def test_latest_moves_from_a_withdrawn_version_to_the_newest_that_was_not(held, newest):
    store = Memory(published(*held))
    pointer = plan_publication(OURS, None, store, POOL, NOW, frozenset({NEWER.version})).pointer
    expected = pointer_content(newest.manifest, withdrawn=[NEWER.version])
    assert (pointer.version, pointer.content) == (newest.version, expected)
    assert (pointer.before, pointer.moves, pointer.tag) == (NEWER.version, True, store.held[latest_key()].tag)


def test_latest_that_is_lost_is_not_made_anew_from_a_withdrawn_version():
    store = Memory(published(OURS, NEWER))
    del store.held[latest_key()]
    pointer = plan_publication(OURS, None, store, POOL, NOW, frozenset({NEWER.version})).pointer
    assert (pointer.version, pointer.before) == (OURS.version, None)


@pytest.mark.parametrize("damaged", [False, True])
def test_latest_that_is_lost_or_damaged_is_made_anew_from_what_is_published(damaged):
    for held, version in [((), OURS), ((OLDER,), OURS), ((OLDER, NEWER), NEWER), ((OLDER, OURS, NEWER), NEWER)]:
        store = Memory(published(*held))
        store.held.pop(latest_key(), None)
        if damaged:
            store.damage(latest_key())
        pointer = read_only(store).pointer
        assert (pointer.version, pointer.content) == (version.version, pointer_content(version.manifest))
        assert (pointer.moves, pointer.before) == (True, None)
        assert pointer.tag == (store.held[latest_key()].tag if damaged else None)


def test_a_newer_version_that_was_published_in_part_is_not_pointed_to():
    store = Memory({version_key("2.0.0", SUMS): b"in part"} | published(NEWER))
    del store.held[latest_key()]
    assert read_only(store).pointer.version == "1.10.0"


def test_other_folders_beside_the_versions_are_no_versions():
    store = Memory({f"{PRODUCT}/{name}/{MANIFEST}": b"{}" for name in ("drafts", "9", "9.9.9-rc1")})
    assert read_only(store).pointer.version == "1.0.0"


def test_a_store_that_can_not_list_has_nothing_newer(monkeypatch):
    store = Memory()
    monkeypatch.setattr(store, "names", lambda folder: None)
    assert read_only(store).pointer.version == "1.0.0"


@pytest.mark.parametrize(
    "garbage",
    [b"", b"[]", b'"1.0.0"', b"{}", b'{"version": 1}', b'{"version": "1.0"}', b"\xff", b"[" * 10_000],
)
def test_latest_that_names_no_version_is_an_error_and_stays(garbage):
    store = Memory()
    store.put(latest_key(), garbage)
    error = refusal(store)
    assert error.what == f"memory/{latest_key()} does not name a version."


def test_a_lost_latest_and_a_broken_newer_manifest_are_an_error_that_names_it():
    store = Memory(published(NEWER))
    del store.held[latest_key()]
    store.damage(version_key("1.10.0", MANIFEST))
    assert f"memory/{version_key('1.10.0', MANIFEST)} is not a manifest" in refusal(store).what


# What is signed.


def signed_version(content: bytes, signer: Ed25519PrivateKey = KEY) -> str | None:
    """The version in the signed form of a latest.json; None when this key did not sign it."""
    payload = opened(json.loads(content).get("envelope"), PAYLOAD_TYPE, signer.public_key())
    return json.loads(payload)["version"] if payload else None


def test_with_a_key_latest_is_signed_whether_it_was_there_or_not():
    for held in (published(), published(OLDER), published(OURS), published(OLDER, key=KEY)):
        pointer = read_only(Memory(held), KEY).pointer
        assert (pointer.moves, signed_version(pointer.content)) == (True, "1.0.0")


def test_publishing_again_with_the_same_key_at_another_time_changes_nothing():
    store = Memory(published(OURS, key=KEY))
    made = plan_publication(OURS, KEY, store, POOL, NOW.replace(year=2027))
    assert (made.writes, made.pointer.moves) == ((), False)


def test_publishing_what_is_there_again_without_a_key_leaves_the_signature():
    assert not read_only(Memory(published(OURS, key=KEY))).pointer.moves


def test_latest_does_not_lose_its_signature_to_a_newer_version_without_one():
    error = refusal(Memory(published(OLDER, key=KEY)))
    assert error.what == (f"memory/{latest_key()} is signed, and 1.0.0 would be published without a signature.")
    assert "--sign" in error.next_step


@pytest.mark.parametrize("there", [OLDER, NEWER])
def test_latest_that_another_key_signed_is_refused_whichever_version_it_names(there):
    store = Memory(published(there, key=OTHER_KEY))
    error = refusal(store, KEY)
    assert error.what == f"memory/{latest_key()} is signed, and not with this key, or it was changed afterwards."
    assert "docs/releasing.md" in error.next_step


def test_latest_that_was_changed_after_it_was_signed_is_refused():
    store = Memory(published(OLDER, key=KEY))
    store.put(
        latest_key(),
        store.contents[latest_key()]
        .replace(b'"version": "0.9.0"', b'"version": "0.9.1"')
        .replace(b"0.9.0/manifest", b"0.9.1/manifest"),
    )
    assert "changed afterwards" in refusal(store, KEY).what


def test_another_key_takes_over_once_latest_was_deleted():
    store = Memory(published(OLDER, key=OTHER_KEY))
    del store.held[latest_key()]
    pointer = read_only(store, KEY).pointer
    assert (pointer.moves, signed_version(pointer.content)) == (True, "1.0.0")


def test_a_key_does_not_vouch_for_a_newer_version_that_it_did_not_sign():
    for signer in (None, OTHER_KEY):
        store = Memory(published(NEWER, key=signer))
        del store.held[latest_key()]
        error = refusal(store, KEY)
        assert error.what == "1.10.0 is newer, is published at memory, and was not signed with this key."
    store = Memory(published(NEWER, key=KEY))
    del store.held[latest_key()]
    assert signed_version(read_only(store, KEY).pointer.content) == "1.10.0"


def test_an_old_version_under_the_number_of_a_newer_one_is_refused():
    store = Memory(published(OURS))
    del store.held[latest_key()]
    for name, content in OLDER.everything.items():
        store.put(version_key("9.9.9", name), content)
    where = f"memory/{version_key('9.9.9', MANIFEST)}"
    assert refusal(store).what == f"{where} is the manifest of 0.9.0."


def test_latest_says_which_newer_versions_were_withdrawn_and_only_those():
    store = Memory(published(OURS, NEWER, key=KEY))
    withdrawn = frozenset({NEWER.version, OLDER.version})
    pointer = plan_publication(OURS, KEY, store, POOL, NOW, withdrawn).pointer
    assert (pointer.moves, signed_version(pointer.content)) == (True, "1.0.0")
    assert json.loads(pointer.content)["withdrawn"] == [NEWER.version]
    store.put(latest_key(), pointer.content)
    assert not plan_publication(OURS, KEY, store, POOL, NOW, withdrawn).pointer.moves


# A draft.

DRAFT = compose({**facts("1.2.0-draft.1"), "draft": True}, OURS.contents)


@pytest.mark.parametrize("signer", [None, KEY])
@pytest.mark.parametrize("held", [(), (OLDER,), (NEWER,)])
def test_latest_never_names_a_draft_nor_moves_for_one(held, signer):
    store = Memory(published(*held, key=KEY))
    made = read_only(store, signer, DRAFT)
    assert made.manifest
    assert made.pointer.moves is False
    assert made.pointer.version == (held[0].version if held else None)
    assert str(made).splitlines()[-1] == f"  keep    {latest_key()}  {held[0].version if held else 'nothing'}"


def test_latest_is_not_made_anew_from_a_draft():
    store = Memory(published(DRAFT))
    store.held.pop(latest_key())
    assert read_only(store).pointer.version == "1.0.0"


def test_latest_that_names_a_draft_is_an_error():
    store = Memory(published(OURS))
    document = json.loads(store.contents[latest_key()]) | {"version": "1.2.0-draft.1"}
    store.put(latest_key(), json.dumps(document).encode())
    assert "does not name a version" in refusal(store).what
