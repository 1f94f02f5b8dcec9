"""Changes values in a YAML file that a person wrote, and leaves every other byte of it as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from quilt_cfn.errors import UserError


def with_digests(content: bytes, digests: Mapping[str, str]) -> bytes:
    """The release file with other digests, by the names of the images, all of which it has.

    A digest that is there is replaced. One that is empty is filled in, and one that is left out gets a line behind the
    image's name. Raises ``UserError`` where that would change anything else, as with some ways of writing YAML.
    """
    import yaml  # late, as in inputs/fields.py

    try:
        text = content.decode()
        wanted = yaml.load(text, Loader=yaml.BaseLoader)
        images = _value(yaml.compose(text, Loader=yaml.BaseLoader), "images")
        edits = []
        for name, digest in digests.items():
            edits.append(_edit(text, _value(images, name), digest))
            wanted["images"][name]["digest"] = digest
        for start, end, replacement in sorted(edits, reverse=True):
            text = f"{text[:start]}{replacement}{text[end:]}"
        done = yaml.load(text, Loader=yaml.BaseLoader) == wanted
    except (yaml.YAMLError, UnicodeDecodeError):  # the other encodings of YAML are not written here
        done = False
    if not done:
        lines = "".join(f"\n  {name}: {digest}" for name, digest in digests.items())
        raise UserError(
            "The digests can't be written into the release file without changing more of it; nothing was written.",
            f"Write them there yourself:{lines}",
        )
    return text.encode()


def line_of(content: bytes, name: str) -> int:
    """The line in the release file in which what it says about an image begins."""
    import yaml  # late, as in inputs/fields.py

    image = _value(_value(yaml.compose(content, Loader=yaml.BaseLoader), "images"), name)
    line: int = image.start_mark.line
    return line + 1


def _edit(text: str, image: Any, digest: str) -> tuple[int, int, str]:
    """Where the change of an image's digest begins and ends, in characters, and what is there afterwards."""
    value = _value(image, "digest")
    if value is not None:
        # An empty value stands right behind its colon.
        empty = value.start_mark.index == value.end_mark.index
        return value.start_mark.index, value.end_mark.index, f" {digest}" if empty else digest
    key, name = next(pair for pair in image.value if pair[0].value == "name")
    if image.flow_style:
        return name.end_mark.index, name.end_mark.index, f", digest: {digest}"
    at = name.end_mark.index + len(re.split(r"[\r\n]", text[name.end_mark.index :], maxsplit=1)[0])
    newline = "\r\n" if "\r\n" in text else "\n"
    return at, at, f"{newline}{' ' * key.start_mark.column}digest: {digest}"


def _value(mapping: Any, key: str) -> Any:
    """The node of a value in the node of a map; None if there is none."""
    return next((value for each, value in mapping.value if each.value == key), None)
