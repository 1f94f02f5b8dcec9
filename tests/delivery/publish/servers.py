"""Real HTTP for the tests of publishing: moto's S3 in a process of its own, and a base for other servers.

Nothing that these tests run can reach AWS. The environment sends every service to 127.0.0.1, has no real credentials,
and none of the developer's profiles, proxies and metadata services.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    import pytest

REGION = "us-east-1"
ACCESS_KEY, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "not-a-secret"


def aws_variables(url: str) -> dict[str, str]:
    """The environment variables that send boto3 and the AWS CLI to `url` and nowhere else."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_RETRY_MODE": "standard",
        "AWS_MAX_ATTEMPTS": "2",
        "AWS_PAGER": "",
        # Both spellings: botocore believes the lower-case one first.
        "NO_PROXY": "*",
        "no_proxy": "*",
    }


def client(service: str, url: str, **options: Any) -> Any:
    """A boto3 client for the `service` at `url`. Close it."""
    with _one_at_a_time:
        return _session().client(service, endpoint_url=url, **options)


# A session makes one client at a time (boto3's guide, "Multithreading and multiprocessing").
_one_at_a_time = Lock()


@cache
def _session() -> Any:
    """One for all clients: the API models, which take most of the time, are read once."""
    from boto3.session import Session  # 200 ms, which only a test that talks needs

    return Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION)


def enter(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 and the AWS CLI, in this process and in those it starts, find `url` and nothing else."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in aws_variables(url).items():
        monkeypatch.setenv(name, value)


@contextmanager
def serve_s3() -> Iterator[str]:
    """The URL of an empty S3 on 127.0.0.1 for as long as the context lasts. It takes a second to start: share it.

    The server's process chooses its port and prints it once it listens. It ends when its standard input does: with the
    context, or with this process, however that dies.
    """
    process = subprocess.Popen(
        [sys.executable, Path(__file__).resolve()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin
        assert process.stdout
        try:
            port = process.stdout.readline().strip()
            assert port, "moto's server ended before it listened; its output is above"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()


class Reply(NamedTuple):
    """An answer to be sent as it is. If its Content-Length names more than `body` has, the connection is closed."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with whole messages: reads a request to its end, sends what `answer` says, keeps the connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, body: bytes) -> Reply | None:
        """The reply to `self.command`, `self.path`, `self.headers` and `body`; None closes the connection instead."""
        raise NotImplementedError

    def exchange(self) -> None:
        body = self.read_body()
        reply = None if body is None else self.answer(body)
        if reply is None:
            self.close_connection = True
        else:
            self.send(reply)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = exchange

    def read_body(self) -> bytes | None:
        """The request's body; None if the client went away before its end."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def send(self, reply: Reply) -> None:
        bodiless = self.command == "HEAD" or reply.status in (204, 304)
        lengths = [int(value) for name, value in reply.headers if name.lower() == "content-length"]
        headers = [f"{name}: {value}\r\n" for name, value in reply.headers]
        if not bodiless and not lengths:
            headers.append(f"Content-Length: {len(reply.body)}\r\n")
        reason, _ = self.responses.get(reply.status, ("", ""))
        head = f"HTTP/1.1 {reply.status} {reason}\r\n{''.join(headers)}\r\n".encode("latin-1")
        # In one write: a second one would be a second packet.
        self.wfile.write(head if bodiless else head + reply.body)
        self.close_connection |= not bodiless and len(reply.body) < sum(lengths)

    def handle(self) -> None:
        # Some tests break the connection.
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: Any) -> None:
        pass


AnyServer = TypeVar("AnyServer", bound="Server")


class Server(ThreadingHTTPServer):
    """Serves in threads as long as a `with` lasts."""

    request_queue_size = 128

    def __init__(self, handler: type[Handler], host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), handler)
        self.url = f"http://{host}:{self.server_port}"
        self._listening = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self: AnyServer) -> AnyServer:
        self._listening.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._listening.join()
        self.server_close()


def serve_moto() -> None:
    """What the process of `serve_s3` does."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    moto = DomainDispatcherApplication(create_backend_app)
    # It looks through moto's folder for the service on every request: 40% of an answer's time.
    moto.get_backend_for_host = cache(moto.get_backend_for_host)  # type: ignore[method-assign]  # moto has no cache
    # moto looks whether an object exists and then stores it: one request at a time makes that as atomic as in S3.
    one_at_a_time = Lock()

    class MotoHandler(Handler, MotoRequestHandler):
        """moto's own handler closes the connection after every answer, and waits 10 ms before it does."""

        def answer(self, body: bytes) -> Reply:
            self.environ = environ = self.make_environ()
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "wsgi.input_terminated": True}
            started: list[Any] = []
            with one_at_a_time:
                content = b"".join(moto(environ, lambda *status_and_headers: started.extend(status_and_headers)))
            return Reply(int(started[0].split()[0]), started[1], content)

    with make_server("127.0.0.1", 0, moto, threaded=True, request_handler=MotoHandler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        print(server.port, flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    serve_moto()
