"""Reads the checkout that is released: what git knows about it, and its files."""

from __future__ import annotations

import subprocess
from pathlib import Path

from quilt_cfn.errors import UserError


def git(root: Path, *arguments: str) -> str:
    """What a git command prints in a checkout; raises ``UserError`` if it fails."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise UserError("git is not installed.", "Install it: a release is made from a commit.") from None
    except subprocess.CalledProcessError as error:
        raise UserError(
            f"git {' '.join(arguments)} failed in {root}: {last_line(error.stderr)}.", "Run this in a git checkout."
        ) from None
    return done.stdout.rstrip()


def read(path: Path) -> bytes | None:
    """The content of a file, None if there is no such file; raises ``UserError`` if it can't be read."""
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise UserError(f"{path} could not be read: {error.strerror}.", "Make it a file that you may read.") from None


def last_line(output: str) -> str:
    """The last line of what a command printed, without a full stop."""
    lines = output.strip().splitlines() or ["it gave no reason"]
    return lines[-1].rstrip(".")
