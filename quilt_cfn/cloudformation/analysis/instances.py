"""The EC2 instances of a launch and their Auto Scaling groups: what they are launched with and what they run.

A launch template or launch configuration is no instance by itself; it is a source of those that are launched from it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.launch import Base64Value, Launch, Value
from quilt_cfn.cloudformation.launch.values import is_known
from quilt_cfn.cloudformation.template.coerce import dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path, strings_in

LAUNCHED = {
    "AWS::EC2::Instance": (),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateData",),
    "AWS::AutoScaling::LaunchConfiguration": (),
}
"""Types that have user data -> the keys in their properties that lead to it."""

INIT = "AWS::CloudFormation::Init"
"""The key in Metadata that cfn-init reads."""


class Instance(NamedTuple):
    """An instance, or the instances of an Auto Scaling group."""

    name: str
    """Logical ID of the instance or of the group."""
    settings: dict[str, Any]
    """The properties that it is launched with: its own, then those of its launch template or configuration."""
    sources: tuple[str, ...]
    """Logical IDs of the resources with its properties and metadata: itself, and what it is launched from."""


def instances(launch: Launch) -> Iterator[Instance]:
    """Every instance and Auto Scaling group of a launch."""
    for name, properties in launch.of_type("AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup").items():
        specification = dict_or_empty(properties.get("LaunchTemplate"))
        policy = dict_or_empty(dict_or_empty(properties.get("MixedInstancesPolicy")).get("LaunchTemplate"))
        specification = specification or dict_or_empty(policy.get("LaunchTemplateSpecification"))
        template = specification.get("LaunchTemplateId", specification.get("LaunchTemplateName"))
        candidates = map(launch.referenced_resource, (template, properties.get("LaunchConfigurationName")))
        source = next(filter(None, candidates), None)
        launched = _at(launch.properties(source), LAUNCHED.get(launch.type_of(source), ())) if source else {}
        sources = (name, source) if source and source in launch.resources else (name,)
        yield Instance(name, {**launched, **properties}, sources)


def _at(value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        value = dict_or_empty(value.get(key))
    return value


def user_data(launch: Launch) -> Iterator[tuple[Path, Any]]:
    """(path, value) of each UserData, which may be encoded or not."""
    for name in launch.of_type(*LAUNCHED):
        yield from _user_data_of(launch, name)


def _user_data_of(launch: Launch, name: str) -> Iterator[tuple[Path, Any]]:
    inner = LAUNCHED.get(launch.type_of(name))
    if inner is not None:
        data = _at(launch.properties(name), inner)
        if "UserData" in data:
            yield ("Resources", name, "Properties", *inner, "UserData"), data["UserData"]


def decoded_user_data(data: Any) -> str | None:
    """User data as the instance reads it; None if only AWS knows it, or if it isn't base64."""
    if isinstance(data, Base64Value):
        return data.plain
    if not isinstance(data, str) or not is_known(data):
        return None
    try:
        decoded = base64.b64decode("".join(data.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Value(decoded, data.origins) if isinstance(data, Value) else decoded


def scripts(launch: Launch, name: str) -> Iterator[tuple[Path, str]]:
    """(path, text) of all that an instance runs or reads from a resource: user data, and the texts of cfn-init."""
    for path, data in _user_data_of(launch, name):
        text = decoded_user_data(data)
        if text is not None:
            yield path, text
    init = dict_or_empty(dict_or_empty(launch.resources.get(name)).get("Metadata")).get(INIT)
    for text, inner in strings_in(init):
        yield ("Resources", name, "Metadata", INIT, *inner), text


def files(launch: Launch, name: str) -> Iterator[tuple[str, str]]:
    """(path on the instance, text) of each file that cfn-init writes for a resource; a map is written as JSON."""
    init = dict_or_empty(dict_or_empty(dict_or_empty(launch.resources.get(name)).get("Metadata")).get(INIT))
    for config in init.values():
        for path, file in dict_or_empty(dict_or_empty(config).get("files")).items():
            content = dict_or_empty(file).get("content", "")
            yield path, content if isinstance(content, str) else json.dumps(content)


def is_complete(instance: Instance) -> bool:
    """Whether all properties of an instance are in the template, and none in a launch template from elsewhere."""
    elsewhere = {"LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy", "InstanceId"}
    return len(instance.sources) > 1 or not elsewhere & instance.settings.keys()
