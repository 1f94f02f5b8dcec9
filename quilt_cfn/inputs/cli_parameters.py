"""Reads what a user gives on the command line for a launch of a template: parameter values, and the Region.

Values come as NAME=VALUE, or in a JSON or YAML file of one of these formats: a map of names to values; the list of
ParameterKey and ParameterValue that ``aws cloudformation create-stack --parameters`` takes; the list of "Name=Value" of
``aws cloudformation deploy --parameter-overrides``; CodePipeline's map with a key Parameters.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from quilt_cfn.cloudformation.facts import availability
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.fields import read_yaml
from quilt_cfn.text import shown

NEXT = "Write NAME=VALUE, or a file with a map of names to values or with the list that the AWS CLI takes."


def parameter_values(arguments: Iterable[str]) -> dict[str, Any]:
    """Name -> value of all arguments; each value is a string or a list of them. NAME=VALUE outdoes a file.

    Raises ``UserError``, also for a name with two values, without any of the values in its sentences, because they may
    be secrets.
    """
    named: dict[str, Any] = {}
    in_files: dict[str, Any] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not argument:
            raise UserError("A value of --parameters is empty.", NEXT)
        if equals and name.isalnum():
            _add(named, [(name, value)], "--parameters")
        else:
            _add(in_files, _read(Path(argument)), argument)
    return {**in_files, **named}


def _add(values: dict[str, Any], pairs: Iterable[tuple[str, Any]], where: str) -> None:
    """Add values to those so far; raises ``UserError`` if one of them has another one already."""
    for name, value in pairs:
        if values.setdefault(name, value) != value:
            raise UserError(f"{where} gives {shown(name)} another value than before.", "Give each parameter one value.")


def _read(path: Path) -> list[tuple[str, Any]]:
    document = read_yaml(path, f"The file of parameters {path}", NEXT, aliases=True)
    if isinstance(document, dict) and isinstance(document.get("Parameters"), dict):
        document = document["Parameters"]
    entries = document if isinstance(document, list) else []
    pairs = [*document.items()] if isinstance(document, dict) else [_pair(each) for each in entries]
    if not pairs or not all(isinstance(name, str) and _is_value(value) for name, value in pairs):
        raise UserError(f"{path} has no values for parameters.", NEXT)
    return pairs


def _pair(entry: object) -> tuple[Any, Any]:
    if isinstance(entry, dict):
        return entry.get("ParameterKey"), entry.get("ParameterValue")
    name, equals, value = entry.partition("=") if isinstance(entry, str) else ("", "", "")
    return (name, value) if equals else (None, None)


def _is_value(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def region(name: str) -> str:
    """The name of a Region that exists; raises ``UserError`` for any other."""
    regions = availability.regions()
    if not name:
        raise UserError("A value of --region is empty.", "Name a Region such as us-east-1.")
    if name not in regions:
        near = difflib.get_close_matches(name, regions, 1)
        raise UserError(
            f"There is no Region {shown(name)}.", f"Did you mean {near[0]}?" if near else "Name one such as us-east-1."
        )
    return name
