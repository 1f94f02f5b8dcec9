"""Reads what ``docker login`` has written down for a registry.

Nothing that is read gets into an error. A program that keeps credentials for docker is named and not run.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.delivery.images.references import DOCKER_HUB, DOCKER_HUB_NAMES
from quilt_cfn.errors import UserError

LARGEST = 1_000_000
"""Bytes of docker's configuration."""


class Credentials(NamedTuple):
    """A user and a password, or a token in place of the password."""

    user: str
    password: str
    identity_token: str = ""
    """For which a token server gives an access token; empty where there is a password."""

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def configuration_file() -> Path:
    """Docker's configuration: https://docs.docker.com/reference/cli/docker/#configuration-files"""
    return Path(os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")) / "config.json"


def find_credentials(host: str) -> Credentials | None:
    """The credentials for a registry; raises ``UserError`` if the file can't be read or is damaged."""
    file, document = configuration_file(), _configuration()
    entry = _entry(document.get("auths"), host)
    if not isinstance(entry, dict):
        return None
    token = entry.get("identitytoken") or ""
    try:
        user, _, password = base64.b64decode(entry.get("auth") or "", validate=True).decode().partition(":")
    except (ValueError, TypeError):
        raise _damaged(file) from None
    if not isinstance(token, str):
        raise _damaged(file)
    # The zeros are docker's own: https://github.com/docker/cli/blob/master/cli/config/configfile/file.go
    return Credentials(user, password.strip("\0"), token) if user or token else None


def find_keeper(host: str) -> str:
    """The name of the program that keeps the credentials for a registry; empty if they are in the file."""
    document = _configuration()
    found = _entry(document.get("credHelpers"), host) or document.get("credsStore")
    return found if isinstance(found, str) else ""


def _configuration() -> dict[str, Any]:
    """Docker's configuration; empty where there is none."""
    file = configuration_file()
    try:
        with file.open("rb") as opened:
            document = json.loads(opened.read(LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UserError(
            f"{file}, in which docker keeps credentials, could not be read: {error.strerror}.",
            "Make it readable, or name another folder with DOCKER_CONFIG.",
        ) from None
    except (ValueError, RecursionError):
        raise _damaged(file) from None
    if not isinstance(document, dict):
        raise _damaged(file)
    return document


def _damaged(file: Path) -> UserError:
    return UserError(
        f"{file}, in which docker keeps credentials, is not as docker login writes it.",
        "Log in again with docker login, or name another folder with DOCKER_CONFIG.",
    )


def _entry(entries: object, host: str) -> object:
    """What a map of docker's configuration has for a registry, which is called by its host or by a URL."""
    names = DOCKER_HUB_NAMES if host == DOCKER_HUB else (host,)
    for name, value in entries.items() if isinstance(entries, dict) else ():
        if name.removeprefix("https://").removeprefix("http://").partition("/")[0] in names:
            return value
    return None
