"""A server that answers as no registry should, or as one that is hard to have."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event
from typing import NamedTuple

from tests.delivery.images.registry import OCI_CONFIG, OCI_MANIFEST, Authority, as_json, descriptor, digest_of
from tests.delivery.images.tokens import Request
from tests.delivery.publish.servers import Handler, Reply, Server
from tests.delivery.publish.web import Endless

Answers = Mapping[str, "Reply | Endless"] | Callable[[str, str], "Reply | Endless"]
"""Path -> answer; or a function of the path and the Authorization."""


class FakeHandler(Handler):
    server: Fake

    def answer(self, body: bytes) -> Reply | None:
        authorization = self.headers.get("Authorization", "")
        self.server.requests.append(Request(self.command, self.path, authorization, body))
        answers = self.server.answers
        found = answers(self.path, authorization) if callable(answers) else answers.get(self.path, NOT_FOUND)
        if not isinstance(found, Endless):
            return found
        self.wfile.write(found.start)
        while not self.server.ended.wait(found.pause):
            self.wfile.write(found.again)
            self.server.sent += len(found.again)
        return None

    def handle(self) -> None:
        with suppress(OSError):  # the client has gone, or does not trust us
            super().handle()


NOT_FOUND = Reply(404, [("Content-Type", "application/json")], b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')


class Fake(Server):
    def __init__(self, authority: Authority | None, answers: Answers | None = None) -> None:
        super().__init__(FakeHandler)
        self.host = f"127.0.0.1:{self.server_port}"
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.server)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.url = self.url.replace("http:", "https:")
        self.answers: Answers = answers or {}
        self.requests: list[Request] = []
        self.sent = 0
        """Bytes of endless answers."""
        self.ended = Event()

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        super().__exit__(*error)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


class Image(NamedTuple):
    """An image that is good, in the parts of which a test makes a bad one."""

    config: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    def answers(self, tag: str = "1") -> dict[str, Reply | Endless]:
        """The answers of a registry that has it as ``a/b``, under a tag and its digest."""
        served = reply(self.manifest, OCI_MANIFEST)
        return {
            f"/v2/a/b/manifests/{tag}": served,
            f"/v2/a/b/manifests/{self.digest}": served,
            f"/v2/a/b/blobs/{digest_of(self.config)}": reply(self.config, "application/octet-stream"),
        }


def image(system: str = "linux", architecture: str = "amd64", **changed: object) -> Image:
    """An image; ``changed`` has other fields of its manifest."""
    config = as_json({"os": system, "architecture": architecture})
    fields = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, OCI_CONFIG), "layers": []}
    return Image(config, as_json({**fields, **changed}))


def reply(content: bytes, media_type: str, *headers: tuple[str, str], status: int = 200) -> Reply:
    return Reply(status, [("Content-Type", media_type), *headers], content)
