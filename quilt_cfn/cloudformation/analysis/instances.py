"""The machines of a launch: EC2 instances and groups of them, with what they are launched from and what they run.

The rule: a machine is what can run something; a launch template is only a part of one.
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
"""Types that have user data -> where in their properties."""

INIT = "AWS::CloudFormation::Init"


class Instance(NamedTuple):
    """An instance, or a group of like instances."""

    name: str
    """Logical ID of the instance or of the Auto Scaling group."""
    settings: dict[str, Any]
    """What the instance is launched with: its own properties before those of its launch template."""
    sources: tuple[str, ...]
    """Logical IDs of the resources that say what it is and what it runs."""


def instances(launch: Launch) -> Iterator[Instance]:
    """Every machine of a launch."""
    for name, properties in launch.of_type("AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup").items():
        specification = dict_or_empty(properties.get("LaunchTemplate"))
        policy = dict_or_empty(dict_or_empty(properties.get("MixedInstancesPolicy")).get("LaunchTemplate"))
        specification = specification or dict_or_empty(policy.get("LaunchTemplateSpecification"))
        identity = specification.get("LaunchTemplateId", specification.get("LaunchTemplateName"))
        source = launch.referenced_resource(identity) or launch.referenced_resource(
            properties.get("LaunchConfigurationName")
        )
        launched = _at(launch.properties(source), LAUNCHED.get(launch.type_of(source), ())) if source else {}
        sources = (name, source) if source and source in launch.resources else (name,)
        yield Instance(name, {**launched, **properties}, sources)


def _at(value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        value = dict_or_empty(value.get(key))
    return value


def user_data(launch: Launch) -> Iterator[tuple[Path, Any]]:
    """The path to every UserData, and its value."""
    for name in launch.of_type(*LAUNCHED):
        yield from _user_data_of(launch, name)


def _user_data_of(launch: Launch, name: str) -> Iterator[tuple[Path, Any]]:
    inner = LAUNCHED.get(launch.type_of(name))
    if inner is not None:
        data = _at(launch.properties(name), inner)
        if "UserData" in data:
            yield ("Resources", name, "Properties", *inner, "UserData"), data["UserData"]


def plain(data: Any) -> str | None:
    """User data as the machine sees it; None if only AWS knows it, or if it isn't base64."""
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
    """What a resource makes a machine run or read: its user data, and every text of its cfn-init metadata."""
    for path, data in _user_data_of(launch, name):
        text = plain(data)
        if text is not None:
            yield path, text
    init = dict_or_empty(dict_or_empty(launch.resources.get(name)).get("Metadata")).get(INIT)
    for text, inner in strings_in(init):
        yield ("Resources", name, "Metadata", INIT, *inner), text


def files(launch: Launch, name: str) -> Iterator[tuple[str, str]]:
    """The files that cfn-init writes for a resource: path on the machine and text; maps are written as JSON."""
    init = dict_or_empty(dict_or_empty(dict_or_empty(launch.resources.get(name)).get("Metadata")).get(INIT))
    for config in init.values():
        for path, file in dict_or_empty(dict_or_empty(config).get("files")).items():
            content = dict_or_empty(file).get("content", "")
            yield path, content if isinstance(content, str) else json.dumps(content)


def is_complete(machine: Instance) -> bool:
    """Whether the template says all about a machine; a launch template from elsewhere says something too."""
    elsewhere = {"LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy", "InstanceId"}
    return len(machine.sources) > 1 or not elsewhere & machine.settings.keys()
