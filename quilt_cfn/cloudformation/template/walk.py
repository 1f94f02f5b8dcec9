"""Walking through a template: the strings and entries in a part of it, and what it refers to.

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
    """Empty for a reference to the thing itself."""
    path: Path
    """Where the function stands, from where the walk began."""

    def __str__(self) -> str:
        """As ``Fn::Sub`` spells it."""
        return f"{self.name}.{self.attribute}" if self.attribute else self.name


def references(value: Any, path: Path = ()) -> Iterator[Reference]:
    """Every reference in a part of a template that has not been evaluated, in order.

    What is misshapen, and a name that another function gives (as AWS::LanguageExtensions allows), refers to nothing.
    """
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from references(each, (*path, index))
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "Ref" and isinstance(each, str):
                yield Reference(each, "", path)
            elif key == "Fn::GetAtt" and isinstance(each, str):
                yield _dotted(each, path)
            elif key == "Fn::GetAtt" and isinstance(each, list) and each and isinstance(each[0], str):
                yield Reference(each[0], ".".join(str(part) for part in each[1:] if not isinstance(part, dict)), path)
                yield from references(each[1:], (*path, key))
            elif key == "Fn::Sub":
                yield from _substituted(each, path)
            else:
                yield from references(each, (*path, key))


def _substituted(argument: Any, path: Path) -> Iterator[Reference]:
    text, variables = (argument[0], argument[1:]) if isinstance(argument, list) and argument else (argument, [])
    given = {name for each in variables if isinstance(each, dict) for name in each}
    for literal, name in VARIABLE.findall(text) if isinstance(text, str) else ():
        if not literal and name.strip() not in given:
            yield _dotted(name.strip(), path)
    yield from references(variables, (*path, "Fn::Sub"))


def _dotted(name: str, path: Path) -> Reference:
    name, _, attribute = name.partition(".")
    return Reference(name, attribute, path)


def strings_in(value: Any, path: Path = ()) -> Iterator[tuple[str, Path]]:
    """Every string in a value, keys of dicts included, and the path to it."""
    if isinstance(value, str):
        yield value, path
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key, (*path, key)
            yield from strings_in(each, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from strings_in(each, (*path, index))


def entries(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every entry of every dict in a value: the path to it, which ends with its key, and its value."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield (*path, key), each
            yield from entries(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from entries(each, (*path, index))
