"""Evaluated strings and lists: what each is made of, and whether all of it is known before the launch.

A ``Value`` is a ``str`` and can be used as one. Code that makes a string out of others has to hand their origins on;
``concatenate`` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from quilt_cfn.cloudformation.template.coerce import as_text


class Origin(NamedTuple):
    """What a string, or a part of it, comes from."""

    source: Literal["parameter", "resource", "attribute", "import", "dynamic"]
    """``resource`` for what Ref of a resource gives, ``attribute`` for what Fn::GetAtt gives, ``import`` for an output
    of another stack, ``dynamic`` for a dynamic reference."""
    name: str
    """The parameter's name, the logical ID, the export's name, or the dynamic reference itself."""
    attribute: str = ""


class Value(str):
    """An evaluated string."""

    origins: frozenset[Origin]
    """Everything that the string comes from."""
    known: bool
    """False if a part of it is a placeholder, such as ``<Database.Endpoint.Address>``."""

    def __new__(cls, text: str, origins: Iterable[Origin] = (), known: bool = True) -> Value:
        made = super().__new__(cls, text)
        made.origins = frozenset(origins)
        made.known = known
        return made

    @property
    def stands_for(self) -> Origin | None:
        """What this string is the placeholder of, if it consists of one placeholder and nothing else."""
        if not self.known and len(self.origins) == 1:
            (origin,) = self.origins
            if self == placeholder(origin):
                return origin
        return None


class Base64Value(Value):
    """What Fn::Base64 gives."""

    plain: Value
    """The string that was encoded."""


class UnknownList(list[Any]):
    """A list whose length is not known before the launch; its one member is the placeholder of any member."""

    @property
    def any_member(self) -> Value:
        member: Value = self[0]
        return member

    def member(self, index: int) -> Value:
        """The placeholder of the member at an index."""
        return Value(f"{self.any_member[:-1]}[{index}]>", self.any_member.origins, known=False)


def placeholder(origin: Origin) -> str:
    """What stands in a string for a part that is not known before the launch."""
    return f"<{origin.name}.{origin.attribute}>" if origin.attribute else f"<{origin.name}>"


def unknown_value(origin: Origin) -> Value:
    """A string that consists of the placeholder of its origin."""
    return Value(placeholder(origin), {origin}, known=False)


def unknown_list(origin: Origin) -> UnknownList:
    """A list of unknown length whose members come from this origin."""
    return UnknownList([unknown_value(origin)])


TOO_LARGE = "<too large>"
NO_VALUE = Value("<AWS::NoValue>", known=False)
"""What AWS::NoValue gives: a property or list member with this value is left out."""


def concatenate(parts: Iterable[Any]) -> Value:
    """The parts as one string, with the origins of all of them; it is known if every part is."""
    parts = [part if isinstance(part, str) else as_text(part) for part in parts]
    return Value("".join(parts), origins_of(parts), all(is_known(part) for part in parts))


def is_known(value: Any) -> bool:
    """Whether nothing in a value is a placeholder."""
    if isinstance(value, Value):
        return value.known
    if isinstance(value, UnknownList):
        return False
    if isinstance(value, dict):
        return all(map(is_known, value.values()))
    return all(map(is_known, value)) if isinstance(value, list) else True


def origins_of(value: Any) -> frozenset[Origin]:
    """The origins of every string in a value."""
    if isinstance(value, Value):
        return value.origins
    if isinstance(value, dict):
        return frozenset().union(*map(origins_of, value), *map(origins_of, value.values()))
    return frozenset().union(*map(origins_of, value)) if isinstance(value, (list, tuple)) else frozenset()
