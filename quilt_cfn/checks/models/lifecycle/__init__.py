"""What a failed creation, a retry and a deletion of a stack meet and leave behind: a model over one rendering.

    failed_creation(rendering, failing) ─┐
                                         ├──▶ Ending: what stays, what blocks, what may block, which names are taken
    deletion(rendering) ─────────────────┘

The rule: the worst order counts. When a resource fails, everything that does not depend on it was created, and it may
itself be half made; what no dependency orders is deleted in the order that hurts. What a user may or may not have
done since, such as filling a bucket, is a doubt and never a block. Each mechanism is one function of the resources
that exist; the rules of the family ask the same functions.
"""

from __future__ import annotations

from collections.abc import Collection

from quilt_cfn.checks.models.lifecycle.addresses import mapped_addresses
from quilt_cfn.checks.models.lifecycle.blocking import copied_too_early, held, protected, protected_later, used
from quilt_cfn.checks.models.lifecycle.buckets import written_at_once, written_in_use
from quilt_cfn.checks.models.lifecycle.names import clashes, taken_names
from quilt_cfn.checks.models.lifecycle.remarks import Ending, Remark
from quilt_cfn.checks.models.lifecycle.staying import (
    ON_DELETION,
    ON_ROLLBACK,
    copies,
    left_behind,
    parted,
    service_logs,
)
from quilt_cfn.evaluation import Rendering

__all__ = ["Ending", "Remark", "clashes", "deletion", "failed_creation", "rollback"]


def failed_creation(rendering: Rendering, failing: str) -> Ending:
    """The rollback of a creation in which one resource fails."""
    dependent = rendering.after(failing)
    return rollback(rendering, [name for name in rendering.resources if name not in dependent], [failing])


def rollback(rendering: Rendering, existing: Collection[str], failing: Collection[str]) -> Ending:
    """The deletion of what exists after one of the failing resources could not be created."""
    kept, gone = parted(rendering, existing, ON_ROLLBACK)
    return Ending(
        (*left_behind(rendering, kept), *copies(rendering, gone), *service_logs(rendering, gone)),
        (
            *protected(rendering, gone),
            *written_at_once(rendering, gone),
            *mapped_addresses(rendering, gone),
            *held(rendering, kept, gone),
            *copied_too_early(rendering, gone, failing),
        ),
        (),
        tuple(taken_names(rendering, kept)),
    )


def deletion(rendering: Rendering) -> Ending:
    """The deletion of a stack that was created and used."""
    kept, gone = parted(rendering, rendering.resources, ON_DELETION)
    return Ending(
        (*left_behind(rendering, kept), *copies(rendering, gone), *service_logs(rendering, gone)),
        (
            *protected(rendering, gone),
            *protected_later(rendering, gone),
            *written_at_once(rendering, gone),
            *written_in_use(rendering, gone),
            *mapped_addresses(rendering, gone),
            *held(rendering, kept, gone),
        ),
        tuple(used(rendering, gone)),
        tuple(taken_names(rendering, kept)),
    )
