"""Servers of S3's API that are not Amazon's, each a real program. ``bin/set-up-s3-servers`` installs them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import reserved_ports

_HERE = Path(__file__).parent
_INSTALLED = _HERE.parents[1] / ".s3-servers"
_VERSIONS = ("constraints.txt", "package-lock.json")
_SCRIPTS = _INSTALLED / "python/bin"

SERVERS = ("s3rver", "nanio", "localbucket")


def missing(server: str) -> str | None:
    """Why a server can't run; None if it can."""
    if not shutil.which("node"):
        return "there is no Node.js"
    ready = _INSTALLED / "ready"
    wanted = "".join((_HERE / name).read_text() for name in _VERSIONS)
    if not ready.exists() or ready.read_text().split() != wanted.split():
        return f"run: bin/set-up-s3-servers {_INSTALLED.name}"
    if server == "nanio" and not (_SCRIPTS / "nanio").exists():
        return "nanio takes Python 3.11"
    return None


@contextmanager
def serve(server: str, folder: Path, access_key: str, secret_key: str) -> Iterator[str]:
    """The URL of a server that keeps its objects in a folder, as long as the context lasts."""
    with reserved_ports(1) as (port,):
        command, variables = _command(server, folder, port)
        keys = {"NANIO_ACCESS_KEY": access_key, "NANIO_SECRET_KEY": secret_key}
        with subprocess.Popen(
            command, env=os.environ | keys | variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                _wait_for(port, process)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def _command(server: str, folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """The command of a server, and its environment variables."""
    if server == "s3rver":
        program = _INSTALLED / "node_modules/s3rver/bin/s3rver.js"
        options = ["--silent", "--allow-mismatched-signatures", "--address", "127.0.0.1"]
        return ["node", str(program), *options, "--port", str(port), "--directory", str(folder)], {}
    if server == "nanio":
        options = ["serve", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder)]
        return [str(_SCRIPTS / "nanio"), *options], {}
    return [str(_SCRIPTS / "localbucket"), "--port", str(port), str(folder)], {}


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1000):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "the server ended before it listened"
        time.sleep(0.02)
    raise AssertionError("the server does not listen")
