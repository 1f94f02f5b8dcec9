"""Which image instances are launched from, and on which instance types, in one launch and in those it allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import LAUNCHED, instances, launched_settings
from quilt_cfn.cloudformation.analysis.parameter_use import declaration, parameter_behind
from quilt_cfn.cloudformation.facts import processors
from quilt_cfn.cloudformation.launch import Launch, Value, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path

_RESOLVED = re.compile(r"(?:\{\{)?resolve:ssm:([^:{}]+)(?::[0-9]+)?(?:\}\})?")
"""A parameter of the Parameter Store, as a launch template's ImageId and a dynamic reference name it."""


class Choice(NamedTuple):
    """An image, and an instance type that it is launched on."""

    path: Path
    """The place of the instance type in the template."""
    instance_type: str
    image: str
    """The path of the image's public parameter."""


def choices(launch: Launch) -> Iterator[Choice]:
    """Every pair of an image and an instance type whose processor architectures differ.

    Beside the type of this launch, those are tried that its parameter and the template's rules allow.
    """
    for path, settings in launched_settings(launch):
        image = _image(launch, settings.get("ImageId"))
        kind = settings.get("InstanceType")
        if image and is_known(kind):
            yield from (Choice((*path, "InstanceType"), each, image) for each in _misfits(launch, path, kind, image))
    for instance in instances(launch):
        image = _image(launch, instance.settings.get("ImageId"))
        overrides = as_list(map_at(instance.settings, "MixedInstancesPolicy", "LaunchTemplate").get("Overrides"))
        for index, override in enumerate(map(dict_or_empty, overrides)):
            kind = override.get("InstanceType")
            if image and "LaunchTemplateSpecification" not in override and is_known(kind) and _differ(kind, image):
                inner = ("MixedInstancesPolicy", "LaunchTemplate", "Overrides", index, "InstanceType")
                yield Choice(("Resources", instance.name, "Properties", *inner), as_text(kind), image)


def _misfits(launch: Launch, path: Path, kind: Any, image: str) -> Iterator[str]:
    if _differ(kind, image):
        yield as_text(kind)
    name = parameter_behind(launch, kind)
    for choice in map(as_text, as_list(declaration(launch, name).get("AllowedValues"))):
        if choice == kind or not _differ(choice, image):
            continue
        # The image may follow the type by a condition or a mapping.
        other = launch.prepare_with({str(name): choice})
        if other and other.evaluator.exists(str(path[1])):
            resource = other.evaluator.resource(str(path[1]))
            settings = map_at(resource, "Properties", *LAUNCHED[launch.type_of(str(path[1]))])
            if _image(launch, settings.get("ImageId")) == image and not _has_other_image(launch, settings, choice):
                yield choice


def _has_other_image(launch: Launch, settings: dict[str, Any], kind: str) -> bool:
    """Whether the parameter of the image offers another one, for this instance type."""
    offered = declaration(launch, _stored_parameter(settings.get("ImageId"))).get("AllowedValues")
    architecture = processors.of_instance_type(kind)
    return any(processors.of_public_image(as_text(each)) == architecture for each in as_list(offered))


def _differ(kind: Any, image: str) -> bool:
    return processors.of_instance_type(as_text(kind)) not in (None, processors.of_public_image(image))


def _stored_parameter(value: Any) -> str | None:
    """The parameter of the template whose value in the Parameter Store this is."""
    origin = value.stands_for if isinstance(value, Value) else None
    return origin.name if origin and origin.source == "parameter" else None


def _image(launch: Launch, value: Any) -> str | None:
    """The path of the public parameter that has this image, if that says which architecture it is for."""
    resolved = _RESOLVED.fullmatch(as_text(value)) if is_known(value) else None
    path = resolved[1] if resolved else ""
    if name := _stored_parameter(value):
        declared = declaration(launch, name)
        if as_text(declared.get("Type")).startswith("AWS::SSM::Parameter::Value<"):
            path = as_text(launch.parameter_values.get(name, declared.get("Default", "")))
    return path if processors.of_public_image(path) else None
