"""Decides what has to be written to publish a version to a store, by reading only.

A plan is a value. It never changes what is published: where a version is there with other bytes, there is no plan but a
``UserError``. Only a file that the store itself reports as damaged is written again.
"""

from __future__ import annotations

import json
from concurrent.futures import Executor
from typing import NamedTuple

from quilt_cfn.delivery.publish.stores.protocols import Source
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
    """The content to write to a key."""

    key: str
    content: bytes
    damaged_tag: str | None = None
    """The tag of the damaged content that is replaced; without one, nothing may be at the key."""


class Pointer(NamedTuple):
    """What to do about ``latest.json``, which names the newest version that is published."""

    version: str
    """The version that it has to name."""
    content: bytes
    tag: str | None
    """The tag of the ``latest.json`` that is there now; None if there is none."""
    before: str | None
    """The version that it names now."""
    moves: bool
    """Whether it has to be written."""


class PublishPlan(NamedTuple):
    """What is to be written to one store, in this order."""

    store: str
    version: str
    sums: Write | None
    """SHA256SUMS. It follows from all other files, so the publisher who creates it decides what the version is."""
    files: tuple[Write, ...]
    """In any order, at the same time."""
    manifest: Write | None
    """With it, the version is published."""
    pointer: Pointer
    kept: tuple[str, ...]
    """The keys that have the right content already."""
    withdrawn: frozenset[str]
    """The versions that ``latest.json`` must not name."""

    @property
    def writes(self) -> tuple[Write, ...]:
        return tuple(write for write in (self.sums, *self.files, self.manifest) if write)

    def __str__(self) -> str:
        lines = [f"{self.store}: {PRODUCT} {self.version}"]
        for write in self.writes:
            verb = "repair" if write.damaged_tag else "write "
            lines.append(f"  {verb}  {write.key}  {len(write.content):,} bytes")
        lines += [f"  keep    {key}" for key in self.kept]
        if self.pointer.moves:
            lines += [f"  point   {latest_key()}  {self.pointer.before or 'nothing'} -> {self.pointer.version}"]
        else:
            lines += [f"  keep    {latest_key()}  {self.pointer.version}"]
        return "\n".join(lines)


def version_key(version: str, name: str) -> str:
    """The key of a file of a version."""
    return f"{PRODUCT}/{version}/{name}"


def latest_key() -> str:
    """The key of latest.json."""
    return f"{PRODUCT}/{LATEST}"


def plan_publication(
    artifact: Artifact,
    signature: bytes | None,
    store: Source,
    pool: Executor,
    withdrawn: frozenset[str] = frozenset(),
) -> PublishPlan:
    """Decide what to write to ``store`` to publish ``artifact`` there, with its signature if there is one.

    Files are read in ``pool``; ``latest.json`` never names a ``withdrawn`` version. Raises ``UserError`` when this
    version is there, complete or in part, with other bytes.
    """
    wanted = dict(artifact.everything)
    manifest = wanted.pop(MANIFEST)
    if signature:
        wanted[SIGNATURE] = signature
    wanted[MANIFEST] = manifest  # the last
    reads = {name: pool.submit(store.read, version_key(artifact.version, name)) for name in wanted}
    published = reads[MANIFEST].result() is not None
    writes: dict[str, Write] = {}
    for name, content in wanted.items():
        stored, key = reads[name].result(), version_key(artifact.version, name)
        if stored is None or not stored.intact:
            writes[name] = Write(key, content, stored.tag if stored else None)
        elif stored.content != content:
            raise other_bytes(store, key, artifact.version, published)
    return PublishPlan(
        store.name,
        artifact.version,
        writes.get(SUMS),
        tuple(write for name, write in writes.items() if name not in (SUMS, MANIFEST)),
        writes.get(MANIFEST),
        plan_pointer(artifact.manifest, store, withdrawn),
        tuple(version_key(artifact.version, name) for name in wanted if name not in writes),
        withdrawn,
    )


def plan_pointer(manifest: Manifest, store: Source, withdrawn: frozenset[str] = frozenset()) -> Pointer:
    """Decide what ``latest.json`` has to be once a version is published: the newest of that and of what is there.

    A ``withdrawn`` version counts as not there.
    """
    there = store.read(latest_key())
    tag = there.tag if there else None
    before = latest_version(there.content, store) if there and there.intact else None
    if there and before and before not in withdrawn:
        if precedence(before) > precedence(manifest.version):
            return Pointer(before, there.content, tag, before, moves=False)
        content = pointer_content(manifest)
        return Pointer(manifest.version, content, tag, before, moves=there.content != content)
    # It is lost or damaged, or the version that it names was withdrawn: the versions in the store show the newest.
    versions = [name for name in store.names(PRODUCT) or () if VERSION.fullmatch(name) and name not in withdrawn]
    for version in sorted(versions, key=precedence, reverse=True):
        if precedence(version) <= precedence(manifest.version):
            break
        newer = store.read(version_key(version, MANIFEST))
        if newer:
            published = read_manifest(newer.content, f"{store.name}/{version_key(version, MANIFEST)}")
            return Pointer(version, pointer_content(published), tag, before, moves=True)
    return Pointer(manifest.version, pointer_content(manifest), tag, before, moves=True)


def pointer_content(manifest: Manifest) -> bytes:
    """The latest.json that names a version, and the path and the SHA-256 of its manifest."""
    document = {
        "product": PRODUCT,
        "version": manifest.version,
        "manifest": f"{manifest.version}/{MANIFEST}",
        "sha256": manifest.sha256,
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def latest_version(content: bytes, store: Source) -> str:
    """The version that a latest.json names; raises ``UserError`` if it names none."""
    try:
        version = json.loads(content)["version"]
    except (ValueError, LookupError, TypeError, RecursionError):
        version = None
    if isinstance(version, str) and VERSION.fullmatch(version):
        return version
    raise UserError(
        f"{store.name}/{latest_key()} does not name a version.",
        "quilt-cfn did not write it: restore an earlier version of it, or delete it, and run the command again.",
    )


def other_bytes(store: Source, key: str, version: str, published: bool) -> UserError:
    """The error for a version that is there with other bytes: with a manifest (``published``) or without."""
    state = "is published" if published else "was published in part"
    remedy = (
        "or restore the file there if it was changed"
        if published
        else f"or delete {PRODUCT}/{version}/ there if you know that nobody is publishing it now"
    )
    return UserError(
        f"{version} {state} at {store.name} with other bytes: {key} differs.",
        f"A published version never changes: release the next version and publish that, {remedy}.",
    )
