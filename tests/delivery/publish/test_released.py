"""What was released stays as it was."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from quilt_cfn.delivery.release.artifact import RELEASES, SUMS, read_artifact, released_versions, sha256

ROOT = Path(__file__).resolve().parents[3]
HASHES = {
    "1.0.0": "f358513181aae9d21a87738c29ba7d91e1aefdaad23ca5e4a12645cfa0972d15",
}
"""Version -> SHA-256 of its SHA256SUMS. A line is added with a release and never changed."""


def test_every_released_version_has_its_hash_here_and_none_is_missing():
    assert released_versions(ROOT / RELEASES) == list(HASHES)
    assert {path.name for path in (ROOT / RELEASES).iterdir()} == HASHES.keys()


@pytest.mark.parametrize("version", HASHES)
def test_a_released_version_is_byte_for_byte_what_it_was(version):
    artifact = read_artifact(ROOT / RELEASES / version)
    assert artifact.version == version
    assert sha256((ROOT / RELEASES / version / SUMS).read_bytes()) == HASHES[version]


def test_no_commit_has_changed_or_removed_a_released_file():
    if shutil.which("git") is None:
        pytest.skip("only git's history says so, and git is not installed")
    command = ["git", "-C", str(ROOT), "log", "--diff-filter=a", "--name-status", "--format=", "--", str(RELEASES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"only git's history says so, and git can't read one here: {done.stderr.strip()}")
    assert done.stdout == ""
