"""One value in a small template, evaluated."""

from __future__ import annotations

from typing import Any

from quilt_cfn.cloudformation.launch import Launch, evaluate


def launch_of(
    value: Any, parameter_values: dict[str, str] | None = None, region: str = "us-east-1", **sections: Any
) -> Launch:
    """The launch of a template in which one resource, It, has the value as its only property."""
    resources = {"It": {"Type": "Custom::It", "Properties": {"Value": value}}, **sections.pop("Resources", {})}
    return evaluate({"Resources": resources, **sections}, parameter_values or {}, region, allow_missing=True)


def computed(value: Any, *arguments: Any, **sections: Any) -> Any:
    """What a value evaluates to, without an error."""
    launch = launch_of(value, *arguments, **sections)
    assert launch.errors == ()
    return launch.properties("It")["Value"]


def error(value: Any, *arguments: Any, **sections: Any) -> tuple[str, tuple[str | int, ...], str]:
    """The kind, the path in the value and the message of the one error in a value."""
    (found,) = launch_of(value, *arguments, **sections).errors
    assert found.path[:4] == ("Resources", "It", "Properties", "Value")
    return found.kind, found.path[4:], found.message
