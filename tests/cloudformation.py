"""What the templates come to when somebody sends a form: ``quilt_cfn.evaluation``, with words for our own stack."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from quilt_cfn.checks.contract import read_contract
from quilt_cfn.evaluation import Refused, Rendering, evaluate
from quilt_cfn.evaluation.forms import refused

__all__ = ["DOCUMENTED", "Launch", "Refused", "as_text", "launch", "refusal"]

DOCUMENTED = read_contract().forms["documented"]
"""The documented form, filled in as the documentation would."""


@dataclass(frozen=True)
class Launch:
    """The resources and outputs that a form leads to."""

    rendering: Rendering

    @property
    def parameters(self) -> dict[str, str]:
        return dict(self.rendering.parameters)

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        return dict(self.rendering.resources)

    @property
    def outputs(self) -> dict[str, str]:
        """Name -> value."""
        return {name: output["Value"] for name, output in self.rendering.outputs.items()}

    def properties(self, logical_id: str) -> dict[str, Any]:
        assert logical_id in self.rendering.resources
        return self.rendering.properties(logical_id)

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Logical ID -> properties of every resource of a type."""
        return self.rendering.of_type(resource_type)

    def file(self, path: str) -> Any:
        """What cfn-init puts at a path of the instance."""
        init = self.resources["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]
        return init["config"]["files"][path]["content"]

    @property
    def environments(self) -> dict[str, dict[str, str]]:
        """Environment file -> variable -> value, before the instance puts the secrets in."""
        environments: dict[str, dict[str, str]] = self.file("/opt/quilt/config.json")["Environments"]
        return environments

    def permissions(self, logical_id: str) -> dict[str, set[tuple[str, str]]]:
        """Policy name -> (action, resource) of everything that it allows; a policy that denies is an error."""
        permissions = {}
        for policy in self.properties(logical_id).get("Policies", []):
            statements = policy["PolicyDocument"]["Statement"]
            assert {statement["Effect"] for statement in statements} == {"Allow"}
            permissions[policy["PolicyName"]] = {
                (action, resource)
                for statement in statements
                for action in statement["Action"]
                for resource in statement["Resource"]
            }
        return permissions

    @property
    def user_data(self) -> str:
        plain: str = self.properties("ServerTemplate")["LaunchTemplateData"]["UserData"].plain
        return plain


def launch(template: dict[str, Any], form: dict[str, Any] | None = None, region: str = "us-east-1") -> Launch:
    """Send a form; parameters that it leaves out take their defaults. Raises ``Refused``."""
    rendering = evaluate(template, DOCUMENTED if form is None else form, region)
    assert not rendering.problems
    return Launch(rendering)


def refusal(parameter: dict[str, Any], value: str) -> str | None:
    """Why a parameter's declaration refuses a value; None when it doesn't."""
    return refused("It", parameter, value)


def as_text(value: Any) -> str:
    """Everything in a value, to look for something in it."""
    return json.dumps(value, default=str, ensure_ascii=False)
