"""Evaluates a template: its conditions, its rules, and every value in its resources and outputs.

A function that CloudFormation could not compute is recorded as an ``EvaluationError`` and gives a placeholder, so that
everything after it is evaluated as well. A comparison with a value that is not known before the launch is false in a
condition; an assertion that depends on such a value is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.cloudformation.launch.functions import FUNCTIONS, NAME, NotDecidable
from quilt_cfn.cloudformation.launch.parameter_values import ValidationError
from quilt_cfn.cloudformation.launch.values import NO_VALUE, TOO_LARGE, Origin, Value, concatenate, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty, is_true, map_at, wrap
from quilt_cfn.cloudformation.template.expansion import adds_names, is_extended
from quilt_cfn.cloudformation.template.walk import Path

ACCOUNT = "111122223333"
"""The account number in AWS's own examples."""

STACK = "my-stack"
"""The name of every stack."""

MAX_DEPTH = 150
"""How deep values may refer to one another. Each takes up to five calls, and Python allows a thousand."""
MAX_CHARACTERS = 20_000_000
"""How many characters the functions of one launch may produce; without a limit a small template fills the memory."""

_DYNAMIC = re.compile(r"\{\{resolve:[^{}]*\}\}")


class EvaluationError(NamedTuple):
    """A part of a template that CloudFormation could not evaluate."""

    kind: str
    """The function without ``Fn::``, ``Select of`` and the function that gave the list, ``Condition``, ``Syntax`` for
    misshapen arguments, ``Name`` for a name in the template that nothing in it has, ``Cycle`` for a condition that
    depends on itself, or ``Size`` for what is too large for us."""
    path: Path
    message: str
    """A sentence without a capital letter and a full stop."""


