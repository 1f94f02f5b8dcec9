"""A version is read from the web through TLS alone; what a server does wrong is told apart from a missing file."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from quilt_cfn.delivery.publish.plan import latest_key, version_key
from quilt_cfn.delivery.publish.stores import open_source
from quilt_cfn.delivery.publish.stores.https import LIMIT, Web
from quilt_cfn.delivery.publish.verify import verify
from quilt_cfn.delivery.release.artifact import sha256
from quilt_cfn.errors import UserError
from tests.delivery.publish.artifacts import POOL, artifact, flip, published
from tests.delivery.publish.servers import Handler, Reply, Server

OURS = artifact()
HELD = published(OURS)
KEY = version_key("1.0.0", "guide.md")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 and its key, in one file, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(made.public_bytes(pem) + private)
    return path


class WebHandler(Handler):
    server: WebServer

    def answer(self, body: bytes) -> Reply | None:
        self.server.asked.append(self.path)
        return self.server.reply(self.path)

    def send(self, reply: Reply) -> None:
        super().send(reply)
        self.wfile.flush()
        if self.server.slipped_in:
            os.write(self.connection.fileno(), self.server.slipped_in)

    def handle(self) -> None:
        with suppress(ssl.SSLError):  # the client doesn't trust us
            super().handle()


class WebServer(Server):
    """A web server with TLS that has a published version, until `reply` is something else."""

    def __init__(self, certificate: Path) -> None:
        super().__init__(WebHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = self.url.replace("http:", "https:")
        self.asked: list[str] = []
        self.slipped_in = b""
        """What somebody on the way puts into the connection after an answer, past TLS."""
        self.reply: Callable[[str], Reply | None] = lambda path: having(HELD, path)


def having(held: dict[str, bytes], path: str) -> Reply:
    content = held.get(path.removeprefix("/artifacts/"))
    return Reply(404, [], b"no") if content is None else Reply(200, [], content)


@pytest.fixture
def server(certificate: Path) -> Iterator[WebServer]:
    with WebServer(certificate) as server:
        yield server


@pytest.fixture
def web(server: WebServer, certificate: Path) -> Web:
    return Web(f"{server.url}/artifacts", ssl.create_default_context(cafile=certificate))


def refusal(web: Web) -> str:
    """Why a file can't be read."""
    with pytest.raises(UserError) as trouble:
        web.read(KEY)
    beginning, end = f"{web.url}/{KEY} could not be read: ", "."
    assert trouble.value.what.startswith(beginning)
    assert trouble.value.next_step
    return trouble.value.what.removeprefix(beginning).removesuffix(end)


def test_a_published_version_is_verified_over_https(web, server):
    verification = verify(web, None, None, POOL)
    assert verification.findings == ()
    assert verification.manifest == OURS.manifest
    assert {f"/artifacts/{key}" for key in HELD} <= set(server.asked)


def test_what_was_changed_on_a_web_server_is_found(web, server):
    server.reply = lambda path: having(HELD | {KEY: flip(HELD[KEY], 3)}, path)
    assert verify(web, None, None, POOL).findings == ("guide.md is not what was released.",)


