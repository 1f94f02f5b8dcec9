"""The journal of a rehearsal: a file of JSON lines with what was made and what AWS answered.

What is made is written, and is on the disk, before it is made. So whatever ends a run, its journal names everything
that may be there; what it names may also never have come to be. No value of a parameter is written, and no secret.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.errors import UserError
from quilt_cfn.text import shown

LARGEST = 16 * 1024 * 1024
"""Bytes of a journal that is read; a whole rehearsal writes a hundred thousand."""

_FORMAT = 1
_HEAD = {
    "run": re.compile(r"[0-9a-f]{12}"),
    "account": re.compile(r"[0-9]{12}"),
    "region": re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"),
    "name": re.compile(r"[a-z][a-z0-9-]{0,29}"),
    "version": re.compile(r"[0-9a-z.-]{1,40}"),
    "edition": re.compile(r"[a-z-]{1,40}"),
}
"""What the first line of a journal has."""


class Thing(NamedTuple):
    """Something in AWS that the rehearsal made, or that is left of what it made."""

    kind: str
    """stack, bucket, snapshot, backups (of a database of that name) or log group."""
    name: str


class Journal:
    """A journal, in memory and on the disk."""

    def __init__(self, path: Path, entries: list[dict[str, Any]], descriptor: int) -> None:
        self.path = path
        self.entries = entries
        self._descriptor = descriptor

    @property
    def head(self) -> dict[str, str]:
        """Run, account, region, name, version and edition."""
        return self.entries[0]

    @property
    def tag(self) -> str:
        """The value of the tag ``account.TAG`` of everything that the run made."""
        return f"{self.head['name']}-{self.head['run']}"

    def write(self, **entry: Any) -> None:
        """Add an entry, and wait until the disk has it; raises ``UserError``."""
        self.entries.append(entry)
        try:
            os.write(self._descriptor, f"{json.dumps(entry)}\n".encode())
            os.fsync(self._descriptor)
        except OSError as error:
            raise UserError(
                f"The journal {self.path} could not be written: {error.strerror}.", "Nothing more is made without it."
            ) from None

    def note(self, **entry: Any) -> None:
        """The same for what is no creation: a full disk keeps nothing from being removed."""
        with contextlib.suppress(UserError):
            self.write(**entry)

    def makes(self, kind: str, name: str) -> None:
        """Say what is made next."""
        if Thing(kind, name) not in self.things():
            self.write(makes=kind, name=name)

    def things(self) -> list[Thing]:
        """Everything that may be there, in the order in which it was made."""
        found: dict[Thing, None] = {}
        for entry in self.entries:
            if "makes" in entry:
                found[Thing(entry["makes"], entry["name"])] = None
            elif "gone" in entry:
                found.pop(Thing(entry["gone"], entry["name"]), None)
        return [*found]

    def stack_id(self, name: str) -> str:
        """The ID of a stack if AWS has said it, and else its name."""
        return next((each["id"] for each in reversed(self.entries) if each.get("stack") == name), name)

    def change_sets(self, stack: str) -> list[str]:
        """The names of the change sets that were made for a stack."""
        return [each["change_set"] for each in self.entries if "change_set" in each and each["name"] == stack]


def create(path: Path, head: dict[str, str]) -> Journal:
    """A new journal, that only its owner may read; raises ``UserError`` if there is a file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    except FileExistsError:
        raise exists_already(path) from None
    except OSError as error:
        raise UserError(
            f"The journal {path} could not be created: {error.strerror}.", "Name another file with --journal."
        ) from None
    journal = Journal(path, [], descriptor)
    journal.write(rehearsal=_FORMAT, **head)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return journal


def exists_already(path: Path) -> UserError:
    """What to say when there is a file where the journal is to be."""
    return UserError(
        f"{path} exists already: it may be the journal of another rehearsal.",
        f"Remove what that one left with quilt-cfn rehearse --clean-up {path}, or name another file with --journal.",
    )


def read(path: Path) -> Journal:
    """The journal of a run that has ended, to go on with; raises ``UserError`` if it is none.

    A last line that was not written to its end is left out: what it announces was not made.
    """
    next_step = "Name the file that quilt-cfn rehearse --execute has written."
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError(f"{path} is no regular file, so it is no journal.", next_step)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        content = os.read(descriptor, LARGEST + 1)
    except OSError as error:
        raise UserError(f"The journal {path} could not be opened: {error.strerror}.", next_step) from None
    *lines, torn = content.split(b"\n")
    entries = list(_entries(lines)) if len(content) <= LARGEST else []
    if not entries or len(entries) < len(lines) or not _is_head(entries[0]):
        raise UserError(f"{shown(str(path))} is no journal of a rehearsal.", next_step)
    if torn:
        os.ftruncate(descriptor, len(content) - len(torn))
    return Journal(path, entries, descriptor)


def _entries(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    """The entries of whole lines, until one that can be none."""
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(entry, dict) or not isinstance(entry.get("name", ""), str):
            return
        yield entry


def _is_head(entry: dict[str, Any]) -> bool:
    return entry.get("rehearsal") == _FORMAT and all(
        isinstance(entry.get(name), str) and pattern.fullmatch(entry[name]) for name, pattern in _HEAD.items()
    )
