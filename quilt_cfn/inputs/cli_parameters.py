"""What a user gives on the command line for a template of theirs: values of the form, and the Region.

Formats of a parameters file: a map of name to value, as JSON or YAML; the list of ParameterKey and ParameterValue that
``aws cloudformation create-stack --parameters`` takes; the list of "Name=Value" of ``aws cloudformation deploy
--parameter-overrides``; and CodePipeline's map with a key Parameters.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from quilt_cfn.cloudformation.facts import availability
from quilt_cfn.cloudformation.template.coerce import as_text
from quilt_cfn.errors import UserError

NEXT = "Write NAME=VALUE, or a file with a map of names to values or with the list that the AWS CLI takes."
LARGEST = 1_000_000


def parameter_values(arguments: Iterable[str]) -> dict[str, Any]:
    """The values of all arguments, the last one of a name; raises ``UserError``. No message contains a value."""
    values: dict[str, Any] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        values |= {name: value} if equals and name.isalnum() else _file(Path(argument))
    return values


def _file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
        document = yaml.load(text[:LARGEST], Loader=yaml.BaseLoader)  # a value stays the text that was written
    except OSError as error:
        raise UserError(f"The parameters in {path} could not be read: {error.strerror}.", NEXT) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"The parameters in {path}{where} are neither JSON nor YAML.", NEXT) from None
    if isinstance(document, dict) and isinstance(document.get("Parameters"), dict):
        document = document["Parameters"]
    pairs = list(document.items()) if isinstance(document, dict) else [_pair(each) for each in _list(document)]
    if not pairs or not all(_is_value(name) and (_is_value(value) or _is_values(value)) for name, value in pairs):
        raise UserError(f"{path} holds no values for parameters.", NEXT)
    return {as_text(name): value for name, value in pairs}


def _list(document: Any) -> list[Any]:
    return document if isinstance(document, list) else []


def _pair(entry: Any) -> tuple[Any, Any]:
    if isinstance(entry, dict):
        return entry.get("ParameterKey"), entry.get("ParameterValue")
    name, equals, value = as_text(entry).partition("=")
    return (name, value) if equals else (None, None)


def _is_value(value: Any) -> bool:
    return isinstance(value, str)


def _is_values(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_value, value))


def region(name: str | None) -> str:
    """A Region that exists, us-east-1 if none is named; raises ``UserError``."""
    if name is None:
        return "us-east-1"
    regions = availability.regions()
    if name not in regions:
        near = difflib.get_close_matches(name, regions, 1)
        raise UserError(
            f"There is no Region {name}.", f"Did you mean {near[0]}?" if near else "Name one such as us-east-1."
        )
    return name
