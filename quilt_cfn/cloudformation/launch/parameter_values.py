"""The form: values for a template's parameters, accepted or refused as CloudFormation does.

The sentences are those of CreateStack's ValidationError. AWS documents none of them; people quote them, for instance in
https://github.com/aws/amazon-ecs-cli/pull/340 (failed to satisfy constraint), https://github.com/aws/aws-sdk-ruby/issues/1414
(AllowedValues) and https://github.com/aws-quickstart/quickstart-pivotal-cloudfoundry/issues/9 (must match pattern).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from quilt_cfn.cloudformation.launch.values import Origin, Value, unknown_list, unknown_value
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty, get_section

_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]?|\(|\)(?:\{([0-9]{1,9}),?([0-9]{0,9})\})?|.", re.DOTALL)
"""An escape, a class, a parenthesis with what is said about its repetition, or a character."""
_LONGEST_PATTERN = 20_000


class ValidationError(Exception):
    """CloudFormation would refuse to create the stack; the message is what the console shows."""


def resolve_parameters(
    template: Mapping[str, Any], parameter_values: Mapping[str, Any], allow_missing: bool = False
) -> dict[str, Any]:
    """The value of every parameter, as Ref gives it: a ``Value`` or a list of them.

    Raises ``ValidationError``. With ``allow_missing``, a parameter without a value, or with a default that it refuses
    itself, stands for itself instead.
    """
    declared: dict[str, Any] = get_section(template, "Parameters")
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
    kind = as_text(parameter.get("Type", "String"))
    given = parameter_values.get(name, parameter.get("Default"))
    is_list = "CommaDelimitedList" in kind or "List<" in kind
    is_stored = kind.startswith("AWS::SSM::Parameter::Value<")
    if given is None:
        return unknown_list(origin) if is_list else unknown_value(origin)
    # The console sends a list as one text; parameter files may hold it as a list.
    text = ",".join(map(as_text, given)) if isinstance(given, list) else as_text(given)
    members = [part.strip() for part in text.split(",")] if is_list and not is_stored else [text]
    for member in members:
        refusal = constraint_violation(name, parameter, member)
        if refusal and allow_missing and name not in parameter_values:
            return unknown_list(origin) if is_list else unknown_value(origin)
        if refusal:
            raise ValidationError(refusal)
    if is_stored:  # and what the form gives is only its name
        return unknown_list(origin) if is_list else unknown_value(origin)
    if is_list:
        return [Value(member, {origin}) for member in members]
    return Value(text, {origin})


def constraint_violation(name: str, parameter: Mapping[str, Any], value: str) -> str | None:
    """The sentence with which a parameter's declaration refuses a value; None when it accepts it."""
    broken = _broken(parameter, value)
    if broken and "ConstraintDescription" in parameter:
        return f"Parameter {name} failed to satisfy constraint: {parameter['ConstraintDescription']}"
    return f"Parameter '{name}' must {broken}" if broken else None


def _broken(parameter: Mapping[str, Any], value: str) -> str | None:
    allowed = parameter.get("AllowedValues")
    if isinstance(allowed, list) and value not in map(as_text, allowed):
        return "be one of AllowedValues"
    if as_text(parameter.get("Type", "String")) in ("Number", "List<Number>"):
        number = _number(value)
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
    """Whether a whole value matches a pattern.

    A pattern that can't be read, or that is not done within a second, matches everything: rule F05 reports it.
    """
    # CloudFormation uses Java's expressions. This package reads more of them than Python's own, as \p{L} and a++, and
    # it can be stopped. It takes 24 ms to import.
    import regex  # type: ignore[import-untyped]

    if len(pattern) > _LONGEST_PATTERN or _written_out(pattern) > _LONGEST_PATTERN:
        return True
    try:
        return regex.fullmatch(pattern, value, timeout=1) is not None
    except (regex.error, TimeoutError, OverflowError, RecursionError):
        return True


def _written_out(pattern: str) -> int:
    """The length of a pattern in which (ab){3} is written out as ababab, which is what the package does first."""
    lengths = [0]
    for match in _PIECE.finditer(pattern):
        piece, least, most = match[0], match[1], match[2]
        if piece == "(":
            lengths.append(0)
        else:
            inside = lengths.pop() if piece[0] == ")" and len(lengths) > 1 else 1
            lengths[-1] += inside * int(most or least or 1)
    return sum(lengths)


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*", value) else None


def _bound(parameter: Mapping[str, Any], name: str, otherwise: float) -> float:
    number = _number(as_text(parameter.get(name, "")))
    return otherwise if number is None else number
