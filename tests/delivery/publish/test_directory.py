"""A folder that is published to holds the old state or the new one, whoever is killed, crowded out or out of space."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.publish.plan import latest_key, plan_publication
from quilt_cfn.delivery.publish.stores.directory import Directory
from quilt_cfn.delivery.publish.stores.protocols import Occupied
from quilt_cfn.delivery.publish.verify import verify
from quilt_cfn.delivery.release.artifact import PRODUCT, sha256
from quilt_cfn.errors import UserError
from tests.delivery.publish.artifacts import BIG, POOL, artifact, assert_published, publish, published
from tests.delivery.publish.publishers import Job, Publishers, start_publishers

OLD, NEW = artifact("1.0.0"), artifact("1.1.0")
KEY = f"{PRODUCT}/1.0.0/guide.md"


@pytest.fixture(scope="module")
def publishers() -> Iterator[Publishers]:
    with start_publishers() as program:
        yield program


@pytest.fixture
def store(tmp_path) -> Directory:
    return Directory(tmp_path / "published")


@pytest.fixture(scope="module")
def in_memory() -> Iterator[Path]:
    """A folder for what is flushed a thousand times, where the machine has one that costs no time."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, whatever it is called."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_old_or_new(store: Directory) -> None:
    """What a reader sees is 1.0.0, and 1.1.0 complete or not at all."""
    newest = verify(store, None, None, POOL)
    assert newest.findings == ()
    assert newest.manifest in (OLD.manifest, NEW.manifest)
    assert verify(store, "1.0.0", None, POOL).findings == ()
    try:
        assert verify(store, "1.1.0", None, POOL).findings == ()
    except UserError as trouble:
        assert newest.manifest == OLD.manifest
        assert "1.1.0 is not published" in trouble.what  # noqa: PT017  # either is right
    assert all(not name.startswith(".") for name in store.names(f"{PRODUCT}/1.1.0"))


def test_what_is_published_to_a_folder_is_what_a_bucket_would_hold(store):
    publish(OLD, store)
    publish(NEW, store)
    assert files(store.root) == published(OLD, NEW)
    assert_published(NEW, store)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_a_key_is_created_once_and_replaced_only_in_place_of_what_was_read(in_memory, first, second):
    store = Directory(Path(mkdtemp(dir=in_memory)))
    assert store.read(KEY) is None
    with pytest.raises(Occupied):
        store.replace(KEY, second, sha256(first))
    store.create(KEY, first)
    there = store.read(KEY)
    assert (there.content, there.intact) == (first, True)
    with pytest.raises(Occupied):
        store.create(KEY, second)
    assert store.read(KEY) == there
    store.replace(KEY, second, there.tag)
    assert store.read(KEY).content == second
    if first != second:
        with pytest.raises(Occupied):
            store.replace(KEY, first, there.tag)
    assert files(store.root) == {KEY: second}


def test_a_file_has_its_name_only_when_its_bytes_are_on_the_disk_and_then_the_name_is_too(store):
    calls: list[str | None] = []
    asking = {os.fsync: "fsync", os.replace: "replace"}
    (store.root / KEY).parent.mkdir(parents=True)
    sys.setprofile(lambda frame, event, function: event == "c_call" and calls.append(asking.get(function)))
    try:
        store.create(KEY, b"new")
    finally:
        sys.setprofile(None)
    assert [call for call in calls if call] == ["fsync", "replace", "fsync"]


def test_names_are_those_of_whole_files_and_folders_in_their_order(store):
    assert store.names(PRODUCT) == []
    store.create(f"{PRODUCT}/b", b"")
    store.create(f"{PRODUCT}/a/x", b"")
    (store.root / PRODUCT / ".b.new").write_bytes(b"half")
    assert store.names(PRODUCT) == ["a", "b"]
    assert store.names(f"{PRODUCT}/b") == []


def test_a_link_to_nowhere_is_something_and_not_written_through(store, tmp_path):
    (store.root / KEY).parent.mkdir(parents=True)
    (store.root / KEY).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Occupied):
        store.create(KEY, b"new")
    assert not (tmp_path / "elsewhere").exists()


def test_twenty_four_publishers_of_the_same_bytes_at_once_all_succeed(publishers, store):
    ended = publishers.run(*[Job(str(store.root))] * 24)
    assert set(ended) == {(0, "1.0.0")}
    assert files(store.root) == published(OLD)


def test_of_two_dozen_publishers_with_different_bytes_those_of_one_kind_succeed(publishers, store):
    ended = publishers.run(*[Job(str(store.root), note=note) for _ in range(12) for note in ("a", "b")])
    kinds = {note: ended[start::2] for start, note in enumerate("ab")}
    (winner,) = [note for note, each in kinds.items() if each[0].status == 0]
    (loser,) = kinds.keys() - {winner}
    assert set(kinds[winner]) == {(0, "1.0.0")}
    assert {each.status for each in kinds[loser]} == {2}
    assert all("with other bytes" in each.said for each in kinds[loser])
    assert files(store.root) == published(artifact(note=winner))
    assert_published(artifact(note=winner), store)


def test_publishers_of_different_versions_at_once_all_succeed_and_latest_is_the_highest(publishers, store):
    versions = [f"1.{minor}.0" for minor in range(12)]
    ended = publishers.run(*[Job(str(store.root), version) for version in versions])
    assert {each.status for each in ended} == {0}
    assert files(store.root) == published(*map(artifact, versions))


