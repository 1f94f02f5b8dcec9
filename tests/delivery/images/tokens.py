"""A token server, as a registry of images sends its clients to.

https://distribution.github.io/distribution/spec/auth/token/
https://distribution.github.io/distribution/spec/auth/jwt/
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from tests.delivery.images.registry import Authority, make_certificate
from tests.delivery.publish.servers import Handler, Reply, Server

ISSUER, SERVICE = "the token server of the tests", "the registry of the tests"


class Request(NamedTuple):
    """What a server was asked."""

    method: str
    path: str
    authorization: str
    body: bytes


class Signer(NamedTuple):
    """Who signs the tokens."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, path: Path) -> Path:
        """The file by which a registry knows the signer."""
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return path

    def token(self, *repositories: str, actions: tuple[str, ...] = ("pull",)) -> str:
        """A token for these repositories, as docker-registry 2.8 verifies it: by the certificate in its head."""
        certificate = base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()
        head = {"typ": "JWT", "alg": "ES256", "x5c": [certificate]}
        now = int(time.time())
        access = [{"type": "repository", "name": name, "actions": [*actions]} for name in repositories]
        claims = {"iss": ISSUER, "sub": "", "aud": SERVICE, "exp": now + 300, "nbf": now - 60, "iat": now, "jti": "1"}
        signed = f"{_encoded(_json(head))}.{_encoded(_json({**claims, 'access': access}))}"
        numbers = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encoded(b''.join(number.to_bytes(32, 'big') for number in numbers))}"


def make_signer() -> Signer:
    return Signer(*make_certificate(ISSUER, None))


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class TokenHandler(Handler):
    server: TokenServer

    def answer(self, body: bytes) -> Reply:
        authorization = self.headers.get("Authorization", "")
        self.server.requests.append(Request(self.command, self.path, authorization, body))
        fields = parse_qs(urlsplit(self.path).query) | parse_qs(body.decode())
        accepted = authorization == self.server.accepted or fields.get("refresh_token") == ["an identity token"]
        if (authorization or self.command == "POST") and not accepted:
            return Reply(401, [], b"{}")
        names = [scope.split(":")[1] for scope in fields["scope"]]
        assert fields["service"] == [SERVICE]
        granted = [name for name in names if accepted or name.startswith("public/")]
        field = "access_token" if self.command == "POST" else "token"
        return Reply(200, [("Content-Type", "application/json")], _json({field: self.server.signer.token(*granted)}))


class TokenServer(Server):
    """Gives tokens to everybody for public/…, and for everything else to whoever has the credentials."""

    def __init__(self, authority: Authority | None, signer: Signer, accepted: str) -> None:
        super().__init__(TokenHandler)
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.server)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.url = self.url.replace("http:", "https:")
        self.signer = signer
        self.accepted = accepted
        """The Authorization header that has the credentials."""
        self.requests: list[Request] = []

    @property
    def realm(self) -> str:
        return f"{self.url}/token"

    def section(self, bundle: Path) -> dict[str, Any]:
        """The section ``auth`` of the configuration of a registry that sends its clients here."""
        return {"token": {"realm": self.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(bundle)}}
