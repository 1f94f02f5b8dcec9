"""What is said about one resource, and how an operation on a stack ends."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from quilt_cfn.evaluation.forms import mapping
from quilt_cfn.evaluation.texts import Path, as_text


class Remark(NamedTuple):
    """One thing about one resource: the place in the template that causes it, what it is, and what to do about it."""

    path: Path
    sentence: str
    remedy: str

    @property
    def resource(self) -> str:
        """The logical ID."""
        return str(self.path[1])


class Ending(NamedTuple):
    """How an operation on a stack ends."""

    stays: tuple[Remark, ...]
    """What is left in the account."""
    blocks: tuple[Remark, ...]
    """What can't be deleted: the stack ends in ROLLBACK_FAILED or DELETE_FAILED."""
    doubts: tuple[Remark, ...]
    """What can't be deleted if somebody has used it in a certain way."""
    taken: tuple[Remark, ...]
    """Names that what stays keeps: another stack with the same values fails on them."""


def is_on(value: Any) -> bool:
    return as_text(value) == "true"


def maps(value: Any) -> list[dict[str, Any]]:
    """A list of maps; what is something else is as good as empty."""
    return [mapping(each) for each in value] if isinstance(value, list) else []


def spelled(names: Collection[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
