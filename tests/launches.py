"""Launches of the editions: ``quilt_cfn.cloudformation.launch``, with names for the parts of our own stack."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from quilt_cfn.cloudformation.launch import Launch, ValidationError, evaluate, values_for
from quilt_cfn.cloudformation.launch.evaluator import ACCOUNT
from quilt_cfn.cloudformation.launch.parameter_values import constraint_violation
from quilt_cfn.inputs.contract import read_contract

__all__ = ["DOCUMENTED", "LaunchedStack", "ValidationError", "as_text", "evaluate_edition", "launch_stack", "refusal"]

DOCUMENTED = read_contract().parameter_sets["documented"]
"""The parameter values of the documentation's example: name -> value; see ``values_for``."""


@dataclass(frozen=True)
class LaunchedStack:
    """What CloudFormation creates from a template and parameter values."""

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
        """The content of the file that cfn-init writes at a path of the instance."""
        init = self.resources["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]
        return init["config"]["files"][path]["content"]

    @property
    def environments(self) -> dict[str, dict[str, str]]:
        """Environment file -> variable -> value, with placeholders where the instance puts secrets."""
        environments: dict[str, dict[str, str]] = self.file("/opt/quilt/config.json")["Environments"]
        return environments

    def permissions(self, logical_id: str) -> dict[str, set[tuple[str, str]]]:
        """Policy name -> (action, resource) of everything that it allows; an error if a policy denies anything."""
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


def evaluate_edition(
    template: dict[str, Any],
    parameter_values: dict[str, Any] | None = None,
    region: str = "us-east-1",
    account: str = ACCOUNT,
) -> Launch:
    """The launch of an edition with parameter values of the contract, the documented ones unless there are others.

    Raises ``ValidationError``.
    """
    values = values_for(template, DOCUMENTED if parameter_values is None else parameter_values)
    return evaluate(template, values, region, account)


def launch_stack(
    template: dict[str, Any], parameter_values: dict[str, Any] | None = None, region: str = "us-east-1"
) -> LaunchedStack:
    """Launch a template with parameter values, the documented ones unless there are others.

    Parameters without a value take their default. Raises ``ValidationError``.
    """
    launch = evaluate_edition(template, parameter_values, region)
    assert not launch.errors
    return LaunchedStack(launch)


def after(launch: Launch, logical_id: str) -> set[str]:
    """The resources that depend on this one, directly or by way of others; they are created after it."""
    return {name for name in launch.resources if logical_id in launch.before(name)}


def refusal(parameter: dict[str, Any], value: str) -> str | None:
    """Why a parameter's declaration refuses a value; None when it accepts it."""
    return constraint_violation("It", parameter, value)


def as_text(value: Any) -> str:
    """A value as JSON, to search for something in all of it."""
    return json.dumps(value, default=str, ensure_ascii=False)
