"""A version is read from the web by https alone, and an error of a server is not taken for a missing file."""

from __future__ import annotations

import ssl
import subprocess
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
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    command += ["-subj", "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "-", "-out", "-"]
    path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return path


class WebHandler(Handler):
    server: WebServer

    def answer(self, body: bytes) -> Reply | None:
        self.server.paths.append(self.path)
        return self.server.reply(self.path)

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
        self.paths: list[str] = []
        self.reply: Callable[[str], Reply | None] = lambda path: having(HELD, path)


def having(held: dict[str, bytes], path: str) -> Reply:
    content = held.get(path.removeprefix("/artifacts/"))
    return Reply(404, [], b"no") if content is None else Reply(200, [], content)


@pytest.fixture
def server(certificate: Path) -> Iterator[WebServer]:
    with WebServer(certificate) as server:
        yield server


@pytest.fixture
def web(server: WebServer, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Web:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return Web(f"{server.url}/artifacts")


def refusal(web: Web) -> str:
    """Why a file can't be read."""
    with pytest.raises(UserError) as error:
        web.read(KEY)
    beginning, end = f"{web.url}/{KEY} could not be read: ", "."
    assert error.value.what.startswith(beginning)
    assert error.value.next_step
    return error.value.what.removeprefix(beginning).removesuffix(end)


def test_a_published_version_is_verified_over_https(web, server):
    verification = verify(web, None, None, POOL)
    assert verification.findings == ()
    assert verification.manifest == OURS.manifest
    assert {f"/artifacts/{key}" for key in HELD} <= set(server.paths)


def test_what_was_changed_on_a_web_server_is_found(web, server):
    server.reply = lambda path: having(HELD | {KEY: flip(HELD[KEY], 3)}, path)
    (finding,) = verify(web, None, None, POOL).findings
    assert (finding.file, finding.message) == (web.url, "guide.md is not what was released.")


def test_a_certificate_of_an_unknown_authority_is_refused_before_anything_is_sent(server):
    assert "certificate verify failed" in refusal(Web(f"{server.url}/artifacts"))
    assert server.paths == []


def test_a_certificate_of_another_host_is_refused(server, web):
    assert "mismatch" in refusal(Web(web.url.replace("127.0.0.1", "localhost")))
    assert server.paths == []


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


@pytest.mark.parametrize("status", [400, 500])
def test_another_status_is_an_error_and_not_a_missing_file(web, server, status):
    server.reply = lambda path: Reply(status, [], b"no")
    assert refusal(web) == f"it answered {status}"


def test_a_server_that_closes_the_connection_is_an_error(web, server):
    server.reply = lambda path: None
    assert refusal(web) == "Remote end closed connection without response"


@pytest.mark.parametrize("sent", [0, 5])
def test_a_file_that_ends_too_early_is_an_error_and_not_another_file(web, server, sent):
    server.reply = lambda path: Reply(200, [("Content-Length", str(len(HELD[KEY])))], HELD[KEY][:sent])
    assert refusal(web) == "the connection ended before the file did"


def test_what_is_larger_than_a_release_may_be_is_not_read_to_its_end(web, server):
    server.reply = lambda path: Reply(200, [], bytes(LIMIT))
    found = web.read(KEY)
    assert found is not None
    assert len(found.content) == LIMIT
    server.reply = lambda path: Reply(200, [("Content-Length", str(LIMIT * 1000))], bytes(LIMIT + 1))
    assert refusal(web) == f"it is larger than {LIMIT:,} bytes"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_to_https_is_followed(web, server, status):
    moved = [("Location", f"{server.url}/moved")]
    server.reply = lambda path: Reply(200, [], b"here") if path == "/moved" else Reply(status, moved)
    assert web.read(KEY) == (b"here", sha256(b"here"), True)


@pytest.mark.parametrize("scheme", ["http", "HTTP", "ftp"])
def test_a_redirection_away_from_https_is_not_followed(web, server, scheme):
    class Plain(Handler):
        def answer(self, body: bytes) -> Reply:
            paths.append(self.path)
            return Reply(200, [], HELD[KEY])

    paths: list[str] = []
    with Server(Plain) as plain:
        server.reply = lambda path: Reply(302, [("Location", f"{scheme}:{plain.url.partition(':')[2]}/guide.md")])
        assert refusal(web) == "it redirects to something else than https"
    assert paths == []


def test_a_redirection_to_a_file_of_this_machine_is_not_followed(web, server, tmp_path):
    (tmp_path / "guide.md").write_bytes(HELD[KEY])
    server.reply = lambda path: Reply(302, [("Location", (tmp_path / "guide.md").as_uri())])
    assert refusal(web) == "it answered 302"


def test_a_server_that_is_not_there_is_an_error(certificate):
    with WebServer(certificate) as server:
        url = server.url
    assert "Connection refused" in refusal(Web(url))


@pytest.mark.parametrize("location", ["https:", "https://", "https://a b", "https://127.0.0.1:port", "https://[::1"])
def test_what_is_no_url_is_an_error(location):
    with pytest.raises(UserError):
        open_source(location).read(latest_key())
