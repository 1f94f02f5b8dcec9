"""What publishing needs of a store, and what verifying needs of a source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Stored(NamedTuple):
    """The content at a key."""

    content: bytes
    tag: str
    """Changes whenever the content does: S3's ETag, or a hash."""
    intact: bool = True
    """False when the store's own checksum shows that the content is not what was written."""


class PreconditionFailed(Exception):
    """The condition of a write does not hold: something is at the key, or something else than the tag says."""


class Source(Protocol):
    """What a published version can be read from."""

    @property
    def name(self) -> str:
        """The location, as a user writes it."""

    def read(self, key: str) -> Stored | None:
        """What is at a key; None when nothing is. Raises ``UserError`` when it can't be read."""

    def names(self, folder: str) -> Sequence[str] | None:
        """The names of the files and folders in a folder; None when the source can't list."""


class Store(Source, Protocol):
    """What a version can be published to.

    Keys are parts joined by ``/``. Every write raises ``UserError`` when it fails.
    """

    def create(self, key: str, content: bytes) -> None:
        """Write to a key where nothing is; raises ``PreconditionFailed`` if something is."""

    def replace(self, key: str, content: bytes, tag: str) -> None:
        """Replace the content that has this tag; raises ``PreconditionFailed`` if that is no longer there."""
