"""The EC2 instances of a launch and their Auto Scaling groups: what they are launched with and what they run.

A launch template or launch configuration is no instance by itself; it is a source of those that are launched from it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.launch import Base64Value, Launch, Value, is_known
from quilt_cfn.cloudformation.template.coerce import dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path, strings_in

LAUNCHED = {
    "AWS::EC2::Instance": (),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateData",),
    "AWS::AutoScaling::LaunchConfiguration": (),
}
"""Types that instances are launched from, themselves included -> the keys in their properties to the settings."""

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


@lru_cache(maxsize=1)
def instances(launch: Launch) -> tuple[Instance, ...]:
    """Every instance and Auto Scaling group of a launch."""
    return tuple(_instances(launch))


def _instances(launch: Launch) -> Iterator[Instance]:
    for name, properties in launch.of_type("AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup").items():
        mixed = map_at(properties, "MixedInstancesPolicy", "LaunchTemplate", "LaunchTemplateSpecification")
        specification = map_at(properties, "LaunchTemplate") or mixed
        template = specification.get("LaunchTemplateId", specification.get("LaunchTemplateName"))
        candidates = map(launch.referenced_resource, (template, properties.get("LaunchConfigurationName")))
        source = next(filter(None, candidates), "")
        launched = map_at(launch.properties(source), *LAUNCHED.get(launch.type_of(source), ()))
        sources = (name, source) if source in launch.resources else (name,)
        yield Instance(name, {**launched, **properties}, sources)


def instance_settings(launch: Launch, name: str) -> dict[str, Any]:
    """What the instance, or the instances of the group, of this name are launched with; empty for other resources."""
    return next((instance.settings for instance in instances(launch) if instance.name == name), {})


def launched_settings(launch: Launch) -> Iterator[tuple[Path, dict[str, Any]]]:
    """(path, settings) of each instance, launch template and launch configuration."""
    for name, properties in launch.of_type(*LAUNCHED).items():
        inner = LAUNCHED[launch.type_of(name)]
        yield ("Resources", name, "Properties", *inner), map_at(properties, *inner)


@lru_cache(maxsize=1)
def user_data(launch: Launch) -> tuple[tuple[Path, Any], ...]:
    """(path, value) of each UserData, which may be encoded or not."""
    with_data = (each for each in launched_settings(launch) if "UserData" in each[1])
    return tuple(((*path, "UserData"), settings["UserData"]) for path, settings in with_data)


def cfn_init(launch: Launch, name: str) -> dict[str, Any]:
    """What cfn-init reads in the metadata of a resource."""
    return map_at(launch.resources.get(name), "Metadata", INIT)


def decoded_user_data(data: Any) -> str | None:
    """User data as the instance reads it; None if only AWS knows it, or if it isn't base64."""
    if isinstance(data, Base64Value):
        return data.plain
    if not isinstance(data, str) or not is_known(data):
        return None
    try:
        decoded = base64.b64decode("".join(data.split()), validate=True).decode()
    except ValueError:  # not in base64, or no text in it
        return None
    return Value(decoded, data.origins) if isinstance(data, Value) else decoded


@lru_cache(maxsize=8)
def scripts(launch: Launch, *names: str) -> tuple[tuple[Path, str], ...]:
    """(path, text) of all that an instance runs or reads from resources: user data, and the texts of cfn-init."""
    return tuple(_scripts(launch, names))


def _scripts(launch: Launch, names: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    for name in names:
        decoded = ((path, decoded_user_data(data)) for path, data in user_data(launch) if path[1] == name)
        yield from ((path, text) for path, text in decoded if text is not None)
        yield from (
            (path, text) for text, path in strings_in(cfn_init(launch, name), ("Resources", name, "Metadata", INIT))
        )


@lru_cache(maxsize=8)
def files(launch: Launch, *names: str) -> tuple[tuple[str, str, str], ...]:
    """(logical ID, path on the instance, text) of each file that cfn-init writes for resources; a map becomes JSON."""
    return tuple(_files(launch, names))


def _files(launch: Launch, names: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    for name in names:
        for config in cfn_init(launch, name).values():
            for path, file in map_at(config, "files").items():
                content = dict_or_empty(file).get("content", "")
                yield name, path, content if isinstance(content, str) else json.dumps(content)


def is_complete(instance: Instance) -> bool:
    """Whether all properties of an instance are in the template, and none in a launch template from elsewhere."""
    elsewhere = {"LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy", "InstanceId"}
    return len(instance.sources) > 1 or not elsewhere & instance.settings.keys()
