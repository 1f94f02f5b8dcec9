"""Where artifacts are published to: S3, or a folder with the same layout; https is for reading.

The rule: nothing is written without a condition. A write says that nothing may be there yet, or what is there, and it
raises ``Occupied`` where that isn't so; two who write at once can therefore never overwrite each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from quilt_cfn.errors import Trouble


class Stored(NamedTuple):
    """What lies at a key."""

    content: bytes
    tag: str
    """Changes whenever the content does: an ETag, or the like."""
    intact: bool = True
    """False when the store's own checksum says that the content isn't what somebody once sent."""


class Occupied(Exception):
    """The condition of a write does not hold: something else is at the key."""


class Source(Protocol):
    """What a published version can be read from."""

    @property
    def name(self) -> str:
        """How a user would write it."""

    def read(self, key: str) -> Stored | None:
        """What is at a key; None when nothing is. Raises ``Trouble`` when that can't be told."""

    def names(self, folder: str) -> Sequence[str] | None:
        """The names of what lies in a folder; None when the store can't list."""


class Store(Source, Protocol):
    """What can be published to. Keys are parts joined by ``/``; every write raises ``Trouble`` when it fails."""

    def create(self, key: str, content: bytes) -> None:
        """Write where nothing is; raises ``Occupied`` otherwise."""

    def replace(self, key: str, content: bytes, tag: str) -> None:
        """Write in place of what has this tag; raises ``Occupied`` when something else is there by now."""


_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9][A-Za-z0-9._-]*)*)/?")


def bucket_and_prefix(location: str) -> tuple[str, str]:
    """What ``s3://bucket/prefix`` names, the prefix without slashes around it; raises ``Trouble``."""
    match = _S3.fullmatch(location)
    if not match:
        raise Trouble(
            f"{location} is not a place in S3.",
            "Write s3://BUCKET or s3://BUCKET/PREFIX; a prefix has letters, digits, dots, dashes and slashes.",
        )
    return match[1], match[2].strip("/")


def open_store(location: str) -> Store:
    """The store that a location names: ``s3://bucket/prefix``, or a folder; raises ``Trouble`` for anything else."""
    if location.startswith("s3:"):
        from quilt_cfn.publish.stores.s3 import open_bucket  # late: imports boto3, 0.2 s

        return open_bucket(*bucket_and_prefix(location))
    if "://" in location or not location:
        raise Trouble(f"Nothing can be published to {location!r}.", "Name s3://BUCKET/PREFIX, or a folder.")
    from quilt_cfn.publish.stores.directory import Directory

    return Directory(Path(location))


def open_source(location: str) -> Source:
    """What a location is read from: also ``https://host/prefix``."""
    if location.startswith("http:"):
        raise Trouble(f"{location} is not read: anybody on the way could change it.", "Name it with https.")
    if location.startswith("https:"):
        from quilt_cfn.publish.stores.https import Web  # late: only for reading from the web

        return Web(location.rstrip("/"))
    return open_store(location)
