"""The parameter into which AWS Marketplace writes its copy of the AMI: the one from which a template takes its image.

The submission names it (``TemplateSources[].ParameterName``), so it is read from the released template. Its name has
the release in it, and is another one in the next version.
"""

from __future__ import annotations

from quilt_cfn.cloudformation.analysis.instances import launched_settings
from quilt_cfn.cloudformation.analysis.parameter_use import parameter_behind
from quilt_cfn.cloudformation.launch import evaluate
from quilt_cfn.cloudformation.template.read import ParsedTemplate
from quilt_cfn.cloudformation.template.walk import Path


def image_sources(template: ParsedTemplate) -> list[tuple[Path, str | None]]:
    """(path, parameter) of each ImageId of what instances are launched from; None where it is not a parameter's."""
    launch = evaluate({**template.data, "Rules": {}}, {}, allow_missing=True)
    images = ((path, settings["ImageId"]) for path, settings in launched_settings(launch) if "ImageId" in settings)
    return [((*path, "ImageId"), parameter_behind(launch, image)) for path, image in images]


def image_parameter(template: ParsedTemplate) -> str | None:
    """The one parameter from which the template takes its image; None if there is none, or if there are several."""
    parameters = {parameter for _, parameter in image_sources(template)}
    return parameters.pop() if len(parameters) == 1 else None
