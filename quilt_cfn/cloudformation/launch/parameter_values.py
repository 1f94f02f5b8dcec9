"""Parameter values: checked against a template's parameters, and accepted or refused as CloudFormation does.

The messages are those of CreateStack's ValidationError. AWS documents none of them; people quote them, for instance in
https://github.com/aws/amazon-ecs-cli/pull/340 (failed to satisfy constraint), https://github.com/aws/aws-sdk-ruby/issues/1414
(AllowedValues) and https://github.com/aws-quickstart/quickstart-pivotal-cloudfoundry/issues/9 (must match pattern).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from quilt_cfn.cloudformation.facts.quotas import PARAMETER_VALUE
from quilt_cfn.cloudformation.launch.values import Origin, Value, unknown_list, unknown_value
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty, map_at

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]?|\(|\)(?:\{([0-9]{1,9}),?([0-9]{0,9})\})?|.", re.DOTALL)
"""An escape, a character class, a parenthesis with its {least,most}, or any other character."""
_MAX_PATTERN_LENGTH = 20_000
"""Characters of a pattern, with its repetitions written out; the package takes long to compile a longer one."""


class ValidationError(Exception):
    """CloudFormation would refuse the launch; the message is the one that the console shows."""


def resolve_parameters(
    template: Mapping[str, Any], parameter_values: Mapping[str, Any], allow_missing: bool = False
) -> dict[str, Any]:
    """Name of every parameter -> its value as Ref gives it: a ``Value`` or a list of them.

    Raises ``ValidationError`` for a missing, unknown or refused value. With ``allow_missing``, a parameter that has no
    value, or whose default violates its own constraints, gets a placeholder instead.
    """
    declared: dict[str, Any] = map_at(template, "Parameters")
    unknown = [name for name in parameter_values if name not in declared]
    if unknown and not declared:
        raise ValidationError("Parameter values specified for a template which does not require them.")
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [
        name
        for name, parameter in declared.items()
        if name not in parameter_values and "Default" not in dict_or_empty(parameter)
    ]
    if missing and not allow_missing:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    return {
        name: _value(name, dict_or_empty(parameter), parameter_values, allow_missing)
        for name, parameter in declared.items()
    }


def _value(name: str, parameter: Mapping[str, Any], parameter_values: Mapping[str, Any], allow_missing: bool) -> Any:
    origin = Origin("parameter", name)
    parameter_type = as_text(parameter.get("Type", "String"))
    value = parameter_values.get(name, parameter.get("Default"))
    is_list = "CommaDelimitedList" in parameter_type or "List<" in parameter_type
    is_stored = parameter_type.startswith("AWS::SSM::Parameter::Value<")
    unknown = unknown_list(origin) if is_list else unknown_value(origin)
    if value is None:
        return unknown
    refusal = refusal_of(name, parameter, value)
    if refusal and allow_missing and name not in parameter_values:
        return unknown
    if refusal:
        raise ValidationError(refusal)
    if is_stored:  # the parameter's value is only the name under which the Parameter Store holds the real one
        return unknown
    values = [Value(member, {origin}) for member in _members(parameter, value)]
    return values if is_list else values[0]


def refusal_of(name: str, parameter: Mapping[str, Any], value: Any) -> str | None:
    """The message with which CloudFormation refuses a value, or a member of a list; None if it accepts them."""
    members = _members(parameter, value)
    if len(",".join(members).encode()) > PARAMETER_VALUE:
        return f"Parameter '{name}' must contain at most {PARAMETER_VALUE} bytes"
    return next(filter(None, (constraint_violation(name, parameter, each) for each in members)), None)


def _members(parameter: Mapping[str, Any], value: Any) -> list[str]:
    # The console sends a list as one string; parameter files may hold it as a list.
    text = ",".join(map(as_text, value)) if isinstance(value, list) else as_text(value)
    is_list = as_text(parameter.get("Type", "String")).startswith(("CommaDelimitedList", "List<"))
    return [part.strip() for part in text.split(",")] if is_list else [text]


def constraint_violation(name: str, parameter: Mapping[str, Any], value: str) -> str | None:
    """The message with which CloudFormation refuses a parameter's value; None if its constraints hold."""
    constraint = _violated_constraint(parameter, value)
    if constraint and "ConstraintDescription" in parameter:
        return f"Parameter {name} failed to satisfy constraint: {parameter['ConstraintDescription']}"
    return f"Parameter '{name}' must {constraint}" if constraint else None


def _violated_constraint(parameter: Mapping[str, Any], value: str) -> str | None:
    allowed = parameter.get("AllowedValues")
    if isinstance(allowed, list) and value not in map(as_text, allowed):
        return "be one of AllowedValues"
    if as_text(parameter.get("Type", "String")) in ("Number", "List<Number>"):
        number = number_in(value)
        if number is None:
            return "be a number"
        if number < _bound(parameter, "MinValue", number):
            return f"be a number not less than {parameter['MinValue']}"
        if number > _bound(parameter, "MaxValue", number):
            return f"be a number not greater than {parameter['MaxValue']}"
        return None
    if len(value) < _bound(parameter, "MinLength", 0):
        return f"contain at least {parameter['MinLength']} characters"
    if len(value) > _bound(parameter, "MaxLength", len(value)):
        return f"contain at most {parameter['MaxLength']} characters"
    if "AllowedPattern" in parameter and not matches(as_text(parameter["AllowedPattern"]), value):
        return f"match pattern {parameter['AllowedPattern']}"
    return None


@lru_cache(maxsize=4096)
def matches(pattern: str, value: str) -> bool:
    """Whether an AllowedPattern matches a value as a whole.

    A pattern that is not valid, or that takes longer than a second, matches everything; rule F05 reports it.
    """
    # CloudFormation's patterns are Java's. This package knows more of Java's syntax than Python's own (\p{L} and a++),
    # and it takes a timeout. It is imported here because that takes 24 ms.
    import regex  # type: ignore[import-untyped]

    if len(pattern) > _MAX_PATTERN_LENGTH or _expanded_length(pattern) > _MAX_PATTERN_LENGTH:
        return True
    try:
        return regex.fullmatch(pattern, value, timeout=1) is not None
    except (regex.error, TimeoutError, OverflowError, RecursionError):
        return True


def _expanded_length(pattern: str) -> int:
    """The length of a pattern in which (ab){3} is written as ababab, which the package does before it compiles it."""
    lengths = [0]
    for match in _TOKEN.finditer(pattern):
        token, least, most = match[0], match[1], match[2]
        if token == "(":
            lengths.append(0)
        else:
            inside = lengths.pop() if token[0] == ")" and len(lengths) > 1 else 1
            lengths[-1] += inside * int(most or least or 1)
    return sum(lengths)


def number_in(value: Any) -> float | None:
    """The number that a template or a parameter value writes as a number or as a text; None for anything else."""
    value = as_text(value)
    return float(value) if re.fullmatch(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*", value) else None


def _bound(parameter: Mapping[str, Any], name: str, otherwise: float) -> float:
    number = number_in(parameter.get(name))
    return otherwise if number is None else number
