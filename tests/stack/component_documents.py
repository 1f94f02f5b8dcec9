"""The documents of the image factory's components, and what AWSTOE runs of them on an instance."""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml


class Step(NamedTuple):
    """A step of a component's document: the logical ID of its component, and the shell file that AWSTOE makes of it."""

    component: str
    shell: str
    seconds: int
    """How long it may take."""


def documents(template: dict[str, Any]) -> dict[str, Any]:
    """Logical ID -> document of every component, in the order in which the recipe names them."""
    resources = template["Resources"]
    (recipe,) = [each for each in resources.values() if each["Type"] == "AWS::ImageBuilder::ImageRecipe"]
    names = [each["ComponentArn"]["Fn::GetAtt"][0] for each in recipe["Properties"]["Components"]]
    return {name: yaml.safe_load(resources[name]["Properties"]["Data"]) for name in names}


def steps(template: dict[str, Any], phase: str) -> list[Step]:
    """Everything that runs in a phase, component after component.

    AWSTOE writes the commands of an ExecuteBash into one file, which bash runs; its exit code is the step's.
    https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-action-modules.html
    """
    found = []
    for component, document in documents(template).items():
        for each in document["phases"]:
            for step in each["steps"] if each["name"] == phase else ():
                assert step["action"] == "ExecuteBash"
                found.append(Step(component, "\n".join(step["inputs"]["commands"]), step["timeoutSeconds"]))
    return found


def commands(template: dict[str, Any], phase: str) -> list[str]:
    """The shell files of a phase, ``build``, ``validate`` or ``test``, in their order; each is run by ``bash FILE``."""
    return [step.shell for step in steps(template, phase)]
