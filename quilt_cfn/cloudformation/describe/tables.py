"""Tables of what is in templates: the form, the resources, the outputs, the ports, the policies.

Each function takes editions of one product, by name, and returns Markdown. What all editions have is said once; what
only some have says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from quilt_cfn.cloudformation.analysis.network import INTERNET, NOWHERE, network_of
from quilt_cfn.cloudformation.analysis.parameter_use import ref_target
from quilt_cfn.cloudformation.analysis.policy_documents import IDENTITY, RESOURCE, TRUST, policy_documents
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path
from quilt_cfn.cloudformation.template.write import to_yaml

Templates = Mapping[str, Mapping[str, Any]]
"""Name of an edition -> its template."""
Launches = Mapping[str, Launch]
"""Name of an edition -> a launch of it with every option."""

_Row = TypeVar("_Row")

_INTERFACE = "AWS::CloudFormation::Interface"
_STAYS = {
    "Retain": "stays",
    "RetainExceptOnCreate": "stays, unless the launch failed",
    "Snapshot": "a last snapshot stays",
}
"""DeletionPolicy -> what a deletion of the stack leaves:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""


def parameters(templates: Templates) -> str:
    """Every field of the form by its group, with what it accepts and what it is without a value."""
    return "\n\n".join(
        f"## {group}\n\n" + _table(("Field", "What to fill in", "What is accepted"), rows)
        for group, rows in _form(templates).items()
    )


def _form(templates: Templates) -> dict[str, list[tuple[str, str, str]]]:
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for name, only in _shared(templates, _fields):
        group, parameter = name
        template = next(each for each in templates.values() if parameter in map_at(each, "Parameters"))
        declared = dict_or_empty(map_at(template, "Parameters")[parameter])
        label = map_at(template, "Metadata", _INTERFACE, "ParameterLabels", parameter).get("default", "")
        hidden = "**Hidden.** " if as_text(declared.get("NoEcho", "")).lower() == "true" else ""
        what = f"{only}{hidden}{as_text(declared.get('Description', ''))}"
        groups.setdefault(group, []).append((f"{label}<br>`{parameter}`", what, _accepted(declared)))
    return groups


def _fields(template: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(group, parameter) in the order of the form."""
    for group in as_list(map_at(template, "Metadata", _INTERFACE).get("ParameterGroups")):
        for parameter in group["Parameters"]:
            yield group["Label"]["default"], parameter


def _accepted(declared: Mapping[str, Any]) -> str:
    """What a parameter accepts, and what it is without a value."""
    sentence = as_text(declared.get("ConstraintDescription", ""))
    if values := as_list(declared.get("AllowedValues")):
        sentence = ", ".join(f"`{as_text(each)}`" for each in values)
    elif "MinValue" in declared:
        sentence = f"{as_text(declared['MinValue'])} to {int(as_text(declared['MaxValue'])):,}"
    elif not sentence:
        sentence = f"A value of the type `{as_text(declared.get('Type'))}`, which the console lists."
    sentence = sentence if sentence.endswith(".") else f"{sentence}."
    if "Default" not in declared:
        return f"{sentence} **Required.**"
    default = as_text(declared["Default"])
    return f"{sentence} Default: {f'`{default}`' if default else 'empty'}."


def resources(launches: Launches) -> str:
    """Every resource by its type, and what of it a deletion of the stack leaves."""
    rows: dict[str, list[str]] = {}
    for (resource_type, name, stays), only in _shared(launches, _resources):
        notes = "; ".join(filter(None, (only.rstrip(" :").lower(), stays)))
        rows.setdefault(resource_type, []).append(f"`{name}`{f' ({notes})' if notes else ''}")
    table = [
        (f"`{resource_type.removeprefix('AWS::')}`", str(len(names)), ", ".join(names))
        for resource_type, names in rows.items()
    ]
    return _table(("Type, without AWS::", "Number", "Names"), sorted(table))


def _resources(launch: Launch) -> Iterator[tuple[str, str, str]]:
    for name, resource in launch.resources.items():
        yield launch.type_of(name), name, _STAYS.get(as_text(resource.get("DeletionPolicy", "")), "")


def properties(templates: Templates, name: str) -> str:
    """The properties of one resource, as the templates have them."""
    return "\n\n".join(
        f"{only and f'{only}as follows.'}\n\n```yaml\n{text}```"
        for text, only in _shared(templates, lambda each: [to_yaml(map_at(each, "Resources", name, "Properties"))])
    )


def outputs(launches: Launches) -> str:
    """Every output in its order."""
    rows = [(f"`{name}`", f"{only}{text}") for (name, text), only in _shared(launches, _outputs)]
    return _table(("Output", "What it is"), rows)


def _outputs(launch: Launch) -> Iterator[tuple[str, str]]:
    for name, output in launch.outputs.items():
        yield name, as_text(output.get("Description", ""))


def ports(launches: Launches) -> str:
    """Every connection that a security group allows; what nothing allows is refused."""
    rows = [(*row, f"{only}{why}") for (*row, why), only in _shared(launches, _ports)]
    return _table(("Security group", "Direction", "Port", "Other side", "Why"), rows)


def _ports(launch: Launch) -> Iterator[tuple[str, str, str, str, str]]:
    for rule in network_of(launch).rules:
        if rule.peer != NOWHERE:
            written = dict_or_empty(_at(launch.template, rule.path))
            written = dict_or_empty(written.get("Properties", written))  # of a rule that is a resource of its own
            direction = "in, from" if rule.inbound else "out, to"
            port = f"{rule.first}-{rule.last}".removesuffix(f"-{rule.first}")
            peer = {INTERNET: "everybody", None: "not known"}.get(rule.peer, f"`{rule.peer}`")
            yield (
                f"`{rule.group}`",
                direction,
                "every port" if rule.protocol == "-1" else _parameter(written.get("FromPort")) or port,
                _parameter(written.get("CidrIp")) or peer,
                as_text(written.get("Description", "")),
            )


def _parameter(written: Any) -> str | None:
    """The parameter that alone decides a value, as the template has it."""
    name = ref_target(written)
    return f"`{name}`" if name else None


def policies(launches: Launches) -> str:
    """Every policy of an identity, of trust and of a bucket, as the templates have it."""
    return "\n\n".join(
        f"### {title}\n\n{only and f'{only}as follows.'}\n\n```yaml\n{document}```"
        for (title, document), only in _shared(launches, _policies)
    )


_ABOUT = {IDENTITY: "what it may do", TRUST: "who may take it on", RESOURCE: "who may use it"}


def _policies(launch: Launch) -> Iterator[tuple[str, str]]:
    for document in policy_documents(launch):
        yield f"{document.path[1]}: {_ABOUT[document.policy_type]}", to_yaml(_at(launch.template, document.path))


def _at(template: Any, path: Path) -> Any:
    """What the template has at a path."""
    for key in path:
        template = template[key]
    return template


def _shared(editions: Mapping[str, Any], rows_of: Callable[[Any], Iterable[_Row]]) -> Iterator[tuple[_Row, str]]:
    """Each row once, with the editions that have it as the beginning of a sentence; empty if all have it."""
    having: dict[_Row, list[str]] = {}
    for name, edition in editions.items():
        for row in dict.fromkeys(rows_of(edition)):
            having.setdefault(row, []).append(name)
    for row, names in having.items():
        yield row, "" if len(names) == len(editions) else f"Only in {', '.join(f'*{name}*' for name in names)}: "


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )
