"""Writes a template as YAML or JSON, in the order in which a person reads it.

Any template can be written; nothing here is about ours. In YAML, intrinsic functions have their short form, scripts are
literal blocks, and every byte is ASCII, because ``GetTemplate`` and the console show any other character as a question
mark (cloudformation-coverage-roadmap issue 814). The entries of a dict keep their order.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from quilt_cfn.errors import UserError

TemplateDict = dict[str, Any]

_WIDTH = 124
"""Characters of a line of YAML."""

SECTIONS = (
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
)
"""The sections of a template in reading order; the names are CloudFormation's (Template anatomy, user guide)."""

_ATTRIBUTES = (
    "Type",
    "Condition",
    "DependsOn",
    "CreationPolicy",
    "UpdatePolicy",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Metadata",
    "Properties",
)
"""A resource's attributes in reading order: its type and policies first, its properties last."""


def in_reading_order(template: TemplateDict) -> TemplateDict:
    """The same template with its sections, and each resource's attributes, in reading order."""
    ordered = _by(SECTIONS, template)
    ordered["Resources"] = {name: _by(_ATTRIBUTES, resource) for name, resource in ordered["Resources"].items()}
    return ordered


def to_yaml(template: TemplateDict) -> str:
    """The template as YAML for CloudFormation; equal templates give equal bytes everywhere.

    Raises ``UserError`` where PyYAML lacks libyaml: its own emitter is slower and quotes differently.
    """
    if not yaml.__with_libyaml__:
        raise UserError(
            "PyYAML was installed without libyaml here, and would write other bytes than it does with libyaml.",
            "Install its wheel: pip install --force-reinstall --only-binary :all: PyYAML",
        )
    text: str = yaml.dump(template, Dumper=_TemplateDumper, sort_keys=False, width=_WIDTH, allow_unicode=False)
    return text


def to_json(template: TemplateDict) -> str:
    """The template as JSON for CloudFormation."""
    return json.dumps(template, indent=2) + "\n"


def to_compact_json(template: TemplateDict) -> str:
    """The template as JSON without white space."""
    return json.dumps(template, separators=(",", ":")) + "\n"


def _by(order: tuple[str, ...], mapping: dict[str, Any]) -> dict[str, Any]:
    rank = {key: position for position, key in enumerate(order)}
    return dict(sorted(mapping.items(), key=lambda item: rank.get(item[0], len(order))))


_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _TemplateDumper(_Base):  # type: ignore[misc]
    """PyYAML's safe dumper with CloudFormation's short forms, without anchors, and with short values on one line."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _short_form(mapping: dict[str, Any]) -> str | None:
    """The tag of an intrinsic function, or None for an ordinary mapping."""
    if len(mapping) != 1:
        return None
    (name,) = mapping
    return f"!{name.removeprefix('Fn::')}" if name in ("Ref", "Condition") or name.startswith("Fn::") else None


def _mapping(dumper: Any, mapping: dict[str, Any]) -> Any:
    tag = _short_form(mapping)
    (value,) = mapping.values() if tag else (mapping,)
    if tag == "!GetAtt" and isinstance(value, list):
        value = ".".join(value)
    # A short form can't follow another one directly ("!Base64 !Sub" is not YAML): the outer one stays long.
    if tag and isinstance(value, dict) and (tag == "!Condition" or _short_form(value)):
        tag, value = None, mapping
    tag = tag or "tag:yaml.org,2002:map"
    if isinstance(value, str):
        return dumper.represent_scalar(tag, value, style="|" if "\n" in value else None)
    if isinstance(value, list):
        return dumper.represent_sequence(tag, value, flow_style=_fits_on_a_line(value))
    return dumper.represent_mapping(tag, value.items(), flow_style=_fits_on_a_line(value))


def _sequence(dumper: Any, items: list[Any]) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=_fits_on_a_line(items))


def _text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _fits_on_a_line(value: Any) -> bool:
    """Whether a dict or list is written in flow style: if it fits on a line, or is a list of one-line strings."""
    if isinstance(value, list) and all(isinstance(item, str) and "\n" not in item for item in value):
        return True
    return _room_after(value, _WIDTH) >= 0


def _room_after(value: Any, room: int) -> int:
    """How many characters of ``room`` are left after a value; negative as soon as it doesn't fit."""
    if isinstance(value, str):
        return -1 if "\n" in value else room - len(value) - 2
    if isinstance(value, (dict, list)):
        for key, child in value.items() if isinstance(value, dict) else (("", each) for each in value):
            room = _room_after(child, room - len(key) - 2)
            if room < 0:
                break
        return room - 2
    return room - len(str(value))


_TemplateDumper.add_representer(dict, _mapping)
_TemplateDumper.add_representer(list, _sequence)
_TemplateDumper.add_representer(str, _text)
