"""A folder that is published to holds the old state or the new one, also when a publisher is killed or fails."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish.plan import latest_key, plan_publication
from quilt_cfn.delivery.publish.stores.directory import Directory
from quilt_cfn.delivery.publish.stores.protocols import CHUNK, MOST_NAMES, PreconditionFailed
from quilt_cfn.delivery.publish.verify import verify
from quilt_cfn.delivery.release.artifact import (
    LARGEST_FILE,
    Artifact,
    sha256,
)
from quilt_cfn.errors import UserError
from tests.delivery.publish.artifacts import NOW, POOL, artifact, assert_published, publish, published

OLD, NEW = artifact("1.0.0", big=600), artifact("1.1.0", big=600)
KEY = f"{PRODUCT}/1.0.0/launch.html"


@pytest.fixture
def store(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "published")


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, whatever its name is."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_published_to_a_folder_is_what_a_bucket_would_hold(store):
    publish(OLD, store)
    publish(NEW, store)
    assert files(store.root) == published(OLD, NEW)
    assert_published(NEW, store)


def test_a_key_is_created_once_and_replaced_only_in_place_of_what_was_read(store):
    assert store.read(KEY, 10) is None
    assert store.digest(KEY, 10) is None
    with pytest.raises(PreconditionFailed):
        store.replace(KEY, b"second", "tag")
    store.create(KEY, b"first")
    there = store.read(KEY, 5)
    assert there is not None
    assert (there.content, there.intact) == (b"first", True)
    with pytest.raises(PreconditionFailed):
        store.create(KEY, b"second")
    store.replace(KEY, b"second", there.tag)
    with pytest.raises(PreconditionFailed):
        store.replace(KEY, b"third", there.tag)
    assert files(store.root) == {KEY: b"second"}


def test_a_file_has_its_name_only_when_its_bytes_are_on_the_disk_and_then_the_name_is_too(store):
    calls: list[str] = []
    asking = {os.fsync: "fsync", os.replace: "replace"}
    (store.root / KEY).parent.mkdir(parents=True)

    def note(frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and function in asking:
            calls.append(asking[function])

    sys.setprofile(note)
    try:
        store.create(KEY, b"new")
    finally:
        sys.setprofile(None)
    assert calls == ["fsync", "replace", "fsync"]


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
    with pytest.raises(PreconditionFailed):
        store.create(KEY, b"new")
    assert not (tmp_path / "elsewhere").exists()


def attempts(store: Directory, *artifacts: Artifact) -> list[str]:
    """Publish all at the same time; the version that latest.json names then, or the error, for each."""

    def attempt(each: Artifact) -> str:
        try:
            return str(publish(each, store).version)
        except UserError as error:
            return error.what

    with ThreadPoolExecutor(len(artifacts)) as publishers:
        return list(publishers.map(attempt, artifacts))


def test_of_two_dozen_publishers_with_different_bytes_those_with_the_same_bytes_succeed(store):
    variants = [artifact(note=note, big=600) for _ in range(12) for note in ("a", "b")]
    answers = attempts(store, *variants)
    winner = variants[answers.index("1.0.0")]
    assert files(store.root) == published(winner)
    for variant, answer in zip(variants, answers, strict=True):
        assert answer == "1.0.0" if variant == winner else "with other bytes" in answer


def test_publishers_of_different_versions_at_once_all_succeed_and_latest_is_the_highest(store):
    versions = [artifact(f"1.{minor}.0", big=600) for minor in range(12)]
    attempts(store, *versions)
    assert files(store.root) == published(*versions)


@pytest.mark.parametrize("written", range(len(NEW.everything)))
def test_what_a_killed_publisher_left_is_not_seen_and_the_next_one_finishes(store, written):
    publish(OLD, store)
    names = [*NEW.everything]
    for name in names[:written]:
        store.create(f"{PRODUCT}/1.1.0/{name}", NEW.everything[name])
    unfinished = store.root / PRODUCT / "1.1.0" / f".{names[written]}.new"
    unfinished.parent.mkdir(exist_ok=True)
    unfinished.write_bytes(NEW.everything[names[written]][:9])
    assert verify(store, None, None, POOL).manifest == OLD.manifest
    with pytest.raises(UserError, match=r"1\.1\.0 is not published"):
        verify(store, "1.1.0", None, POOL)
    publish(NEW, store)
    assert files(store.root) == published(OLD, NEW)


def test_a_file_that_may_grow_no_further_is_an_error_and_leaves_nothing_unfinished(store):
    script = (
        "import resource, sys; from pathlib import Path; from quilt_cfn.errors import UserError\n"
        "from quilt_cfn.delivery.publish.stores.directory import Directory\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: Directory(Path(sys.argv[1])).create(sys.argv[2], b'x' * 5000)\n"
        "except UserError as error: print(error.what)\n"
    )
    command = [sys.executable, "-c", script, str(store.root), KEY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{store.root / KEY} could not be written: File too large.\n"
    assert files(store.root) == {}


@pytest.mark.parametrize("place", ["published", f"published/{PRODUCT}/1.0.0"])
def test_a_file_where_a_folder_should_be_is_an_error_that_names_it_and_stays(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_bytes(b"mine")
    with pytest.raises(UserError) as error:
        publish(OLD, Directory(tmp_path / "published"))
    assert str(tmp_path / "published") in error.value.what
    assert "could not be written" in error.value.what
    assert "choose another folder" in error.value.next_step
    assert (tmp_path / place).read_bytes() == b"mine"


@pytest.mark.parametrize("key", [KEY, latest_key()])
def test_a_folder_where_a_file_should_be_is_an_error_that_names_it(store, key):
    (store.root / key).mkdir(parents=True)
    with pytest.raises(UserError) as error:
        publish(OLD, store)
    assert error.value.what == f"{store.root / key} could not be read: it is a folder, a pipe or a device."


def make_socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)  # binding one would want a short path


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), make_socket],
    ids=["pipe", "device", "socket"],
)
def test_what_would_never_end_in_place_of_a_file_is_an_error_that_names_it(store, make):
    publish(OLD, store)
    (store.root / KEY).unlink()
    make(store.root / KEY)
    for call in (lambda: store.read(KEY, 10), lambda: store.digest(KEY, 10), lambda: verify(store, None, None, POOL)):
        with pytest.raises(UserError) as error:
            call()
        assert error.value.what == f"{store.root / KEY} could not be read: it is a folder, a pipe or a device."


def test_a_file_that_is_a_link_to_itself_is_an_error_and_not_a_missing_one(store):
    publish(OLD, store)
    (store.root / KEY).unlink()
    (store.root / KEY).symlink_to("launch.html")
    with pytest.raises(UserError, match=f"^{store.root / KEY} could not be read: Too many levels of symbolic links"):
        verify(store, None, None, POOL)


def test_of_a_file_of_8_gb_no_more_is_read_than_it_may_have(store):
    publish(OLD, store)
    os.truncate(store.root / KEY, 8 * 1024**3)
    assert (store.digest(KEY, 100_000) or (0,))[0] == 100_001
    with pytest.raises(UserError) as error:
        store.read(KEY, 100_000)
    assert error.value.what == f"{store.root / KEY} is larger than 100,000 bytes."
    (finding,) = verify(store, None, None, POOL).findings
    assert finding.message == "launch.html is not what was released."


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_file_that_is_as_large_as_it_may_be_is_read_to_its_end(store, size):
    content = bytes(size)
    store.create(KEY, content)
    assert store.read(KEY, size) == (content, sha256(content), True)
    assert store.digest(KEY, size) == (size, sha256(content), sha256(content), True)


def test_a_folder_with_more_names_than_anybody_publishes_is_an_error(store):
    folder = store.root / PRODUCT
    folder.mkdir(parents=True)
    for number in range(MOST_NAMES):
        (folder / f"{number}").touch()
    assert len(store.names(PRODUCT)) == MOST_NAMES
    (folder / "one more").touch()
    with pytest.raises(UserError) as error:
        store.names(PRODUCT)
    assert error.value.what == f"{folder} has more than 1,000 files and folders."


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o000])
def test_everybody_may_read_what_was_published_and_only_its_owner_may_change_it(tmp_path, umask):
    store = Directory(tmp_path / "new" / "published")
    before = os.umask(umask)
    try:
        publish(OLD, store)
        (store.root / KEY).chmod(0o600)
        there = store.read(KEY, LARGEST_FILE)
        store.replace(KEY, b"repaired", there.tag if there else "")
    finally:
        os.umask(before)
    for path in (store.root.parent, *store.root.parent.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


def test_a_folder_that_is_there_keeps_its_permissions(store):
    store.root.mkdir(mode=0o700)
    publish(OLD, store)
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700


def test_a_folder_that_can_not_be_read_is_an_error_and_not_an_empty_one(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    store = Directory(tmp_path / "loop")
    for call in (lambda: store.names(PRODUCT), lambda: store.read(KEY, 10), lambda: store.create(KEY, b"")):
        with pytest.raises(UserError) as error:
            call()
        assert str(tmp_path / "loop") in error.value.what


def test_a_plan_for_a_folder_that_is_not_there_does_not_make_it(store):
    plan_publication(OLD, None, store, POOL, NOW)
    assert not store.root.exists()
    assert store.name == str(store.root)
