"""The model in words, for administrators."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.checks.models.lifecycle import deletion, rollback
from quilt_cfn.checks.models.lifecycle.remarks import Ending, Remark
from quilt_cfn.evaluation import Rendering


def report(rendering: Rendering) -> str:
    """What an administrator should know before launching: two Markdown sections with tables, for one edition."""
    failed, deleted = rollback(rendering, rendering.resources, rendering.resources), deletion(rendering)
    return "\n".join(
        [
            "### A first launch that fails",
            "",
            *_section(
                rendering, failed, "The stack ends in `ROLLBACK_FAILED`", "The stack ends in `ROLLBACK_COMPLETE`"
            ),
            "",
            "### Deletion of the stack",
            "",
            *_section(rendering, deleted, "The stack ends in `DELETE_FAILED`", "The stack is deleted"),
            "",
        ]
    )


def _section(rendering: Rendering, ending: Ending, blocked: str, clean: str) -> Iterator[str]:
    if ending.blocks:
        yield f"{blocked} until this is done:"
        yield from _table(rendering, "What blocks", ending.blocks)
        yield ""
    else:
        yield f"{clean}; nothing blocks it."
        yield ""
    if ending.doubts:
        yield "Something else may block, depending on what was done since the launch:"
        yield from _table(rendering, "What may block", ending.doubts)
        yield ""
    if ending.stays:
        yield "This stays in the account:"
        yield from _table(rendering, "What stays", ending.stays)
        yield ""
    if ending.taken:
        yield "A new launch with the same values fails:"
        yield from _table(rendering, "What it meets", ending.taken)
    else:
        yield "Delete the stack and launch again, with the same values if you like: nothing of it is in the way."


def _table(rendering: Rendering, head: str, remarks: Collection[Remark]) -> Iterator[str]:
    yield ""
    yield f"| {head} | Why | What to do |"
    yield "|---|---|---|"
    for each in remarks:
        yield f"| `{each.resource}` ({rendering.type_of(each.resource)}) | {each.sentence} | {each.remedy} |"
