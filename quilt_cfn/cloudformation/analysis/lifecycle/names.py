"""Names of resources: those that stay in use after a deletion, and those that two resources have."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import NamedTuple

from quilt_cfn.cloudformation.analysis.fact import Fact, enumerated
from quilt_cfn.cloudformation.launch import Launch, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import map_at
from quilt_cfn.cloudformation.template.walk import strings_in

NAMES = {
    "AWS::CloudWatch::Alarm": "AlarmName",
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
"""Types that are identified by an ARN or an ID, and the property with a name that has to be unique all the same. Alarms
are here because several may watch a metric of one name."""

NAME_ENDINGS = ("Name", "Identifier", "Id")
"""How the properties end that may be a name."""


class ExplicitName(NamedTuple):
    """The name that a template sets for a resource."""

    property: str
    """The property that sets it; the last one where several together identify the resource."""
    value: tuple[str, ...]
    """The values of these properties."""


def explicit_name(launch: Launch, name: str) -> ExplicitName | None:
    """The name of a resource, where the template sets it and its value is known."""
    resource_type, properties = launch.type_of(name), launch.properties(name)
    if not any(str(key).endswith(NAME_ENDINGS) and is_known(value) for key, value in properties.items()):
        return None  # without importing cfn-lint
    keys = _identifiers(resource_type)
    values = [properties.get(key) for key in keys]
    known = tuple(value for value in values if isinstance(value, str) and is_known(value))
    return ExplicitName(keys[-1], known) if keys and len(known) == len(keys) else None


@cache
def _identifiers(resource_type: str) -> tuple[str, ...]:
    """The properties that identify a resource of this type; no template sets those that AWS generates."""
    if resource_type in NAMES:
        return (NAMES[resource_type],)
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError  # late: 0.8 s

    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    except ResourceNotFoundError:  # a custom resource, or a misspelt type
        return ()
    return tuple(each.removeprefix("/properties/") for each in schema.get("primaryIdentifier", []))


def retained_names(launch: Launch, retained: Collection[str]) -> Iterator[Fact]:
    """Names of retained resources, with which another stack with the same parameter values fails."""
    for name in retained:
        named = explicit_name(launch, name)
        if named and not _from_the_stack_id(launch, name, named.property):
            sentence = f"{name} keeps its name, {_in_words(named.value)}; another launch with the same values fails"
            place = ("Properties", named.property)
            yield Fact(name, "retained-name", f'{sentence} with "already exists".', place)


def _in_words(value: tuple[str, ...]) -> str:
    """A name for a sentence: the parameters that it comes from, or the name itself."""
    parameters = {origin.name for origin in origins_of(list(value)) if origin.source == "parameter"}
    return f"which comes from {enumerated(sorted(parameters))}" if parameters else "/".join(value)


def _from_the_stack_id(launch: Launch, name: str, key: str) -> bool:
    """Whether a property is made of the stack's ID, which is another one for every stack."""
    declared = map_at(launch.template, "Resources", name, "Properties").get(key)
    return any("AWS::StackId" in text for text, _ in strings_in(declared))


def duplicate_names(launch: Launch) -> Iterator[Fact]:
    """Resources to which the template gives the name of another resource of the same type."""
    first: dict[tuple[str, ExplicitName], str] = {}
    for name in _candidates(launch):
        named = explicit_name(launch, name)
        other = first.setdefault((launch.type_of(name), named), name) if named else name
        if named and other != name:
            sentence = f"{other} and {name} are given the same name, {_in_words(named.value)}; the second one fails"
            place = ("Properties", named.property)
            yield Fact(name, "duplicate-name", f'{sentence} with "already exists".', place)


def _candidates(launch: Launch) -> list[str]:
    """The resources that share a type and a possible name with another one, found without importing cfn-lint."""
    sharing: dict[tuple[str, str, str], list[str]] = {}
    for name in launch.resources:
        resource_type = launch.type_of(name)
        for key, value in launch.properties(name).items():
            if str(key).endswith(NAME_ENDINGS) and NAMES.get(resource_type, key) == key and isinstance(value, str):
                sharing.setdefault((resource_type, key, value), []).append(name)
    return list(dict.fromkeys(name for names in sharing.values() if len(names) > 1 for name in names))
