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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o7777)
        temporary.replace(path)
        return True
    except OSError as error:
        raise UserError(
            f"{path} could not be written: {error.strerror or error}.",
            "The file is as it was; choose another place with --output, or make this one writable.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
