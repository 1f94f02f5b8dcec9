"""The model in words, for administrators."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.cloudformation.analysis.lifecycle import deletion, rollback
from quilt_cfn.cloudformation.analysis.lifecycle.outcome import Fact, Outcome
from quilt_cfn.cloudformation.launch import Launch


def report(launch: Launch) -> str:
    """What an administrator should know before launching: two Markdown sections with tables, for one edition."""
    failed, deleted = rollback(launch, launch.resources, launch.resources), deletion(launch)
    return "\n".join(
        [
            "### A first launch that fails",
            "",
            *_section(launch, failed, "The stack ends in `ROLLBACK_FAILED`", "The stack ends in `ROLLBACK_COMPLETE`"),
            "",
            "### Deletion of the stack",
            "",
            *_section(launch, deleted, "The stack ends in `DELETE_FAILED`", "The stack is deleted"),
            "",
        ]
    )


def _section(launch: Launch, ending: Outcome, blocked: str, clean: str) -> Iterator[str]:
    if ending.blocks:
        yield f"{blocked} until this is done:"
        yield from _table(launch, "What blocks", ending.blocks)
        yield ""
    else:
        yield f"{clean}; nothing blocks it."
        yield ""
    if ending.doubts:
        yield "Something else may block, depending on what was done since the launch:"
        yield from _table(launch, "What may block", ending.doubts)
        yield ""
    if ending.stays:
        yield "This stays in the account:"
        yield from _table(launch, "What stays", ending.stays)
        yield ""
    if ending.taken:
        yield "A new launch with the same values fails:"
        yield from _table(launch, "What it meets", ending.taken)
    else:
        yield "Delete the stack and launch again, with the same values if you like: nothing of it is in the way."


def _table(launch: Launch, head: str, remarks: Collection[Fact]) -> Iterator[str]:
    yield ""
    yield f"| {head} | Why | What to do |"
    yield "|---|---|---|"
    for each in remarks:
        yield f"| `{each.resource}` ({launch.type_of(each.resource)}) | {each.sentence} | {each.remedy} |"
