"""Writes files so that a reader sees the old file or the new one, never a mixture.

Only regular files are replaced. Devices and pipes are written to, as a shell's ``>`` does, and stay what they are.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from quilt_cfn.errors import UserError


def write_atomically(path: Path, content: bytes) -> bool:
    """Write ``content`` to ``path``, creating its folder; returns whether the file's bytes changed.

    The bytes are written to a temporary file in the same folder, flushed to the disk, and the file is renamed. An
    interrupted or failed run leaves the old file as it was. A character device or a pipe gets the bytes and is not
    replaced. Raises ``UserError`` when the file can't be written, and for what is no file: a folder, a socket, a disk.
    """
    try:
        if (there := _status(path)) and not stat.S_ISREG(there.st_mode):
            _write_through(path, there.st_mode, content)
            return True
        # A symbolic link is followed: users who linked to a file want that file to be written.
        path = Path(os.path.realpath(path))
        if there and there.st_size == len(content) and path.read_bytes() == content:
            return False
        if there and not os.access(
            path, os.W_OK, effective_ids=True
        ):  # a rename would replace what its owner has protected
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content, f".{path.name}.{os.getpid()}.new")
        return True
    except OSError as error:
        raise UserError(
            f"{path} could not be written: {error.strerror or error}.",
            "What was there is as it was; make room, make it writable, or choose another place.",
        ) from error


def _status(path: Path) -> os.stat_result | None:
    """What ``path`` or the end of its symbolic links is; None where nothing is. Raises ``OSError``."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _write_through(path: Path, mode: int, content: bytes) -> None:
    """Write to a character device or a pipe; raises ``OSError``, and ``UserError`` for what else is no regular file."""
    if not (stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
        kind = "a folder" if stat.S_ISDIR(mode) else "a disk" if stat.S_ISBLK(mode) else "a socket"
        raise UserError(
            f"{path} is {kind}, and is not written to.", "Name a file, a pipe or a device such as /dev/tty."
        )
    try:
        # Without O_NONBLOCK this would wait for a pipe's reader for ever; with it, there is ENXIO (fifo(7) in
        # https://man7.org/linux/man-pages/man7/fifo.7.html).
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno == errno.ENXIO and stat.S_ISFIFO(mode):
            raise UserError(f"Nobody reads from the pipe {path}.", "Start its reader first.") from None
        raise
    os.set_blocking(descriptor, True)
    with open(descriptor, "wb", buffering=0) as file:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]


def replace_file(path: Path, content: bytes, temporary_name: str, mode: int | None = None) -> None:
    """Write ``content`` under another name in the same folder and rename it to ``path``; raises ``OSError``.

    Both the bytes and the name are on the disk when this returns. A file that is replaced passes on its permissions,
    unless ``mode`` has others. What is no regular file is not replaced.
    """
    temporary = path.with_name(temporary_name)
    there = _status(path)
    if there and not stat.S_ISREG(there.st_mode):
        raise FileExistsError(errno.EEXIST, "it is no regular file")
    try:
        temporary.unlink(missing_ok=True)
        write_to_disk(temporary, content)
        if mode is None and there:
            mode = there.st_mode & 0o7777
        if mode is not None:
            temporary.chmod(mode)
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
    """Write a file that is not there yet, and wait until the disk has its bytes; raises ``OSError``."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
