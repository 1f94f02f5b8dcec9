"""One value in a small template, evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.launch import Launch, evaluate


def launch_of(
    value: Any, parameter_values: dict[str, str] | None = None, region: str = "us-east-1", **sections: Any
) -> Launch:
    """The launch of a template in which one resource, It, has the value as its only property."""
    resources = {"It": {"Type": "Custom::It", "Properties": {"Value": value}}, **sections.pop("Resources", {})}
    return evaluate({"Resources": resources, **sections}, parameter_values or {}, region, allow_missing=True)


@pytest.fixture
def computed():
    """Computes a value; a problem is a failure."""

    def computed(value: Any, *arguments: Any, **sections: Any) -> Any:
        launch = launch_of(value, *arguments, **sections)
        assert launch.errors == ()
        return launch.properties("It")["Value"]

    return computed


@pytest.fixture
def problem():
    """The kind, the place in the value and the sentence of the one problem of a value."""

    def problem(value: Any, *arguments: Any, **sections: Any) -> tuple[str, tuple[str | int, ...], str]:
        (found,) = launch_of(value, *arguments, **sections).errors
        assert found.path[:4] == ("Resources", "It", "Properties", "Value")
        return found.kind, found.path[4:], found.message

    return problem
