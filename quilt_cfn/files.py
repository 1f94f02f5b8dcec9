"""Writes files so that a reader sees the old file or the new one, never a mixture."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from quilt_cfn.errors import UserError


def write_atomically(path: Path, content: bytes) -> bool:
    """Write ``content`` to ``path``, creating its folder; returns whether the file's bytes changed.

    The bytes are written to a temporary file in the same folder, flushed to the disk, and the file is renamed. An
    interrupted or failed run leaves the old file as it was. Raises ``UserError`` when the file can't be written.
    """
    # A symbolic link is followed: users who linked to a file want that file to be written.
    path = Path(os.path.realpath(path))
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content, f".{path.name}.{os.getpid()}.new")
        return True
    except OSError as error:
        raise UserError(
            f"{path} could not be written: {error.strerror or error}.",
            "The file is as it was; choose another place with --output, or make this one writable.",
        ) from error


def replace_file(path: Path, content: bytes, temporary_name: str) -> None:
    """Write ``content`` under another name in the same folder and rename it to ``path``; raises ``OSError``.

    Both the bytes and the name are on the disk when this returns. A file that is replaced passes on its permissions.
    """
    temporary = path.with_name(temporary_name)
    try:
        write_to_disk(temporary, content)
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o7777)
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_to_disk(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has its bytes; raises ``OSError``."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
