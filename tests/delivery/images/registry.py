"""A real registry of container images: Debian's docker-registry, on 127.0.0.1 and in a folder of the test's own.

With it, a test pushes images of a few bytes by the registry's HTTP API:

    with serve_registry(tmp_path) as registry:
        digest = registry.push("quilt/registry", "3.0")
        name = f"{registry.host}/quilt/registry:3.0"

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
https://distribution.github.io/distribution/about/configuration/
"""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from functools import cache
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.ports import reserved_ports

PROGRAM = "docker-registry"
AMD64, ARM64 = "linux/amd64", "linux/arm64"

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


_context = cache(lambda authority: ssl.create_default_context(cafile=authority))


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Registry(NamedTuple):
    """A registry that runs."""

    host: str
    """What the name of an image begins with: 127.0.0.1 and the port."""
    folder: Path
    """Where it keeps what was pushed."""
    authority: Path | None = None
    """The certificate of the authority that vouches for its own; None if it speaks plain HTTP."""
    authorization: str | None = None
    """The header with which images are pushed, where not everybody may do that."""

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = {}) -> Answer:
        """The answer to a request for a path of the registry, or for a URL of its own."""
        parts = urlsplit(path)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        all_headers = {**({"Authorization": self.authorization} if self.authorization else {}), **headers}
        connection = (
            HTTPSConnection(self.host, timeout=30, context=_context(self.authority))
            if self.authority
            else HTTPConnection(self.host, timeout=30)
        )
        try:
            connection.request(method, target, body, all_headers)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def push(self, repository: str, tag: str, platform: str = AMD64, content: str = "", docker: bool = False) -> str:
        """Push an image for a platform under a tag; returns the digest of its manifest.

        Images with other ``content`` have other digests. It is of OCI's types, or of Docker's.
        """
        manifest = self._image(repository, platform, content or f"{repository}:{tag}", docker)
        return self.put_manifest(repository, tag, manifest, DOCKER_MANIFEST if docker else OCI_MANIFEST)

    def push_index(
        self,
        repository: str,
        tag: str,
        platforms: Iterable[str] = (ARM64, AMD64),
        content: str = "",
        docker: bool = False,
    ) -> dict[str, str]:
        """Push an image for each of several platforms, and an index of them under a tag.

        Returns platform -> digest, that of the index as ``index``.
        """
        entries, digests = [], {}
        media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
        for platform in platforms:
            manifest = self._image(repository, platform, content or f"{repository}:{tag}", docker)
            digests[platform] = self.put_manifest(repository, digest_of(manifest), manifest, media_type)
            system, architecture, *variant = platform.split("/")
            about = {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
            entries.append({**descriptor(manifest, media_type), "platform": about})
        index_type = DOCKER_LIST if docker else OCI_INDEX
        index = as_json({"schemaVersion": 2, "mediaType": index_type, "manifests": entries})
        return {**digests, "index": self.put_manifest(repository, tag, index, index_type)}

    def put_manifest(self, repository: str, reference: str, manifest: bytes, media_type: str) -> str:
        """Push a manifest or an index under a tag or its own digest; returns its digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.send("PUT", path, manifest, {"Content-Type": media_type})
        assert answer.status == 201, answer
        return digest_of(manifest)

    def put_blob(self, repository: str, content: bytes) -> str:
        """Push a layer or a configuration; returns its digest."""
        started = self.send("POST", f"/v2/{repository}/blobs/uploads/")
        assert started.status == 202, started
        location, digest = started.headers["location"], digest_of(content)
        path = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        answer = self.send("PUT", path, content, {"Content-Type": "application/octet-stream"})
        assert answer.status == 201, answer
        return digest

    def _image(self, repository: str, platform: str, content: str, docker: bool) -> bytes:
        """The manifest of an image, of which everything else has been pushed."""
        system, architecture, *variant = platform.split("/")
        about: dict[str, Any] = {"os": system, "architecture": architecture}
        about |= {"variant": variant[0]} if variant else {}
        layer = content.encode()
        rootfs = {"type": "layers", "diff_ids": [digest_of(layer)]}
        config = as_json({**about, "config": {}, "rootfs": rootfs})
        for each in (layer, config):
            self.put_blob(repository, each)
        return as_json(
            {
                "schemaVersion": 2,
                "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
                "config": descriptor(config, DOCKER_CONFIG if docker else OCI_CONFIG),
                "layers": [descriptor(layer, DOCKER_LAYER if docker else OCI_LAYER)],
            }
        )


def as_json(document: object) -> bytes:
    return json.dumps(document, indent=2).encode()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def configuration(
    folder: Path, address: str, certificate: Path | None = None, auth: Mapping[str, Any] | None = None
) -> str:
    """The configuration of a registry that keeps its images in a folder and listens at an address, ``host:port``.

    ``certificate`` is a file with its certificate and key: without one, it speaks plain HTTP. ``auth`` is the section
    of that name.
    """
    tls = {"tls": {"certificate": str(certificate), "key": str(certificate)}} if certificate else {}
    return json.dumps(  # which is YAML
        {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
            "http": {"addr": address, "secret": "of this test", **tls},
            **({"auth": auth} if auth else {}),
        }
    )


class Authority(NamedTuple):
    """A certificate authority of the test's own, in files."""

    certificate: Path
    """The authority's certificate: what SSL_CERT_FILE has to name."""
    server: Path
    """The certificate and the key of a server on 127.0.0.1, which the authority has signed."""


def make_authority(folder: Path) -> Authority:
    """A new authority, and a server's certificate of it; both are valid for a day."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, authority_key = make_certificate("an authority of the tests", None)
    server, server_key = make_certificate("127.0.0.1", (authority, authority_key))
    files = Authority(folder / "authority.pem", folder / "server.pem")
    files.certificate.write_bytes(authority.public_bytes(Encoding.PEM))
    private = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.server.write_bytes(server.public_bytes(Encoding.PEM) + private)
    return files


def make_certificate(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate and its key: of an authority if it signs itself, otherwise of a server at an address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


@contextmanager
def serve_registry(
    folder: Path,
    authority: Authority | None = None,
    auth: Mapping[str, Any] | None = None,
    authorization: str | None = None,
) -> Iterator[Registry]:
    """A registry on a port of 127.0.0.1, for as long as the context lasts; it starts in 0.03 s, and ends in 0.3.

    With an authority it speaks TLS, and without one plain HTTP. ``auth`` is that section of its configuration, and
    ``authorization`` the header with which the test then pushes. Where docker-registry is not installed, the test is
    skipped.
    """
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"{PROGRAM} is not installed; it is a package of Debian's")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.yml"
    with reserved_ports(1) as (port,):
        host = f"127.0.0.1:{port}"
        file.write_text(configuration(folder / "images", host, authority.server if authority else None, auth))
        # It ends with this process, however that dies.
        command = ["setpriv", "--pdeathsig", "TERM", PROGRAM, "serve", str(file)]
        with open(folder / "log", "wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                _wait(process, port, folder / "log")
                yield Registry(host, folder, authority.certificate if authority else None, authorization)
            finally:
                process.terminate()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once it listens."""
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    pytest.fail(f"{PROGRAM} does not listen: {log.read_text(errors='replace')}")
