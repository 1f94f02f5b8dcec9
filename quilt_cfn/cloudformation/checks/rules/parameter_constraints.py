"""Parameters: patterns, lengths and defaults.

F03, F04, F05 and F07 apply to any template. F01, F02 and a part of F06 require more than CloudFormation does, and most
public templates lack it; they apply where a contract has parameter sets. A ConstraintDescription for each pattern is
required by M15. Parameters of AWS's own types need no constraints: CloudFormation checks their values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.parameter_use import declared_parameters
from quilt_cfn.cloudformation.analysis.regex import lengths, slow_backtracking
from quilt_cfn.cloudformation.analysis.regex_java import differences, unreadable
from quilt_cfn.cloudformation.checks.rules.rule import USER_GUIDE, Violation, rule
from quilt_cfn.cloudformation.launch import Contract, Launch
from quilt_cfn.cloudformation.launch.parameter_values import constraint_violation, number_in, refusal_of
from quilt_cfn.cloudformation.template.coerce import as_text
from quilt_cfn.cloudformation.template.walk import Path

SYNTAX = f"{USER_GUIDE}/parameters-section-structure.html"
REGEXES = f"{USER_GUIDE}/cfn-regexes.html"


@rule(
    "F01",
    "warning",
    "A parameter accepts any text, and a wrong value shows late: on the instance, or never.",
    SYNTAX,
    once=True,
)
def text_has_a_pattern(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameters of type String or CommaDelimitedList with neither AllowedPattern nor AllowedValues. Only checked
    with a contract that has parameter sets.

    Why it is bad: line breaks, quotes, and spaces at an end, pasted by accident, reach whatever the value is used for.

    Use instead: an AllowedPattern of the characters that the value needs, and a ConstraintDescription.
    """
    for name, parameter in _free_texts(launch, contract):
        if "AllowedPattern" not in parameter:
            yield (("Parameters", name), f"{name} accepts any text: it has no AllowedPattern.")


