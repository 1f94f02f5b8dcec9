"""Opens the sites of a stack at the address of its load balancer, under their own names: no DNS record is needed."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import NamedTuple

_TIMEOUT = 30.0
_LARGEST = 256 * 1024


class Answer(NamedTuple):
    """What a site answered."""

    status: int
    body: bytes
    """The beginning of it."""
    location: str


class Doors(NamedTuple):
    """How the sites are reached; the tests lead to other ports."""

    https: int = 443
    http: int = 80
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    resolve: Callable[[str], str] = socket.gethostbyname


def faults(doors: Doors, load_balancer: str, registry: str, catalog: str) -> Iterator[str]:
    """What is wrong with the answers of both sites, as clauses; nothing if they are as they should be.

    ``load_balancer`` is its DNS name, ``registry`` and ``catalog`` are the host names that the stack was given.
    """
    login = json.dumps({"username": "-", "password": "-"}).encode()  # no user can have this name
    for host, path, body, expected in (
        (registry, "/healthcheck", None, 200),
        (registry, "/api/login", login, 401),
        (catalog, "/", None, 200),
    ):
        try:
            answer = _open(doors, load_balancer, host, path, body, tls=True)
        except (OSError, ValueError, http.client.HTTPException) as error:
            yield f"https://{host}{path} gives no answer ({_reason(error)})"
            continue
        if answer.status != expected:
            yield f"https://{host}{path} answers {answer.status} instead of {expected}"
        elif path == "/healthcheck" and answer.body.strip() != b"ok":
            yield f"https://{host}{path} answers something else than ok"
        elif host == catalog and b"<html" not in answer.body.lower():
            yield f"https://{host}{path} answers no page"
    try:
        answer = _open(doors, load_balancer, catalog, "/", None, tls=False)
        if answer.status not in (301, 308) or not answer.location.startswith(f"https://{catalog}/"):
            yield f"http://{catalog}/ is not redirected to https: it answers {answer.status}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        yield f"http://{catalog}/ gives no answer ({_reason(error)})"


def _open(doors: Doors, load_balancer: str, host: str, path: str, body: bytes | None, *, tls: bool) -> Answer:
    """One request; raises ``OSError`` or ``HTTPException``."""
    port = doors.https if tls else doors.http
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    plain = socket.create_connection((doors.resolve(load_balancer), port), timeout=_TIMEOUT)
    try:
        connection.sock = doors.context().wrap_socket(plain, server_hostname=host) if tls else plain
        headers = {"Host": host, "User-Agent": "quilt-cfn", "Content-Type": "application/json"}
        connection.request("POST" if body else "GET", path, body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(_LARGEST), answer.headers.get("Location", ""))
    finally:
        connection.close()
        plain.close()


def _reason(error: Exception) -> str:
    """Why there was no answer; no more of Python's words than it takes."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
