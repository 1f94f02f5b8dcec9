"""What was released stays as it was: neither the folders of the released versions nor git's history says otherwise.

Whether a check would find a change, whatever the list of versions is, is tested on checkouts that the tests make.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from quilt_cfn.delivery.release.artifact import RELEASES, SUMS, read_artifact, sha256
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.changelog import read_changelog, withdrawn_versions
from quilt_cfn.inputs.release import DRAFT
from tests.delivery.publish.artifacts import artifact, write_folder

ROOT = Path(__file__).resolve().parents[3]
HASHES: dict[str, str] = {}
"""Version -> SHA-256 of its SHA256SUMS. A line is added with a release, and leaves only when CHANGELOG.md says that the
version was withdrawn."""


def differences(root: Path, hashes: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each way in which the released versions of a checkout are not those that ``hashes`` lists.

    A draft is no release, and git ignores it: it may lie there, and is not listed.
    """
    folder = root / RELEASES
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    there = {name for name in names if not DRAFT.fullmatch(name)}
    yield from (f"{name} is not listed." for name in sorted(there - hashes.keys()))
    yield from (f"{version} is listed, and was withdrawn." for version in sorted(withdrawn(root) & hashes.keys()))
    for version, hashed in hashes.items():
        if version not in there:
            yield f"{version} is missing."
            continue
        try:
            released = read_artifact(folder / version)
        except UserError as error:
            yield error.what
            continue
        if (released.version, sha256((folder / version / SUMS).read_bytes())) != (version, hashed):
            yield f"{version} is another release than was listed."


def changes_in_history(root: Path) -> list[str]:
    """The files of released versions that a commit has changed or removed, but for those of withdrawn versions."""
    if shutil.which("git") is None:
        pytest.skip("only git's history says so, and git is not installed")
    paths = [str(RELEASES), *(f":(exclude,literal){RELEASES / version}" for version in withdrawn(root))]
    command = ["git", "-C", str(root), "log", "--no-renames", "--diff-filter=a", "--name-only", "--format=", "--"]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"only git's history says so, and git can't read one here: {done.stderr.strip()}")
    return done.stdout.splitlines()


def withdrawn(root: Path) -> frozenset[str]:
    return withdrawn_versions(read_changelog(root))


def test_every_released_version_is_listed_here_and_is_byte_for_byte_what_it_was():
    assert list(differences(ROOT, HASHES)) == []


def test_no_commit_has_changed_or_removed_a_released_file():
    assert changes_in_history(ROOT) == []


@pytest.fixture
def checkout(tmp_path):
    """A checkout with two versions, which a commit has."""
    for version in ("1.2.3", "1.2.30"):
        write_folder(artifact(version, big=600), tmp_path / RELEASES / version)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(root, *arguments):
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, "-C", str(root), *arguments], check=True)


def commit(root):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "as it is")


def withdraw(root, version):
    (root / "CHANGELOG.md").write_text(f"## {version} (withdrawn 2026-11-27)\n\nIt was wrong.\n")


def hashes(root):
    return {path.name: sha256((path / SUMS).read_bytes()) for path in (root / RELEASES).iterdir()}


def test_a_version_that_is_added_lost_edited_exchanged_or_withdrawn_is_found(checkout):
    listed = hashes(checkout)
    assert list(differences(checkout, listed)) == []
    assert list(differences(checkout, {})) == ["1.2.3 is not listed.", "1.2.30 is not listed."]
    assert list(differences(checkout, {**listed, "1.2.31": "0" * 64})) == ["1.2.31 is missing."]
    assert list(differences(checkout, listed | {"1.2.3": "0" * 64})) == ["1.2.3 is another release than was listed."]
    withdraw(checkout, "1.2.3")
    assert list(differences(checkout, listed)) == ["1.2.3 is listed, and was withdrawn."]
    (checkout / "CHANGELOG.md").unlink()
    (checkout / RELEASES / "1.2.3/launch.html").write_text("better")
    (found,) = differences(checkout, listed)
    assert "1.2.3 is not as it was released: launch.html" in found


def test_a_draft_is_not_listed_and_git_ignores_it(checkout):
    listed = hashes(checkout)
    shutil.copytree(checkout / RELEASES / "1.2.3", checkout / RELEASES / "1.2.31-draft.1")
    assert list(differences(checkout, listed)) == []
    shutil.copytree(checkout / RELEASES / "1.2.3", checkout / RELEASES / "1.2.31-rc.1")
    assert list(differences(checkout, listed)) == ["1.2.31-rc.1 is not listed."]
    shutil.copy(ROOT / ".gitignore", checkout)
    commit(checkout)
    done = subprocess.run(
        ["git", "-C", str(checkout), "ls-files", str(RELEASES)], capture_output=True, text=True, check=True
    )
    assert {Path(line).parts[2] for line in done.stdout.splitlines()} == {"1.2.3", "1.2.30", "1.2.31-rc.1"}


def test_a_folder_of_a_withdrawn_version_is_found(checkout):
    withdraw(checkout, "1.2.3")
    listed = hashes(checkout)
    del listed["1.2.3"]
    assert list(differences(checkout, listed)) == ["1.2.3 is not listed."]


def test_a_commit_that_changes_or_removes_a_released_file_is_found_and_one_that_adds_a_version_is_not(checkout):
    assert changes_in_history(checkout) == []
    (checkout / RELEASES / "1.2.3/launch.html").write_text("better")
    commit(checkout)
    shutil.rmtree(checkout / RELEASES / "1.2.30")
    commit(checkout)
    found = {f"{RELEASES}/1.2.3/launch.html", *(f"{RELEASES}/1.2.30/{name}" for name in artifact().everything)}
    assert set(changes_in_history(checkout)) == found
    git(checkout, "revert", "--no-edit", "HEAD", "HEAD~1")
    assert set(changes_in_history(checkout)) == found, "what a version was meanwhile may have been published"


def test_what_happens_to_a_withdrawn_version_is_ignored_and_nothing_else(checkout):
    shutil.rmtree(checkout / RELEASES / "1.2.3")
    (checkout / RELEASES / "1.2.30/launch.html").write_text("better")
    withdraw(checkout, "1.2.3")
    commit(checkout)
    assert changes_in_history(checkout) == [f"{RELEASES}/1.2.30/launch.html"]