def test_verify_trusts_the_certificates_that_the_environment_names(server, certificate):
    """As a company's own authority is trusted; and without it, nothing is read."""
    command = [sys.executable, "-m", "quilt_cfn", "verify", f"{server.url}/artifacts"]
    trusting = {**os.environ, "SSL_CERT_FILE": str(certificate), "no_proxy": "*"}
    done = subprocess.run(command, env=trusting, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "quilt-registry 1.0.0" in done.stdout


def test_a_certificate_that_nobody_signed_is_refused_before_anything_is_asked(server):
    assert "certificate verify failed" in refusal(Web(f"{server.url}/artifacts"))
    assert server.asked == []


def test_a_certificate_of_another_host_is_refused(server, certificate):
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    assert "mismatch" in refusal(Web(elsewhere, ssl.create_default_context(cafile=certificate)))
    assert server.asked == []


def test_a_file_is_read_with_the_hash_as_its_tag(web):
    assert web.read(KEY) == (HELD[KEY], sha256(HELD[KEY]), True)
    assert web.name == web.url
    assert web.names("") is None


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there_or_not_for_everybody_is_missing(web, server, status):
    server.reply = lambda path: Reply(status, [], b"no")
    assert web.read(KEY) is None
    with pytest.raises(UserError, match="Nothing is published at https://127"):
        verify(web, None, None, POOL)


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_an_answer_that_says_nothing_about_the_file_is_trouble_and_not_a_missing_file(web, server, status):
    server.reply = lambda path: Reply(status, [], b"no")
    assert refusal(web) == f"it answered {status}"


def test_a_server_that_hangs_up_is_trouble(web, server):
    server.reply = lambda path: None
    assert refusal(web) == "Remote end closed connection without response"


@pytest.mark.parametrize("sent", [0, 5])
def test_a_file_that_ends_too_early_is_trouble_and_not_another_file(web, server, sent):
    server.reply = lambda path: Reply(200, [("Content-Length", str(len(HELD[KEY])))], HELD[KEY][:sent])
    assert refusal(web) == "the connection ended before it did"


def test_what_somebody_on_the_way_puts_into_a_file_is_trouble(web, server):
    server.reply = lambda path: Reply(200, [("Content-Length", str(len(HELD[KEY])))], HELD[KEY][:5])
    server.slipped_in = HELD[KEY][5:].ljust(100)
    assert "SSL" in refusal(web)


def test_a_file_in_chunks_that_ends_too_early_is_trouble(web, server):
    chunked = [("Transfer-Encoding", "chunked"), ("Content-Length", "99"), ("Connection", "close")]
    server.reply = lambda path: Reply(200, chunked, b"5\r\nhello\r\n")
    assert "IncompleteRead" in refusal(web)


def test_what_is_larger_than_a_release_may_be_is_not_read_to_its_end(web, server):
    server.reply = lambda path: Reply(200, [], bytes(LIMIT))
    assert len(web.read(KEY).content) == LIMIT
    server.reply = lambda path: Reply(200, [("Content-Length", str(LIMIT * 1000))], bytes(LIMIT + 1))
    assert refusal(web) == f"it is larger than {LIMIT:,} bytes"


def test_what_is_no_http_is_trouble(web, server):
    server.reply = lambda path: Reply(200, [("Content-Length", "many")], b"")
    server.reply = lambda path: Reply(99999, [], b"")
    assert refusal(web)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_to_https_is_followed(web, server, status):
    moved = [("Location", f"{server.url}/moved")]
    server.reply = lambda path: Reply(200, [], b"here") if path == "/moved" else Reply(status, moved)
    assert web.read(KEY).content == b"here"


@pytest.mark.parametrize("scheme", ["http", "HTTP", "ftp"])
def test_a_redirection_away_from_https_is_not_followed(web, server, scheme):
    class Plain(Handler):
        def answer(self, body: bytes) -> Reply:
            asked.append(self.path)
            return Reply(200, [], HELD[KEY])

    asked: list[str] = []
    with Server(Plain) as plain:
        server.reply = lambda path: Reply(302, [("Location", f"{scheme}:{plain.url.partition(':')[2]}/guide.md")])
        assert refusal(web) == "it leads away from https"
    assert asked == []


def test_a_redirection_to_a_file_of_this_machine_is_not_followed(web, server, tmp_path):
    (tmp_path / "guide.md").write_bytes(HELD[KEY])
    server.reply = lambda path: Reply(302, [("Location", (tmp_path / "guide.md").as_uri())])
    assert refusal(web) == "it answered 302"


def test_a_redirection_that_goes_round_in_circles_ends(web, server):
    server.reply = lambda path: Reply(302, [("Location", f"{server.url}{path}")])
    assert refusal(web) == "it answered 302"
    assert len(server.asked) < 20


def test_a_server_that_is_not_there_is_trouble(certificate):
    with WebServer(certificate) as server:
        url = server.url
    assert "Connection refused" in refusal(Web(url))


@pytest.mark.parametrize("location", ["https:", "https://", "https://a b", "https://127.0.0.1:port", "https://[::1"])
def test_what_is_no_url_is_trouble(location):
    with pytest.raises(UserError):
        open_source(location).read(latest_key())
