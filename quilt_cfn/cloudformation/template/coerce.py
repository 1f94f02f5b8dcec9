"""Conversions of a part of a template to the type that it should have.

Any part of a template may be misshapen. The linters report that; the functions here never raise.
"""

from __future__ import annotations

from typing import Any


def map_at(value: Any, *keys: str) -> dict[str, Any]:
    """The map to which keys lead, such as a section of a template; empty if it is missing or not a map."""
    for key in keys:
        value = dict_or_empty(value).get(key)
    return dict_or_empty(value)


def dict_or_empty(value: Any) -> dict[str, Any]:
    """The value if it is a dict; an empty dict for anything else."""
    return value if isinstance(value, dict) else {}


def wrap(value: Any) -> list[Any]:
    """A list as it is; anything else, None included, as a list with this one member."""
    return value if isinstance(value, list) else [value]


def as_list(value: Any) -> list[Any]:
    """The members of a property that may be left out (None), one value, or a list of values."""
    return [] if value is None else wrap(value)


def as_text(value: Any) -> str:
    """A scalar as the string that CloudFormation makes of it: ``true`` and ``false`` for booleans."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def is_true(value: Any) -> bool:
    """Whether a value is true, or the string ``true``."""
    return as_text(value) == "true"
