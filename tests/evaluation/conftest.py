"""One value in a small template, evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.evaluation import Rendering, evaluate


def rendering_of(
    value: Any, form: dict[str, str] | None = None, region: str = "us-east-1", **sections: Any
) -> Rendering:
    """The rendering of a template in which one resource, It, has the value as its only property."""
    resources = {"It": {"Type": "Custom::It", "Properties": {"Value": value}}, **sections.pop("Resources", {})}
    return evaluate({"Resources": resources, **sections}, form or {}, region, open_form=True)


@pytest.fixture
def computed():
    """Computes a value; a problem is a failure."""

    def computed(value: Any, *arguments: Any, **sections: Any) -> Any:
        rendering = rendering_of(value, *arguments, **sections)
        assert rendering.problems == ()
        return rendering.properties("It")["Value"]

    return computed


@pytest.fixture
def problem():
    """The kind, the place in the value and the sentence of the one problem of a value."""

    def problem(value: Any, *arguments: Any, **sections: Any) -> tuple[str, tuple[str | int, ...], str]:
        (found,) = rendering_of(value, *arguments, **sections).problems
        assert found.path[:4] == ("Resources", "It", "Properties", "Value")
        return found.kind, found.path[4:], found.sentence

    return problem
