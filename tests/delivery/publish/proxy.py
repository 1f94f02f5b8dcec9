"""A proxy of our own before any HTTP server, that writes down every request and fails as it is told.

The rule: a request that no fault was chosen for arrives byte for byte as it was signed, and so does its answer. Only
what codes a message for the wire (Transfer-Encoding, Expect, Connection) is each connection's own.
"""

from __future__ import annotations

import base64
import hashlib
import select
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage
from threading import Event, Lock
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from tests.delivery.publish.servers import Handler, Reply, Server

# Each connection's own affair (RFC 9110, 7.6.1 and 10.1.1; RFC 9112, 6.1).
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "expect", "upgrade"}


class Outcome(NamedTuple):
    """What became of a request.

    The fault, the server's status (None: it was not asked, or not to the end), the client's (None: it got no answer).
    """

    fault: Fault | None
    server: int | None
    client: int | None


class Request(NamedTuple):
    """A request as it arrived, the `number`th since the last reset, from 1. `outcome` is None until it is known."""

    number: int
    method: str
    path: str
    headers: HTTPMessage
    body: bytes
    outcome: Outcome | None = None


# Not NamedTuples: two of those without fields are equal, and false.


@dataclass(frozen=True)
class Delay:
    """The request waits before it is forwarded. Closing the proxy ends the wait."""

    seconds: float


@dataclass(frozen=True)
class Answer:
    """An error in S3's XML, and with the header in which AWS's JSON APIs name theirs; the server is not asked."""

    status: int
    code: str


@dataclass(frozen=True)
class DropRequest:
    """The connection is closed; the server is not asked."""


@dataclass(frozen=True)
class DropReply:
    """The server has done it; the connection is closed without an answer."""


@dataclass(frozen=True)
class CutUpload:
    """The server gets half the body and then the end of the connection; so does the client. No body: as DropRequest."""


@dataclass(frozen=True)
class CutReply:
    """The client gets half the answer's body and then the end of the connection. No body: as DropReply."""


@dataclass(frozen=True)
class CorruptUpload:
    """One bit of the body's data differs when the server gets it, and no header does."""


@dataclass(frozen=True)
class CorruptReply:
    """One bit of the answer's body differs when the client gets it, and no header does."""


@dataclass(frozen=True)
class Kill:
    """`callback` is called once the server has done it, or (`before`) instead; then the connection is closed."""

    callback: Callable[[], object]
    before: bool


Fault: TypeAlias = Delay | Answer | DropRequest | DropReply | CutUpload | CutReply | CorruptUpload | CorruptReply | Kill
Faults: TypeAlias = Callable[[Request], Fault | None]


def at(number: int, fault: Fault) -> Faults:
    """`fault` for the `number`th request, none for the others."""
    return lambda request: fault if request.number == number else None


@contextmanager
def serve_proxy(
    upstream: str, faults: Faults | Fault | None = None, *, strict_checksums: bool = False
) -> Iterator[Proxy]:
    """A proxy before the server at the URL `upstream`; its own is `.url`.

    `faults` chooses every request's fault, or is the fault of all of them.
    """
    with Proxy(upstream) as proxy:
        proxy.faults, proxy.strict_checksums = faults, strict_checksums
        yield proxy


