"""What a template leaves to AWS: macros, loops, includes, modules and nested stacks, which are not expanded here.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty, map_at, wrap
from quilt_cfn.cloudformation.template.walk import Path, entries

EXTENSIONS = "AWS::LanguageExtensions"
"""The transform whose functions are computed here, except for its loops."""
LOOP = "Fn::ForEach::"
INCLUDE = "Fn::Transform"
NESTED = "AWS::CloudFormation::Stack"


class Unexpanded(NamedTuple):
    """A part of a template that AWS reads from somewhere else, or makes others of."""

    path: Path
    what: str
    """The beginning of a sentence: ``the macro Trim``."""


def unexpanded(template: Mapping[str, Any]) -> Iterator[Unexpanded]:
    """Everything in a template that is not expanded here."""
    for name in macros(template):
        yield Unexpanded(("Transform",), f"the macro {name}")
    for path, value in entries(dict(template)):
        if any(str(key).startswith(LOOP) for key in path):
            if not any(str(key).startswith(LOOP) for key in path[:-1]):
                yield Unexpanded(path, f"the loop {path[-1]}")
        elif path[-1] == INCLUDE:
            yield Unexpanded(path, f"the macro {as_text(dict_or_empty(value).get('Name', '?'))}")
        elif path[0] == "Resources" and len(path) == 3 and path[-1] == "Type":
            if as_text(value).endswith("::MODULE"):
                yield Unexpanded(path, f"the module {value}")
            elif value == NESTED:
                yield Unexpanded(path[:2], f"the template of the nested stack {path[1]}")


def is_extended(template: Mapping[str, Any]) -> bool:
    """Whether the template has what ``AWS::LanguageExtensions`` adds to the language."""
    return EXTENSIONS in wrap(template.get("Transform", []))


def macros(template: Mapping[str, Any]) -> list[str]:
    """The macros that get the whole template, AWS's own transforms among them, such as AWS::Serverless-2016-10-31."""
    transforms = wrap(template.get("Transform", []))
    # A macro may be given as a map with Name and Parameters.
    names = [as_text(dict_or_empty(each).get("Name", each)) for each in transforms]
    return [name for name in names if name != EXTENSIONS]


def adds_names(template: Mapping[str, Any]) -> bool:
    """Whether a macro, a module, a loop or an include adds something to the template that is not in it yet."""
    resources = map(dict_or_empty, map_at(template, "Resources").values())
    return (
        bool(macros(template))
        or any(as_text(resource.get("Type")).endswith("::MODULE") for resource in resources)
        or any(name.startswith("Fn::") for each in (template, *template.values()) for name in dict_or_empty(each))
    )
