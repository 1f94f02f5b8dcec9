"""Asks servers of others by https: no redirection leads out of it, nor from the internet into the reader's own network.

Nothing of an answer is read here but its head; whoever reads the rest keeps a limit.
"""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urljoin, urlsplit

from quilt_cfn.delivery.urls import has_user, is_loopback, is_public
from quilt_cfn.text import shown

TIMEOUT = 30
"""Seconds without a byte after which a request fails."""
REDIRECTIONS = 5
"""How many redirections of a request are followed."""

_MOVED = {301, 302, 303, 307, 308}


def make_opener(proxies: bool = True) -> urllib.request.OpenerDirector:
    """What sends the requests of one conversation; without ``proxies`` it connects to every server itself.

    The certificate authorities are those of the system, or of ``SSL_CERT_FILE``.
    """
    without = () if proxies else (urllib.request.ProxyHandler({}),)
    return urllib.request.build_opener(_Https(), _NoRedirections, *without)


def open_url(
    opener: urllib.request.OpenerDirector, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None
) -> Any:
    """The answer to a request, after redirections; raises what urllib does, and ``ValueError``.

    An ``Authorization`` is sent to the URL's own host and port, and to no other one. A ``body`` is posted, and then no
    redirection is followed. A URL of http is the caller's decision; it leads to https, or to this computer.
    """
    first = urlsplit(url)
    for _ in range(REDIRECTIONS + 1):
        parts = urlsplit(url)
        elsewhere = (parts.scheme, parts.netloc) != (first.scheme, first.netloc)
        sent = {name: value for name, value in headers.items() if not (elsewhere and name == "Authorization")}
        try:
            answer = opener.open(urllib.request.Request(url, body, sent), timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            target = error.headers.get("Location")
            if error.code not in _MOVED or not target or body is not None:
                raise
            error.close()  # unread: urllib's own handler reads all of it, be it as long as it may
            url = urljoin(url, target)
            local = first.scheme == "http" and url.startswith("http://") and is_loopback(urlsplit(url).hostname or "")
            if not (url.startswith("https://") or local):
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
