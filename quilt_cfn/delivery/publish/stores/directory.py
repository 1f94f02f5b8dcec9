"""A folder to publish to, with the files that a bucket would have; it needs no AWS account.

A file gets its name only once its bytes are on the disk. Publishers take turns by a lock on the folder itself, which
the operating system releases when one of them is killed. Everybody may read what was published, whatever the umask is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.delivery.publish.stores.protocols import (
    MOST_NAMES,
    Digest,
    PreconditionFailed,
    Stored,
    Taken,
    first_bytes,
    size_and_sha256,
    too_many_names,
    whole,
)
from quilt_cfn.delivery.release.artifact import LARGEST_FILE, sha256
from quilt_cfn.errors import UserError
from quilt_cfn.files import replace_file


class Directory(NamedTuple):
    """A folder, ``root``; keys are paths below it."""

    root: Path

    @property
    def name(self) -> str:
        return str(self.root)

    def read(self, key: str, limit: int) -> Stored | None:
        content = self._take(key, limit, lambda chunks: whole(chunks, limit, str(self.root / key)))
        return None if content is None else Stored(content, sha256(content))

    def digest(self, key: str, limit: int) -> Digest | None:
        found = self._take(key, limit, size_and_sha256)
        return Digest(*found, tag=found[1]) if found else None

    def names(self, folder: str) -> Sequence[str]:
        found: list[str] = []
        try:
            with os.scandir(self.root / folder) as entries:
                for entry in entries:
                    # What begins with a dot is not written to its end: it is being written now, or its publisher was
                    # killed.
                    if not entry.name.startswith("."):
                        found.append(entry.name)
                    if len(found) > MOST_NAMES:
                        raise too_many_names(str(self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _user_error(self.root / folder, "listed", error) from error
        return sorted(found)

    def create(self, key: str, content: bytes) -> None:
        with self._locked(key) as file:
            if os.path.lexists(file):
                raise PreconditionFailed
            _write(file, content)

    def replace(self, key: str, content: bytes, tag: str) -> None:
        with self._locked(key) as file:
            there = self.digest(key, LARGEST_FILE)
            if there is None or there.tag != tag:
                raise PreconditionFailed
            _write(file, content)

    def _take(self, key: str, limit: int, consume: Callable[[Iterator[bytes]], Taken]) -> Taken | None:
        """What ``consume`` makes of the first bytes at a key; None when nothing is there."""
        path = self.root / key
        try:
            # A pipe would wait for its writer, and a device may do anything when it is opened.
            if not stat.S_ISREG(path.stat().st_mode):
                raise UserError(
                    f"{path} could not be read: it is a folder, a pipe or a device.",
                    "quilt-cfn publish writes regular files: remove it, or name another folder.",
                )
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                return consume(first_bytes(file.read, limit))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _user_error(path, "read", error) from error

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[Path]:
        """The path of a key, in a folder that exists, while no other publisher writes."""
        file = self.root / key
        try:
            _make_folder(file.parent)
            lock = os.open(self.root, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield file
            finally:
                os.close(lock)
        except OSError as error:
            raise _user_error(file, "written", error) from error


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, for everybody to read; raises ``OSError``. Those that are there stay."""
    for each in (*reversed(folder.parents), folder):
        if not each.is_dir():
            with contextlib.suppress(FileExistsError):  # another publisher was faster
                each.mkdir()
                each.chmod(0o755)


def _write(file: Path, content: bytes) -> None:
    # What a killed run left under this name is overwritten.
    replace_file(file, content, f".{file.name}.new", mode=0o644)


def _user_error(file: Path, what: str, error: OSError) -> UserError:
    return UserError(
        f"{file} could not be {what}: {error.strerror or error}.",
        "What was published before is as it was; make room or choose another folder, and run the command again.",
    )
