"""What a failed creation, a retry and a deletion of a stack meet and leave behind: a model over one launch.

    failed_creation(launch, failing) ─┐
                                         ├──▶ Ending: what stays, what blocks, what may block, which names are taken
    deletion(launch) ─────────────────┘

The rule: the worst order counts. When a resource fails, everything that does not depend on it was created, and it may
itself be half made; what no dependency orders is deleted in the order that hurts. What a user may or may not have
done since, such as filling a bucket, is a doubt and never a block. Each mechanism is one function of the resources
that exist; the rules of the family ask the same functions.
"""

from __future__ import annotations

from collections.abc import Collection

from quilt_cfn.cloudformation.analysis.lifecycle.addresses import mapped_addresses
from quilt_cfn.cloudformation.analysis.lifecycle.blocking import (
    copied_too_early,
    held,
    protected,
    protected_later,
    used,
)
from quilt_cfn.cloudformation.analysis.lifecycle.buckets import written_at_once, written_in_use
from quilt_cfn.cloudformation.analysis.lifecycle.names import clashes, taken_names
from quilt_cfn.cloudformation.analysis.lifecycle.outcome import Fact, Outcome
from quilt_cfn.cloudformation.analysis.lifecycle.retained import (
    ON_DELETION,
    ON_ROLLBACK,
    copies,
    left_behind,
    parted,
    service_logs,
)
from quilt_cfn.cloudformation.launch import Launch

__all__ = ["Fact", "Outcome", "clashes", "deletion", "failed_creation", "rollback"]


def failed_creation(launch: Launch, failing: str) -> Outcome:
    """The rollback of a creation in which one resource fails."""
    dependent = launch.after(failing)
    return rollback(launch, [name for name in launch.resources if name not in dependent], [failing])


def rollback(launch: Launch, existing: Collection[str], failing: Collection[str]) -> Outcome:
    """The deletion of what exists after one of the failing resources could not be created."""
    kept, gone = parted(launch, existing, ON_ROLLBACK)
    return Outcome(
        (*left_behind(launch, kept), *copies(launch, gone), *service_logs(launch, gone)),
        (
            *protected(launch, gone),
            *written_at_once(launch, gone),
            *mapped_addresses(launch, gone),
            *held(launch, kept, gone),
            *copied_too_early(launch, gone, failing),
        ),
        (),
        tuple(taken_names(launch, kept)),
    )


def deletion(launch: Launch) -> Outcome:
    """The deletion of a stack that was created and used."""
    kept, gone = parted(launch, launch.resources, ON_DELETION)
    return Outcome(
        (*left_behind(launch, kept), *copies(launch, gone), *service_logs(launch, gone)),
        (
            *protected(launch, gone),
            *protected_later(launch, gone),
            *written_at_once(launch, gone),
            *written_in_use(launch, gone),
            *mapped_addresses(launch, gone),
            *held(launch, kept, gone),
        ),
        tuple(used(launch, gone)),
        tuple(taken_names(launch, kept)),
    )
