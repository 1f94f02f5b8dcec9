"""Decides what has to be written to publish a version to a store, by reading only.

A plan is a value. It never changes what is published: where a version is there with other bytes, there is no plan but a
``UserError``. Only a file that the store itself reports as damaged is written again.
"""

from __future__ import annotations

from concurrent.futures import Executor
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish import pointer
from quilt_cfn.delivery.publish.pointer import Latest
from quilt_cfn.delivery.publish.stores.protocols import Source
from quilt_cfn.delivery.release.artifact import (
    LARGEST_LATEST,
    LARGEST_MANIFEST,
    LARGEST_PROVENANCE,
    LARGEST_SIGNATURE,
    LATEST,
    MANIFEST,
    PROVENANCE,
    SIGNATURE,
    SUMS,
    Artifact,
    Manifest,
    read_manifest,
)
from quilt_cfn.delivery.release.provenance import provenance, vouches
from quilt_cfn.delivery.release.signing import verifies
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import VERSION, precedence

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey


class Write(NamedTuple):
    """The content to write to a key."""

    key: str
    content: bytes
    damaged_tag: str | None = None
    """The tag of the damaged content that is replaced; without one, nothing may be at the key."""


class Pointer(NamedTuple):
    """What to do about ``latest.json``, which names the newest version that is published."""

    version: str | None
    """The version that it has to name; None when there is none, and only a draft is published."""
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
    key: PrivateKey | None
    """With which ``latest.json`` is signed, should another publisher move it in the meantime."""
    now: datetime
    """The date of that signature."""
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
            lines += [f"  keep    {latest_key()}  {self.pointer.version or 'nothing'}"]
        return "\n".join(lines)


def version_key(version: str, name: str) -> str:
    """The key of a file of a version."""
    return f"{PRODUCT}/{version}/{name}"


def latest_key() -> str:
    """The key of latest.json."""
    return f"{PRODUCT}/{LATEST}"


def plan_publication(
    artifact: Artifact,
    key: PrivateKey | None,
    store: Source,
    pool: Executor,
    now: datetime,
    withdrawn: frozenset[str] = frozenset(),
) -> PublishPlan:
    """Decide what to write to ``store`` to publish ``artifact`` there, signed with ``key`` if there is one.

    Files are read in ``pool``; ``now`` is the date of a signature of ``latest.json``, which never names a ``withdrawn``
    version. Raises ``UserError`` when this version is there, complete or in part, with other bytes, and when
    ``latest.json`` was signed with another key, or would lose its signature.
    """
    wanted = dict(artifact.everything)
    manifest = wanted.pop(MANIFEST)
    if key:
        wanted[SIGNATURE] = key.sign(artifact.manifest.sums)
        wanted[PROVENANCE] = provenance(artifact.manifest, key)
    wanted[MANIFEST] = manifest  # the last
    where = {name: version_key(artifact.version, name) for name in wanted}
    reads = {name: pool.submit(store.digest, where[name], len(content)) for name, content in wanted.items()}
    there = {name: read.result() for name, read in reads.items()}
    writes: dict[str, Write] = {}
    for name, content in wanted.items():
        stored = there[name]
        if stored is None or not stored.intact:
            writes[name] = Write(where[name], content, stored.tag if stored else None)
        elif not stored.is_of(content) and not (
            key and name == PROVENANCE and _is_vouched_for(artifact.manifest, key, store, where[name])
        ):
            if name in (SIGNATURE, PROVENANCE):
                raise UserError(
                    f"{where[name]} at {store.name} was not made with this key.",
                    "What was signed keeps its signature: sign with the key that made it.",
                )
            raise other_bytes(store, where[name], artifact.version, there[MANIFEST] is not None)
    return PublishPlan(
        store.name,
        artifact.version,
        writes.get(SUMS),
        tuple(write for name, write in writes.items() if name not in (SUMS, MANIFEST)),
        writes.get(MANIFEST),
        plan_pointer(artifact.manifest, key, store, now, withdrawn),
        tuple(where[name] for name in wanted if name not in writes),
        key,
        now,
        withdrawn,
    )


def plan_pointer(
    manifest: Manifest,
    key: PrivateKey | None,
    store: Source,
    now: datetime,
    withdrawn: frozenset[str] = frozenset(),
) -> Pointer:
    """Decide what ``latest.json`` has to be once a version is published: the newest of that and of what is there.

    A ``withdrawn`` version counts as not there, and a draft never moves it. See ``plan_publication``.
    """
    there = store.read(latest_key(), LARGEST_LATEST)
    latest = pointer.read(there.content, f"{store.name}/{latest_key()}") if there and there.intact else None
    before, tag = latest.version if latest else None, there.tag if there else None
    stays = Pointer(before, there.content if there else b"", tag, before, moves=False)
    if manifest.draft:
        return stays
    if latest and key:
        _refuse_other_signer(latest, key, store)
    newest = manifest
    if before is None or before in withdrawn:  # then the versions in the store show which is the newest
        newest = _newest(manifest, key, store, withdrawn)
    elif precedence(before) > precedence(manifest.version):
        return stays
    if latest and pointer.names(latest, newest, withdrawn) and (latest.envelope or not key):
        return stays
    if latest and latest.envelope and not key:
        raise UserError(
            f"{store.name}/{latest_key()} is signed, and {newest.version} would be published without a signature.",
            "Name the key's file with --sign.",
        )
    return Pointer(newest.version, pointer.content(newest, key, now, withdrawn), tag, before, moves=True)


def _newest(manifest: Manifest, key: PrivateKey | None, store: Source, withdrawn: frozenset[str]) -> Manifest:
    """The manifest of the newest version that is published in a store, or ``manifest``, which is about to be.

    With a key, which is going to vouch for it, that version has to be signed with it.
    """
    versions = [name for name in store.names(PRODUCT) or () if VERSION.fullmatch(name) and name not in withdrawn]
    for version in sorted(versions, key=precedence, reverse=True):
        if precedence(version) <= precedence(manifest.version):
            break
        where = f"{store.name}/{version_key(version, MANIFEST)}"
        stored = store.read(version_key(version, MANIFEST), LARGEST_MANIFEST)
        if stored is None:
            continue
        newer = read_manifest(stored.content, where)
        if newer.version != version:
            raise UserError(f"{where} is the manifest of {newer.version}.", "Restore the earlier version of it.")
        signature = store.read(version_key(version, SIGNATURE), LARGEST_SIGNATURE) if key else None
        if key and not (signature and verifies(key.public_key(), newer.sums, signature.content)):
            raise UserError(
                f"{version} is newer, is published at {store.name}, and was not signed with this key.",
                "Publish that version with --sign first; if it is not yours, find out who wrote it, and remove it.",
            )
        return newer
    return manifest


def _is_vouched_for(manifest: Manifest, key: PrivateKey, store: Source, where: str) -> bool:
    """Whether an earlier version of this package, which wrote other bytes, made the provenance that is there."""
    stored = store.read(where, LARGEST_PROVENANCE)
    return stored is not None and vouches(stored.content, manifest, key.public_key())


def _refuse_other_signer(latest: Latest, key: PrivateKey, store: Source) -> None:
    if latest.envelope is not None and not pointer.is_signed_by(latest, key.public_key()):
        raise UserError(
            f"{store.name}/{latest_key()} is signed, and not with this key, or it was changed afterwards.",
            "Sign with the key of the versions before, or restore the file if somebody changed it. For a new key see "
            "docs/releasing.md.",
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
