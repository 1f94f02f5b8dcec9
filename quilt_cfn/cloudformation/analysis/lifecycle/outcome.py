"""What is said about one resource, and how an operation on a stack ends."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path


class Fact(NamedTuple):
    """One thing about one resource: the place in the template that causes it, what it is, and what to do about it."""

    path: Path
    sentence: str
    remedy: str

    @property
    def resource(self) -> str:
        """The logical ID."""
        return str(self.path[1])


class Outcome(NamedTuple):
    """How an operation on a stack ends."""

    stays: tuple[Fact, ...]
    """What is left in the account."""
    blocks: tuple[Fact, ...]
    """What can't be deleted: the stack ends in ROLLBACK_FAILED or DELETE_FAILED."""
    doubts: tuple[Fact, ...]
    """What can't be deleted if somebody has used it in a certain way."""
    taken: tuple[Fact, ...]
    """Names that what stays keeps: another stack with the same values fails on them."""


def is_on(value: Any) -> bool:
    return as_text(value) == "true"


def maps(value: Any) -> list[dict[str, Any]]:
    """A list of maps; what is something else is as good as empty."""
    return [dict_or_empty(each) for each in value] if isinstance(value, list) else []


def spelled(names: Collection[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