@rule(
    "F02",
    "warning",
    "A parameter accepts values that are too long for what they are used for.",
    SYNTAX,
    once=True,
)
def text_is_bounded(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameters of type String with neither MaxLength, AllowedValues, nor a pattern that limits the length. Only
    checked with a contract that has parameter sets.

    Why it is bad: CloudFormation accepts 4,096 bytes. What the value is used for accepts less, and fails when a part of
    the stack has been created.

    Use instead: MaxLength, or a pattern such as ``[a-z]{2,20}``.
    """
    for name, parameter in _free_texts(launch, contract):
        pattern = parameter.get("AllowedPattern")
        unlimited = not isinstance(pattern, str) or (lengths(pattern) or (0, 0))[1] is None
        if unlimited and "MaxLength" not in parameter and as_text(parameter.get("Type")) == "String":
            yield (("Parameters", name), f"{name} may be of any length: neither MaxLength nor its pattern limits it.")


@rule("F03", "error", "A launch that keeps the default of a parameter fails.", SYNTAX, once=True)
def default_is_accepted(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds defaults that the constraints of their own parameter refuse.

    Why it is bad: CloudFormation checks a default as any other value, and refuses the launch.

    Use instead: a default that matches the constraints, or none.
    """
    for name, parameter in declared_parameters(launch):
        default = parameter.get("Default")
        if default is not None and not isinstance(default, dict):
            refusal = refusal_of(name, parameter, default)
            if refusal:
                path = ("Parameters", name, "Default")
                yield (path, f"The default of {name} is refused: {refusal.rstrip('.')}.")


@rule("F04", "error", "A parameter accepts no value at all.", SYNTAX, once=True)
def constraints_agree(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameters whose constraints contradict each other: a minimum above the maximum, a pattern that matches
    only values that are too short or too long, or AllowedValues that the other constraints refuse.

    Why it is bad: CloudFormation refuses every value, and so every launch.

    Use instead: constraints that at least one value satisfies.
    """
    for name, parameter in declared_parameters(launch):
        path = ("Parameters", name)
        keys = ("MinLength", "MaxLength", "MinValue", "MaxValue")
        least, most, lowest, highest = (number_in(parameter.get(key)) for key in keys)
        pattern = parameter.get("AllowedPattern")
        widths = lengths(pattern) if isinstance(pattern, str) else None
        values = parameter.get("AllowedValues")
        values = values if isinstance(values, list) else []
        if _above(least, most) or _above(lowest, highest):
            yield (path, f"No value of {name} is possible: its minimum is above its maximum.")
        elif widths and (_above(least, widths[1]) or _above(widths[0], most)):
            yield (path, f"No value of {name} is possible: its pattern matches only lengths that it refuses.")
        elif values and all(constraint_violation(name, parameter, as_text(value)) for value in values):
            yield (path, f"No value of {name} is possible: its other constraints refuse all AllowedValues.")


@rule("F05", "error", "CloudFormation refuses the template, or every value of the parameter.", REGEXES, once=True)
def pattern_is_valid_in_java(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds patterns that are not valid in Java, whose regular expressions CloudFormation uses.

    Why it is bad: the launch fails. A pattern may be valid in Python, as a named group ``(?P<name>...)`` or a literal
    ``{`` is, and so pass linters that try it there.

    Use instead: the syntax of java.util.regex.Pattern, such as ``(?<name>...)`` and ``\\{``.
    """
    for name, path, pattern in _patterns(launch):
        why = unreadable(pattern)
        if why:
            yield (path, f"The pattern of {name} is not valid in Java: {why}.")


@rule(
    "F06",
    "warning",
    "A parameter may refuse values that it should accept, or accept values that it should refuse.",
    REGEXES,
    once=True,
)
def pattern_means_the_same_in_java(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds patterns that mean something else in Java, whose regular expressions CloudFormation uses, than in Python:
    Java takes ``[a[bc]]`` for one class, and ``&&`` inside a class for the intersection of two.

    With a contract that has parameter sets it also finds patterns whose meaning differs only beyond ASCII (``\\d``,
    ``\\w``, ``\\s``, ``(?i)``), and those that only Java reads: Python checks the values of such a product in tests and
    before a launch, and must agree with CloudFormation.

    Why it is bad: whoever tried the pattern elsewhere saw another result than a launch gives.

    Use instead: classes without ``[`` and ``&&`` inside; ``[0-9]`` for ``\\d``, ``[A-Za-z0-9_]`` for ``\\w``.
    """
    for name, path, pattern in _patterns(launch):
        for difference in differences(pattern) if not unreadable(pattern) else ():
            if difference.another_meaning or contract.parameter_sets:
                yield (path, f"In the pattern of {name}, Java {difference.reading}: {difference.part}")


@rule(
    "F07",
    "warning",
    "Checking a long value that almost matches may take longer than anybody waits.",
    "https://owasp.org/www-community/attacks/Regular_expression_Denial_of_Service_-_ReDoS",
    once=True,
)
def pattern_is_fast(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds patterns with a repetition that contains nothing but another repetition and optional parts, or characters
    that the inner repetition also matches, such as ``(a+)+``, ``([a-z]+-?)*`` and ``([a-z]*[a-z])*``; and patterns that
    repeat alternatives of which two begin with the same character, such as ``(a|ab|b)*``. Ten repetitions or more
    count. It doesn't find repeated optional parts, ``(a?b?)*``, and sometimes finds alternatives that are harmless
    because they differ later.

    Why it is bad: such a text can be divided into repetitions in very many ways, and an engine that backtracks tries
    all of them before it refuses the value: Python's, a browser's, Java's before version 9. AWS doesn't say which
    version of Java CloudFormation uses.

    Use instead: one repetition, ``a+``; or a separator that each repetition needs, ``[a-z]+(-[a-z]+)*``.
    """
    for name, path, pattern in _patterns(launch):
        why = slow_backtracking(pattern)
        if why:
            yield (path, f"The pattern of {name} may be slow to refuse a value: {why}.")


def _free_texts(launch: Launch, contract: Contract) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, declaration) of each parameter of free text, if the contract has parameter sets."""
    for name, parameter in declared_parameters(launch) if contract.parameter_sets else ():
        if parameter.get("Type") in ("String", "CommaDelimitedList") and "AllowedValues" not in parameter:
            yield name, parameter


def _patterns(launch: Launch) -> Iterator[tuple[str, Path, str]]:
    for name, parameter in declared_parameters(launch):
        pattern = parameter.get("AllowedPattern")
        if isinstance(pattern, str):
            yield name, ("Parameters", name, "AllowedPattern"), pattern


def _above(least: float | None, most: float | None) -> bool:
    """Whether both limits are known, and the least is above the greatest."""
    return least is not None and most is not None and least > most
