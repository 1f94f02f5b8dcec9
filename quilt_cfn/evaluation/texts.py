"""Computed values: texts that know what flowed into them, and whether anything in them is AWS's to say.

The rule: a text is a ``str`` and can be used as one; whoever makes a text out of others passes their origins on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, SupportsIndex


class Origin(NamedTuple):
    """Something that flowed into a text.

    ``kind`` is ``parameter``, ``resource`` (what Ref of it gives), ``attribute`` (of a resource), ``import`` (another
    stack's output) or ``dynamic`` (a dynamic reference); ``name`` is its name or logical ID.
    """

    kind: str
    name: str
    attribute: str = ""


class Text(str):
    """A text. ``known`` is false if a part of it is only a placeholder, as in ``<Database.Endpoint.Address>``."""

    origins: frozenset[Origin]
    known: bool

    def __new__(cls, text: str, origins: Iterable[Origin] = (), known: bool = True) -> Text:
        made = super().__new__(cls, text)
        made.origins = frozenset(origins)
        made.known = known
        return made

    @property
    def sole(self) -> Origin | None:
        """The one thing that this text stands for, when it is nothing but its placeholder."""
        if not self.known and len(self.origins) == 1:
            (origin,) = self.origins
            if self == placeholder(origin):
                return origin
        return None


class Encoded(Text):
    """What Fn::Base64 gives; ``plain`` is the text that was encoded."""

    plain: Text


class UnknownList(list[Any]):
    """A list whose length only AWS knows; its one member stands for each of them."""

    @property
    def each(self) -> Text:
        text: Text = self[0]
        return text

    def at(self, index: int) -> Text:
        """A member."""
        return Text(f"{self.each[:-1]}[{index}]>", self.each.origins, known=False)

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        return super().__getitem__(index)


def placeholder(origin: Origin) -> str:
    """What stands in a text for something that only AWS can tell."""
    return f"<{origin.name}.{origin.attribute}>" if origin.attribute else f"<{origin.name}>"


def symbol(origin: Origin) -> Text:
    """A text that is nothing but the placeholder of something."""
    return Text(placeholder(origin), {origin}, known=False)


def unknown_list(origin: Origin) -> UnknownList:
    return UnknownList([symbol(origin)])


TOO_LARGE = "<too large>"
NOTHING = Text("<AWS::NoValue>", known=False)
"""What AWS::NoValue gives: whatever it is put into is dropped from its map or list."""


def as_text(value: Any) -> str:
    """A scalar as CloudFormation writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def is_true(value: Any) -> bool:
    """Whether a value is CloudFormation's true, which may be a text."""
    return as_text(value) == "true"


def listed(value: Any) -> list[Any]:
    """A list as it is, and anything else as a list of itself."""
    return value if isinstance(value, list) else [value]


def several(value: Any) -> list[Any]:
    """The members of something that may be left out, or written as one value, or as a list of them."""
    return [] if value is None else listed(value)


def concatenated(parts: Iterable[Any]) -> Text:
    """The parts one after the other, with everything that flowed into them."""
    parts = [part if isinstance(part, str) else as_text(part) for part in parts]
    return Text("".join(parts), origins_of(parts), all(is_known(part) for part in parts))


def is_known(value: Any) -> bool:
    """Whether AWS has nothing to add to a value."""
    if isinstance(value, Text):
        return value.known
    if isinstance(value, UnknownList):
        return False
    if isinstance(value, dict):
        return all(map(is_known, value.values()))
    return all(map(is_known, value)) if isinstance(value, list) else True


def origins_of(value: Any) -> frozenset[Origin]:
    """Everything that flowed into any text of a value."""
    return frozenset(origin for text, _ in texts_of(value) if isinstance(text, Text) for origin in text.origins)


Path = tuple[str | int, ...]
"""The keys and indices that lead to a place in a template."""


def texts_of(value: Any, path: Path = ()) -> Iterator[tuple[str, Path]]:
    """Every text in a value (keys of maps included) and the path to it."""
    if isinstance(value, str):
        yield value, path
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key, (*path, key)
            yield from texts_of(each, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from texts_of(each, (*path, index))
