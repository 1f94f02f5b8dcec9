"""Reads YAML files that people write: ``read_yaml`` loads one, and ``Fields`` takes its fields one by one.

Whatever the file holds, the result is the value or a ``UserError`` that names the field and says what it should be. A
scalar stays the string that was written, so that 16.10 is not 16.1; an empty one counts as missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quilt_cfn.errors import UserError
from quilt_cfn.text import shown

ANY = re.compile(r".+", re.DOTALL)
"""The pattern of a string that only has to be there."""
LARGEST = 1_000_000
"""Bytes of a file that is read."""
DEEPEST = 20
"""Levels of maps and lists in one another; PyYAML's own parser recurses without a limit."""

_NOTHING = ("", "~", "null")
"""How YAML writes an empty value."""
_TYPE_NAMES: dict[type, str] = {dict: "a map", list: "a list"}


def read_yaml(path: Path, where: str, next_step: str, aliases: bool = False) -> object:
    """The content of a YAML or JSON file: maps, lists and strings; None for an empty file.

    ``where`` names the file in sentences, and ``next_step`` says what to do if it can't be read. Raises ``UserError``
    for anything that is not YAML, too large or too deep, for a map with the same key twice, and for an alias unless
    ``aliases`` are allowed.
    """
    import yaml  # late: 10 ms, which those who need only a pattern of these modules don't pay

    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        content = _content(path)
        if len(content) > LARGEST:
            raise UserError(f"{where} has more than {LARGEST:,} bytes.", next_step)
        depth = 0
        for event in yaml.parse(content, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise UserError(f"{where} has more than {DEEPEST} levels of maps and lists.", "Make it simpler.")
            if isinstance(event, yaml.AliasEvent) and not aliases:
                raise UserError(f"{where} has an alias, *{event.anchor}.", "Write the value itself there.")
        parser = loader(content)
        node = parser.get_single_node()
        _refuse_duplicate_keys(node, where)
        document: object = None if node is None else parser.construct_document(node)
    except OSError as error:
        raise UserError(f"{where} could not be read: {error.strerror}.", next_step) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise UserError(f"{where} is not YAML{line}.", "Fix the file and run the command again.") from None
    return document


def _refuse_duplicate_keys(root: Any, where: str) -> None:
    """Raises ``UserError`` if a map in a YAML document has the same key twice; YAML would forget all but the last."""
    nodes = [root]
    seen: set[int] = set()
    while nodes:
        node = nodes.pop()
        # A list has nodes as its value, a map pairs of them, and a scalar its text. With an alias, a node is met twice.
        if isinstance(getattr(node, "value", None), list) and id(node) not in seen:
            seen.add(id(node))
            lines: dict[str, int] = {}
            for each in node.value:
                nodes += each if isinstance(each, tuple) else (each,)
                key = each[0] if isinstance(each, tuple) else None
                if key is not None and isinstance(key.value, str):
                    line = key.start_mark.line + 1
                    if key.value in lines:
                        what = (
                            f"{where} has {shown(key.value)} twice in one map, in lines {lines[key.value]} and {line}."
                        )
                        raise UserError(what, "Remove one of them.")
                    lines[key.value] = line


def _content(path: Path) -> bytes:
    """The first bytes of a file or a pipe, one more than it may have; raises ``OSError``."""
    # Without O_NONBLOCK this would wait until somebody writes to a pipe; with it, such a pipe is at its end.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)) as file:
        os.set_blocking(file.fileno(), True)
        return file.read(LARGEST + 1)


def read_fields(path: Path, what: str, missing: str = "Run the command in a checkout.") -> Fields:
    """The fields of a YAML file; ``what`` names it in sentences, as "listing". Raises ``UserError``.

    ``missing`` says what to do if there is no such file.
    """
    where = f"The {what} {path}"
    return Fields(where, read_yaml(path, where, missing))


class Fields:
    """The fields of a document, each of which is checked when it is taken.

    A field is named by its path in the document, such as ``ami.access_role``; ``wanted`` describes its value,
    completing the sentence "It should be". Every method raises ``UserError``.
    """

    def __init__(self, where: str, document: object, prefix: str = "") -> None:
        """``where`` begins every sentence: "The listing marketplace/listing.yaml"."""
        self.where = where
        self.document = document
        self.prefix = prefix
        self.taken: dict[str, None] = {}

    def string(self, field: str, wanted: str, pattern: re.Pattern[str] = ANY) -> str:
        """A string that has to be there."""
        value = self.optional(field, wanted, pattern)
        if value is None:
            raise UserError(f"{self.where} has no {self.prefix}{field}.", f"It should be {wanted}.")
        return value

    def optional(self, field: str, wanted: str, pattern: re.Pattern[str]) -> str | None:
        """A string, or None if it is left out or empty."""
        value = self._value(field)
        return None if value is None else self._matching(field, value, wanted, pattern)

    def string_or_list(self, field: str, wanted: str) -> str | list[Any]:
        """A string, or a list of anything; not empty."""
        value: str | list[Any] | None = self._value(field)
        if not isinstance(value, str | list) or not value:
            raise self._error(field, value, wanted)
        return value

    def strings(self, field: str, wanted: str, pattern: re.Pattern[str] = ANY) -> tuple[str, ...]:
        """A list of at least one string; ``wanted`` describes each."""
        values = self._filled(list, field, f"a list, each {wanted}")
        return tuple(self._matching(field, each, wanted, pattern) for each in values)

    def map(self, field: str, wanted: str, pattern: re.Pattern[str] = ANY) -> dict[str, str]:
        """A map of at least one name to a string; ``wanted`` describes each string."""
        values = self._filled(dict, field, f"a map, each value {wanted}")
        return {name: self._matching(f"{field}.{name}", each, wanted, pattern) for name, each in values.items()}

    def maps(self, field: str, wanted: str, pattern: re.Pattern[str] = ANY) -> dict[str, dict[str, str]]:
        """A map of at least one name to such a map, which may be empty."""
        values = self._filled(dict, field, f"a map of maps, each value {wanted}")
        return {name: self.map(f"{field}.{name}", wanted, pattern) if values[name] else {} for name in values}

    def entries(self, field: str, wanted: str) -> Iterator[Fields]:
        """The fields of each map in a list of at least one; each has to be taken completely before the next one."""
        for number, each in enumerate(self._filled(list, field, f"a list, each {wanted}"), 1):
            entry = Fields(self.where, each, f"{self.prefix}{field} {number}: ")
            yield entry
            entry.refuse_others()

    def refuse_others(self) -> None:
        """Raises ``UserError`` if there is a field that was not taken."""
        for field in _leaves(self.document, self.taken):
            import difflib  # late: only for a mistake

            near = difflib.get_close_matches(field, self.taken, 1)
            raise UserError(
                f"{self.where} has an unknown field: {self.prefix}{field}.",
                f"Did you mean {near[0]}?" if near else f"Remove it, or name it one of: {', '.join(self.taken)}.",
            )

    def _value(self, field: str) -> Any:
        self.taken[field] = None
        value: Any = self.document
        for part in field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return None if value in _NOTHING else value

    def _filled(self, expected: type, field: str, wanted: str) -> Any:
        """The value of a field that has to be a list or a map with something in it."""
        value = self._value(field)
        if not isinstance(value, expected) or not value:
            raise self._error(field, value, wanted)
        return value

    def _matching(self, field: str, value: object, wanted: str, pattern: re.Pattern[str]) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self._error(field, value, wanted)
        return value

    def _error(self, field: str, value: object, wanted: str) -> UserError:
        what = "nothing" if value is None else repr(value) if isinstance(value, str) else _TYPE_NAMES[type(value)]
        what = what if len(what) <= 100 else f"{what[:99]}…"
        return UserError(f"{self.where} has {what} as {self.prefix}{field}.", f"It should be {wanted}.")


def _leaves(value: object, taken: dict[str, None], prefix: str = "") -> Iterator[str]:
    """Every field that was not taken, as a.b.c; a field that was taken is not searched."""
    if prefix in taken:
        return
    if isinstance(value, dict) and (value or not prefix):
        for key, child in value.items():
            yield from _leaves(child, taken, f"{prefix}.{key}" if prefix else str(key))
    elif prefix or value:
        yield prefix or "a value without a name"
