"""A plan is what is missing, decided by reading alone; what is published is never planned to change."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.publish.plan import (
    PublishPlan,
    latest_key,
    plan_publication,
    pointer_content,
    version_key,
)
from quilt_cfn.delivery.release.artifact import LATEST, MANIFEST, PRODUCT, SIGNATURE, SUMS
from quilt_cfn.errors import UserError
from tests.delivery.publish.artifacts import POOL, Memory, artifact, published

OURS, OTHER = artifact(big=600), artifact(note="other", big=600)
OLDER, NEWER = artifact("0.9.0", big=600), artifact("1.10.0", big=600)
KEYS = [version_key("1.0.0", name) for name in OURS.everything]
FILES = [version_key("1.0.0", name) for name in OURS.contents]


def read_only(store: Memory, signature: bytes | None = None) -> PublishPlan:
    """The plan for `OURS`; nothing was written to make it."""
    store.log.clear()
    made = plan_publication(OURS, signature, store, POOL)
    assert {verb for verb, _ in store.log} <= {"read", "names"}
    return made


def refusal(store: Memory, signature: bytes | None = None) -> UserError:
    """Why there is no plan for `OURS`; nothing was written to find out."""
    store.log.clear()
    with pytest.raises(UserError) as error:
        plan_publication(OURS, signature, store, POOL)
    assert {verb for verb, _ in store.log} <= {"read", "names"}
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


def test_a_signature_comes_before_the_manifest_and_may_come_later_but_not_change():
    made = read_only(Memory(), b"signed")
    assert [write.key for write in made.writes] == [*KEYS[:-1], key(SIGNATURE), KEYS[-1]]
    store = Memory(published(OURS))
    assert [(write.key, write.content) for write in read_only(store, b"signed").writes] == [(key(SIGNATURE), b"signed")]
    store.put(key(SIGNATURE), b"signed")
    assert read_only(store, b"signed").writes == ()
    assert read_only(store).writes == ()
    assert key(SIGNATURE) in refusal(store, b"signed by another").what


def test_a_plan_reads_as_what_will_be_done():
    store = holding(SUMS)
    store.damage(key("guide.md"))
    assert str(read_only(store)).splitlines() == [
        "memory: quilt-registry 1.0.0",
        f"  write   {key('quilt-registry.yaml')}  {len(OURS.contents['quilt-registry.yaml']):,} bytes",
        f"  write   {key('quilt-registry.json')}  18 bytes",
        f"  write   {key('diagram.png')}  {len(OURS.contents['diagram.png']):,} bytes",
        f"  repair  {key('guide.md')}  18 bytes",
        f"  write   {key(MANIFEST)}  {len(OURS.manifest.content):,} bytes",
        f"  keep    {key(SUMS)}",
        f"  point   {latest_key()}  nothing -> 1.0.0",
    ]
    assert str(read_only(Memory(published(OURS)))).splitlines()[-1] == f"  keep    {latest_key()}  1.0.0"
    assert str(read_only(Memory(published(OLDER)))).splitlines()[-1] == f"  point   {latest_key()}  0.9.0 -> 1.0.0"


def test_latest_says_where_the_manifest_is_and_what_its_bytes_are():
    assert json.loads(pointer_content(OURS.manifest)) == {
        "product": PRODUCT,
        "version": "1.0.0",
        "manifest": f"1.0.0/{MANIFEST}",
        "sha256": OURS.manifest.sha256,
    }
    assert latest_key() == f"{PRODUCT}/{LATEST}"


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
    pointer = plan_publication(OURS, None, store, POOL, frozenset({NEWER.version})).pointer
    assert (pointer.version, pointer.content) == (newest.version, pointer_content(newest.manifest))
    assert (pointer.before, pointer.moves, pointer.tag) == (NEWER.version, True, store.held[latest_key()].tag)


def test_latest_that_is_lost_is_not_made_anew_from_a_withdrawn_version():
    store = Memory(published(OURS, NEWER))
    del store.held[latest_key()]
    pointer = plan_publication(OURS, None, store, POOL, frozenset({NEWER.version})).pointer
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


def test_a_store_that_can_not_list_has_nothing_newer():
    store = Memory()
    store.names = lambda folder: None  # type: ignore[method-assign]
    assert read_only(store).pointer.version == "1.0.0"


@pytest.mark.parametrize(
    "garbage",
    [b"", b"[]", b'"1.0.0"', b"{}", b'{"version": 1}', b'{"version": "1.0"}', b"\xff", b"[" * 100_000],
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
