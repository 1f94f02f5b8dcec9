"""Names: what stays keeps its own, and no two resources share one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import NamedTuple

from quilt_cfn.cloudformation.analysis.lifecycle.outcome import Fact, spelled
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.values import is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import dict_or_empty, get_section
from quilt_cfn.cloudformation.template.walk import strings_in

NAMES = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::EC2::LaunchTemplate": "LaunchTemplateName",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
"""Types that are identified by an ARN or an ID, and whose names have to be unique all the same."""


NAME_ENDINGS = ("Name", "Identifier", "Id")


class Name(NamedTuple):
    """The name that a template gives to a resource: the property that says it (the last one of several), and it."""

    property: str
    value: tuple[str, ...]


def name_of(launch: Launch, name: str) -> Name | None:
    """The name of a resource, where the template sets it and it is known."""
    type_name, properties = launch.type_of(name), launch.properties(name)
    if not any(str(key).endswith(NAME_ENDINGS) and is_known(value) for key, value in properties.items()):
        return None  # spares an import
    keys = _identifiers(type_name)
    values = [properties.get(key) for key in keys]
    known = tuple(value for value in values if isinstance(value, str) and is_known(value))
    return Name(keys[-1], known) if keys and len(known) == len(keys) else None


@cache
def _identifiers(type_name: str) -> tuple[str, ...]:
    """The properties that identify a resource of this type; no template sets those that AWS generates."""
    if type_name in NAMES:
        return (NAMES[type_name],)
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError  # late: 0.8 s

    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_name).schema
    except ResourceNotFoundError:  # a custom resource, or a misspelt type
        return ()
    return tuple(each.removeprefix("/properties/") for each in schema.get("primaryIdentifier", []))


def taken_names(launch: Launch, kept: Collection[str]) -> Iterator[Fact]:
    """Names that the next stack with the same values can't give, because what stays has them."""
    for name in kept:
        named = name_of(launch, name)
        if named and not _from_the_stack_id(launch, name, named.property):
            yield Fact(
                ("Resources", name, "Properties", named.property),
                f"{name} keeps its name, {_spoken(named.value)}; another launch with the same values fails with "
                '"already exists".',
                "Choose another name, or delete what was kept first.",
            )


def _spoken(value: tuple[str, ...]) -> str:
    """A name as an administrator knows it: by the parameter that it is the value of, or literally."""
    parameters = {origin.name for origin in origins_of(list(value)) if origin.source == "parameter"}
    return f"which comes from {spelled(sorted(parameters))}" if parameters else "/".join(value)


def _from_the_stack_id(launch: Launch, name: str, key: str) -> bool:
    """Whether a name is made of the stack's ID, which is another one each time."""
    declared = dict_or_empty(dict_or_empty(get_section(launch.template, "Resources").get(name)).get("Properties")).get(
        key
    )
    return any("AWS::StackId" in text for text, _ in strings_in(declared))


def clashes(launch: Launch) -> Iterator[Fact]:
    """Resources to which the template gives the name that another one of the same type has already."""
    first: dict[tuple[str, Name], str] = {}
    for name in _alike(launch):
        named = name_of(launch, name)
        other = first.setdefault((launch.type_of(name), named), name) if named else name
        if named and other != name:
            yield Fact(
                ("Resources", name, "Properties", named.property),
                f"{other} and {name} are both to have the same name, {_spoken(named.value)}; the second one fails with "
                '"already exists".',
                "Give them different names.",
            )


def _alike(launch: Launch) -> list[str]:
    """The resources that share a type and a text that may be a name with another one; spares an import."""
    sharing: dict[tuple[str, str, str], list[str]] = {}
    for name in launch.resources:
        for key, value in launch.properties(name).items():
            if str(key).endswith(NAME_ENDINGS) and isinstance(value, str):
                sharing.setdefault((launch.type_of(name), key, value), []).append(name)
    return list(dict.fromkeys(name for names in sharing.values() if len(names) > 1 for name in names))
