"""The page about what a template never changes: each declared property with its value, its reason and its sources.

The values are those of the templates. What else was decided is text that somebody wrote; a value in it is a reference
such as ``{Database.Engine}``, so that text and templates can't disagree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.facts.replacement import CLEARED_IN_PLACE, IN_PLACE, STATEFUL_TYPES, InPlace
from quilt_cfn.cloudformation.template.coerce import dict_or_empty, map_at
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.cloudformation.template.write import TemplateDict, to_yaml

_NOT_SET = "not set"
_REFERENCE = re.compile(r"\{([A-Za-z0-9]+)\.([A-Za-z0-9]+)\}")


def page(text: str, templates: Mapping[str, TemplateDict], declared: Iterable[ImmutableProperty]) -> str:
    """The page: a text with references, then every declaration, then which changes only look like replacements.

    ``templates`` are the editions by name; what is the same in all of them is said once. Raises ``KeyError`` for a
    reference to a resource that no edition has.
    """
    lines = [_with_values(text, templates).rstrip(), "", "## What never changes", ""]
    for resources, properties in _alike(declared, templates).items():
        lines += [*_heading(resources, templates), *(_item(each, resources, templates) for each in properties), ""]
    lines += ["## What only looks like a replacement", "", *_in_place(templates), ""]
    return "\n".join(lines)


def _with_values(text: str, templates: Mapping[str, TemplateDict]) -> str:
    return _REFERENCE.sub(lambda match: _value(match[1], match[2], templates), text)


def _alike(
    declared: Iterable[ImmutableProperty], templates: Mapping[str, TemplateDict]
) -> dict[tuple[str, ...], list[ImmutableProperty]]:
    """Resources of one type of which the same is declared -> the declarations of the first of them."""
    by_resource: dict[str, list[ImmutableProperty]] = {}
    for each in declared:
        by_resource.setdefault(each.resource, []).append(each)
    alike: dict[Any, list[str]] = {}
    for resource, properties in by_resource.items():
        what = tuple((each.property, each.why, each.sources) for each in properties)
        alike.setdefault((_type(resource, templates), what), []).append(resource)
    return {tuple(resources): by_resource[resources[0]] for resources in alike.values()}


def _heading(resources: tuple[str, ...], templates: Mapping[str, TemplateDict]) -> Iterator[str]:
    having = _having(resources[0], templates)
    resource_type = _type(resources[0], templates)
    only = "" if len(having) == len(templates) else f", edition {' and '.join(f'`{name}`' for name in having)} only"
    yield f"### {', '.join(f'`{name}`' for name in resources)} ({resource_type}{only})"
    yield ""
    if resource_type in STATEFUL_TYPES:
        yield f"A replacement loses {STATEFUL_TYPES[resource_type]}."
        yield ""


def _item(declared: ImmutableProperty, resources: tuple[str, ...], templates: Mapping[str, TemplateDict]) -> str:
    values = {name: _value(name, declared.property, templates) for name in resources}
    same = len(set(values.values())) == 1
    shown = values[resources[0]] if same else ", ".join(f"{value} (`{name}`)" for name, value in values.items())
    # The reason for an absent property begins with "Absent".
    value = "" if shown == _NOT_SET else f": {shown}"
    return f"- **{declared.property}**{value}. {declared.why}{_links(declared.sources)}"


def _in_place(templates: Mapping[str, TemplateDict]) -> Iterator[str]:
    """Every property of the templates that its schema calls conditionally create-only, and that changes in place."""
    yield "The schemas say of these that a change may replace the resource. It does not, by the sources."
    yield ""
    found: dict[tuple[str, InPlace], dict[str, None]] = {}
    for template in templates.values():
        for name, resource in map_at(template, "Resources").items():
            for (resource_type, property_name), change in {**IN_PLACE, **CLEARED_IN_PLACE}.items():
                if resource["Type"] == resource_type and property_name in _properties(resource):
                    found.setdefault((name, change), {})[property_name] = None
    for (name, change), names in found.items():
        yield f"- `{name}`, **{'**, **'.join(names)}**: {change.why}{_links(change.sources)}"


def _value(resource: str, property_name: str, templates: Mapping[str, TemplateDict]) -> str:
    """A property's value as Markdown; where the editions differ, that of each."""
    values = {
        edition: _markdown(template, _properties(template["Resources"][resource]).get(property_name))
        for edition, template in _having(resource, templates).items()
    }
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{value} in `{edition}`" for edition, value in values.items())


def _having(resource: str, templates: Mapping[str, TemplateDict]) -> dict[str, TemplateDict]:
    found = {name: each for name, each in templates.items() if resource in map_at(each, "Resources")}
    if not found:
        raise KeyError(f"no template has a resource {resource}")
    return found


def _type(resource: str, templates: Mapping[str, TemplateDict]) -> str:
    resource_type: str = next(iter(_having(resource, templates).values()))["Resources"][resource]["Type"]
    return resource_type


def _properties(resource: Any) -> dict[str, Any]:
    return dict_or_empty(dict_or_empty(resource).get("Properties"))


def _markdown(template: TemplateDict, value: Any) -> str:
    if value is None:
        return _NOT_SET
    match value:
        case {"Fn::If": [_, {"Ref": name}, {"Ref": "AWS::NoValue"}]} | {"Ref": name}:
            if name in map_at(template, "Parameters"):
                return f"parameter `{name}`"
    if isinstance(value, (str, int, float)):
        return f"`{value if isinstance(value, str) else json.dumps(value)}`"
    return f"`{' '.join(to_yaml(value).split())}`"


def _links(sources: Iterable[str]) -> str:
    links = ", ".join(f"[{_label(url)}]({url})" for url in sources)
    return f" ({links})" if links else ""


def _label(url: str) -> str:
    """What to call a source: ``repository#12`` for an issue or pull request, else the file or page."""
    thread = re.fullmatch(r"https://github\.com/[^/]+/([^/]+)/(?:issues|pull)/([0-9]+)", url)
    return f"{thread[1]}#{thread[2]}" if thread else url.rstrip("/").rpartition("/")[2].removesuffix(".html")
