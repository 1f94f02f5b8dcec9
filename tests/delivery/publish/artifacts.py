"""Small artifacts, and a store in memory that records its calls and lets a test act between them.

An artifact here depends on its version and its note only. Another note gives other bytes of the same version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish import pointer
from quilt_cfn.delivery.publish.execute import execute
from quilt_cfn.delivery.publish.plan import Pointer, latest_key, plan_publication, version_key
from quilt_cfn.delivery.publish.stores.protocols import (
    Digest,
    PreconditionFailed,
    Store,
    Stored,
    size_and_sha256,
    whole,
)
from quilt_cfn.delivery.publish.verify import verify
from quilt_cfn.delivery.release.artifact import (
    LARGEST_FILE,
    PROVENANCE,
    SIGNATURE,
    Artifact,
    Manifest,
    compose,
    sha256,
)
from quilt_cfn.delivery.release.provenance import provenance

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=timezone.utc)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
BIG = 120_000
"""Bytes of the two large files; a template may have 51,200 on a command line, and 1 MB in S3."""


def artifact(version: str = "1.0.0", note: str = "", big: int = BIG) -> Artifact:
    """A version with an edition in two formats, a diagram, and a document with `note` in it."""
    line = f"# {note or 'as it is'}\n".encode()
    contents = {
        "quilt-registry.yaml": line + b"Resources: {}\n" * (big // 14),
        "quilt-registry.json": b'{"Resources": {}}\n',
        "diagram.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * (big // 256),
        "launch.html": f"<title>Version {version}</title>\n{note}\n".encode(),
    }
    return compose(facts(version), contents)


def facts(version: str = "1.0.0") -> dict[str, Any]:
    """The fields of a manifest besides the product and the files, as `quilt-cfn release` writes them."""
    return {
        "version": version,
        "released": "2026-11-30",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "editions": {"registry": {"yaml": "quilt-registry.yaml", "json": "quilt-registry.json"}},
        "diagram": "diagram.png",
        "images": {"registry": {"name": "example/registry:1", "digest": None}},
        "database": {"postgres": "16.13"},
        "ami": {"default": "/aws/service/ami", "id": None},
        "tools": {"python": "3.11.7"},
    }


def write_folder(artifact: Artifact, folder: Path) -> Path:
    """A folder as `quilt-cfn release` writes it."""
    folder.mkdir(parents=True)
    for name, content in artifact.everything.items():
        (folder / name).write_bytes(content)
    return folder


def pointer_content(manifest: Manifest, key: Ed25519PrivateKey | None = None, withdrawn: Iterable[str] = ()) -> bytes:
    """The `latest.json` that names a version, signed at `NOW` if there is a key."""
    return pointer.content(manifest, key, NOW, withdrawn)


def published(
    *artifacts: Artifact, latest: Artifact | None = None, key: Ed25519PrivateKey | None = None
) -> dict[str, bytes]:
    """What a store holds once these were published; `latest.json` names the last one, or `latest`."""
    held = {version_key(each.version, name): body for each in artifacts for name, body in each.everything.items()}
    newest = latest or (artifacts[-1] if artifacts else None)
    if key:
        for each in artifacts:
            held[version_key(each.version, SIGNATURE)] = key.sign(each.manifest.sums)
            held[version_key(each.version, PROVENANCE)] = provenance(each.manifest, key)
    return held | ({latest_key(): pointer_content(newest.manifest, key)} if newest else {})


def flip(content: bytes, offset: int) -> bytes:
    """The content with another byte at `offset`."""
    return content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :]


class AtOnce(Executor):
    """Executes what is submitted at once, so that a test decides the order of everything."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


POOL = AtOnce()


class Memory:
    """A store in memory.

    `log` has its calls, of which those whose condition did not hold are `refused`; `before` is called before each of
    them, and `after` after each write.
    """

    name = "memory"

    def __init__(self, held: Mapping[str, bytes] | None = None) -> None:
        self.held = {key: Stored(content, sha256(content)) for key, content in (held or {}).items()}
        self.log: list[tuple[str, str]] = []
        self.before: Callable[[str, str], object] = lambda verb, key: None
        self.after: Callable[[str, str], object] = lambda verb, key: None
        self.damages: dict[str, int] = defaultdict(int)
        """Key -> how many of the next writes there damage what they write."""
        self.ignores: set[str] = set()
        """The conditions of writes that it does not look at."""
        self._writes = 0

    def put(self, key: str, content: bytes, *, intact: bool = True) -> None:
        """Have this content there, with another tag, whatever was there before."""
        self._writes += 1
        self.held[key] = Stored(content, f"{sha256(content)} {self._writes}", intact)

    def damage(self, key: str) -> None:
        """As S3 reports it: there, with a tag, and not what was sent."""
        self.put(key, b"", intact=False)

    def read(self, key: str, limit: int) -> Stored | None:
        self._called("read", key)
        stored = self.held.get(key)
        if stored:
            whole([stored.content], limit, f"{self.name}/{key}")
        return stored

    def digest(self, key: str, limit: int) -> Digest | None:
        self._called("digest", key)
        stored = self.held.get(key)
        return stored and Digest(*size_and_sha256([stored.content[: limit + 1]]), stored.tag, stored.intact)

    def names(self, folder: str) -> Sequence[str] | None:
        self._called("names", folder)
        above = f"{folder}/"
        return sorted({key.removeprefix(above).partition("/")[0] for key in self.held if key.startswith(above)})

    def create(self, key: str, content: bytes) -> None:
        self.before("create", key)
        self._write("create", key, content, key not in self.held or "If-None-Match" in self.ignores)

    def replace(self, key: str, content: bytes, tag: str) -> None:
        self.before("replace", key)
        there = self.held.get(key)
        self._write("replace", key, content, bool(there and there.tag == tag) or "If-Match" in self.ignores)

    @property
    def writes(self) -> list[str]:
        """The keys that were written, in their order."""
        return [key for verb, key in self.log if verb in ("create", "replace")]

    @property
    def contents(self) -> dict[str, bytes]:
        return {key: stored.content for key, stored in self.held.items()}

    def _called(self, verb: str, key: str) -> None:
        self.log.append((verb, key))
        self.before(verb, key)

    def _write(self, verb: str, key: str, content: bytes, condition: bool) -> None:
        self.log.append((verb if condition else "refused", key))
        if not condition:
            raise PreconditionFailed
        self.put(key, content)
        if self.damages[key]:
            self.damages[key] -= 1
            self.damage(key)
        self.after(verb, key)


def publish(artifact: Artifact, store: Store, pool: Executor = POOL, key: Ed25519PrivateKey | None = None) -> Pointer:
    """Make a plan and execute it."""
    return execute(plan_publication(artifact, key, store, pool, NOW), artifact.manifest, store, pool, lambda: None)


def assert_published(artifact: Artifact, store: Store, latest: Artifact | None = None) -> None:
    """The version is there with these bytes and nothing else, and `latest.json` names it, or `latest`."""
    assert verify(store, artifact.version, None, POOL).findings == ()
    there = {name: store.read(version_key(artifact.version, name), LARGEST_FILE) for name in artifact.everything}
    assert {name: stored and stored.content for name, stored in there.items()} == artifact.everything
    assert set(store.names(f"{PRODUCT}/{artifact.version}") or ()) == artifact.everything.keys()
    newest = verify(store, None, None, POOL)
    assert newest.findings == ()
    assert newest.manifest == (latest or artifact).manifest
