"""Launches of the editions: ``quilt_cfn.cloudformation.launch``, with words for our own stack."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from quilt_cfn.cloudformation.launch import Launch, ValidationError, evaluate
from quilt_cfn.cloudformation.launch.parameter_values import constraint_violation
from quilt_cfn.inputs.contract import read_contract

__all__ = ["DOCUMENTED", "LaunchedStack", "ValidationError", "as_text", "launch_stack", "refusal"]

DOCUMENTED = read_contract().parameter_sets["documented"]
"""The documented form, filled in as the documentation would."""


@dataclass(frozen=True)
class LaunchedStack:
    """The resources and outputs that a form leads to."""

    launch: Launch

    @property
    def parameters(self) -> dict[str, str]:
        return dict(self.launch.parameters)

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        return dict(self.launch.resources)

    @property
    def outputs(self) -> dict[str, str]:
        """Name -> value."""
        return {name: output["Value"] for name, output in self.launch.outputs.items()}

    def properties(self, logical_id: str) -> dict[str, Any]:
        assert logical_id in self.launch.resources
        return self.launch.properties(logical_id)

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Logical ID -> properties of every resource of a type."""
        return self.launch.of_type(resource_type)

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


def launch_stack(
    template: dict[str, Any], parameter_values: dict[str, Any] | None = None, region: str = "us-east-1"
) -> LaunchedStack:
    """Send a form; parameters that it leaves out take their defaults. Raises ``ValidationError``."""
    launch = evaluate(template, DOCUMENTED if parameter_values is None else parameter_values, region)
    assert not launch.errors
    return LaunchedStack(launch)


def refusal(parameter: dict[str, Any], value: str) -> str | None:
    """Why a parameter's declaration refuses a value; None when it doesn't."""
    return constraint_violation("It", parameter, value)


def as_text(value: Any) -> str:
    """Everything in a value, to look for something in it."""
    return json.dumps(value, default=str, ensure_ascii=False)
