"""A launch: one template under one form, in one Region, as the resources that would be created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.launch.evaluator import ACCOUNT, EvaluationError, Evaluator
from quilt_cfn.cloudformation.launch.parameter_values import ValidationError, resolve_parameters
from quilt_cfn.cloudformation.launch.values import NO_VALUE, Value
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty, get_section
from quilt_cfn.cloudformation.template.walk import references


@dataclass(frozen=True, eq=False)
class Launch:
    """The resources and outputs that a form leads to: conditions decided, functions computed."""

    template: Mapping[str, Any]
    region: str
    parameter_values: Mapping[str, Any]
    """What was sent."""
    parameters: Mapping[str, Any]
    """Name -> value, as Ref gives it."""
    conditions: Mapping[str, bool]
    resources: Mapping[str, dict[str, Any]]
    """Logical ID -> resource, of those that would be created."""
    outputs: Mapping[str, dict[str, Any]]
    errors: tuple[EvaluationError, ...]
    """What would make CloudFormation fail."""
    _evaluator: Evaluator

    def compute(self, fragment: Any) -> Any:
        """What a fragment in the template's own words, as ``{"Fn::Sub": "${Bucket.Arn}/*"}``, comes to."""
        return self._evaluator.compute(fragment, ())

    def refuses(self, other: Mapping[str, Any]) -> bool:
        """Whether the form would be refused in this Region with these other values."""
        try:
            prepare(self.template, {**self.parameter_values, **other}, self.region, allow_missing=True)
        except ValidationError:
            return True
        return False

    def type_of(self, logical_id: str) -> str:
        """The type of a resource, or an empty text if it is not created."""
        return self._types.get(logical_id, "")

    @cached_property
    def _types(self) -> dict[str, str]:
        return {name: as_text(dict_or_empty(resource).get("Type", "")) for name, resource in self.resources.items()}

    def properties(self, logical_id: str) -> dict[str, Any]:
        """The properties of a resource; empty if it has none or is not created."""
        return dict_or_empty(dict_or_empty(self.resources.get(logical_id)).get("Properties"))

    def of_type(self, *types: str) -> dict[str, dict[str, Any]]:
        """Logical ID -> properties of every resource of these types."""
        return {name: properties for each in types for name, properties in self._by_type.get(each, {}).items()}

    @cached_property
    def _by_type(self) -> dict[str, dict[str, dict[str, Any]]]:
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for name in self.resources:
            found.setdefault(self.type_of(name), {})[name] = self.properties(name)
        return found

    def referenced_resource(self, value: Any) -> str | None:
        """The logical ID of the resource that a value refers to, when it is nothing but that reference."""
        origin = value.stands_for if isinstance(value, Value) else None
        return origin.name if origin and origin.source in ("resource", "attribute") else None

    @cached_property
    def dependencies(self) -> dict[str, frozenset[str]]:
        """Logical ID -> the resources that CloudFormation creates before it: what it refers to, and its DependsOn."""
        return {name: frozenset(self._before(name)) for name in self.resources}

    def _before(self, name: str) -> Iterator[str]:
        resource = dict_or_empty(get_section(self.template, "Resources")[name])
        explicit = resource.get("DependsOn", [])
        named = explicit if isinstance(explicit, list) else [explicit]
        for other in [*named, *self._references.get(name, ())]:
            if isinstance(other, str) and other in self.resources and other != name:
                yield other

    @cached_property
    def _references(self) -> dict[str, set[str]]:
        return {
            name: {reference.name for reference in references(resource)}
            for name, resource in get_section(self.template, "Resources").items()
        }

    def after(self, logical_id: str) -> frozenset[str]:
        """The resources that CloudFormation can't create before this one, directly or by way of others."""
        return frozenset(name for name in self.resources if logical_id in self.before(name))

    def before(self, logical_id: str) -> frozenset[str]:
        """The resources that CloudFormation creates before this one, directly or by way of others."""
        return self._closure[logical_id]

    @cached_property
    def _closure(self) -> dict[str, frozenset[str]]:
        closure: dict[str, frozenset[str]] = {}
        for name in self.resources:
            seen: set[str] = set()
            waiting = list(self.dependencies[name])
            while waiting:
                other = waiting.pop()
                if other not in seen:
                    seen.add(other)
                    waiting.extend(self.dependencies[other])
            closure[name] = frozenset(seen)
        return closure


class PreparedLaunch(NamedTuple):
    """A form that a template accepts in a Region, and what it decides; the resources are not computed yet."""

    parameter_values: Mapping[str, Any]
    conditions: dict[str, bool]
    evaluator: Evaluator

    def launch(self) -> Launch:
        """The resources and outputs that the form leads to."""
        evaluator = self.evaluator
        resources = {name: evaluator.resource(name) for name in evaluator.declared if evaluator.exists(name)}
        outputs = {}
        for name, output in get_section(evaluator.template, "Outputs").items():
            condition = dict_or_empty(output).get("Condition")
            if condition is None or evaluator.decide(condition, ("Outputs", name, "Condition")):
                computed = {
                    key: evaluator.compute(value, ("Outputs", name, key))
                    for key, value in dict_or_empty(output).items()
                    if key != "Condition"
                }
                outputs[name] = {key: value for key, value in computed.items() if value is not NO_VALUE}
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
    """Send a form in a Region; parameters that it leaves out take their defaults.

    Raises ``ValidationError`` with the sentence of the console where CloudFormation would refuse. With
    ``allow_missing``, a parameter that has neither value nor default stands for itself instead of being missing.
    """
    evaluator = Evaluator(template, resolve_parameters(template, parameter_values, allow_missing), region, account)
    evaluator.enforce_rules()
    # What a loop would make is not known before it is expanded.
    named = [name for name in get_section(template, "Conditions") if not name.startswith("Fn::")]
    return PreparedLaunch(
        parameter_values, {name: evaluator.decide(name, ("Conditions", name)) for name in named}, evaluator
    )


def evaluate(
    template: Mapping[str, Any],
    parameter_values: Mapping[str, Any],
    region: str = "us-east-1",
    account: str = ACCOUNT,
    allow_missing: bool = False,
) -> Launch:
    """What a form leads to; see ``prepare``."""
    return prepare(template, parameter_values, region, account, allow_missing).launch()
