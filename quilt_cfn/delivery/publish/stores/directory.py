"""A folder to publish to, with the files that a bucket would have; it needs no AWS account.

A file gets its name only once its bytes are on the disk. Publishers take turns by a lock on the folder itself, which
the operating system releases when one of them is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.delivery.publish.stores.protocols import PreconditionFailed, Stored
from quilt_cfn.delivery.release.artifact import sha256
from quilt_cfn.errors import UserError
from quilt_cfn.files import replace_file


class Directory(NamedTuple):
    """A folder, ``root``; keys are paths below it."""

    root: Path

    @property
    def name(self) -> str:
        return str(self.root)

    def read(self, key: str) -> Stored | None:
        try:
            content = (self.root / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _user_error(self.root / key, "read", error) from error
        return Stored(content, sha256(content))

    def names(self, folder: str) -> Sequence[str]:
        try:
            found = os.listdir(self.root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _user_error(self.root / folder, "listed", error) from error
        # What begins with a dot is not written to its end: it is being written now, or its publisher was killed.
        return sorted(name for name in found if not name.startswith("."))

    def create(self, key: str, content: bytes) -> None:
        with self._locked(key) as file:
            if os.path.lexists(file):
                raise PreconditionFailed
            _write(file, content)

    def replace(self, key: str, content: bytes, tag: str) -> None:
        with self._locked(key) as file:
            there = self.read(key)
            if there is None or there.tag != tag:
                raise PreconditionFailed
            _write(file, content)

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[Path]:
        """The path of a key, in a folder that exists, while no other publisher writes."""
        file = self.root / key
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.root, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield file
            finally:
                os.close(lock)
        except OSError as error:
            raise _user_error(file, "written", error) from error


def _write(file: Path, content: bytes) -> None:
    replace_file(file, content, f".{file.name}.new")  # what a killed run left under this name is overwritten


def _user_error(file: Path, what: str, error: OSError) -> UserError:
    return UserError(
        f"{file} could not be {what}: {error.strerror or error}.",
        "What was published before is as it was; make room or choose another folder, and run the command again.",
    )
