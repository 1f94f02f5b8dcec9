"""Executes a plan: writes each file, reads it back and compares.

A step is done when the store returns what was sent. Whatever happens (the reply to a write is lost, another publisher
writes at the same time, bytes are damaged), the store is read again to find out what is there. Only then comes the next
step: SHA256SUMS before the files, the files before the manifest, the manifest before ``latest.json``.

All of that rests on conditions. Not every store of S3's API looks at them, so each is tried on SHA256SUMS first.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

from quilt_cfn.delivery.publish.plan import (
    Pointer,
    PublishPlan,
    Write,
    latest_key,
    other_bytes,
    plan_pointer,
    version_key,
)
from quilt_cfn.delivery.publish.stores.protocols import PreconditionFailed, Store
from quilt_cfn.delivery.release.artifact import LARGEST_MANIFEST, MANIFEST, SUMS, Manifest
from quilt_cfn.errors import UserError

WRITE_ATTEMPTS = 5
"""How often a file is written that comes back damaged."""
NO_TAG = '"00000000000000000000000000000000"'
"""The tag of no content, in the form of an ETag of S3's."""
POINTER_ATTEMPTS = 100
"""How often latest.json is written when other publishers keep moving it; each time, one of them is done."""


def execute(plan: PublishPlan, manifest: Manifest, store: Store, pool: Executor, done: Callable[[], object]) -> Pointer:
    """Write what a plan says, files in ``pool``; ``done`` is called after each write. Returns the final pointer.

    Raises ``UserError`` when the store fails, or when another publisher was first with other bytes. What was written
    by then stays, is not published, and is kept by the next run.
    """

    def step(write: Write) -> None:
        _write(plan, write, store)
        done()

    if plan.sums:
        step(plan.sums)
    if plan.writes or plan.pointer.moves:
        _try_conditions(plan.version, manifest, store)
    for _ in pool.map(step, plan.files):  # when one fails, those that were not begun are cancelled
        pass
    if plan.manifest:
        step(plan.manifest)
    pointer = _move_pointer(plan, manifest, store)
    done()
    return pointer


def _try_conditions(version: str, manifest: Manifest, store: Store) -> None:
    """Raises ``UserError`` if a store writes although the condition does not hold.

    SHA256SUMS, which is there, is written again in vain: where something is although nothing may be, and in place of
    what isn't there. Should the store write it, it gets the bytes that it has.
    """
    key = version_key(version, SUMS)
    for condition, tag in (("If-None-Match", None), ("If-Match", NO_TAG)):
        if _put(store, key, manifest.sums, tag):
            raise UserError(
                f"{store.name} ignores the condition of a write ({condition}): a published version could be "
                "overwritten there, so nothing is published to it.",
                f"Publish to a store that honours conditional writes, as Amazon S3 does; {key} may be deleted.",
            )


def _write(plan: PublishPlan, write: Write, store: Store) -> None:
    tag = write.damaged_tag
    for _ in range(WRITE_ATTEMPTS):
        _put(store, write.key, write.content, tag)
        there = store.digest(write.key, len(write.content))
        if there and there.intact:
            if there.is_of(write.content):
                return
            published = store.digest(version_key(plan.version, MANIFEST), LARGEST_MANIFEST) is not None
            raise other_bytes(store, write.key, plan.version, published)
        tag = there.tag if there else None
    raise UserError(
        f"{store.name}/{write.key} does not come back as it was sent.",
        f"{plan.version} is not published there yet; check the network and run the command again.",
    )


def _move_pointer(plan: PublishPlan, manifest: Manifest, store: Store) -> Pointer:
    pointer = plan.pointer
    for _ in range(POINTER_ATTEMPTS):
        if not pointer.moves:
            return pointer
        _put(store, latest_key(), pointer.content, pointer.tag)
        pointer = plan_pointer(manifest, plan.key, store, plan.now, plan.withdrawn)
    raise UserError(
        f"{store.name}/{latest_key()} can't be moved: something else is there each time.",
        f"{manifest.version} is published; run the command again to move the pointer.",
    )


def _put(store: Store, key: str, content: bytes, tag: str | None) -> bool:
    """Write where nothing is, or in place of what has the tag; returns whether the store did."""
    try:
        if tag is None:
            store.create(key, content)
        else:
            store.replace(key, content, tag)
    except PreconditionFailed:
        return False  # another publisher wrote it, or this one did and the reply was lost: what is there shows which
    return True
