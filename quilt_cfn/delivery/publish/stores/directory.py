"""A folder to publish to: what the bucket would hold, on a disk, with no account needed.

The rule: a file has its name only when its bytes are on the disk. Publishers take turns, by a lock on the folder
itself, which the system releases when one is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.delivery.publish.stores.protocols import Occupied, Stored
from quilt_cfn.delivery.release.artifact import sha256
from quilt_cfn.errors import UserError


class Directory(NamedTuple):
    """Keys are paths under ``root``."""

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
            raise _trouble(self.root / key, "read", error) from error
        return Stored(content, sha256(content))

    def names(self, folder: str) -> Sequence[str]:
        try:
            found = os.listdir(self.root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _trouble(self.root / folder, "listed", error) from error
        # What begins with a dot is half a file, which somebody writes or was killed over.
        return sorted(name for name in found if not name.startswith("."))

    def create(self, key: str, content: bytes) -> None:
        with self._alone(key) as file:
            if os.path.lexists(file):
                raise Occupied
            _write(file, content)

    def replace(self, key: str, content: bytes, tag: str) -> None:
        with self._alone(key) as file:
            there = self.read(key)
            if there is None or there.tag != tag:
                raise Occupied
            _write(file, content)

    @contextlib.contextmanager
    def _alone(self, key: str) -> Iterator[Path]:
        """The file of a key, in its folder, while nobody else writes."""
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
            raise _trouble(file, "written", error) from error


def _write(file: Path, content: bytes) -> None:
    """Give the name to the content in one step. Half a file of a killed publisher is overwritten by the next one."""
    half = file.with_name(f".{file.name}.new")
    try:
        with half.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        half.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError:
        with contextlib.suppress(OSError):
            half.unlink()
        raise


def _trouble(file: Path, what: str, error: OSError) -> UserError:
    return UserError(
        f"{file} could not be {what}: {error.strerror or error}.",
        "What was published before is as it was; make room or choose another folder, and run the command again.",
    )
