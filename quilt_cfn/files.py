"""Writing files so that a reader sees the old file or the new one, never a mixture."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from quilt_cfn.errors import Trouble


def write_atomically(path: Path, content: bytes) -> bool:
    """Put ``content`` at ``path``, creating its folder; return whether the file's bytes changed.

    The bytes go to a temporary file in the same folder, are flushed to the disk and take the name in one step, so an
    interrupted or failed run leaves the old file as it was. Raises ``Trouble`` when the system refuses.
    """
    # A symbolic link is followed: what a user linked to is what they want rewritten.
    path = Path(os.path.realpath(path))
    temporary = None
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
        temporary = None
        return True
    except OSError as error:
        raise Trouble(
            f"{path} could not be written: {error.strerror or error}.",
            "The file is as it was; choose another place with --output, or make this one writable.",
        ) from error
    finally:
        if temporary is not None:
            os.unlink(temporary)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
