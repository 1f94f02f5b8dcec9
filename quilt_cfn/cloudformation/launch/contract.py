"""The contract of a product: what its templates have to do that they don't say themselves.

It is made of parameter sets to launch the templates with, API calls and connections. A template of which nothing is
known has ``EMPTY_CONTRACT``; it is checked only by what it says itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.template.coerce import map_at


class ContractCall(NamedTuple):
    """An AWS API call that runs in the stack and that no file in the template shows."""

    principal: str
    """Logical ID of the user or role that makes it."""
    action: str
    resource: str | list[Any]
    """The ARN as ``Fn::Sub`` takes it, a text or a text and a map, or ``*``."""
    because: str
    """Who makes the call and what for: a sentence without its full stop."""
    template: str
    """The name of the template's file."""
    condition: str | None = None
    """The template's condition under which the call is made; None if it always is."""


class ContractConnection(NamedTuple):
    """A connection that the template doesn't show; each end is a logical ID, or a CIDR as ``Fn::Sub`` spells it."""

    source: str
    destination: str
    port: str
    because: str


@dataclass(frozen=True, eq=False)
class Contract:
    """The parameter sets, API calls, connections and containers of a product; see ``for_template``."""

    parameter_sets: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Name of the set -> parameter -> value; see ``values_for``."""
    calls: tuple[ContractCall, ...] = ()
    connections: tuple[ContractConnection, ...] = ()
    containers: Mapping[str, int] = field(default_factory=dict)
    """Container -> the port on which it listens."""
    regions: tuple[str, ...] = ()
    """The Regions in which it is launched; empty if in every one."""
    others: Mapping[str, Contract] = field(default_factory=dict)
    """The name of the file of a template that is no product -> its own contract, but for its calls."""

    def for_template(self, file_name: str) -> Contract:
        """The part of the contract that is about one template."""
        calls = tuple(call for call in self.calls if call.template == file_name)
        return replace(self.others.get(file_name, self), calls=calls)


EMPTY_CONTRACT = Contract()
"""The contract of a template of which nothing is known."""


def values_for(template: Mapping[str, Any], parameter_values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameter values of a contract for one template.

    A name that ends in ``*`` stands for every parameter that begins so, and for none where there is none: a name with
    a version in it is another one in each release.
    """
    declared = map_at(template, "Parameters")
    exact = {name: value for name, value in parameter_values.items() if not name.endswith("*")}
    begun = {
        name: value
        for beginning, value in parameter_values.items()
        if beginning.endswith("*")
        for name in declared
        if name.startswith(beginning[:-1])
    }
    return begun | exact
