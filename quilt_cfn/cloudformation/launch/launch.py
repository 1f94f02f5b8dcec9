"""A launch: the resources that one template creates with one set of parameter values in one Region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.launch.evaluator import ACCOUNT, EvaluationError, TemplateEvaluator
from quilt_cfn.cloudformation.launch.parameter_values import ValidationError, resolve_parameters
from quilt_cfn.cloudformation.launch.values import Value
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path, references, strings_in


@dataclass(frozen=True, eq=False)
class Launch:
    """The resources and outputs that would be created, with their functions computed."""

    template: Mapping[str, Any]
    region: str
    parameter_values: Mapping[str, Any]
    """Those that were sent, without defaults."""
    parameters: Mapping[str, Any]
    """Name of every parameter -> its value as Ref gives it."""
    conditions: Mapping[str, bool]
    resources: Mapping[str, dict[str, Any]]
    """Logical ID -> resource, for those that would be created."""
    outputs: Mapping[str, dict[str, Any]]
    errors: tuple[EvaluationError, ...]
    """What CloudFormation could not evaluate."""
    _evaluator: TemplateEvaluator

    def compute(self, fragment: Any) -> Any:
        """The value of something written as in a template, such as ``{"Fn::Sub": "${Bucket.Arn}/*"}``."""
        return self._evaluator.compute(fragment, ())

    def prepare_with(self, other: Mapping[str, Any]) -> PreparedLaunch | None:
        """The launch in which these parameter values replace or join its own; None if CloudFormation refuses it."""
        try:
            return prepare(self.template, {**self.parameter_values, **other}, self.region, allow_missing=True)
        except ValidationError:
            return None

    def refuses(self, other: Mapping[str, Any]) -> bool:
        """Whether CloudFormation would refuse the launch if these parameter values replaced or joined its own."""
        return self.prepare_with(other) is None

    def type_of(self, logical_id: str | None) -> str:
        """The type of a resource; empty if it is not created, and for None."""
        return as_text(self.resources.get(logical_id or "", {}).get("Type", ""))

    def properties(self, logical_id: str | None) -> dict[str, Any]:
        """The properties of a resource; empty if it has none or is not created, and for None."""
        return dict_or_empty(self.resources.get(logical_id or "", {}).get("Properties"))

    def of_type(self, *types: str) -> dict[str, dict[str, Any]]:
        """Logical ID -> properties of every resource of these types."""
        return {name: properties for each in types for name, properties in self._by_type.get(each, {}).items()}

    @cached_property
    def _by_type(self) -> dict[str, dict[str, dict[str, Any]]]:
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for name in self.resources:
            found.setdefault(self.type_of(name), {})[name] = self.properties(name)
        return found

    @cached_property
    def property_strings(self) -> list[tuple[str, Path]]:
        """(string, path) of every string in the properties of the resources, keys of maps included."""
        return [
            each
            for name in self.resources
            for each in strings_in(self.properties(name), ("Resources", name, "Properties"))
        ]

    def referenced_resource(self, value: Any) -> str | None:
        """The logical ID of the resource whose Ref or attribute a value is; None if the value is anything else."""
        origin = value.stands_for if isinstance(value, Value) else None
        return origin.name if origin and origin.source in ("resource", "attribute") else None

    @cached_property
    def dependencies(self) -> dict[str, frozenset[str]]:
        """Logical ID -> the resources that it refers to or names in DependsOn; CloudFormation creates them first."""
        return {name: self._named[name] - {name} for name in self.resources}

    @cached_property
    def _named(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(self._names_in(name)) for name in self.resources}

    def _names_in(self, name: str) -> Iterator[str]:
        resource = map_at(self.template, "Resources")[name]
        depends_on = as_list(dict_or_empty(resource).get("DependsOn"))
        for other in [*depends_on, *(reference.name for reference in references(resource))]:
            if isinstance(other, str) and other in self.resources:
                yield other

    def refers_to_itself(self, logical_id: str) -> bool:
        """Whether a resource has a reference to itself, or names itself in DependsOn."""
        return logical_id in self._named[logical_id]

    def before(self, logical_id: str) -> frozenset[str]:
        """The resources that this one depends on, directly or by way of others; they are created before it."""
        return self._closure[logical_id]

    @cached_property
    def _closure(self) -> dict[str, frozenset[str]]:
        closure: dict[str, frozenset[str]] = {}
        for name in self.resources:
            found: set[str] = set()
            latest = {name}
            while latest:
                latest = {other for each in latest for other in self.dependencies[each]} - found
                found |= latest
            closure[name] = frozenset(found)
        return closure


class PreparedLaunch(NamedTuple):
    """A launch whose parameter values were accepted and whose conditions are decided; nothing else is evaluated."""

    parameter_values: Mapping[str, Any]
    conditions: dict[str, bool]
    evaluator: TemplateEvaluator

    @property
    def region(self) -> str:
        return self.evaluator.region

    def launch(self) -> Launch:
        """The launch, with its resources and outputs evaluated."""
        evaluator = self.evaluator
        resources = {name: evaluator.resource(name) for name in evaluator.declared if evaluator.exists(name)}
        outputs = {
            name: evaluator.part(("Outputs", name), output)
            for name, output in map_at(evaluator.template, "Outputs").items()
            if evaluator.is_included(("Outputs", name), output)
        }
        return Launch(
            template=evaluator.template,
            region=evaluator.region,
            parameter_values=self.parameter_values,
            parameters=evaluator.values,
            conditions=self.conditions,
            resources=resources,
            outputs=outputs,
            errors=tuple(evaluator.errors),
            _evaluator=evaluator,
        )


def prepare(
    template: Mapping[str, Any],
    parameter_values: Mapping[str, Any],
    region: str = "us-east-1",
    account: str = ACCOUNT,
    allow_missing: bool = False,
) -> PreparedLaunch:
    """Check parameter values and decide the template's conditions; parameters without a value take their defaults.

    Raises ``ValidationError``, with the console's message, where CloudFormation would refuse the launch. With
    ``allow_missing``, a parameter that has neither a value nor a default gets a placeholder instead of being refused.
    """
    values = resolve_parameters(template, parameter_values, allow_missing)
    evaluator = TemplateEvaluator(template, values, region, account)
    evaluator.enforce_rules()
    # The conditions that a loop (Fn::ForEach) makes are not known before it is expanded.
    named = [name for name in map_at(template, "Conditions") if not name.startswith("Fn::")]
    conditions = {name: evaluator.decide(name, ("Conditions", name)) for name in named}
    return PreparedLaunch(parameter_values, conditions, evaluator)


def evaluate(
    template: Mapping[str, Any],
    parameter_values: Mapping[str, Any],
    region: str = "us-east-1",
    account: str = ACCOUNT,
    allow_missing: bool = False,
) -> Launch:
    """Evaluate a launch; arguments and exceptions are those of ``prepare``."""
    return prepare(template, parameter_values, region, account, allow_missing).launch()