class TemplateEvaluator:
    """Evaluates one template with one set of parameter values, in one Region and account."""

    def __init__(self, template: Mapping[str, Any], values: Mapping[str, Any], region: str, account: str) -> None:
        self.template = template
        self.values = values
        self.region = region
        self.errors: dict[EvaluationError, None] = {}
        self.pseudo: dict[str, Any] = {
            "AWS::AccountId": account,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": partitions.partition(region),
            "AWS::Region": region,
            "AWS::StackId": f"arn:{partitions.partition(region)}:cloudformation:{region}:{account}:stack/{STACK}/0",
            "AWS::StackName": STACK,
            "AWS::URLSuffix": partitions.url_suffix(region),
        }
        resources = map_at(template, "Resources")
        self.declared = {name: each for name, each in resources.items() if not name.startswith("Fn::")}
        self.mappings = map_at(template, "Mappings")
        self.incomplete = adds_names(template)
        self.extended = is_extended(template)
        self._depth = 0
        self._written = 0
        self._decided: dict[str, bool | None] = {}
        self._computed: dict[str, dict[str, Any] | None] = {}

    # What a template consists of.

    def enforce_rules(self) -> None:
        """Raise ``ValidationError`` if an assertion in the template's Rules fails."""
        for name, rule in map_at(self.template, "Rules").items():
            rule = dict_or_empty(rule)
            if self._holds(rule.get("RuleCondition", "true"), ("Rules", name, "RuleCondition")):
                for index, assertion in enumerate(map(dict_or_empty, wrap(rule.get("Assertions", [])))):
                    path = ("Rules", name, "Assertions", index, "Assert")
                    if self._holds(assertion.get("Assert", "true"), path) is False:
                        raise ValidationError(as_text(assertion.get("AssertDescription") or f"Rule {name} failed"))

    def _holds(self, value: Any, path: Path) -> bool | None:
        """Whether a condition or an assertion of a rule is true; None if it depends on a value that is not known."""
        try:
            computed = self.compute(value, path)
        except NotDecidable:
            return None
        return is_true(computed) if is_known(computed) else None

    def exists(self, logical_id: str) -> bool:
        """Whether a declared resource would be created."""
        return self.is_included(("Resources", logical_id), self.declared[logical_id])

    def is_included(self, path: Path, declared: Any) -> bool:
        """Whether a resource or an output has no condition, or one that is true."""
        condition = dict_or_empty(declared).get("Condition")
        return condition is None or self.decide(condition, (*path, "Condition"))

    def decide(self, name: Any, path: Path) -> bool:
        """Whether the condition of this name is true; ``path`` is where it is used."""
        conditions = map_at(self.template, "Conditions")
        if not isinstance(name, str) or name not in conditions:
            self.missing(NAME if isinstance(name, str) else "Condition", path, f"there is no condition {name}")
            return False
        if name not in self._decided:
            self._decided[name] = None  # being decided
            self._decided[name] = is_true(self.compute(conditions[name], ("Conditions", name)))
        decided = self._decided[name]
        if decided is None:
            self.error("Cycle", path, f"the condition {name} depends on itself")
        return bool(decided)

    def resource(self, logical_id: str) -> dict[str, Any]:
        """A resource, evaluated once; empty while it is being evaluated, as when it refers to itself."""
        if logical_id not in self._computed:
            self._computed[logical_id] = None  # being evaluated
            self._computed[logical_id] = self.part(("Resources", logical_id), self.declared[logical_id])
        return self._computed[logical_id] or {}

    def part(self, path: Path, declared: Any) -> dict[str, Any]:
        """A resource or an output, evaluated, without its condition."""
        entries = dict_or_empty(declared).items()
        return _without_no_value({key: self.compute(each, (*path, key)) for key, each in entries if key != "Condition"})

    # Values.

    def compute(self, value: Any, path: Path) -> Any:
        """The value of a part of the template, with every function in it computed; ``path`` leads to it."""
        if isinstance(value, str) and "{{resolve:" in value:
            return Value(value, {Origin("dynamic", match) for match in _DYNAMIC.findall(value)})
        if not isinstance(value, (list, dict)):
            return value
        if self._depth == MAX_DEPTH:
            return self.error("Size", path, "values refer to one another too deeply to be computed")
        self._depth += 1
        try:
            return self._compute(value, path)
        finally:
            self._depth -= 1

    def _compute(self, value: list[Any] | dict[str, Any], path: Path) -> Any:
        if isinstance(value, list):
            members = [self.compute(each, (*path, index)) for index, each in enumerate(value)]
            return [member for member in members if member is not NO_VALUE]
        if len(value) == 1:
            ((name, argument),) = value.items()
            function = FUNCTIONS.get(name)
            if function and "Fn::Transform" in dict_or_empty(argument):
                return FUNCTIONS["Fn::Transform"](self, argument, path)
            if function:
                return function(self, argument, (*path, name))
        return _without_no_value({key: self.compute(each, (*path, key)) for key, each in value.items()})

    def error(self, kind: str, path: Path, message: str) -> Value:
        """Record an ``EvaluationError`` and return the placeholder of the value that can't be computed."""
        self.errors[EvaluationError(kind, path, message)] = None
        return Value(f"<{kind}?>", known=False)

    def missing(self, kind: str, path: Path, message: str) -> None:
        """Record an ``EvaluationError``, unless a macro may add to the template what is missing."""
        if not self.incomplete:
            self.error(kind, path, message)

    def concatenate(self, parts: list[Any], path: Path) -> Value:
        """The parts as one string, with the dynamic references that came about by joining them."""
        if not self.room_for(sum(len(part) for part in parts if isinstance(part, str)), path):
            return Value(TOO_LARGE, origins_of(parts), known=False)
        result = concatenate(parts)
        dynamic = {Origin("dynamic", found) for found in _DYNAMIC.findall(result)}
        return Value(result, result.origins | dynamic, result.known)

    def room_for(self, characters: int, path: Path) -> bool:
        """Whether the functions may produce so many more characters; records an error if not."""
        if self._written + characters > MAX_CHARACTERS:
            self.error("Size", path, "the values become too large to be computed")
            return False
        self._written += characters
        return True


def _without_no_value(computed: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in computed.items() if each is not NO_VALUE}
