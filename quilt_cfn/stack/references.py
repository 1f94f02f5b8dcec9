"""What a part of a template refers to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any


def references(value: Any) -> Iterator[str]:
    """What an encoded value refers to in its template, as Fn::Sub names it; pseudo parameters are left out."""
    match value:
        case {"Ref": str(name)}:
            if not name.startswith("AWS::"):
                yield name
        case {"Fn::GetAtt": [str(resource), str(attribute)]}:
            yield f"{resource}.{attribute}"
        case {"Fn::Sub": str(text)}:
            yield from (name for name in re.findall(r"\$\{([^}!]+)\}", text) if not name.startswith("AWS::"))
        case {"Fn::Sub": [str(text), dict(variables)]}:
            yield from (name for name in references({"Fn::Sub": text}) if name not in variables)
            yield from references(list(variables.values()))
        case dict():
            yield from references(list(value.values()))
        case list():
            for item in value:
                yield from references(item)
