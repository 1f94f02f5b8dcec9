"""Constant load: clients that send one request after the other, count every one, and know what each was answered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import product
from threading import Thread
from typing import NamedTuple

from tests.boot.network import GATEWAY, Network

PAUSE = 0.1
"""Seconds between two requests of a client."""
TIMEOUT = 30.0
"""Seconds after which a request is lost."""
UPLOAD = [b'{"contents": {"children": {}}, "more": "', *(4 * [b"x" * 4096]), b'"}']
UPLOAD_SECONDS = 0.5
"""How long the body of a POST takes."""


class Kind(NamedTuple):
    """What a client asks for, and which answer is right."""

    method: str
    host: str
    path: str
    port: int
    status: int


class Answer(NamedTuple):
    """One request: when it was sent, how long the answer took, and what that was: a status, or why there was none."""

    client: int
    kind: Kind
    keeps_alive: bool
    sent: float
    seconds: float
    status: int
    error: str
    body: bytes
    retry_after: str

    @property
    def lost(self) -> bool:
        """Whether the client didn't get what it wanted: no answer, a connection that was reset, an error."""
        return self.status != self.kind.status


class Load:
    """``with Load(...) as load``: constant load by clients of each kind, on the load balancer or another address.

    Half of them keep their connection as long as the server lets them, the others make a new one for each request.
    An idle connection that ends without "Connection: close" in the answer before is a lost request: the next
    one may be under way already.
    """

    def __init__(
        self, network: Network, kinds: list[Kind], address: str = GATEWAY, clients_of_each_kind: int = 4
    ) -> None:
        self.over = False
        self.answers: list[Answer] = []
        self.closed_as_announced: list[float] = []
        """When a server said that it would close a connection."""
        self.network, self.kinds, self.address = network, kinds, address
        self.clients_of_each_kind = clients_of_each_kind
        self.threads: list[Thread] = []

    def __enter__(self) -> Load:
        clients = product(self.kinds, (True, False), range(self.clients_of_each_kind // 2))
        for client, (kind, keeps_alive, _) in enumerate(clients):
            self.threads.append(self.network.thread(self._send, client, kind, keeps_alive))
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        for thread in self.threads:
            thread.join()

    def __str__(self) -> str:
        lost = sorted(self.lost(), key=lambda each: each.sent)
        lines = [f"{each.sent:.2f} {each.client} {each.kind} {each.status} {each.error}" for each in lost]
        return f"{len(self.answers)} requests, {len(lost)} lost:\n" + "\n".join(lines[:10] + lines[-10:])

    def lost(self) -> list[Answer]:
        """The requests that failed."""
        return [each for each in self.answers if each.lost]

    def lost_since(self, moment: float) -> list[Answer]:
        """The requests that were sent after a time.monotonic() and failed."""
        return [each for each in self.lost() if each.sent > moment]

    def wait_for_answers(self, count: int) -> None:
        """Wait until there are so many more."""
        enough = len(self.answers) + count
        deadline = time.monotonic() + 300
        while len(self.answers) < enough:
            assert time.monotonic() < deadline, str(self)
            time.sleep(0.02)

    def has_answer(self, body: str) -> bool:
        """Whether somebody got this body."""
        return any(each.body == body.encode() for each in self.answers)

    def _send(self, client: int, kind: Kind, keeps_alive: bool) -> None:
        connection: HTTPConnection | None = None
        while not self.over:
            sent = time.monotonic()
            status, error, body, retry_after = 0, "", b"", ""
            try:
                if connection is None:
                    connection = HTTPConnection(self.address, kind.port, timeout=TIMEOUT)
                    connection.connect()
                    connection.auto_open = 0
                response = request(connection, kind, keeps_alive)
                status, body, retry_after = response.status, response.read(), response.getheader("Retry-After", "")
                if response.will_close and keeps_alive:
                    self.closed_as_announced.append(time.monotonic())
                if response.will_close or not keeps_alive:
                    connection.close()
                    connection = None
            except (OSError, HTTPException) as why:
                error = repr(why)
                if connection is not None:
                    connection.close()
                    connection = None
            seconds = time.monotonic() - sent
            self.answers.append(Answer(client, kind, keeps_alive, sent, seconds, status, error, body, retry_after))
            time.sleep(PAUSE)
        if connection is not None:
            connection.close()


def request(connection: HTTPConnection, kind: Kind, keeps_alive: bool) -> HTTPResponse:
    """Send a request of this kind."""

    def upload() -> Iterator[bytes]:
        for part in UPLOAD:
            time.sleep(UPLOAD_SECONDS / len(UPLOAD))
            yield part

    headers = {"Host": kind.host, "Connection": "keep-alive" if keeps_alive else "close"}
    if kind.method == "POST":
        connection.request("POST", kind.path, upload(), headers | {"Content-Length": str(sum(map(len, UPLOAD)))})
    else:
        connection.request(kind.method, kind.path, headers=headers)
    return connection.getresponse()
