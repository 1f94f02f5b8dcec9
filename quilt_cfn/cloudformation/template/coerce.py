"""A part of a template as the type that it should have.

A template may be anybody's, so any part of it may be misshapen; the linters report that, and nothing here raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def get_section(template: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A section of a template, such as ``Resources``; an absent or misshapen one is empty."""
    return dict_or_empty(template.get(name))


def dict_or_empty(value: Any) -> dict[str, Any]:
    """The value if it is a dict; an empty dict for anything else."""
    return value if isinstance(value, dict) else {}


def wrap(value: Any) -> list[Any]:
    """A list as it is, and anything else, None included, as a list of itself."""
    return value if isinstance(value, list) else [value]


def as_list(value: Any) -> list[Any]:
    """The members of a property that may be left out (None), or written as one value, or as a list of values."""
    return [] if value is None else wrap(value)


def as_text(value: Any) -> str:
    """A scalar as CloudFormation writes it: ``true`` and ``false`` for booleans."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def is_true(value: Any) -> bool:
    """Whether a value is CloudFormation's true, which may be a string."""
    return as_text(value) == "true"
