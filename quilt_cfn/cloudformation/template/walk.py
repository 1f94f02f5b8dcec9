"""Walking through a template: the strings in a part of it, its entries, and its references.

A path is the keys and indices that lead to a place in a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

Path = tuple[str | int, ...]

VARIABLE = re.compile(r"\$\{(!?)([^{}]*)\}")
"""A variable of ``Fn::Sub``: ``${Name}``, or ``${!Literal}``, which stays as ``${Literal}``."""


class Reference(NamedTuple):
    """What one ``Ref``, ``Fn::GetAtt`` or variable of ``Fn::Sub`` refers to."""

    name: str
    """The parameter, pseudo parameter or logical ID."""
    attribute: str
    """The attribute's name; empty for a Ref."""
    path: Path
    """The path to the function."""

    def __str__(self) -> str:
        """As ``Fn::Sub`` spells it."""
        return f"{self.name}.{self.attribute}" if self.attribute else self.name


def references(value: Any, path: Path = ()) -> list[Reference]:
    """Every reference in a part of a template that has not been evaluated, in order.

    A misshapen function is left out, and so is one whose name is computed by another (AWS::LanguageExtensions).
    """
    found: list[Reference] = []
    _find_references(value, path, found)
    return found


def _find_references(value: Any, path: Path, found: list[Reference]) -> None:
    if isinstance(value, list):
        for index, each in enumerate(value):
            if isinstance(each, (dict, list)):
                _find_references(each, (*path, index), found)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "Ref" and isinstance(each, str):
                found.append(Reference(each, "", path))
            elif key == "Fn::GetAtt" and isinstance(each, str):
                found.append(_dotted(each, path))
            elif key == "Fn::GetAtt" and isinstance(each, list) and each and isinstance(each[0], str):
                attribute = ".".join(str(part) for part in each[1:] if not isinstance(part, dict))
                found.append(Reference(each[0], attribute, path))
                _find_references(each[1:], (*path, key), found)
            elif key == "Fn::Sub":
                _find_variables(each, path, found)
            elif isinstance(each, (dict, list)):
                _find_references(each, (*path, key), found)


def _find_variables(argument: Any, path: Path, found: list[Reference]) -> None:
    text, variables = (argument[0], argument[1:]) if isinstance(argument, list) and argument else (argument, [])
    own = {name for each in variables if isinstance(each, dict) for name in each}
    for literal, name in VARIABLE.findall(text) if isinstance(text, str) else ():
        if not literal and name.strip() not in own:
            found.append(_dotted(name.strip(), path))
    _find_references(variables, (*path, "Fn::Sub"), found)


def _dotted(name: str, path: Path) -> Reference:
    name, _, attribute = name.partition(".")
    return Reference(name, attribute, path)


def strings_in(value: Any, path: Path = ()) -> list[tuple[str, Path]]:
    """Every string in a value, keys of dicts included, and the path to it."""
    found: list[tuple[str, Path]] = []
    _find_strings(value, path, found)
    return found


def _find_strings(value: Any, path: Path, found: list[tuple[str, Path]]) -> None:
    # Lists are filled rather than values yielded: a check walks millions of values, and this takes half the time.
    if isinstance(value, str):
        found.append((value, path))
    elif isinstance(value, dict):
        for key, each in value.items():
            inner = (*path, key)
            found.append((key, inner))
            if isinstance(each, str):
                found.append((each, inner))
            else:
                _find_strings(each, inner, found)
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            _find_strings(each, (*path, index), found)


def entries(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every entry of every dict in a value: the path to it, which ends with its key, and its value."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield (*path, key), each
            yield from entries(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from entries(each, (*path, index))
