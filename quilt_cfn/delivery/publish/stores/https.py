"""Reads a published version from a web server: by https only, and no more of a file than a limit.

A server may send to another one, but not from the internet into the reader's own network.
"""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urljoin

from quilt_cfn.delivery.publish.stores.locations import has_user
from quilt_cfn.delivery.publish.stores.protocols import Digest, Stored, Taken, first_bytes, size_and_sha256, whole
from quilt_cfn.delivery.release.artifact import sha256
from quilt_cfn.errors import UserError
from quilt_cfn.text import shown

TIMEOUT = 30
"""Seconds without a byte after which a request fails."""
REDIRECTIONS = 5
"""How many redirections of a request are followed."""

_MISSING = {403, 404, 410}  # S3 answers 403 for a missing key to everybody who may not list the bucket
_MOVED = {301, 302, 303, 307, 308}


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
            with _open(url) as answer:

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


def _open(url: str) -> Any:
    """The answer to a request, after redirections; raises what urllib does, and ``ValueError``."""
    https = _Https()
    opener = urllib.request.build_opener(https, _NoRedirections)
    for _ in range(REDIRECTIONS + 1):
        try:
            answer = opener.open(url, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            target = error.headers.get("Location")
            if error.code not in _MOVED or not target:
                raise
            error.close()  # unread: urllib's own handler reads all of it, be it as long as it may
            url = urljoin(url, target)
            if not url.startswith("https://"):
                raise ValueError("it redirects to something else than https") from None
            if has_user(url):
                raise ValueError("it redirects to a URL with credentials") from None
            continue
        # No encoding was asked for, and a few bytes of one could stand for gigabytes.
        encoding = answer.headers.get("Content-Encoding") or "identity"
        if encoding != "identity":
            answer.close()
            raise ValueError(f"it is encoded as {shown(encoding, 20)}, which was not asked for")
        return answer
    raise ValueError(f"it redirects more than {REDIRECTIONS} times")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet, and not of a private network or of this computer."""
    parsed = ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)  # of which each version of Python thinks something else
    return (mapped or parsed).is_global


class _NoRedirections(urllib.request.HTTPRedirectHandler):
    """Makes an error of every redirection."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Https(urllib.request.HTTPSHandler):
    """Connects to servers one after another, and not from a public one to one that isn't."""

    def __init__(self) -> None:
        super().__init__()
        self.was_public = False

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._connection, req)

    def _connection(self, host: str, **settings: Any) -> HTTPSConnection:
        return _Connection(host, self._check, **settings)

    def _check(self, address: str) -> None:
        public = is_public(address)
        if self.was_public and not public:
            raise ValueError("it redirects into a private network")
        self.was_public |= public


class _Response(HTTPResponse):
    """http.client's, for which a chunk of a negative size would be all that the server will ever send."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fp = _Received(self.fp.detach())  # nothing has been read yet


class _Received(io.BufferedReader):
    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            raise HTTPException("it sends a chunk of a negative size")
        return super().read(size)


class _Connection(HTTPSConnection):
    """Tells ``check`` the address that it really connected to, before it sends a request."""

    response_class = _Response

    def __init__(self, host: str, check: Callable[[str], None], **settings: Any) -> None:
        super().__init__(host, **settings)
        self._check = check
        self._by_proxy = False

    def set_tunnel(self, *arguments: Any, **named: Any) -> None:
        self._by_proxy = True
        super().set_tunnel(*arguments, **named)

    def connect(self) -> None:
        super().connect()
        if not self._by_proxy:  # the address is that of the proxy, which the user has chosen, and which decides
            self._check(self.sock.getpeername()[0])
