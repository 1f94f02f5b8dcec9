"""A version is read from the web by https alone, and an error of a server is not taken for a missing file."""

from __future__ import annotations

import gzip
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from quilt_cfn.delivery import https
from quilt_cfn.delivery.https import REDIRECTIONS
from quilt_cfn.delivery.publish.plan import latest_key, version_key
from quilt_cfn.delivery.publish.publish import verify_at
from quilt_cfn.delivery.publish.readers import Readers, deadline
from quilt_cfn.delivery.publish.stores import open_source, open_store
from quilt_cfn.delivery.publish.stores.https import Web
from quilt_cfn.delivery.publish.verify import verify
from quilt_cfn.delivery.release.artifact import sha256
from quilt_cfn.delivery.urls import is_public
from quilt_cfn.errors import UserError
from tests.delivery.publish.artifacts import POOL, artifact, flip, published
from tests.delivery.publish.servers import Handler, Reply, Server
from tests.delivery.publish.web import Endless, WebServer, having

OURS = artifact()
HELD = published(OURS)
KEY = version_key("1.0.0", "launch.html")
LIMIT = 100_000


@pytest.fixture
def server(certificate: Path) -> Iterator[WebServer]:
    with WebServer(certificate, having(HELD)) as server:
        yield server


@pytest.fixture
def web(server: WebServer, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Web:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return Web(f"{server.url}/artifacts")


def refusal(web: Web) -> str:
    """Why a file can't be read."""
    with pytest.raises(UserError) as error:
        web.read(KEY, LIMIT)
    with pytest.raises(UserError) as same:
        web.digest(KEY, LIMIT)
    assert str(error.value) == str(same.value)
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
    server.reply = lambda path: having(HELD | {KEY: flip(HELD[KEY], 3)})(path)
    (finding,) = verify(web, None, None, POOL).findings
    assert (finding.file, finding.message) == (web.url, "launch.html is not what was released.")


def test_a_certificate_of_an_unknown_authority_is_refused_before_anything_is_sent(server):
    assert "certificate verify failed" in refusal(Web(f"{server.url}/artifacts"))
    assert server.paths == []


def test_a_certificate_of_another_host_is_refused(server, web):
    assert "mismatch" in refusal(Web(web.url.replace("127.0.0.1", "localhost")))
    assert server.paths == []


def test_a_file_is_read_with_the_hash_as_its_tag(web):
    assert web.read(KEY, LIMIT) == (HELD[KEY], sha256(HELD[KEY]), True)
    assert web.digest(KEY, LIMIT) == (len(HELD[KEY]), sha256(HELD[KEY]), sha256(HELD[KEY]), True)
    assert web.name == web.url
    assert web.names("") is None


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there_or_not_for_everybody_is_missing(web, server, status):
    server.reply = lambda path: Reply(status, [], b"no")
    assert web.read(KEY, LIMIT) is None
    assert web.digest(KEY, LIMIT) is None
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


def test_what_is_larger_than_it_may_be_is_not_read_to_its_end(web, server):
    server.reply = lambda path: Reply(200, [], bytes(LIMIT))
    assert web.read(KEY, LIMIT) == (bytes(LIMIT), sha256(bytes(LIMIT)), True)
    lie = [("Content-Length", str(LIMIT * 1_000_000))]
    for headers in ([], lie):
        server.reply = lambda path, headers=headers: Reply(200, headers, bytes(LIMIT + 1))
        assert web.digest(KEY, LIMIT) == (LIMIT + 1, *[sha256(bytes(LIMIT + 1))] * 2, True)
        with pytest.raises(UserError) as error:
            web.read(KEY, LIMIT)
        assert error.value.what == f"{web.url}/{KEY} is larger than {LIMIT:,} bytes."


HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "a body": (Endless(HEAD + b"\r\n", bytes(10_000)), f"is larger than {LIMIT:,} bytes"),
    "a body with a length": (
        Endless(HEAD + b"Content-Length: 9999999999999\r\n\r\n", bytes(10_000)),
        f"is larger than {LIMIT:,} bytes",
    ),
    "chunks": (
        Endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + bytes(1000) + b"\r\n"),
        f"is larger than {LIMIT:,} bytes",
    ),
    "a chunk of a negative size": (
        Endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", bytes(10_000)),
        "it sends a chunk of a negative size",
    ),
    "a line of chunks": (
        Endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 1000),
        "got more than 65536 bytes when reading chunk size",
    ),
    "headers": (Endless(HEAD, b"X-Again: and again\r\n"), "got more than 100 headers"),
    "a header": (Endless(HEAD + b"X-Long: ", b"x" * 1000), "got more than 65536 bytes when reading header line"),
    "a status line": (Endless(b"HTTP/1.1 200 ", b"x" * 1000), "got more than 65536 bytes when reading status line"),
    "a redirection": (
        Endless(b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:9/\r\n\r\n", bytes(10_000)),
        "Connection refused",
    ),
    "an error": (Endless(b"HTTP/1.1 500 No\r\n\r\n", bytes(10_000)), "it answered 500"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_answer_without_an_end_is_ended_by_the_reader(web, server, name):
    server.reply, sentence = lambda path: ENDLESS[name][0], ENDLESS[name][1]
    with pytest.raises(UserError) as error:
        web.read(KEY, LIMIT)
    assert sentence in error.value.what
    assert server.sent < 20_000_000, "what the buffers of the network take, and no more"


@pytest.mark.parametrize(
    "drops",
    [
        Endless(HEAD + b"Content-Length: 1000\r\n\r\n", b"x", pause=0.05),
        Endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", pause=0.05),
        Endless(HEAD + b"X-Slow: ", b"x", pause=0.05),
        Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.05),
        Endless(b"", b"", pause=0.05),
    ],
    ids=["body", "chunks", "header", "status after status", "nothing"],
)
def test_a_server_that_drips_holds_nobody_beyond_the_deadline(web, server, drops):
    server.reply = lambda path: drops if path.endswith(KEY) else having(HELD)(path)
    with Readers(8) as pool, pytest.raises(UserError) as error:
        verify(web, None, None, pool, end=deadline(web.name, 0.2))
    assert error.value.what == f"{web.name} could not be read within 0.2 seconds."
    assert "--timeout" in error.value.next_step


def test_no_encoding_is_asked_for_and_what_is_encoded_all_the_same_is_refused(web, server):
    bomb = gzip.compress(bytes(10_000_000))
    for encoding in ("gzip", "br", "\x1b[2J"):
        server.reply = lambda path, encoding=encoding: Reply(200, [("Content-Encoding", encoding)], bomb)
        assert refusal(web).endswith("which was not asked for")
    assert {*server.encodings} == {"identity"}
    server.reply = lambda path: Reply(200, [("Content-Encoding", "identity")], b"here")
    assert web.read(KEY, LIMIT) == (b"here", sha256(b"here"), True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_to_https_is_followed(web, server, status):
    moved = [("Location", f"{server.url}/moved")]
    server.reply = lambda path: Reply(200, [], b"here") if path == "/moved" else Reply(status, moved)
    assert web.read(KEY, LIMIT) == (b"here", sha256(b"here"), True)


def test_a_redirection_to_a_path_of_the_same_server_is_followed(web, server):
    server.reply = lambda path: Reply(200, [], b"here") if path == "/a%20b" else Reply(302, [("Location", "/a%20b")])
    assert web.read(KEY, LIMIT) == (b"here", sha256(b"here"), True)


def test_redirections_without_an_end_are_not_followed(web, server):
    server.reply = lambda path: Reply(302, [("Location", f"{server.url}{path}x")])
    assert refusal(web) == f"it redirects more than {REDIRECTIONS} times"
    assert len(server.paths) == 2 * (REDIRECTIONS + 1), "read and digest"


@pytest.mark.parametrize("target", ["https://user:password@127.0.0.1/", "//token@127.0.0.1/x"])
def test_a_redirection_with_credentials_is_not_followed_and_they_are_not_printed(web, server, target):
    server.reply = lambda path: Reply(302, [("Location", target)])
    assert refusal(web) == "it redirects to a URL with credentials"


def test_a_redirection_from_the_internet_into_a_private_network_is_not_followed(web, server, certificate, monkeypatch):
    with WebServer(certificate, lambda path: Reply(200, [], b"secret"), "127.0.0.2") as inside:
        server.reply = lambda path: Reply(302, [("Location", f"{inside.url}/secret")])
        monkeypatch.setattr(https, "is_public", lambda address: address == "127.0.0.1")
        assert refusal(web) == "it redirects into a private network"
        assert inside.paths == []
        monkeypatch.setattr(https, "is_public", lambda address: False)  # the user has named a private one
        assert web.read(KEY, LIMIT) == (b"secret", sha256(b"secret"), True)


class Tunnel(Handler):
    """A proxy that connects its client to whatever that asks for."""

    asked: ClassVar[list[str]] = []

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as other:
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            while ready := select.select([self.connection, other], [], [])[0]:
                if not (chunk := ready[0].recv(65536)):
                    break
                (other if ready[0] is self.connection else self.connection).sendall(chunk)
        self.close_connection = True


def test_a_proxy_that_the_user_has_named_is_used_whatever_its_address_is(web, server, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    with Server(Tunnel) as proxy:
        Tunnel.asked.clear()
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setattr(https, "is_public", lambda address: pytest.fail("this is the address of the proxy"))
        assert web.read(KEY, LIMIT) == (HELD[KEY], sha256(HELD[KEY]), True)
        assert Tunnel.asked == [server.url.removeprefix("https://")]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("52.216.0.1", True),
        ("2600:9000::1", True),
        ("::ffff:52.216.0.1", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("fd00:ec2::254", False),
        ("fe80::1%eth0", False),
        ("0.0.0.0", False),
    ],
)
def test_which_addresses_are_those_of_the_internet(address, public):
    assert is_public(address) is public


@pytest.mark.parametrize("scheme", ["http", "HTTP", "ftp"])
def test_a_redirection_away_from_https_is_not_followed(web, server, scheme):
    class Plain(Handler):
        def answer(self, body: bytes) -> Reply:
            paths.append(self.path)
            return Reply(200, [], HELD[KEY])

    paths: list[str] = []
    with Server(Plain) as plain:
        server.reply = lambda path: Reply(302, [("Location", f"{scheme}:{plain.url.partition(':')[2]}/launch.html")])
        assert refusal(web) == "it redirects to something else than https"
    assert paths == []


def test_a_redirection_to_a_file_of_this_machine_is_not_followed(web, server, tmp_path):
    (tmp_path / "launch.html").write_bytes(HELD[KEY])
    server.reply = lambda path: Reply(302, [("Location", (tmp_path / "launch.html").as_uri())])
    assert refusal(web) == "it redirects to something else than https"


def test_a_server_that_is_not_there_is_an_error(certificate):
    with WebServer(certificate, having(HELD)) as server:
        url = server.url
    assert "Connection refused" in refusal(Web(url))


@pytest.mark.parametrize("location", ["https:", "https://", "https://a b", "https://127.0.0.1:port", "https://[::1"])
def test_what_is_no_url_is_an_error(location):
    with pytest.raises(UserError):
        open_source(location).read(latest_key(), LIMIT)


@pytest.mark.parametrize(
    "location",
    [
        "https://user:secret@example.com/artifacts",
        "HTTPS://secret@example.com",
        "https:secret@example.com/",
        "https:///user:secret@example.com/",
        "https://example.com/artifacts?X-Amz-Signature=secret",
        "http://user:secret@example.com/",
        "s3://key:secret@bucket/quilt",
        "https://user:secret@example.com/quilt-registry/1.0.0",
    ],
)
def test_credentials_in_a_location_are_refused_and_not_printed(location):
    for call in (open_source, open_store, lambda each: verify_at(each, "2.0.0", None)):
        with pytest.raises(UserError) as error:
            call(location)
        assert "secret" not in str(error.value)
        assert "credentials" in error.value.what
