"""Reads a template into a plain dict, and remembers the line of each of its parts.

Whatever the file holds, the result is a template or a ``UserError`` that names the line. So nothing here recurses, no
more bytes are read than CloudFormation takes, and the YAML that CloudFormation refuses is refused.

Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html (YAML 1.1 without aliases,
without hash merges and without the tags binary, omap, pairs, set and timestamp) and cloudformation-limits.html (1 MB).
YAML 1.1 is also why an unquoted 010 is eight and an unquoted yes is true: that is what CloudFormation makes of them.
"""

from __future__ import annotations

import json
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path as File
from typing import Any, NamedTuple, NoReturn

import yaml

from quilt_cfn.cloudformation.facts.quotas import TEMPLATE_AT_A_URL
from quilt_cfn.cloudformation.template.intrinsic_functions import INTRINSIC_FUNCTIONS
from quilt_cfn.cloudformation.template.walk import Path
from quilt_cfn.errors import UserError

STANDARD_INPUT = File("-")
MAX_DEPTH = 100
"""The longest path that is read; the longest of our own has 15 parts."""

_NAMES = {f"!{name.removeprefix('Fn::')}": name for name in INTRINSIC_FUNCTIONS}
"""The tag of a short form, such as ``!Sub`` -> the name of the function."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML = "tag:yaml.org,2002:"
_resolver: Any = yaml.resolver.Resolver()
_constructor = yaml.constructor.SafeConstructor()
_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_SURROGATES = re.compile(r"\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|.)", re.IGNORECASE)
_PACKAGE = "aws cloudformation package does so for a whole template."
_LONGEST_NUMBER = 100
_MOST_TAG_DIRECTIVES = 1000
"""libyaml compares each with all before it: 60,000 of them would take ten seconds."""


class ParsedTemplate(NamedTuple):
    """A template that was read from a file."""

    data: dict[str, Any]
    """As JSON would have it: every function in its long form."""
    file: File
    lines: Mapping[Path, int]
    """Path -> line, counted from 1."""
    content: bytes = b""
    """The file's bytes."""
    duplicates: tuple[tuple[Path, int], ...] = ()
    """(path of a key that a map has twice, line of the one that is dropped): CloudFormation takes the last one,
    https://github.com/aws-cloudformation/cfn-language-discussion/issues/96."""

    def line(self, path: Path) -> int:
        """The line of a path; if the template has no such path, the line of the longest beginning that it has."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def read_template(path: File) -> ParsedTemplate:
    """The template in a YAML or JSON file, or in standard input if the path is ``-``.

    Raises ``UserError``, with the file and the line, for a file that can't be read and for one that is not a template.
    """
    name = "standard input" if path == STANDARD_INPUT else str(path)
    return parse_template(_content(path, name), name)._replace(file=path)


def parse_template(content: bytes, name: str) -> ParsedTemplate:
    """The template in these bytes; errors call it ``name``. Raises ``UserError`` as ``read_template`` does."""
    if len(content) > TEMPLATE_AT_A_URL:
        raise UserError(
            f"{name} has more than {TEMPLATE_AT_A_URL:,} bytes, and CloudFormation takes no larger template.",
            "Name a template, or divide it into nested stacks.",
        )
    reader = _Reader(name, content)
    template = reader.template()
    return ParsedTemplate(template, File(name), reader.lines, content, tuple(reader.duplicates.items()))


def _content(path: File, name: str) -> bytes:
    """The file's bytes; of a file that is too large, one byte more than a template may have."""
    next_step = "Name a template file, or - for standard input."
    try:
        if path == STANDARD_INPUT:
            if sys.stdin is None:
                raise UserError("standard input is closed.", next_step)
            return sys.stdin.buffer.read(TEMPLATE_AT_A_URL + 1)
        # A device may never end, and a pipe that nobody writes to never begins.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError(f"{name} is not a file.", next_step)
        with path.open("rb") as file:
            return file.read(TEMPLATE_AT_A_URL + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{name} could not be read: {reason}.", next_step) from None


class _Unfinished(NamedTuple):
    """A map or list whose end has not been read yet."""

    value: Any
    path: Path
    key: list[str]
    """The key of a map whose value has not been read yet; empty if there is none."""
    since: int
    """The line from which it counts: that of the last key in its path that replaces an earlier one."""


class _Reader:
    """Builds a template out of a YAML parser's events. PyYAML makes its nodes by recursion, and events without."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.content = content
        self.lines: dict[Path, int] = {}
        self.nulls: list[Path] = []
        self.duplicates: dict[Path, int] = {}
        self.is_json = False

    def template(self) -> dict[str, Any]:
        data = self._document(self._text())
        if not isinstance(data, dict):
            self._fail(1, "a template is a map of sections, and this is not a map.", "Name a CloudFormation template.")
        resources = data.get("Resources")
        if not isinstance(resources, dict) or not resources:
            line = self.lines.get(("Resources",), 1)
            self._fail(line, "at least one Resources member must be defined.", "Name a CloudFormation template.")
        path = next((path for path in self.nulls if _is_null(data, path)), None)
        if path is not None and "Transform" not in data:
            what = f"[/{_shown('/'.join(map(str, path)))}] 'null' values are not allowed in templates."
            self._fail(self.lines[path], what, "Give it a value, or remove it.")
        return data

    def _text(self) -> str:
        """The content, decoded, in a form that a YAML parser reads."""
        try:
            text = self.content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.content.count(b"\n", 0, error.start) + 1
            self._fail(line, "this is not UTF-8.", "Save the template as UTF-8.")
        control = _CONTROL.search(text)
        if control:
            line = text.count("\n", 0, control.start()) + 1
            self._fail(line, f"there is a control character, U+{ord(control[0]):04X}.", "Remove it.")
        if text.count("%TAG") > _MOST_TAG_DIRECTIVES:
            self._fail(1, "there are too many %TAG directives.", "Remove them; CloudFormation's tags need none.")
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return text
        # JSON is YAML, except for tabs, surrogate pairs in escapes, and 1e3, which is a string in YAML 1.1.
        self.is_json = True
        return _SURROGATES.sub(_joined, text.replace("\t", " "))

    def _document(self, text: str) -> Any:
        unfinished: list[_Unfinished] = []
        data: Any = None
        documents = 0
        for event in self._events(text):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fail(line, "a second document begins.", "Put one template into a file.")
            elif isinstance(event, yaml.AliasEvent):
                what = f"YAML aliases are not allowed in CloudFormation templates, and *{_shown(event.anchor)} is one."
                self._fail(line, what, f"Write the value out; {_PACKAGE}")
            elif isinstance(event, yaml.CollectionEndEvent):
                unfinished.pop()
            elif isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
                parent = unfinished[-1] if unfinished else None
                if parent and isinstance(parent.value, dict) and not parent.key:
                    self._key(event, parent, line)
                    continue
                path: Path = ()
                since = 0
                if parent:
                    key = parent.key.pop() if parent.key else len(parent.value)
                    path = (*parent.path, key)
                    replaces = isinstance(parent.value, dict) and key in parent.value
                    since = self.lines[path] if replaces else parent.since
                self._place(path, line, since)
                function = _NAMES.get(event.tag or "")
                inner = (*path, function) if function else path
                self._place(inner, line, since)
                if len(inner) > MAX_DEPTH:
                    self._fail(line, f"this is nested more than {MAX_DEPTH} deep.", "Make the template flatter.")
                value = self._value(event, inner, line, function)
                whole = {function: value} if function else value
                if parent is None:
                    data = whole
                elif isinstance(parent.value, dict):
                    parent.value[path[-1]] = whole
                else:
                    parent.value.append(whole)
                if isinstance(event, yaml.CollectionStartEvent):
                    unfinished.append(_Unfinished(value, inner, [], since))
        if not documents:
            self._fail(1, "there is nothing in it.", "Name a CloudFormation template.")
        return data

    def _events(self, text: str) -> Iterator[Any]:
        try:
            yield from yaml.parse(text, Loader=_Loader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            problem = getattr(error, "problem", None) or "it can't be read"
            what = f"this is not well-formed YAML or JSON: {problem}."
            self._fail(line, what, "Look at this line and at the one before it.")

    def _key(self, event: Any, parent: _Unfinished, line: int) -> None:
        """Read a key of a map; CloudFormation takes a scalar of any type as the string that is written there."""
        if not isinstance(event, yaml.ScalarEvent) or event.tag not in (None, "!", f"{_YAML}str"):
            self._fail(line, "the key of a map has to be a string.", "Write a plain name before the colon.")
        key = event.value
        path = (*parent.path, key)
        if key == "<<" and event.implicit[0]:
            self._fail(line, "CloudFormation does not support the merge key <<.", f"Write the keys out; {_PACKAGE}")
        if key in parent.value:
            self.duplicates[path] = self.lines[path]
        parent.key.append(key)
        self.lines[path] = line

    def _place(self, path: Path, line: int, since: int) -> None:
        """Note the line where a path begins, unless a line from ``since`` on is noted already."""
        if self.lines.get(path, -1) < since or path not in self.lines:
            self.lines[path] = line

    def _value(self, event: Any, path: Path, line: int, function: str | None) -> Any:
        tag = None if function or event.tag == "!" else event.tag
        if isinstance(event, yaml.MappingStartEvent) and tag in (None, f"{_YAML}map"):
            return {}
        if isinstance(event, yaml.SequenceStartEvent) and tag in (None, f"{_YAML}seq"):
            return []
        if isinstance(event, yaml.ScalarEvent):
            if function == "Fn::GetAtt":
                return event.value.split(".", 1)
            if function or event.tag == "!":
                return event.value
            if tag is None:
                tag = _resolver.resolve(yaml.ScalarNode, event.value, (True, False)) if event.implicit[0] else "text"
                return self._scalar(event.value, tag, path)
            if tag in _EXPLICIT:
                try:
                    return self._scalar(event.value, tag, path)
                except (ValueError, KeyError):
                    self._fail(line, f"{_shown(event.value)} is not a valid {_shown(tag)}.", "Remove the tag.")
        self._fail(line, f"CloudFormation knows no tag {_shown(tag)} here.", "Correct or remove the tag.")

    def _scalar(self, text: str, tag: str, path: Path) -> Any:
        if tag == f"{_YAML}null":
            self.nulls.append(path)
            return None
        if self.is_json and tag != "text":
            return json.loads(text)
        # Dates stay strings, and so do numbers that are too long for any use.
        construct = _CONSTRUCT.get(tag) if len(text) <= _LONGEST_NUMBER else None
        return construct(yaml.ScalarNode(tag, text)) if construct else text

    def _fail(self, line: int, what: str, next_step: str) -> NoReturn:
        raise UserError(f"{self.name}, line {line}: {what}", next_step)


def _is_null(value: Any, path: Path) -> bool:
    """Whether a path leads to a null; not if a later key replaced a map or list in the path."""
    try:
        for key in path:
            value = value[key]
    except (LookupError, TypeError):
        return False
    return value is None


_CONSTRUCT: dict[str, Any] = {
    f"{_YAML}bool": _constructor.construct_yaml_bool,
    f"{_YAML}int": _constructor.construct_yaml_int,
    f"{_YAML}float": _constructor.construct_yaml_float,
}
_EXPLICIT = (*_CONSTRUCT, f"{_YAML}null", f"{_YAML}str")


def _joined(match: re.Match[str]) -> str:
    """The character of a surrogate pair in JSON's escapes; any other escape as it is."""
    if not match[1]:
        return match[0]
    return bytes.fromhex(match[1] + match[2]).decode("utf-16-be")


def _shown(text: str | None) -> str:
    """A part of the file for an error message: printable, and at most 100 characters."""
    text = "".join(each if each.isprintable() else "?" for each in (text or "").replace(_YAML, "!!"))
    return text if len(text) <= 100 else f"{text[:99]}…"
