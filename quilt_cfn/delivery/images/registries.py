"""Asks a registry which image a tag names on a platform, by the API of https://github.com/opencontainers/distribution-spec.

Nothing that a registry says about a digest is believed: it is computed from the bytes. The registry of an image is
asked by HTTPS, or in plain HTTP if it is on this computer. Credentials go to that registry and to the token server that
it names, only when the registry asks for them, and nowhere else. Docker and containerd do the same:
https://github.com/containerd/containerd/blob/main/core/remotes/docker/authorizer.go
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
import urllib.error
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list

from quilt_cfn.delivery.https import make_opener, open_url
from quilt_cfn.delivery.images.credentials import Credentials, configuration_file, find_credentials, find_keeper
from quilt_cfn.delivery.images.references import Reference
from quilt_cfn.delivery.publish.stores.protocols import first_bytes
from quilt_cfn.delivery.urls import has_user, is_loopback
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import DIGEST
from quilt_cfn.text import shown

LARGEST = 4 * 1024 * 1024
"""Bytes of an answer: a registry need not take larger manifests, says the specification's "Pushing Manifests"."""

# https://github.com/opencontainers/image-spec/blob/main/media-types.md#compatibility-matrix
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_CONFIGURATIONS = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
_ACCEPT = ", ".join((*_INDEXES, *_MANIFESTS))
_TOKEN = re.compile(r"[!-~]+")
_CLIENT = "quilt-cfn"

_NETWORK = "Check the network and the registry in the image's name, and run the command again in a minute."
_NAME = "Check the registry in the image's name, the proxy, and whether this network wants a login first."


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    challenges: tuple[str, ...]
    """Every WWW-Authenticate header."""
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_page(self) -> bool:
        """Whether it is for a browser."""
        return self.media_type == "text/html" or self.body[:100].lstrip().lower().startswith((b"<!doctype", b"<html"))


class Manifest(NamedTuple):
    """A manifest or an index that a registry has."""

    digest: str
    """Computed from its bytes."""
    media_type: str
    document: Mapping[str, Any]


def platform_digest(reference: Reference, platform: str) -> str:
    """The digest of the manifest that a tag names on a platform, such as ``linux/amd64``.

    In place of the tag there may be a digest, with which the bytes are compared then. Raises ``UserError`` if there is
    no such image, or if the registry does not answer as it should.
    """
    registry = _Registry(reference)
    manifest = registry.manifest(reference.tag)
    if manifest.media_type in _INDEXES:
        manifest = registry.manifest(_choose(manifest, reference, platform))
        if manifest.media_type in _INDEXES:
            raise _no_image(reference, "its index leads to another index")
    config = manifest.document.get("config")
    if not isinstance(config, dict) or config.get("mediaType") not in _CONFIGURATIONS:
        kind = shown(str(config.get("mediaType")), 100) if isinstance(config, dict) else "none"
        raise _no_image(reference, f"its configuration is of the type {kind}")
    about = registry.configuration(_digest_in(config, reference))
    found = f"{about.get('os')}/{about.get('architecture')}"
    if found != platform:
        raise _not_for(reference, platform, [found])
    return manifest.digest


def _choose(index: Manifest, reference: Reference, platform: str) -> str:
    """The digest of the first manifest in an index that is for a platform, as docker would take it."""
    entries = index.document.get("manifests")
    platforms = []
    for entry in entries if isinstance(entries, list) else []:
        about = entry.get("platform") if isinstance(entry, dict) else None
        if not isinstance(about, dict) or entry.get("mediaType") not in _MANIFESTS:
            continue
        # v1 is every processor of amd64; v2 and above ask for more than the instances need to have:
        # https://github.com/opencontainers/image-spec/blob/main/image-index.md#platform-variants
        variant = about.get("variant") or "v1"
        found = f"{about.get('os')}/{about.get('architecture')}"
        if found == platform and variant == "v1":
            return _digest_in(entry, reference)
        if about.get("os") != "unknown":  # which are no images, but attestations
            platforms.append(found if variant == "v1" else f"{found}/{variant}")
    raise _not_for(reference, platform, platforms)


