"""Carry out a plan: write, read back, compare.

The rule: a step is done when the store gives back what was sent. Whatever happens on the way (a reply that was lost, a
publisher beside us, bytes that were damaged), the answer is to look what is there. Only then comes the next step: the
claim before the files, the files before the manifest, the manifest before the pointer.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

from quilt_cfn.delivery.publish.plan import Pointer, PublishPlan, Write, latest_key, other_bytes, point, version_key
from quilt_cfn.delivery.publish.stores.protocols import Occupied, Store
from quilt_cfn.delivery.release.artifact import MANIFEST, Manifest
from quilt_cfn.errors import UserError

ATTEMPTS = 5
"""How often something damaged on the way is written anew."""
TURNS = 100
"""How often the pointer is looked at anew because somebody else moved it; each time somebody got done."""


def execute(plan: PublishPlan, manifest: Manifest, store: Store, pool: Executor, done: Callable[[], object]) -> Pointer:
    """Do what a plan says; ``done`` is called after each write. Returns where the pointer points now.

    Raises ``UserError`` when the store fails, or when somebody else was first with other bytes. What was done by then
    stays, is not published, and is kept by the next run.
    """

    def step(write: Write) -> None:
        _write(plan, write, store)
        done()

    if plan.claim:
        step(plan.claim)
    waiting = [pool.submit(step, write) for write in plan.files]
    try:
        for writing in waiting:
            writing.result()
    finally:
        for writing in waiting:
            writing.cancel()
    if plan.manifest:
        step(plan.manifest)
    pointer = _point(plan.pointer, manifest, store)
    done()
    return pointer


def _write(plan: PublishPlan, write: Write, store: Store) -> None:
    tag = write.tag
    for _ in range(ATTEMPTS):
        _put(store, write.key, write.content, tag)
        there = store.read(write.key)
        if there and there.intact:
            if there.content == write.content:
                return
            published = store.read(version_key(plan.version, MANIFEST)) is not None
            raise other_bytes(store, write.key, plan.version, published)
        tag = there.tag if there else None
    raise UserError(
        f"{store.name}/{write.key} does not come back as it was sent.",
        f"{plan.version} is not published there yet; check the network and run the command again.",
    )


def _point(pointer: Pointer, manifest: Manifest, store: Store) -> Pointer:
    for _ in range(TURNS):
        if not pointer.moves:
            return pointer
        _put(store, latest_key(), pointer.content, pointer.tag)
        pointer = point(manifest, store)
    raise UserError(
        f"{store.name}/{latest_key()} can't be moved: something else is there each time.",
        f"{manifest.version} is published; run the command again to move the pointer.",
    )


def _put(store: Store, key: str, content: bytes, tag: str | None) -> None:
    try:
        if tag is None:
            store.create(key, content)
        else:
            store.replace(key, content, tag)
    except Occupied:
        pass  # by somebody else, or by ourselves and the reply was lost: what is there now tells
