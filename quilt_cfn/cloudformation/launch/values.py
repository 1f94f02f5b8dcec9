"""Computed values: texts that know what flowed into them, and whether anything in them is AWS's to say.

The rule: a text is a ``str`` and can be used as one; whoever makes a text out of others passes their origins on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, SupportsIndex

from quilt_cfn.cloudformation.template.coerce import as_text
from quilt_cfn.cloudformation.template.walk import strings_in


class Origin(NamedTuple):
    """Something that flowed into a text.

    ``source`` is ``parameter``, ``resource`` (what Ref of it gives), ``attribute`` (of a resource), ``import`` (another
    stack's output) or ``dynamic`` (a dynamic reference); ``name`` is its name or logical ID.
    """

    source: str
    name: str
    attribute: str = ""


class Value(str):
    """A text. ``known`` is false if a part of it is only a placeholder, as in ``<Database.Endpoint.Address>``."""

    origins: frozenset[Origin]
    known: bool

    def __new__(cls, text: str, origins: Iterable[Origin] = (), known: bool = True) -> Value:
        made = super().__new__(cls, text)
        made.origins = frozenset(origins)
        made.known = known
        return made

    @property
    def stands_for(self) -> Origin | None:
        """The one thing that this text stands for, when it is nothing but its placeholder."""
        if not self.known and len(self.origins) == 1:
            (origin,) = self.origins
            if self == placeholder(origin):
                return origin
        return None


class Base64Value(Value):
    """What Fn::Base64 gives; ``plain`` is the text that was encoded."""

    plain: Value


class UnknownList(list[Any]):
    """A list whose length only AWS knows; its one member stands for each of them."""

    @property
    def any_member(self) -> Value:
        text: Value = self[0]
        return text

    def member(self, index: int) -> Value:
        """A member."""
        return Value(f"{self.any_member[:-1]}[{index}]>", self.any_member.origins, known=False)

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        return super().__getitem__(index)


def placeholder(origin: Origin) -> str:
    """What stands in a text for something that only AWS can tell."""
    return f"<{origin.name}.{origin.attribute}>" if origin.attribute else f"<{origin.name}>"


def unknown_value(origin: Origin) -> Value:
    """A text that is nothing but the placeholder of something."""
    return Value(placeholder(origin), {origin}, known=False)


def unknown_list(origin: Origin) -> UnknownList:
    return UnknownList([unknown_value(origin)])


TOO_LARGE = "<too large>"
NO_VALUE = Value("<AWS::NoValue>", known=False)
"""What AWS::NoValue gives: whatever it is put into is dropped from its map or list."""


def concatenate(parts: Iterable[Any]) -> Value:
    """The parts one after the other, with everything that flowed into them."""
    parts = [part if isinstance(part, str) else as_text(part) for part in parts]
    return Value("".join(parts), origins_of(parts), all(is_known(part) for part in parts))


def is_known(value: Any) -> bool:
    """Whether AWS has nothing to add to a value."""
    if isinstance(value, Value):
        return value.known
    if isinstance(value, UnknownList):
        return False
    if isinstance(value, dict):
        return all(map(is_known, value.values()))
    return all(map(is_known, value)) if isinstance(value, list) else True


def origins_of(value: Any) -> frozenset[Origin]:
    """Everything that flowed into any text of a value."""
    return frozenset(origin for text, _ in strings_in(value) if isinstance(text, Value) for origin in text.origins)
