"""Reads a published version from a web server: by https only, and no more of a file than a limit.

A server may send to another one, but not from the internet into the reader's own network.
"""

from __future__ import annotations

import urllib.error
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from typing import NamedTuple

from quilt_cfn.delivery.https import make_opener, open_url
from quilt_cfn.delivery.publish.stores.protocols import Digest, Stored, Taken, first_bytes, size_and_sha256, whole
from quilt_cfn.delivery.release.artifact import sha256
from quilt_cfn.errors import UserError
from quilt_cfn.text import shown

_MISSING = {403, 404, 410}  # S3 answers 403 for a missing key to everybody who may not list the bucket


class Web(NamedTuple):
    """Keys are paths under a URL.

    The certificate authorities are those of the system, or of ``SSL_CERT_FILE``.
    """

    url: str

    @property
    def name(self) -> str:
        return self.url

    def read(self, key: str, limit: int) -> Stored | None:
        content = self._take(key, limit, lambda chunks: whole(chunks, limit, f"{self.url}/{key}"))
        return None if content is None else Stored(content, sha256(content))

    def digest(self, key: str, limit: int) -> Digest | None:
        found = self._take(key, limit, size_and_sha256)
        return Digest(*found, tag=found[1]) if found else None

    def names(self, folder: str) -> Sequence[str] | None:
        return None

    def _take(self, key: str, limit: int, consume: Callable[[Iterator[bytes]], Taken]) -> Taken | None:
        """What ``consume`` makes of the first bytes at a key; None when nothing is there."""
        url = f"{self.url}/{key}"
        try:
            with open_url(make_opener(), url) as answer:

                def read(size: int) -> bytes:
                    chunk: bytes = answer.read(size)
                    if not chunk and answer.length:  # what is left of the Content-Length
                        raise ValueError("the connection ended before the file did")
                    return chunk

                return consume(first_bytes(read, limit))
        except urllib.error.HTTPError as error:
            with error:
                if error.code in _MISSING:
                    return None
                reason = f"it answered {error.code}"
        except urllib.error.URLError as error:
            reason = str(error.reason)
        except (OSError, HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
        raise UserError(f"{url} could not be read: {shown(reason)}.", "Check the URL, and try again in a minute.")
