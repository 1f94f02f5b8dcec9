"""The form of the launch page: the parameters of all editions, in the groups that the templates' own metadata has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.template.coerce import as_text

_IMAGE_TYPES = ("AWS::EC2::Image::Id", "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>")


class FormField(NamedTuple):
    """A parameter as the page shows it; ``declaration`` is the template's."""

    name: str
    label: str
    declaration: Mapping[str, Any]
    editions: tuple[str, ...]
    """The editions that have it."""

    @property
    def description(self) -> str:
        return as_text(self.declaration.get("Description", ""))

    @property
    def constraint(self) -> str | None:
        """What a value has to be, as a sentence; None where only a list of values or the type says it."""
        if "ConstraintDescription" in self.declaration:
            return as_text(self.declaration["ConstraintDescription"])
        if "MinValue" in self.declaration and "MaxValue" in self.declaration:
            return f"A number from {self.declaration['MinValue']} to {self.declaration['MaxValue']:,}."
        return None

    @property
    def default(self) -> str | None:
        """The text of the default; None if there is none."""
        return as_text(self.declaration["Default"]) if "Default" in self.declaration else None

    @property
    def values(self) -> list[str]:
        """The only values that it may have; empty if it may have others."""
        return [as_text(each) for each in self.declaration.get("AllowedValues", ())]

    @property
    def secret(self) -> bool:
        return as_text(self.declaration.get("NoEcho", "false")) == "true"

    @property
    def supplied(self) -> bool:
        """Whether nobody has to choose it, because the template or AWS Marketplace supplies it."""
        return self.declaration.get("Type") in _IMAGE_TYPES

    @property
    def required(self) -> bool:
        """Whether somebody has to fill it in."""
        return self.default is None and not self.supplied

    @property
    def control(self) -> str:
        """The kind of control that it gets: the type of an input element, or ``select``."""
        if self.values:
            return "select"
        if self.secret:
            return "password"
        return "number" if self.declaration.get("Type") == "Number" else "text"


class FormGroup(NamedTuple):
    """A headed section of the form."""

    label: str
    note: str
    """What the metadata has in parentheses behind the label, such as "optional: all of it may stay as it is"."""
    fields: tuple[FormField, ...]

    @property
    def optional(self) -> bool:
        """Whether all of it may stay as it is."""
        return not any(field.required for field in self.fields)


def form(templates: Mapping[str, Mapping[str, Any]]) -> tuple[FormGroup, ...]:
    """The form of some editions' templates together: name of an edition -> its template.

    Raises ``ValueError`` where two of them declare a parameter of one name differently.
    """
    groups: dict[str, dict[str, FormField]] = {}
    for edition, label, field in _every_field(templates):
        fields = groups.setdefault(label, {})
        known = fields.setdefault(field.name, field)
        if known.declaration != field.declaration:
            raise ValueError(f"{edition} declares {field.name} differently from {known.editions[0]}")
        if edition not in known.editions:
            fields[field.name] = known._replace(editions=(*known.editions, edition))
    return tuple(_group(label, tuple(fields.values())) for label, fields in groups.items())


def _every_field(templates: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, FormField]]:
    """(edition, label of the group, field) of every parameter, in the order of the form."""
    for edition, template in templates.items():
        interface = template["Metadata"]["AWS::CloudFormation::Interface"]
        for group in interface["ParameterGroups"]:
            for name in group["Parameters"]:
                label = interface["ParameterLabels"][name]["default"]
                declaration = template["Parameters"][name]
                yield edition, group["Label"]["default"], FormField(name, label, declaration, (edition,))


def _group(label: str, fields: tuple[FormField, ...]) -> FormGroup:
    title, _, note = label.partition(" (")
    return FormGroup(title, note.rstrip(")"), fields)
