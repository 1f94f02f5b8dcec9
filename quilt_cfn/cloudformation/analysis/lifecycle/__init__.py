"""How the operations on a stack end, what they leave behind, and what a loss brings: creation, update, deletion.

    rollback(launch, existing, failing)    a creation that fails
    failed_update(launch, failing)         an update that fails in a resource, and is rolled back
    failed_rollback(launch, failing)       the same, when the resource can't be set back either
    accident(launch)                       a deletion by mistake, with every protection on
    deletion(launch)                       a deletion that somebody wants, with the protections switched off
    termination, restorable, not_restorable, replaced_by_success      what they are called, as facts

The worst order is assumed: what no dependency orders is created, updated and deleted in the order that does most harm.
What people may have done with the stack, such as filling a bucket, is only a possible block. Each mechanism is a
function from a launch and the logical IDs that exist to facts; the rules L01 and on call the same functions.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.lifecycle import (
    addresses,
    blocking,
    buckets,
    names,
    protection,
    replacement,
    updates,
)
from quilt_cfn.cloudformation.analysis.lifecycle.losses import losses
from quilt_cfn.cloudformation.analysis.lifecycle.replacement import replaced_by_success
from quilt_cfn.cloudformation.analysis.lifecycle.restore import not_restorable, restorable
from quilt_cfn.cloudformation.analysis.lifecycle.retained import (
    ON_DELETION,
    ON_ROLLBACK,
    copies,
    log_groups_of_services,
    retained_and_deleted,
    retained_resources,
)
from quilt_cfn.cloudformation.analysis.lifecycle.termination import termination
from quilt_cfn.cloudformation.launch import Launch

__all__ = [
    "Accident",
    "Outcome",
    "UpdateOutcome",
    "accident",
    "deletion",
    "failed_rollback",
    "failed_update",
    "not_restorable",
    "protections",
    "replaced_by_success",
    "restorable",
    "rollback",
    "termination",
]


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


class UpdateOutcome(NamedTuple):
    """How an update ends that failed. The facts are about changes that it may have made."""

    serving: tuple[Fact, ...]
    """What serves while instances are replaced and afterwards, or doesn't."""
    not_undone: tuple[Fact, ...]
    """What stays as the update made it, or can't be made at all."""
    remaining: tuple[Fact, ...]
    """What is left in the account."""


class Accident(NamedTuple):
    """What a deletion by mistake does to a stack that is in use."""

    refused: tuple[Fact, ...]
    """Why CloudFormation refuses it before anything is deleted: then all else here is empty."""
    stopped: tuple[Fact, ...]
    """The resources that can't be deleted, at which it stops."""
    deleted: tuple[str, ...]
    """The resources that are gone by then, as logical IDs."""
    lost: tuple[Fact, ...]
    """What is gone for good with them."""


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


def failed_update(launch: Launch, failing: str) -> UpdateOutcome:
    """The rollback of an update in which one resource failed, after everything that doesn't depend on it."""
    changed = [name for name in launch.resources if failing not in launch.before(name)]
    return UpdateOutcome(
        (*updates.while_updating(launch, changed), *updates.rolled_back_again(launch, failing)),
        (*replacement.taken_names(launch, changed), *updates.not_undone(launch, changed)),
        tuple(replacement.replaced_by_rollback(launch, changed)),
    )


def failed_rollback(launch: Launch, failing: str) -> UpdateOutcome:
    """The end of an update whose rollback fails in one resource: UPDATE_ROLLBACK_FAILED."""
    return UpdateOutcome(
        tuple(updates.after_failed_rollback(launch)),
        tuple(updates.stuck(launch, failing)),
        failed_update(launch, failing).remaining,
    )


def accident(launch: Launch) -> Accident:
    """A deletion by mistake of a stack that was created and used, with every protection still on."""
    refused = tuple(protection.stack_protections(launch))
    if refused:
        return Accident(refused, (), (), ())
    _, deleted = retained_and_deleted(launch, launch.resources, ON_DELETION)
    stopped = (*protection.protected_later(launch, deleted), *deletion(launch).blocking)
    needed = {name for fact in stopped for name in (fact.resource, *launch.before(fact.resource))}
    gone = [name for name in deleted if name not in needed]
    return Accident((), stopped, tuple(gone), tuple(losses(launch, gone)))


def deletion(launch: Launch) -> Outcome:
    """The deletion of a stack that was created and used, after what protects it was switched off."""
    retained, deleted = retained_and_deleted(launch, launch.resources, ON_DELETION)
    blocked = (
        *blocking.protected_from_creation(launch, deleted),
        *buckets.written_at_creation(launch, deleted),
        *buckets.written_later(launch, deleted),
        *addresses.addresses_before_gateway(launch, deleted),
        *blocking.used_by_retained(launch, retained, deleted),
    )
    remaining, filled = _remaining(launch, retained, deleted), tuple(blocking.filled_by_users(launch, deleted))
    return Outcome(remaining, blocked, filled, tuple(names.retained_names(launch, retained)))


def protections(launch: Launch) -> tuple[Fact, ...]:
    """What a state machine of the stack protects from deletion once it stands: the stack itself, and resources."""
    return (*protection.stack_protections(launch), *protection.protected_later(launch, launch.resources))


def _remaining(launch: Launch, retained: Collection[str], deleted: Collection[str]) -> tuple[Fact, ...]:
    return (*retained_resources(launch, retained), *copies(launch, deleted), *log_groups_of_services(launch, deleted))