def _digest_in(descriptor: Mapping[str, Any], reference: Reference) -> str:
    digest = descriptor.get("digest")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise _no_image(
            reference, f"it names its parts by other digests than SHA-256, such as {shown(str(digest), 80)}"
        )
    return digest


def _no_image(reference: Reference, why: str) -> UserError:
    return UserError(
        f"{reference.place}:{reference.tag} is no container image that can be pinned: {why}.",
        "Name another image or tag, or have this one built and pushed again by a current docker.",
    )


def _not_for(reference: Reference, platform: str, platforms: list[str]) -> UserError:
    there = ", ".join(map(shown, dict.fromkeys(platforms))) or "none"
    return UserError(
        f"{reference.place}:{reference.tag} has no image for {platform}, only for: {shown(there)}.",
        f"Build and push it for that platform (docker buildx build --platform {platform}), or name another tag.",
    )


class _Registry:
    """One conversation with the registry of an image."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.opener = make_opener(proxies=not reference.is_local)
        self.credentials: Credentials | None = None
        """Those that were used."""
        self.authorization: dict[str, str] = {}
        """That header, once the registry has asked for it."""
        self.plain = reference.is_local and self._speaks_plain_http()
        self.url = f"{'http' if self.plain else 'https'}://{reference.server}/v2/"

    def manifest(self, name: str) -> Manifest:
        """The manifest or index under a tag or a digest."""
        answer = self._get(f"manifests/{name}", _ACCEPT)
        digest = _sha256(answer.body)
        claimed = name if DIGEST.fullmatch(name) else answer.headers.get("docker-content-digest", digest)
        if claimed != digest and claimed.startswith("sha256:"):
            raise self._wrong_bytes(claimed, digest)
        document = self._json(answer)
        named = document.get("mediaType", answer.media_type)
        if document.get("schemaVersion") == 1 or ".docker.distribution.manifest.v1+" in answer.media_type:
            # https://github.com/moby/moby/pull/47459
            raise _no_image(self.reference, "the registry has it in docker's schema 1, which docker no longer pulls")
        # What can be read as an index and as a manifest would be two images under one digest:
        # https://github.com/opencontainers/image-spec/security/advisories/GHSA-77vh-xpmg-72qh
        ambiguous = "manifests" in document and ("config" in document or "layers" in document)
        if named != answer.media_type or named not in (*_INDEXES, *_MANIFESTS) or ambiguous:
            kind = f"of the type {shown(answer.media_type, 100)}"
            more = f" and calls itself {shown(str(named), 100)}" if named != answer.media_type else ""
            raise _no_image(self.reference, f"what the registry has is {kind}{more}")
        return Manifest(digest, answer.media_type, document)

    def configuration(self, digest: str) -> Mapping[str, Any]:
        """The configuration of an image, which says for which platform that was built."""
        answer = self._get(f"blobs/{digest}", "*/*")
        if _sha256(answer.body) != digest:
            raise self._wrong_bytes(digest, _sha256(answer.body))
        return self._json(answer)

    def _get(self, path: str, accept: str) -> Answer:
        """The answer to a request about the repository that was accepted."""
        url = f"{self.url}{self.reference.repository}/{path}"
        answer = self._ask(url, {"Accept": accept, **self.authorization})
        if answer.status == 401 and not self.authorization:
            self.authorization = {"Authorization": self._authorize(answer.challenges)}
            answer = self._ask(url, {"Accept": accept, **self.authorization})
        if answer.is_page:
            raise self._no_registry(self.reference.server, "a web page")
        if answer.status == 404:
            raise self._missing(answer, path.rpartition("/")[2])
        if answer.status != 200:
            raise self._refused(self.reference.server, answer)
        return answer

    def _ask(self, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None) -> Answer:
        """Any answer of the registry or of its token server."""
        host = urlsplit(url).netloc
        try:
            try:
                answer = open_url(self.opener, url, {"User-Agent": _CLIENT, **headers}, body)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                names = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(
                    answer.status, names, tuple(answer.headers.get_all("WWW-Authenticate", ())), _body(answer)
                )
        except (OSError, HTTPException, ValueError) as error:
            raise _unreachable(host, error) from None

    def _speaks_plain_http(self) -> bool:
        """Whether a server on this computer speaks plain HTTP; one that speaks TLS answers a plain request with 400.

        Docker does without TLS for these, and for these alone, as well:
        https://docs.docker.com/reference/api/engine/version/v1.57/schemas/RegistryServiceConfig/
        """
        with suppress(UserError):
            return self._ask(f"http://{self.reference.server}/v2/").status != 400
        return False

    # How a registry wants to be authorized: https://distribution.github.io/distribution/spec/auth/token/

    def _authorize(self, challenges: tuple[str, ...]) -> str:
        """The value of an Authorization header that meets one of the registry's challenges."""
        server = self.reference.server
        self.credentials = find_credentials(self.reference.host)
        for scheme, parameters in map(_challenge, challenges):
            if scheme == "bearer":
                return f"Bearer {self._token(parameters)}"
            if scheme == "basic":
                if not self.credentials or self.credentials.identity_token:
                    raise self._unauthorized(server)
                return self.credentials.basic
        raise UserError(f"{server} asks for an authorization of an unknown kind.", _NAME)

    def _token(self, parameters: Mapping[str, str]) -> str:
        """An access token of the token server that a challenge names."""
        realm = parameters.get("realm", "")
        if not self._may_give_tokens(realm):
            raise UserError(
                f"{self.reference.server} sends to {shown(realm) or 'nowhere'} for a token, which is no https URL.",
                _NAME,
            )
        host = urlsplit(realm).netloc
        scopes = parameters.get("scope", f"repository:{self.reference.repository}:pull").split()
        fields = {"service": parameters["service"]} if "service" in parameters else {}
        if self.credentials and self.credentials.identity_token:
            # https://distribution.github.io/distribution/spec/auth/oauth/
            form = {"grant_type": "refresh_token", "refresh_token": self.credentials.identity_token}
            form |= {"client_id": _CLIENT, "scope": " ".join(scopes), **fields}
            answer = self._ask(realm, body=urlencode(form).encode())
        else:
            query = urlencode([*fields.items(), *(("scope", scope) for scope in scopes)])
            headers = {"Authorization": self.credentials.basic} if self.credentials else {}
            answer = self._ask(f"{realm}{'&' if urlsplit(realm).query else '?'}{query}", headers)
        if answer.is_page:
            raise self._no_registry(host, "a web page")
        if answer.status != 200:
            raise self._refused(host, answer)
        document = self._json(answer, host)
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise self._no_registry(host, "something without a token")
        return token

    def _may_give_tokens(self, realm: str) -> bool:
        """Whether the URL of a token server is one of https, or of a server on this computer like the registry."""
        try:
            parts = urlsplit(realm)
        except ValueError:
            return False
        local = self.plain and parts.scheme == "http" and is_loopback(parts.hostname or "")
        return bool((parts.scheme == "https" or local) and parts.hostname) and not has_user(realm)

    # What is said about answers that are none.

    def _json(self, answer: Answer, host: str = "") -> Mapping[str, Any]:
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._no_registry(host or self.reference.server, "something that is no JSON document")
        return document

    def _no_registry(self, host: str, what: str) -> UserError:
        return UserError(f"{shown(host)} answers with {what}, and not as a registry of images does.", _NAME)

    def _wrong_bytes(self, wanted: str, found: str) -> UserError:
        return UserError(
            f"{self.reference.server} has other bytes of {self.reference.place} under {wanted}: they are {found}.",
            "Somebody or something changes the image on its way: find out who before anybody pulls it.",
        )

    def _missing(self, answer: Answer, name: str) -> UserError:
        """The sentence about a tag, or about the digest of a part, that the registry does not have."""
        server, place, tag = self.reference.server, self.reference.place, self.reference.tag
        if name != tag:
            return UserError(
                f"{server} has no {name}, which is a part of {place}:{tag}.", "Have the image pushed again, completely."
            )
        kind = "manifest" if DIGEST.fullmatch(tag) else "tag"
        what = "repository" if b"NAME_UNKNOWN" in answer.body else f"{kind} {tag} in the repository"
        return UserError(
            f"{server} has no {what} {place}.", "Name what the vendor has pushed, or push the image first."
        )

    def _refused(self, host: str, answer: Answer) -> UserError:
        """The sentence about a status that is not 200."""
        place = self.reference.place
        if answer.status == 401:
            return self._unauthorized(host)
        if answer.status == 403:
            whose = f"the account in {configuration_file()}" if self.credentials else "anybody without credentials"
            return UserError(
                f"{shown(host)} refuses {place} to {whose} (403).",
                f"Check the image's name, or log in as somebody who may pull it: docker login {self.reference.host}.",
            )
        if answer.status == 429:
            return UserError(
                f"{shown(host)} answers too many requests from here with a refusal (429).",
                f"{_wait(answer.headers.get('retry-after', ''))}, or as somebody who may ask more often: docker login.",
            )
        return UserError(f"{shown(host)} answered {answer.status} about {place}.", _NETWORK)

    def _unauthorized(self, host: str) -> UserError:
        place, login = self.reference.place, f"docker login {self.reference.host}"
        if self.credentials:
            return UserError(
                f"{shown(host)} does not accept the credentials for {place} that {configuration_file()} has (401).",
                f"Log in again, {login}, with an account that may pull the image.",
            )
        keeper = find_keeper(self.reference.host)
        other = f"; docker has them kept by {shown(keeper, 50)}, which is not asked here" if keeper else ""
        again = ", with an own folder in DOCKER_CONFIG, whose config.json names no such program" if keeper else ""
        return UserError(
            f"{shown(host)} does not show {place} without credentials, or has no such repository (401){other}.",
            f"Check the image's name, or log in: {login}{again}.",
        )