def test_a_publisher_killed_at_any_call_leaves_the_old_state_or_the_new_and_the_next_one_finishes(
    publishers, in_memory
):
    publish(OLD, Directory(in_memory / "old"))
    halves = 0
    for number in range(1, 1000):
        store = Directory(in_memory / str(number))
        shutil.copytree(in_memory / "old", store.root)
        (ended,) = publishers.run(Job(str(store.root), "1.1.0", killed_at=number))
        assert_old_or_new(store)
        halves += any(path.name.startswith(".") for path in store.root.rglob("*"))
        publish(NEW, store)
        assert files(store.root) == published(OLD, NEW)
        shutil.rmtree(store.root)
        if ended.status == 0:
            break
        assert ended == (-9, "")
    assert number > 100  # seven files, and a dozen calls for each
    assert halves > 20  # some died over half a file


def test_a_publisher_killed_in_the_middle_of_a_write_leaves_half_a_file_that_nobody_sees(publishers, tmp_path):
    for largest in (0, 1, 200, 1000, 4096, BIG // 2):
        store = Directory(tmp_path / str(largest))
        publish(OLD, store)
        (ended,) = publishers.run(Job(str(store.root), "1.1.0", largest=largest))
        assert ended.status < 0
        halves = [path.stat().st_size for path in store.root.rglob(".*.new")]
        assert largest in halves
        assert_old_or_new(store)
        publish(NEW, store)
        assert files(store.root) == published(OLD, NEW)


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system of the test's own."""
    if os.geteuid():
        pytest.skip("only root can mount a disk that is full")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


PAGE = os.sysconf("SC_PAGE_SIZE")


def test_a_disk_that_is_full_at_any_page_leaves_the_old_state_or_the_new_and_the_next_run_finishes(disk):
    old, new = artifact("1.0.0", big=5000), artifact("1.1.0", big=5000)
    troubles = 0
    for pages in range(100):
        remount(disk, "size=16m")
        store = Directory(disk / str(pages))
        publish(old, store)
        used = os.statvfs(disk)
        remount(disk, f"size={(used.f_blocks - used.f_bfree) * used.f_frsize + pages * PAGE}")
        assert os.statvfs(disk).f_bfree * used.f_frsize == pages * PAGE
        try:
            publish(new, store)
        except UserError as trouble:
            troubles += 1
            assert "No space left on device" in trouble.what  # noqa: PT017  # either is right
        assert not list(store.root.rglob(".*"))
        done = files(store.root) == published(old, new)
        newest = verify(store, None, None, POOL)
        assert (newest.findings, newest.manifest.version) == ((), "1.1.0" if done else "1.0.0")
        remount(disk, "size=16m")
        publish(new, store)
        assert files(store.root) == published(old, new)
        shutil.rmtree(store.root)
        if done:
            break
    assert troubles == pages > len(new.everything)


def test_a_disk_that_is_read_only_is_trouble_and_can_be_verified(disk):
    store = Directory(disk)
    publish(OLD, store)
    remount(disk, "ro")
    with pytest.raises(UserError, match=r"could not be written: Read-only file system\."):
        publish(NEW, store)
    assert_published(OLD, store)
    publish(OLD, store)


def test_a_file_that_may_grow_no_further_is_trouble_and_leaves_no_half(store):
    script = (
        "import resource, sys; from pathlib import Path; from quilt_cfn.errors import UserError\n"
        "from quilt_cfn.delivery.publish.stores.directory import Directory\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: Directory(Path(sys.argv[1])).create(sys.argv[2], b'x' * 5000)\n"
        "except UserError as trouble: print(trouble.what)\n"
    )
    command = [sys.executable, "-c", script, str(store.root), KEY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{store.root / KEY} could not be written: File too large.\n"
    assert files(store.root) == {}


@pytest.mark.parametrize("place", ["published", f"published/{PRODUCT}", f"published/{PRODUCT}/1.0.0"])
def test_a_file_where_a_folder_should_be_is_trouble_that_names_it_and_stays(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_bytes(b"mine")
    with pytest.raises(UserError) as trouble:
        publish(OLD, Directory(tmp_path / "published"))
    assert str(tmp_path / "published") in trouble.value.what
    assert "could not be written" in trouble.value.what
    assert "choose another folder" in trouble.value.next_step
    assert (tmp_path / place).read_bytes() == b"mine"


@pytest.mark.parametrize("key", [KEY, latest_key()])
def test_a_folder_where_a_file_should_be_is_trouble_that_names_it(store, key):
    (store.root / key).mkdir(parents=True)
    with pytest.raises(UserError) as trouble:
        publish(OLD, store)
    assert trouble.value.what == f"{store.root / key} could not be read: Is a directory."


def test_a_folder_that_can_not_be_looked_into_is_trouble_and_not_an_empty_one(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    store = Directory(tmp_path / "loop")
    for ask in (lambda: store.names(PRODUCT), lambda: store.read(KEY), lambda: store.create(KEY, b"")):
        with pytest.raises(UserError) as trouble:
            ask()
        assert str(tmp_path / "loop") in trouble.value.what


def test_a_plan_for_a_folder_that_is_not_there_does_not_make_it(store):
    plan_publication(OLD, None, store, POOL)
    assert not store.root.exists()


def test_a_folder_is_named_as_the_user_wrote_it():
    assert Directory(Path("a/b")).name == "a/b"