class Proxy(Server):
    """`faults` and `strict_checksums` can be changed at any time; `requests` is what arrived since the last `reset`.

    With `strict_checksums` a body that is not what its own headers say is answered with 400 BadDigest, as S3 does and
    moto doesn't. The signature's x-amz-content-sha256 is not looked at: over https boto3 signs no payload.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__(ProxyHandler)
        self.faults: Faults | Fault | None = None
        self.strict_checksums = False
        self.closing = Event()
        self._address = urlsplit(upstream).netloc
        self._idle: list[HTTPConnection] = []
        self._lock = Lock()
        self._log: list[Request] = []

    @property
    def requests(self) -> list[Request]:
        with self._lock:
            return list(self._log)

    @property
    def writes(self) -> list[Request]:
        """The requests that ask the server to change something."""
        return [each for each in self.requests if each.method in ("PUT", "POST", "PATCH", "DELETE")]

    def reset(self) -> None:
        """Forget the requests; the next one is number 1 again."""
        with self._lock:
            self._log = []

    def record(self, method: str, path: str, headers: HTTPMessage, body: bytes) -> tuple[Request, Fault | None, Any]:
        """The request, its fault, and what to call with the two statuses of its outcome.

        `faults` is asked about one request at a time, in the order of their numbers.
        """
        with self._lock:
            log = self._log
            request = Request(len(log) + 1, method, path, headers, body)
            log.append(request)
            fault = self.faults(request) if callable(self.faults) else self.faults

        def end(server: int | None, client: int | None) -> None:
            log[request.number - 1] = request._replace(outcome=Outcome(fault, server, client))

        return request, fault, end

    def forward(self, request: Request) -> Reply:
        """The server's answer to `request`; 502 if there is none. Nothing is ever sent twice."""
        connection = self._connection()
        try:
            _send(connection, request, request.body)
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException) as error:
            connection.close()
            return _error(502, type(error).__name__)
        if connection.sock:
            with self._lock:
                self._idle.append(connection)
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
        if content and response.headers["Content-Length"] is None:
            headers.append(("Content-Length", str(len(content))))
        return Reply(response.status, headers, content)

    def forward_half(self, request: Request) -> None:
        connection = self._connection()
        _send(connection, request, request.body[: len(request.body) // 2])
        connection.close()

    def _connection(self) -> HTTPConnection:
        """The one last used that the server still keeps open, or a new one."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return HTTPConnection(self._address, timeout=60)
            readable = select.poll()
            readable.register(connection.sock, select.POLLIN)
            if not readable.poll(0):
                return connection
            # Nothing was asked that there could be an answer to: it is the end.
            connection.close()

    def __exit__(self, *exception: object) -> None:
        self.closing.set()
        try:
            super().__exit__(*exception)
        finally:
            for connection in self._idle:
                connection.close()


class ProxyHandler(Handler):
    server: Proxy

    def answer(self, body: bytes) -> Reply | None:
        # http.server takes a second slash off the start of `self.path`; the signature has it.
        path = self.requestline.split(" ")[1]
        request, fault, end = self.server.record(self.command, path, self.headers, body)
        asked, reply = self.decide(request, fault)
        end(asked, reply and reply.status)
        return reply

    def decide(self, request: Request, fault: Fault | None) -> tuple[int | None, Reply | None]:
        """The status the server gave, and what the client gets."""
        match fault:
            case Answer(status, code):
                return None, _error(status, code)
            case DropRequest():
                return None, None
            case CutUpload():
                if request.body:
                    self.server.forward_half(request)
                return None, None
            case Kill(callback, before=True):
                callback()
                return None, None
            case Delay(seconds):
                self.server.closing.wait(seconds)
            case CorruptUpload():
                request = request._replace(body=_flip(request.body, _data_at(request)))
        if self.server.strict_checksums and not is_what_it_says(request):
            return None, _error(400, "BadDigest")
        reply = self.server.forward(request)
        match fault:
            case DropReply():
                return reply.status, None
            case Kill(callback):
                callback()
                return reply.status, None
            case CutReply():
                return reply.status, reply._replace(body=reply.body[: len(reply.body) // 2]) if reply.body else None
            case CorruptReply():
                return reply.status, reply._replace(body=_flip(reply.body, len(reply.body) // 2))
        return reply.status, reply


CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "content-md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "x-amz-checksum-crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "x-amz-checksum-sha256": lambda data: hashlib.sha256(data).digest(),
}


def is_what_it_says(request: Request) -> bool:
    """Whether the body's data has every checksum that the headers, or the trailers of an aws-chunked body, name."""
    data, trailers = _decode(request.body) if _is_aws_chunked(request) else (request.body, {})
    said = {name: request.headers[name] or trailers.get(name) for name in CHECKSUMS}
    return all(base64.b64encode(CHECKSUMS[name](data)).decode() == value for name, value in said.items() if value)


def _is_aws_chunked(request: Request) -> bool:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html: boto3 sends objects so over https."""
    return request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-")


def _decode(body: bytes) -> tuple[bytes, dict[str, str]]:
    """The data and the trailers of an aws-chunked body."""
    data = b""
    while True:
        line, _, body = body.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if not size:
            break
        data, body = data + body[:size], body[size + 2 :]
    pairs = (line.partition(":") for line in body.decode().split("\r\n"))
    return data, {name.lower(): value.strip() for name, _, value in pairs}


def _data_at(request: Request) -> int:
    """Where in the body there is data: behind the first chunk's head, or in the middle."""
    return request.body.index(b"\r\n") + 2 if _is_aws_chunked(request) else len(request.body) // 2


def _flip(content: bytes, index: int) -> bytes:
    return content[:index] + bytes(each ^ 1 for each in content[index : index + 1]) + content[index + 1 :]


def _send(connection: HTTPConnection, request: Request, body: bytes) -> None:
    """Send `request` with `body`, and the length of the request's own."""
    connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers.items():
        if name.lower() not in HOP_BY_HOP | {"content-length"}:
            connection.putheader(name, value)
    if "Content-Length" in request.headers or "Transfer-Encoding" in request.headers:
        connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders(body or None)


def _error(status: int, code: str) -> Reply:
    content = (
        f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>Told to fail.</Message></Error>"
    )
    return Reply(status, [("Content-Type", "application/xml"), ("x-amzn-errortype", code)], content.encode())