def _wait(retry_after: str) -> str:
    """When to come back: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after has seconds or a date."""
    if retry_after.isdecimal():
        return f"Run the command again in {shown(retry_after, 10)} seconds"
    return f"Run the command again after {shown(retry_after, 40)}" if retry_after else "Run the command again later"


def _challenge(header: str) -> tuple[str, dict[str, str]]:
    """The scheme, in lower case, and the parameters of a WWW-Authenticate header."""
    scheme, _, rest = header.partition(" ")
    pairs = (each.partition("=") for each in parse_http_list(rest))
    return scheme.lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _body(answer: Any) -> bytes:
    """All of an answer; raises ``ValueError`` where that is too large or not complete."""
    content = b"".join(first_bytes(answer.read, LARGEST))
    if len(content) > LARGEST:
        raise ValueError(f"it answers with more than {LARGEST:,} bytes")
    if answer.length:  # what is left of the Content-Length
        raise ValueError("the connection ended before the answer did")
    return content


def _unreachable(host: str, error: Exception) -> UserError:
    """The sentence about a request that got no answer."""
    reason: object = error.reason if isinstance(error, urllib.error.URLError) else error
    server = shown(host)
    if isinstance(reason, socket.gaierror):
        return UserError(f"There is no host {server.partition(':')[0]} ({reason.strerror}).", _NETWORK)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return UserError(
            f"The certificate of {server} is not trusted: {shown(reason.verify_message)}.",
            "Check the clock of this computer. If the registry or this network has an authority of its own, name its "
            "certificates: SSL_CERT_FILE=FILE in the environment.",
        )
    if isinstance(reason, ssl.SSLError):
        return UserError(f"{server} does not speak TLS as it should: {shown(str(reason))}.", _NAME)
    words = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason) or type(reason).__name__
    return UserError(f"{server} could not be asked: {shown(words.strip())}.", _NETWORK)
