"""What a stack leaves behind, as a page for administrators: the facts of ``analysis.lifecycle``, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.lifecycle import Outcome, deletion, rollback
from quilt_cfn.cloudformation.launch import Launch

REMEDIES = {
    "automated-backups": "Nothing; or delete the retained backups by hand.",
    "exported-logs": "Delete them by hand: they have no retention of their own, and are charged as storage.",
    "extended-user": "Delete what was added first.",
    "filled-bucket": "Empty it first: all versions of all objects.",
    "filled-repository": "Delete its images first.",
    "filled-vault": "Delete its recovery points first.",
    "filled-zone": "Delete those records first.",
    "final-snapshot": "Delete the snapshot by hand when nobody will restore it; until then it is charged as storage.",
    "function-logs": "Delete the log group by hand.",
    "mapped-address": "Delete the stack again.",
    "protected-from-creation": "Switch the protection off by hand and delete the stack again.",
    "protected-later": "Switch the deletion protection of {resource} off by hand, then delete the stack.",
    "retained": "Delete it by hand when nobody needs it any more; until then AWS charges for what it holds.",
    "retained-name": "Choose another name, or delete what was retained first.",
    "scheduled-key-deletion": "Nothing; cancel its deletion if something that has to remain was encrypted with it.",
    "snapshot-while-creating": "Wait until {resource} is available, then delete the stack.",
    "used-by-retained": "Delete {resource} by hand, or delete the stack and retain what it uses too.",
    "written-bucket": "Empty the bucket, then delete the stack again.",
}
"""The cause of a fact -> what an administrator does about it."""


def report(launch: Launch) -> str:
    """What an administrator should know before launching one template: two Markdown sections with tables."""
    failed, deleted = rollback(launch, launch.resources, launch.resources), deletion(launch)
    return "\n".join(
        [
            "### A first launch that fails",
            "",
            *_section(launch, failed, "The stack ends in `ROLLBACK_FAILED`", "The stack ends in `ROLLBACK_COMPLETE`"),
            "### Deletion of the stack",
            "",
            *_section(launch, deleted, "The stack ends in `DELETE_FAILED`", "The stack is deleted"),
        ]
    )


def _section(launch: Launch, outcome: Outcome, blocked: str, clean: str) -> Iterator[str]:
    if not outcome.blocking:
        yield f"{clean}; nothing blocks it."
        yield ""
    yield from _table(launch, f"{blocked} until this is done:", "What blocks", outcome.blocking)
    possibly = "Something else may block, depending on what was done since the launch:"
    yield from _table(launch, possibly, "What may block", outcome.possibly_blocking)
    yield from _table(launch, "This remains in the account:", "What remains", outcome.remaining)
    yield from _table(launch, "Another launch with the same values fails:", "What has the name", outcome.names_in_use)
    if not outcome.names_in_use:
        yield "Delete the stack and launch again, with the same values if you like: no name is in use."
        yield ""


def _table(launch: Launch, sentence: str, head: str, facts: Collection[Fact]) -> Iterator[str]:
    """A sentence and the table that it introduces; nothing without facts."""
    if facts:
        yield from (sentence, "", f"| {head} | Why | What to do |", "|---|---|---|")
        for fact in facts:
            remedy = REMEDIES[fact.cause].format(resource=fact.resource)
            yield f"| `{fact.resource}` ({launch.type_of(fact.resource)}) | {fact.sentence} | {remedy} |"
        yield ""
