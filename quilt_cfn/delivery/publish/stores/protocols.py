"""What publishing needs of a store, and what verifying needs of a source.

Whatever a source has at a key, no more than a limit of it is read, and ``digest`` keeps none of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from quilt_cfn.errors import UserError

MOST_NAMES = 1000
"""The most names that are read of a folder: one page of S3's ListObjectsV2."""
CHUNK = 64 * 1024
"""Bytes that are read at once."""


Taken = TypeVar("Taken")
"""What is made of the bytes at a key: they themselves, or their hash."""


class Stored(NamedTuple):
    """The content at a key."""

    content: bytes
    tag: str
    """Changes whenever the content does: S3's ETag, or a hash."""
    intact: bool = True
    """False when the store's own checksum shows that the content is not what was written."""


class Digest(NamedTuple):
    """What the content at a key comes to."""

    size: int
    """In bytes; where there are more than the limit, the limit and 1."""
    sha256: str
    """Of the bytes that ``size`` counts."""
    tag: str
    intact: bool = True
    """As in ``Stored``."""

    def is_of(self, content: bytes) -> bool:
        """Whether this is what ``content`` comes to."""
        return (self.size, self.sha256) == size_and_sha256([content])


class PreconditionFailed(Exception):
    """The condition of a write does not hold: something is at the key, or something else than the tag says."""


class Source(Protocol):
    """What a published version can be read from."""

    @property
    def name(self) -> str:
        """The location, as a user writes it."""

    def read(self, key: str, limit: int) -> Stored | None:
        """What is at a key; None when nothing is.

        Raises ``UserError`` when it can't be read, or has more than ``limit`` bytes.
        """

    def digest(self, key: str, limit: int) -> Digest | None:
        """The size and the hash of what is at a key; None when nothing is. Raises ``UserError`` as ``read`` does.

        Where there are more than ``limit`` bytes, that is one of them more, and no more are read.
        """

    def names(self, folder: str) -> Sequence[str] | None:
        """The names of the files and folders in a folder; None when the source can't list.

        Raises ``UserError`` when there are more than ``MOST_NAMES``.
        """


class Store(Source, Protocol):
    """What a version can be published to.

    Keys are parts joined by ``/``. Every write raises ``UserError`` when it fails.
    """

    def create(self, key: str, content: bytes) -> None:
        """Write to a key where nothing is; raises ``PreconditionFailed`` if something is."""

    def replace(self, key: str, content: bytes, tag: str) -> None:
        """Replace the content that has this tag; raises ``PreconditionFailed`` if that is no longer there."""


def first_bytes(read: Callable[[int], bytes], limit: int) -> Iterator[bytes]:
    """The chunks of a stream, of which ``read`` takes at most so many bytes: ``limit`` and 1 bytes at most."""
    left = limit + 1
    while left and (chunk := read(min(CHUNK, left))):
        left -= len(chunk)
        yield chunk


def whole(chunks: Iterable[bytes], limit: int, what: str) -> bytes:
    """The content that these chunks are; raises ``UserError`` about ``what`` where there is more than the limit."""
    content = b"".join(chunks)
    if len(content) > limit:
        raise UserError(f"{what} is larger than {limit:,} bytes.", "quilt-cfn did not write it: check the location.")
    return content


def size_and_sha256(chunks: Iterable[bytes]) -> tuple[int, str]:
    """The number of bytes in these chunks, of which none is kept, and their hash."""
    size, digest = 0, hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()


def too_many_names(what: str) -> UserError:
    return UserError(f"{what} has more than {MOST_NAMES:,} files and folders.", "Check the location.")
