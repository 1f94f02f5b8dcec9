"""What publishing asks of a store, and what reading asks of a source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


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
        """What is at a key; None when nothing is. Raises ``UserError`` when that can't be told."""

    def names(self, folder: str) -> Sequence[str] | None:
        """The names of what lies in a folder; None when the store can't list."""


class Store(Source, Protocol):
    """What can be published to. Keys are parts joined by ``/``; every write raises ``UserError`` when it fails."""

    def create(self, key: str, content: bytes) -> None:
        """Write where nothing is; raises ``Occupied`` otherwise."""

    def replace(self, key: str, content: bytes, tag: str) -> None:
        """Write in place of what has this tag; raises ``Occupied`` when something else is there by now."""
