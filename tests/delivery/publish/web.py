"""A web server that has what was published, or answers whatever a test wants, without an end if need be."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest

from tests.delivery.publish.servers import Handler, Reply, Server


class Endless(NamedTuple):
    """An answer without an end, as it is sent."""

    start: bytes
    again: bytes
    """What is sent again and again."""
    pause: float = 0
    """Seconds before each time."""


Answers = Callable[[str], "Reply | Endless | None"]
"""Path -> answer; None closes the connection instead."""


def having(held: Mapping[str, bytes]) -> Answers:
    """The answers of a server that has this content, key by key, below /artifacts/."""

    def answer(path: str) -> Reply:
        content = held.get(path.removeprefix("/artifacts/"))
        return Reply(404, [], b"no") if content is None else Reply(200, [], content)

    return answer


class WebHandler(Handler):
    server: WebServer

    def answer(self, body: bytes) -> Reply | None:
        self.server.paths.append(self.path)
        self.server.encodings.append(self.headers["Accept-Encoding"])
        reply = self.server.reply(self.path)
        if not isinstance(reply, Endless):
            return reply
        self.wfile.write(reply.start)
        while not self.server.ended.wait(reply.pause):
            self.wfile.write(reply.again)
            self.server.sent += len(reply.again)
        return None

    def handle(self) -> None:
        with suppress(OSError):  # the client doesn't trust us, or has gone
            super().handle()


class WebServer(Server):
    """Answers what `reply` says, by TLS if it has a certificate."""

    def __init__(self, certificate: Path | None, reply: Answers, host: str = "127.0.0.1") -> None:
        super().__init__(WebHandler, host)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.url = self.url.replace("http:", "https:")
        self.reply = reply
        self.paths: list[str] = []
        self.encodings: list[str | None] = []
        """What each request says that it accepts."""
        self.sent = 0
        """Bytes of endless answers."""
        self.ended = Event()

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        super().__exit__(*error)


def make_certificate(path: Path, names: str = "IP:127.0.0.1,IP:127.0.0.2") -> Path:
    """A certificate of these names and its key, in one file, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    command += ["-subj", "/CN=tests", "-addext", f"subjectAltName={names}", "-keyout", "-", "-out", "-"]
    path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return path
