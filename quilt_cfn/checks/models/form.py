"""The form as a template declares it, and where its values go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quilt_cfn.evaluation import Rendering
from quilt_cfn.evaluation.forms import mapping, section
from quilt_cfn.evaluation.texts import Path, as_text, origins_of, several


def referred(value: Any) -> str | None:
    """The name in a value that is nothing but a Ref."""
    name = mapping(value).get("Ref")
    return name if isinstance(name, str) and len(value) == 1 else None


def declaration(rendering: Rendering, name: str | None) -> dict[str, Any]:
    """What a template declares about a parameter; nothing if there is none."""
    return mapping(section(rendering.template, "Parameters").get(name or ""))


def parameters(rendering: Rendering) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, declaration) of each parameter."""
    for name, declared in section(rendering.template, "Parameters").items():
        yield name, mapping(declared)


def parameter_behind(rendering: Rendering, value: Any) -> str | None:
    """The parameter whose value this is, unchanged."""
    names = [origin.name for origin in origins_of(value) if origin.kind == "parameter"]
    return names[0] if len(names) == 1 and rendering.parameters.get(names[0]) == value else None


def uses(rendering: Rendering) -> Iterator[tuple[Path, str]]:
    """(path, name) for every Ref to a parameter in properties; the path ends with the property that it is in."""
    for name, resource in section(rendering.template, "Resources").items():
        for path, value in entries(mapping(resource).get("Properties"), ("Resources", name, "Properties")):
            for each in several(value):
                if referred(each) in section(rendering.template, "Parameters"):
                    yield path, as_text(referred(each))


def entries(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every entry of every map in a value, and the path to it."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield (*path, key), each
            yield from entries(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from entries(each, (*path, index))


def whole_number(value: Any) -> int:
    """A number as a template writes it; 0 for anything else."""
    return int(as_text(value)) if as_text(value).isdecimal() else 0
