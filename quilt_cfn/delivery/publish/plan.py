"""What publishing an artifact somewhere takes: deciding, apart from doing.

The rule: a plan is a value, made by reading only. Nothing that is published is ever planned to change: where other
bytes lie under a version, there is no plan but ``UserError``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from typing import NamedTuple

from quilt_cfn.delivery.publish.stores.protocols import Source, Stored
from quilt_cfn.delivery.release.artifact import (
    LATEST,
    MANIFEST,
    PRODUCT,
    SIGNATURE,
    SUMS,
    Artifact,
    Manifest,
    read_manifest,
)
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import VERSION, precedence


class Write(NamedTuple):
    """Content that a key is to have. Without a tag nothing may be there yet."""

    key: str
    content: bytes
    tag: str | None = None
    """Of the damaged content that is mended."""

    @property
    def verb(self) -> str:
        return "mend" if self.tag else "write"


class Pointer(NamedTuple):
    """What ``latest.json`` says: ``version`` is the newest that is published."""

    version: str
    content: bytes
    tag: str | None
    """Of what is there now; None for nothing."""
    before: str | None
    """The version that it points to now."""
    moves: bool


class PublishPlan(NamedTuple):
    """What is to be done at one store, in this order."""

    store: str
    version: str
    claim: Write | None
    """SHA256SUMS: whoever gets it written first decides what the version is."""
    files: tuple[Write, ...]
    """In any order, all at once."""
    manifest: Write | None
    """After it, the version is published."""
    pointer: Pointer
    kept: tuple[str, ...]
    """Keys that have their content already."""

    @property
    def writes(self) -> tuple[Write, ...]:
        return tuple(write for write in (self.claim, *self.files, self.manifest) if write)

    def __str__(self) -> str:
        lines = [f"{self.store}: {PRODUCT} {self.version}"]
        lines += [f"  {write.verb:5}  {write.key}  {len(write.content):,} bytes" for write in self.writes]
        lines += [f"  keep   {key}" for key in self.kept]
        if self.pointer.moves:
            lines += [f"  point  {latest_key()}  {self.pointer.before or 'nothing'} -> {self.pointer.version}"]
        else:
            lines += [f"  keep   {latest_key()}  {self.pointer.version}"]
        return "\n".join(lines)


def version_key(version: str, name: str) -> str:
    return f"{PRODUCT}/{version}/{name}"


def latest_key() -> str:
    return f"{PRODUCT}/{LATEST}"


def plan_publication(artifact: Artifact, signature: bytes | None, store: Source, pool: Executor) -> PublishPlan:
    """What it takes to have ``artifact`` published at ``store``.

    ``pool`` is what reads are made in. Raises ``UserError`` when the version is there with other bytes, or has been
    begun with others.
    """
    wanted = dict(artifact.everything)
    manifest = wanted.pop(MANIFEST)
    if signature:
        wanted[SIGNATURE] = signature
    wanted[MANIFEST] = manifest  # the last
    first = _read(store, artifact.version, (SUMS, MANIFEST), pool)
    if first[SUMS] is None and first[MANIFEST] is None:
        there: Mapping[str, Stored | None] = dict.fromkeys(wanted)  # S3 would only say of each that it is not there
    else:
        _same(store, artifact.version, SUMS, first[SUMS], wanted[SUMS], bool(first[MANIFEST]))
        there = first | _read(store, artifact.version, (name for name in wanted if name not in first), pool)
    writes: dict[str, Write] = {}
    for name, content in wanted.items():
        stored = there[name]
        if not _same(store, artifact.version, name, stored, content, bool(first[MANIFEST])):
            writes[name] = Write(version_key(artifact.version, name), content, stored.tag if stored else None)
    return PublishPlan(
        store.name,
        artifact.version,
        writes.get(SUMS),
        tuple(write for name, write in writes.items() if name not in (SUMS, MANIFEST)),
        writes.get(MANIFEST),
        point(artifact.manifest, store),
        tuple(version_key(artifact.version, name) for name in wanted if name not in writes),
    )


def point(manifest: Manifest, store: Source) -> Pointer:
    """What ``latest.json`` has to say when this version is published: the newest of what is there, and of this one."""
    there = store.read(latest_key())
    if there is not None and there.intact:
        version, content = pointed_to(there.content, store), pointer_content(manifest)
        if precedence(version) > precedence(manifest.version):
            return Pointer(version, there.content, there.tag, version, moves=False)
        return Pointer(manifest.version, content, there.tag, version, moves=there.content != content)
    # Nothing tells what was pointed to: what is published does.
    tag = there.tag if there else None
    versions = [name for name in store.names(PRODUCT) or () if VERSION.fullmatch(name)]
    for version in sorted(versions, key=precedence, reverse=True):
        if precedence(version) <= precedence(manifest.version):
            break
        newer = store.read(version_key(version, MANIFEST))
        if newer:
            published = read_manifest(newer.content, f"{store.name}/{version_key(version, MANIFEST)}")
            return Pointer(version, pointer_content(published), tag, None, moves=True)
    return Pointer(manifest.version, pointer_content(manifest), tag, None, moves=True)


def pointer_content(manifest: Manifest) -> bytes:
    """latest.json: which version, where its manifest is, and what its bytes are."""
    document = {
        "product": PRODUCT,
        "version": manifest.version,
        "manifest": f"{manifest.version}/{MANIFEST}",
        "sha256": manifest.sha256,
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def pointed_to(content: bytes, store: Source) -> str:
    """The version that a latest.json names."""
    try:
        version = json.loads(content)["version"]
    except (ValueError, LookupError, TypeError, RecursionError):
        version = None
    if isinstance(version, str) and VERSION.fullmatch(version):
        return version
    raise UserError(
        f"{store.name}/{latest_key()} does not name a version.",
        "Somebody else wrote it: restore an earlier version of it, or delete it, and run the command again.",
    )


def _read(store: Source, version: str, names: Iterable[str], pool: Executor) -> dict[str, Stored | None]:
    waiting = {name: pool.submit(store.read, version_key(version, name)) for name in names}
    return {name: read.result() for name, read in waiting.items()}


def _same(store: Source, version: str, name: str, there: Stored | None, wanted: bytes, published: bool) -> bool:
    """Whether a key has its content; False where nothing is, or something damaged. Other bytes are ``UserError``."""
    if there is None or not there.intact:
        return False
    if there.content == wanted:
        return True
    raise other_bytes(store, version_key(version, name), version, published)


def other_bytes(store: Source, key: str, version: str, published: bool) -> UserError:
    """That a version can't be published because it is something else already."""
    state = "is published" if published else "was begun, by somebody who has not finished,"
    remedy = (
        ", or restore the file there if somebody changed it"
        if published
        else f", or delete {PRODUCT}/{version}/ there if you know that nobody publishes it"
    )
    return UserError(
        f"{version} {state} at {store.name} with other bytes: {key} differs.",
        f"What was published never changes: release the next version and publish that{remedy}.",
    )
