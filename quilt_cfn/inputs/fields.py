"""Fields of a YAML file that somebody maintains by hand, taken out one by one.

The rule: whatever the file holds, the answer is the value or a ``UserError`` that names the field and says what it
should be. Each scalar is the text that was written, so that 16.10 is not 16.1; an empty one is as good as none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from quilt_cfn.errors import UserError

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


_NOTHING = ("", "~", "null")
"""How YAML writes it."""
DEEPEST = 20
"""The parser of PyYAML recurses without a limit of its own."""


class Fields:
    """Takes fields out of a document, and complains in whole sentences."""

    def __init__(self, where: str, document: object, prefix: str = "") -> None:
        """``where`` begins every sentence: "The listing marketplace/listing.yaml"."""
        self.where = where
        self.document = document
        self.prefix = prefix
        self.taken: dict[str, None] = {}

    def text(self, field: str, pattern: re.Pattern[str], wanted: str) -> str:
        """A field that has to be there; ``wanted`` completes "It should be"."""
        value = self.optional(field, pattern, wanted)
        if value is None:
            raise UserError(f"{self.where} has no {self.prefix}{field}.", f"It should be {wanted}.")
        return value

    def optional(self, field: str, pattern: re.Pattern[str], wanted: str) -> str | None:
        """A field that may be left out or empty."""
        value = self._value(field)
        if value is None:
            return None
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self._not(field, value, wanted)
        return value

    def texts(self, field: str, pattern: re.Pattern[str], wanted: str) -> tuple[str, ...]:
        """A list of at least one."""
        value = self._value(field)
        if not isinstance(value, list) or not value:
            raise self._not(field, value, f"a list, each {wanted}")
        for each in value:
            if not isinstance(each, str) or not pattern.fullmatch(each):
                raise self._not(field, each, wanted)
        return tuple(value)

    def map(self, field: str, pattern: re.Pattern[str], wanted: str) -> dict[str, str]:
        """A map of at least one name to a text; ``wanted`` describes each text."""
        value = self._value(field)
        if not isinstance(value, dict) or not value:
            raise self._not(field, value, f"a map, each value {wanted}")
        for name, each in value.items():
            if not isinstance(each, str) or not pattern.fullmatch(each):
                raise self._not(f"{field}.{name}", each, wanted)
        return dict(value)

    def maps(self, field: str, pattern: re.Pattern[str], wanted: str) -> dict[str, dict[str, str]]:
        """A map of at least one name to such a map."""
        value = self._value(field)
        if not isinstance(value, dict) or not value:
            raise self._not(field, value, f"a map of maps, each value {wanted}")
        return {name: self.map(f"{field}.{name}", pattern, wanted) if value[name] else {} for name in value}

    def parts(self, field: str, wanted: str) -> Iterator[Fields]:
        """The members of a list of maps; a member is closed when the next one is asked for."""
        value = self._value(field)
        if not isinstance(value, list) or not value:
            raise self._not(field, value, f"a list, each {wanted}")
        for number, each in enumerate(value, 1):
            part = Fields(self.where, each, f"{self.prefix}{field} {number}: ")
            yield part
            part.nothing_left()

    def nothing_left(self) -> None:
        """Raises ``UserError`` if there is a field that nothing took."""
        for field in _leaves(self.document, self.taken):
            import difflib  # late: only for a mistake

            near = difflib.get_close_matches(field, self.taken, 1)
            raise UserError(
                f"{self.where} has a field that nothing reads: {self.prefix}{field}.",
                f"Did you mean {near[0]}?" if near else f"Remove it, or name it one of: {', '.join(self.taken)}.",
            )

    def _value(self, field: str) -> Any:
        self.taken[field] = None
        value: Any = self.document
        for part in field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return None if value in _NOTHING else value

    def _not(self, field: str, value: object, wanted: str) -> UserError:
        shown = "nothing" if value is None else repr(value) if isinstance(value, str) else f"a {_KINDS[type(value)]}"
        shown = shown if len(shown) <= 100 else f"{shown[:99]}…"
        return UserError(f"{self.where} has {shown} as {self.prefix}{field}.", f"It should be {wanted}.")


_KINDS: dict[type, str] = {dict: "map", list: "list"}


def read_fields(path: Path, what: str, missing: str = "Run the command in a checkout.") -> Fields:
    """The fields of a YAML file; ``what`` names it in sentences, as "listing". Raises ``UserError``.

    ``missing`` says what to do where there is no such file.
    """
    where = f"The {what} {path}"
    try:
        text = path.read_text(encoding="utf-8")
        _simple(text, where)
        return Fields(where, yaml.load(text, Loader=_Loader))
    except OSError as error:
        raise UserError(f"{where} could not be read: {error.strerror}.", missing) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise UserError(f"{where} is not YAML{line}.", "Mend the file and run the command again.") from error


def _simple(text: str, where: str) -> None:
    """Raises ``UserError`` for what nobody writes by hand, and what the parser would die of."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise UserError(f"{where} has an alias, *{event.anchor}.", "Write the value out.")
        if depth > DEEPEST:
            raise UserError(f"{where} is nested more than {DEEPEST} deep.", "Compare it with its last version.")


def _leaves(value: object, taken: dict[str, None], prefix: str = "") -> Iterator[str]:
    """Every field that is not among those taken, as a.b.c; what was taken is looked at no further."""
    if prefix in taken:
        return
    if isinstance(value, dict) and (value or not prefix):
        for key, child in value.items():
            yield from _leaves(child, taken, f"{prefix}.{key}" if prefix else str(key))
    elif prefix or value:
        yield prefix or "a value without a name"
