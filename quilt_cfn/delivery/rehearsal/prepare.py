"""Reads what a rehearsal launches: the template, and the values of its parameters, some of which are secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.launch.parameter_values import refusal_of
from quilt_cfn.cloudformation.template.read import parse_template
from quilt_cfn.cloudformation.template.walk import references
from quilt_cfn.delivery.rehearsal.steps import ALONE
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.cli_parameters import parameter_values

_FORMAT = "Write a file with a map of names to values, or with the list that aws cloudformation --parameters takes."


class Prepared(NamedTuple):
    """A template, and the values with which it is launched."""

    template: bytes
    document: Mapping[str, Any]
    values: Mapping[str, str]

    @property
    def secrets(self) -> list[str]:
        """The values that nobody may read."""
        return [self.values[name] for name in sorted(_secret(self.document)) if name in self.values]


def read_template(path: Path) -> tuple[bytes, Mapping[str, Any]]:
    """The bytes and the content of a template; raises ``UserError``."""
    try:
        if not path.is_file():
            raise UserError(
                f"There is no template {path}.", "Make it with quilt-cfn build, or name one with --template."
            )
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"The template {path} could not be read: {error.strerror}.", "Name another one.") from None
    document = parse_template(content, str(path)).data
    if not {"ServerGroup", "Database"} <= set(document.get("Resources", {})):
        raise UserError(f"{path} is not one of our editions.", "A rehearsal is about the editions alone.")
    return content, document


def prepare(template: Path, parameters: Path | None, *, ask: Callable[[str], str] | None, complete: bool) -> Prepared:
    """The template and its values; raises ``UserError`` for values that CloudFormation would refuse.

    ``ask`` asks for a secret that the file leaves out. What is missing all the same is an error if the values have to
    be ``complete``.
    """
    content, document = read_template(template)
    if parameters is not None and not parameters.is_file():
        raise UserError(
            f"There is no file of parameters {parameters}; values of parameters are only read from a file.", _FORMAT
        )
    given = parameter_values([str(parameters.resolve())]) if parameters else {}
    values = {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}
    known = document["Parameters"]
    if unknown := sorted(set(values) - set(known)):
        raise UserError(f"The template has no parameter {', '.join(unknown)}.", "Take it out of the file.")
    for name in sorted(_secret(document) - set(values)):
        if ask and "Default" not in known[name]:
            values[name] = ask(f"{name}: ")
    missing = [
        name for name in known if "Default" not in known[name] and name not in {*values, *ALONE, "PackageBucket"}
    ]
    if complete and missing:
        raise UserError(f"The file of parameters has no value for {', '.join(missing)}.", _FORMAT)
    refusals = [refusal_of(name, known[name], value) for name, value in values.items()]
    if wrong := [each for each in refusals if each]:
        raise UserError(
            f"CloudFormation would refuse the values: {'; '.join(wrong)}.", "Correct the file of parameters."
        )
    return Prepared(content, document, values)


def _secret(document: Mapping[str, Any]) -> set[str]:
    """The names of the parameters whose values are secret: hidden ones, and what goes into a secret."""
    parameters = document["Parameters"]
    hidden = {name for name, each in parameters.items() if str(each.get("NoEcho", "")).lower() == "true"}
    stored = {
        reference.name
        for resource in document["Resources"].values()
        if resource.get("Type") == "AWS::SecretsManager::Secret"
        for reference in references(resource.get("Properties", {}).get("SecretString"))
        if reference.name in parameters
    }
    return hidden | stored
