"""What systemd ignores or refuses in a unit file.

The syntax is that of https://www.freedesktop.org/software/systemd/man/latest/systemd.syntax.html. A directive that
isn't known is taken for a newer one, unless its name is one slip away from a known one, or it belongs to another
section.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from quilt_cfn.cloudformation.analysis.spelling import meant
from quilt_cfn.cloudformation.facts.systemd_directives import DIRECTIVES

UNITS = (".service", ".socket", ".timer", ".path", ".mount", ".automount", ".swap", ".target", ".slice", ".scope")
"""How the names of unit files end."""

Fault = tuple[int, str]
"""The number of a line, and what is wrong there: a sentence without a capital letter and a full stop."""


def faults(name: str, text: str) -> Iterator[Fault]:
    """Everything that is wrong in the unit file of this name, or in a drop-in for a unit."""
    section = ""
    keys: set[str] = set()
    for line, entry in _entries(text):
        header = re.fullmatch(r"\[(.*)\]", entry)
        if header:
            section = header[1]
            known = DIRECTIVES.get(section)
            if known is None and not section.startswith("X-"):
                other = meant(section, DIRECTIVES)
                yield line, f"there is no section [{section}]{f'; is it [{other}]?' if other else ''}"
            continue
        key, equals, value = (part.strip() for part in entry.partition("="))
        if not equals:
            yield line, f"{_short(entry)} is no assignment of the form Key=value"
        elif not section:
            yield line, f"{key} stands before the first section"
        else:
            keys.add(key)
            yield from ((line, sentence) for sentence in _wrong_assignment(section, key, value))
    # An empty file masks a unit. https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html
    if text.strip() and name.endswith(".service") and keys.isdisjoint(("ExecStart", "ExecStop", "SuccessAction")):
        yield 1, "the service has no ExecStart"


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """(number of the line, text) of every entry but comments, with its continuation lines."""
    first, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(("#", ";")):
            continue
        if not parts:
            first = number
        parts.append(line.rstrip("\\") if line.endswith("\\") else line)
        if not line.endswith("\\"):
            entry = " ".join(parts).strip()
            parts = []
            if entry:
                yield first, entry
    if parts:
        yield first, " ".join(parts).strip()


def _wrong_assignment(section: str, key: str, value: str) -> Iterator[str]:
    known = DIRECTIVES.get(section, frozenset())
    if known and key not in known and not key.startswith("X-"):
        places = [other for other, directives in DIRECTIVES.items() if key in directives]
        near = meant(key, sorted(known))
        if places:
            yield f"{key} has no effect in [{section}]; it belongs into [{places[0]}]"
        elif near:
            yield f"there is no directive {key}; {near} is one"
    # "an absolute path to an executable or a simple file name without any slashes":
    # https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Command%20lines
    command = re.match(r"[-@:+!|]*([^\s%$\"']\S*)", value) if key.startswith("Exec") and section == "Service" else None
    if command and "/" in command[1] and not command[1].startswith("/"):
        yield f"the path of the program {command[1]} is not absolute"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
