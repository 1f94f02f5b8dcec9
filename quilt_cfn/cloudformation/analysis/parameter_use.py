"""Parameters: how a template declares them, and which properties take their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quilt_cfn.cloudformation.launch import Launch, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path, entries, references


def ref_target(value: Any) -> str | None:
    """The name in a value that is nothing but a Ref."""
    name = dict_or_empty(value).get("Ref")
    return name if isinstance(name, str) and len(value) == 1 else None


def declaration(launch: Launch, name: str | None) -> dict[str, Any]:
    """The declaration of a parameter; empty for None, and for a name that the template doesn't declare."""
    return map_at(launch.template, "Parameters", name or "")


def declared_parameters(launch: Launch) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, declaration) of each parameter."""
    for name, declared in map_at(launch.template, "Parameters").items():
        yield name, dict_or_empty(declared)


def parameter_behind(launch: Launch, value: Any) -> str | None:
    """The name of the parameter whose unchanged value this is; None for other values."""
    names = [origin.name for origin in origins_of(value) if origin.source == "parameter"]
    return names[0] if len(names) == 1 and launch.parameters.get(names[0]) == value else None


def parameters_in(launch: Launch, written: Any) -> list[str]:
    """The parameters to which a part of a template refers, as it is written there, each once and in order."""
    names = (as_text(each.name) for each in references(written))
    return [*dict.fromkeys(name for name in names if declaration(launch, name))]


def parameter_uses(launch: Launch) -> Iterator[tuple[Path, str]]:
    """(path, parameter) for every Ref to a parameter in properties; the path ends with the property's name."""
    for name, resource in map_at(launch.template, "Resources").items():
        for path, value in entries(dict_or_empty(resource).get("Properties"), ("Resources", name, "Properties")):
            for each in as_list(value):
                if ref_target(each) in map_at(launch.template, "Parameters"):
                    yield path, as_text(ref_target(each))
