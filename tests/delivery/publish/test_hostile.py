"""Whatever somebody has published, `quilt-cfn verify` ends in time, in little memory, and in words that do no harm.

Every test is a process of its own, whose memory is measured: at most `MEMORY`, as `quilt-cfn verify --help` states.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish.plan import latest_key, version_key
from quilt_cfn.delivery.release.artifact import (
    LARGEST_VERSION,
    MANIFEST,
    MOST_FILES,
    SUMS,
    read_manifest,
)
from tests.delivery.publish.artifacts import artifact, facts, pointer_content, published
from tests.delivery.publish.servers import Reply, aws_variables
from tests.delivery.publish.web import Endless, WebServer

MEMORY = 150 * 1000**2
TIME, SHORT_TIME = 60, 3
"""Seconds that verify is given, and where the other side never ends."""
GRACE = 30
"""Seconds more in which the process has to have begun and ended, on a machine that does much else."""
EIGHT_GB = 8 * 1024**3

Held = Mapping[str, "bytes | int"]
"""Key -> the content that is published there, or the size of a file of nothing but zeros."""

VERIFY = """
import re, sys
from pathlib import Path
from quilt_cfn.cli import main
code = main(["verify", *sys.argv[2:]])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())  # proc_pid_status(5)
Path(sys.argv[1]).write_text(peak[1])
sys.exit(code)
"""
"""Runs the command and writes down the most memory that the process had, in KiB."""


class Ended(NamedTuple):
    code: int
    output: str


@pytest.fixture
def verify(tmp_path: Path, certificate: Path) -> Callable[..., Ended]:
    """Runs the command in a process; it has ended in time, in little memory, and printed nothing that does harm."""

    def verify(location: str, seconds: int, **variables: str) -> Ended:
        peak = tmp_path / "peak"
        environment = os.environ | {"SSL_CERT_FILE": str(certificate)} | variables
        done = subprocess.run(
            [sys.executable, "-c", VERIFY, peak, "--timeout", str(seconds), location],
            env=environment,
            capture_output=True,
            timeout=seconds + GRACE,
        )
        output = (done.stdout + done.stderr).decode()
        assert done.returncode in (1, 2), output
        assert int(peak.read_text()) * 1024 < MEMORY
        assert "Traceback" not in output
        assert all(each.isprintable() for each in output.split("\n")), output
        assert len(output) < 10_000, "a person reads it"
        return Ended(done.returncode, output)

    return verify


def folder(tmp_path: Path, held: Held) -> str:
    """A folder that has this, to its last byte, though not on the disk."""
    for key, content in held.items():
        path = os.fsencode(tmp_path / "published") + b"/" + key.encode("utf-8", "surrogateescape")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            if isinstance(content, int):
                file.truncate(content)
            else:
                file.write(content)
    return str(tmp_path / "published")


def answers(held: Held) -> Callable[[str], Reply | Endless | None]:
    """What a web server answers that has this, and sends zeros for ever for every large file."""

    def answer(path: str) -> Reply | Endless | None:
        content = held.get(path.removeprefix("/artifacts/"))
        if isinstance(content, int):
            return Endless(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % content, bytes(64 * 1024))
        return Reply(404, [], b"no") if content is None else Reply(200, [("ETag", '"1"')], content)

    return answer


def s3_answers(held: Held) -> Callable[[str], Reply | Endless | None]:
    """What S3 answers for the bucket `artifacts` that has this; a list says that there is more, for ever."""

    def answer(path: str) -> Reply | Endless | None:
        url = urlsplit(path)
        if url.path.strip("/") != "artifacts":
            return answers(held)(unquote(url.path))
        above = parse_qs(url.query).get("prefix", [""])[0]
        keys = [key for key in held if key.startswith(above)]
        items = "".join(
            f"<Contents><Key>{escape(quote(key, errors='surrogateescape'))}</Key></Contents>" for key in keys
        )
        more = "<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>"
        more *= len(keys) > 1000
        body = f"<ListBucketResult><EncodingType>url</EncodingType>{more}{items}</ListBucketResult>"
        return Reply(200, [("x-amz-bucket-region", "us-east-1")], body.encode())

    return answer


EVERYWHERE = pytest.mark.parametrize("publication", ["folder", "https", "s3"], indirect=True)
IN_FOLDERS = pytest.mark.parametrize("publication", ["folder"], indirect=True)
WHERE_NAMES_ARE_LISTED = pytest.mark.parametrize("publication", ["folder", "s3"], indirect=True)
WHERE_SOMEBODY_ANSWERS = pytest.mark.parametrize("publication", ["https", "s3"], indirect=True)


@pytest.fixture
def publication(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: Path, verify: Callable[..., Ended]
) -> Iterator[Callable[..., Ended]]:
    """Publishes something and verifies it there: in a folder, on a web server, in S3."""
    servers: list[WebServer] = []

    def publication(held: Held, reply: Callable[[str], Any] | None = None, seconds: int = TIME) -> Ended:
        if request.param == "folder":
            return verify(folder(tmp_path, held), seconds)
        if request.param == "https":
            servers.append(WebServer(certificate, reply or answers(held)).__enter__())
            return verify(f"{servers[-1].url}/artifacts", seconds)
        servers.append(WebServer(None, reply or s3_answers(held)).__enter__())
        return verify("s3://artifacts", seconds, **aws_variables(servers[-1].url))

    yield publication
    for server in servers:
        server.__exit__()


def naming(files: int, size: int, **changed: Any) -> dict[str, bytes]:
    """Manifest, sums and latest.json of a version of so many files, all of this size."""
    names = ["quilt-registry.yaml", "quilt-registry.json", "diagram.png", *(f"file-{n:05}" for n in range(files - 3))]
    entries = [{"name": name, "sha256": "0" * 64, "size": size} for name in names]
    manifest = json.dumps({"product": PRODUCT, **facts(), "files": entries, **changed}).encode()
    held = {version_key("1.0.0", MANIFEST): manifest, version_key("1.0.0", SUMS): b"x"}
    if not changed and files <= MOST_FILES:
        read = read_manifest(manifest, "hostile")
        held |= {version_key("1.0.0", SUMS): read.sums, latest_key(): pointer_content(read)}
    return {**published(artifact(big=600)), **held}


@EVERYWHERE
def test_as_many_files_as_there_may_be_of_8_gb_each(publication):
    held = naming(MOST_FILES, LARGEST_VERSION // MOST_FILES)
    files = json.loads(held[version_key("1.0.0", MANIFEST)])["files"]
    ended = publication(held | {version_key("1.0.0", each["name"]): EIGHT_GB for each in files})
    assert ended.code == 1
    assert ended.output.count("is not what was released.") == MOST_FILES


@EVERYWHERE
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [latest_key(), version_key("1.0.0", MANIFEST)])
def test_a_small_file_of_8_gb(publication, name):
    ended = publication({**published(artifact(big=600)), name: EIGHT_GB})
    assert (ended.code, f"{name} is larger than" in ended.output) == (2, True)


@EVERYWHERE
@pytest.mark.exhaustive
def test_a_manifest_with_10_000_names(publication):
    ended = publication(naming(10_000, 1))
    assert (ended.code, "is larger than 262,144 bytes" in ended.output) == (2, True)


@WHERE_NAMES_ARE_LISTED
@pytest.mark.exhaustive
def test_a_folder_with_10_000_names(publication):
    extra = {version_key("1.0.0", f"file-{number:05}"): b"" for number in range(10_000)}
    ended = publication(published(artifact(big=600)) | extra)
    assert (ended.code, "has more than 1,000 files and folders" in ended.output) == (2, True)


@WHERE_NAMES_ARE_LISTED
@pytest.mark.exhaustive
def test_names_with_what_a_terminal_obeys(publication):
    names = {version_key("1.0.0", name): b"" for name in ("\x1b[2J", "\udcff", "a\nall files are", "\u202eexe.txt")}
    ended = publication(published(artifact(big=600)) | names)
    assert ended.code == 1
    assert ended.output.count("error V03") == 4


@IN_FOLDERS
@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("commit", "\x1b[2J\x1b[H0 findings"),
        ("commit", "\ud800"),
        ("version", "\n\rall files are what its manifest says"),
        ("signing_key", "\x9b2J"),
    ],
)
def test_a_manifest_with_what_a_terminal_obeys(publication, field, text):
    ended = publication(naming(4, 1, **{field: text}))
    assert (ended.code, "is not a manifest of quilt-registry" in ended.output) == (2, True)


@WHERE_SOMEBODY_ANSWERS
@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "drops",
    [
        Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x", pause=1),
        Endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", pause=1),
        Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=1),
    ],
    ids=["body", "header", "status after status"],
)
def test_a_server_that_sends_a_byte_a_second(publication, drops):
    ended = publication({}, lambda path: drops, SHORT_TIME)
    assert (ended.code, f"could not be read within {SHORT_TIME} seconds" in ended.output) == (2, True)


EVIL = "\x1b[2J\x1b[H all files are what its manifest says"


@WHERE_SOMEBODY_ANSWERS
@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "reply",
    [
        Reply(302, [("Location", f"https://127.0.0.1/{EVIL}")]),
        Reply(200, [("Content-Encoding", EVIL), ("ETag", EVIL)], EVIL.encode()),
        Reply(400, [], f"<Error><Code>{EVIL}</Code><Message>{EVIL}</Message></Error>".encode()),
        Reply(400, [], b"<Error><Code>No</Code><Message>\xc2\x9b2J\n\rall files are</Message></Error>"),
    ],
    ids=["redirection", "header", "no XML", "message"],
)
def test_an_answer_with_what_a_terminal_obeys(publication, reply):
    assert publication({}, lambda path: reply).code == 2
