"""An HTTP proxy that records every request and makes the ones that a test chooses fail."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from http.client import HTTPConnection
from threading import Lock
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from tests.delivery.publish.servers import Handler, Reply, Server

# Each connection's own (RFC 9110, 7.6.1 and 10.1.1; RFC 9112, 6.1).
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "expect", "upgrade"}


class Broken(Enum):
    """A fault of the network."""

    DROPPED_REQUEST = auto()
    """The server gets nothing, and the client no answer."""
    DROPPED_REPLY = auto()
    """The server has done it, and the client gets no answer."""
    CUT_REPLY = auto()
    """The client gets half the answer's body, or nothing if it has none."""
    CORRUPT_UPLOAD = auto()
    """The server gets a body with another bit."""
    CORRUPT_REPLY = auto()
    """The client gets a body with another bit."""


class Answer(NamedTuple):
    """An error in S3's XML; the server gets nothing."""

    status: int
    code: str


class Delay(NamedTuple):
    """The request is forwarded after some seconds."""

    seconds: float


Fault: TypeAlias = Broken | Answer | Delay


@dataclass
class Request:
    """A request, the `number`th since the last reset, from 1, and what became of it."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    """By their lower-case names."""
    body: bytes
    fault: Fault | None = None
    server_status: int | None = None
    """None if the server got nothing."""
    client_status: int | None = None
    """None if the client got no answer."""


Faults: TypeAlias = Callable[[Request], Fault | None]


def at(number: int, fault: Fault) -> Faults:
    """`fault` for the `number`th request, none for the others."""
    return lambda request: fault if request.number == number else None


@contextmanager
def serve_proxy(upstream: str, fault: Fault | None = None) -> Iterator[Proxy]:
    """A proxy before the server at the URL `upstream`; its own is `.url`. `fault` is that of every request."""
    with Proxy(upstream) as proxy:
        proxy.faults = lambda request: fault
        yield proxy


class Proxy(Server):
    """`faults` can be changed at any time; `requests` are those since the last `reset`.

    With `strict_checksums` a body that is not what its x-amz-checksum-sha256 says is answered with 400 BadDigest, as S3
    does and moto doesn't.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__(ProxyHandler)
        self.faults: Faults = lambda request: None
        self.strict_checksums = False
        self.requests: list[Request] = []
        self.address = urlsplit(upstream).netloc
        self.lock = Lock()

    @property
    def writes(self) -> list[Request]:
        """The requests that ask the server to change something."""
        return [each for each in self.requests if each.method in ("PUT", "POST", "DELETE")]

    def reset(self) -> None:
        """Forget requests and faults; the next request is number 1 again."""
        self.requests, self.faults = [], lambda request: None


class ProxyHandler(Handler):
    server: Proxy

    def answer(self, body: bytes) -> Reply | None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            # http.server takes a second slash off the start of `self.path`; the signature has it.
            path = self.requestline.split(" ")[1]
            request = Request(len(self.server.requests) + 1, self.command, path, headers, body)
            self.server.requests.append(request)
            request.fault = self.server.faults(request)
        reply = self.decide(request, request.fault)
        request.client_status = reply and reply.status
        return reply

    def decide(self, request: Request, fault: Fault | None) -> Reply | None:
        """What the client gets."""
        if isinstance(fault, Answer):
            return error(fault)
        if isinstance(fault, Delay):
            time.sleep(fault.seconds)
        if fault is Broken.DROPPED_REQUEST:
            return None
        body = flipped(request.body) if fault is Broken.CORRUPT_UPLOAD else request.body
        checksum = request.headers.get("x-amz-checksum-sha256")
        if self.server.strict_checksums and checksum not in (
            None,
            base64.b64encode(hashlib.sha256(body).digest()).decode(),
        ):
            return error(Answer(400, "BadDigest"))
        reply = self.forward(request, body)
        request.server_status = reply.status
        if fault is Broken.DROPPED_REPLY or (fault is Broken.CUT_REPLY and not reply.body):
            return None
        if fault is Broken.CUT_REPLY:
            return reply._replace(body=reply.body[: len(reply.body) // 2])
        return reply._replace(body=flipped(reply.body)) if fault is Broken.CORRUPT_REPLY else reply

    def forward(self, request: Request, body: bytes) -> Reply:
        """The server's answer to a request with this body."""
        with closing(HTTPConnection(self.server.address, timeout=60)) as connection:
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name not in HOP_BY_HOP:
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            content = response.read()
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
        if content and response.headers["Content-Length"] is None:
            headers.append(("Content-Length", str(len(content))))
        return Reply(response.status, headers, content)


def flipped(content: bytes) -> bytes:
    """The content with another bit in its middle."""
    index = len(content) // 2
    return content[:index] + bytes(each ^ 1 for each in content[index : index + 1]) + content[index + 1 :]


def error(answer: Answer) -> Reply:
    """An answer in S3's XML."""
    content = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{answer.code}</Code><Message>No.</Message></Error>"
    return Reply(answer.status, [("Content-Type", "application/xml")], content.encode())
