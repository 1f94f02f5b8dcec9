"""What happens to the resources of a stack when its creation fails and when the stack is deleted.

    rollback(launch, existing, failing) ─┐
                                         ├──▶ Outcome: what remains, what blocks or may block, which names stay in use
    deletion(launch) ────────────────────┘

The worst order is assumed: what no dependency orders is deleted in the order that blocks. What people may have done
with the stack, such as filling a bucket, is only a possible block. Each mechanism is a function from a launch and the
logical IDs that exist to facts; the rules L01 to L08 call the same functions.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.lifecycle import addresses, blocking, buckets, names
from quilt_cfn.cloudformation.analysis.lifecycle.retained import (
    ON_DELETION,
    ON_ROLLBACK,
    copies,
    log_groups_of_services,
    retained_and_deleted,
    retained_resources,
)
from quilt_cfn.cloudformation.launch import Launch


class Outcome(NamedTuple):
    """How the rollback of a creation, or the deletion of a stack, ends."""

    remaining: tuple[Fact, ...]
    """What is left in the account."""
    blocking: tuple[Fact, ...]
    """What can't be deleted: the stack ends in ROLLBACK_FAILED or DELETE_FAILED."""
    possibly_blocking: tuple[Fact, ...]
    """What can't be deleted if somebody has used it in a certain way."""
    names_in_use: tuple[Fact, ...]
    """Names of what remains: another stack with the same parameter values fails on them."""


def rollback(launch: Launch, existing: Collection[str], failing: Collection[str]) -> Outcome:
    """The deletion of what exists after the creation of one of the failing resources failed; both are logical IDs.

    When a resource fails, everything that doesn't depend on it may exist, and the resource itself in part.
    """
    retained, deleted = retained_and_deleted(launch, existing, ON_ROLLBACK)
    blocked = (
        *blocking.protected_from_creation(launch, deleted),
        *buckets.written_at_creation(launch, deleted),
        *addresses.addresses_before_gateway(launch, deleted),
        *blocking.used_by_retained(launch, retained, deleted),
        *blocking.snapshot_while_creating(launch, deleted, failing),
    )
    return Outcome(_remaining(launch, retained, deleted), blocked, (), tuple(names.retained_names(launch, retained)))


def deletion(launch: Launch) -> Outcome:
    """The deletion of a stack that was created and used."""
    retained, deleted = retained_and_deleted(launch, launch.resources, ON_DELETION)
    blocked = (
        *blocking.protected_from_creation(launch, deleted),
        *blocking.protected_later(launch, deleted),
        *buckets.written_at_creation(launch, deleted),
        *buckets.written_later(launch, deleted),
        *addresses.addresses_before_gateway(launch, deleted),
        *blocking.used_by_retained(launch, retained, deleted),
    )
    remaining, filled = _remaining(launch, retained, deleted), tuple(blocking.filled_by_users(launch, deleted))
    return Outcome(remaining, blocked, filled, tuple(names.retained_names(launch, retained)))


def _remaining(launch: Launch, retained: Collection[str], deleted: Collection[str]) -> tuple[Fact, ...]:
    return (*retained_resources(launch, retained), *copies(launch, deleted), *log_groups_of_services(launch, deleted))
