"""Parameters: what the form takes, and what it says to what it doesn't take.

Two kinds of rules. F03 to F07 are about forms that can't work as they stand, whoever wrote them. F01, F02 and a part of
F06 ask for more than CloudFormation does, and most public templates don't give it: they hold where a contract has
forms, which says that this form is a product's and that its values are judged before CloudFormation sees them. The
sentence that belongs to each pattern is M15's. Types of AWS's own need nothing: CloudFormation checks the value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.parameter_use import declared_parameters
from quilt_cfn.cloudformation.analysis.regex import lengths, slow_backtracking
from quilt_cfn.cloudformation.analysis.regex_java import differences, unreadable
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.launch.parameter_values import constraint_violation
from quilt_cfn.cloudformation.template.coerce import as_text
from quilt_cfn.cloudformation.template.walk import Path

SYNTAX = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"
REGEXES = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-regexes.html"


@rule(
    "F01", "error", "The form takes any text, and a mistake shows late: on the instance, or never.", SYNTAX, once=True
)
def text_has_a_pattern(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A parameter of free text has neither a pattern nor a list of values. Line breaks, quotes and blanks at an end,
    pasted by accident, go as they are to whatever the value is for. Asked of forms that a contract promises."""
    for name, path, parameter in _free_texts(launch, contract):
        if "AllowedPattern" not in parameter:
            yield (path, f"{name} takes any text: it has no AllowedPattern.")


@rule("F02", "error", "The form takes texts that are too long for what they are for.", SYNTAX, once=True)
def text_is_bounded(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Neither MaxLength nor the pattern ends a free text, so CloudFormation takes 4,096 bytes; what the text is for
    takes less, and fails when the stack is half made. Asked of forms that a contract promises; the members of a list
    have no MaxLength, and are left out."""
    for name, path, parameter in _free_texts(launch, contract):
        pattern = parameter.get("AllowedPattern")
        endless = not isinstance(pattern, str) or (lengths(pattern) or (0, 0))[1] is None
        if endless and "MaxLength" not in parameter and as_text(parameter.get("Type")) == "String":
            yield (path, f"{name} may be of any length: neither MaxLength nor its pattern ends it.")


@rule("F03", "error", "Who leaves the field as it is gets an error.", SYNTAX, once=True)
def default_is_accepted(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A default is a value like any other: CloudFormation refuses the one that its own parameter doesn't allow."""
    for name, path, parameter in _parameters(launch):
        default = parameter.get("Default")
        if default is None or isinstance(default, dict):
            continue
        text = ",".join(map(as_text, default)) if isinstance(default, list) else as_text(default)
        kind = as_text(parameter.get("Type"))
        members = text.split(",") if kind == "CommaDelimitedList" or "List<" in kind else [text]
        for refusal in filter(None, (constraint_violation(name, parameter, member.strip()) for member in members)):
            yield ((*path, "Default"), f"The default of {name} is refused: {refusal.rstrip('.')}.")
            break


@rule("F04", "error", "The form takes no value at all.", SYNTAX, once=True)
def constraints_agree(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The constraints of a parameter contradict each other: its least length or number is above its greatest, its
    pattern only matches texts that are too short or too long, or none of its values passes the others."""
    for name, path, parameter in _parameters(launch):
        least, most = _number(parameter, "MinLength"), _number(parameter, "MaxLength")
        pattern = parameter.get("AllowedPattern")
        widths = lengths(pattern) if isinstance(pattern, str) else None
        values = parameter.get("AllowedValues")
        values = values if isinstance(values, list) else []
        if _above(least, most) or _above(_number(parameter, "MinValue"), _number(parameter, "MaxValue")):
            yield (path, f"No value of {name} is possible: its least is above its greatest.")
        elif widths and (_above(least, widths[1]) or _above(widths[0], most)):
            yield (path, f"No value of {name} is possible: its pattern matches only lengths that it doesn't allow.")
        elif values and all(constraint_violation(name, parameter, as_text(value)) for value in values):
            yield (path, f"No value of {name} is possible: its other constraints refuse all AllowedValues.")


@rule("F05", "error", "CloudFormation refuses the template, or every value of the field.", REGEXES, once=True)
def pattern_is_readable(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The pattern is none in Java, whose patterns CloudFormation's are. Some of these are fine in Python, a named group
    as ``(?P<name>…)`` or a literal ``{``, and so pass linters that try them there."""
    for name, path, pattern in _patterns(launch):
        why = unreadable(pattern)
        if why:
            yield (path, f"CloudFormation can't read the pattern of {name}: {why}.")


@rule("F06", "error", "The form refuses what it should take, or takes what it should refuse.", REGEXES, once=True)
def pattern_means_the_same_in_java(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """CloudFormation reads patterns as Java does, and whoever tries them elsewhere, in Python for instance, may see
    something else: Java takes ``[a[bc]]`` for one class, and ``&&`` inside a class for what two classes have in common.
    That alone is told of any template. Where a contract promises the form, it is also told that ``\\d``, ``\\w``,
    ``\\s``, ``(?i)`` are about ASCII in Java and about Unicode in Python, and that only Java can read a pattern: then
    Python judges the same values, in tests and before a launch, and must not judge otherwise. Elsewhere it harms
    nobody: Java refuses a little more than Python, and who wrote such a pattern thought of ASCII."""
    for name, path, pattern in _patterns(launch):
        for difference in differences(pattern) if not unreadable(pattern) else ():
            if difference.another_meaning or contract.parameter_sets:
                yield (path, f"In the pattern of {name}, Java {difference.reading}: {difference.part}")


@rule(
    "F07",
    "error",
    "A value that almost fits keeps whatever checks it busy, for longer than anybody waits.",
    "https://owasp.org/www-community/attacks/Regular_expression_Denial_of_Service_-_ReDoS",
    once=True,
)
def pattern_does_not_run_away(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The pattern can read some text in more than a hundred million ways, and a backtracking engine tries them all
    before it says no: Python's, a browser's, Java's before version 9. Later ones remember where a loop has failed, but
    not in every loop; which one CloudFormation uses, AWS doesn't say."""
    for name, path, pattern in _patterns(launch):
        why = slow_backtracking(pattern)
        if why:
            yield (path, f"The pattern of {name} may take exponentially long: {why}.")


def _parameters(launch: Launch) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    for name, parameter in declared_parameters(launch):
        yield name, ("Parameters", name), parameter


def _free_texts(launch: Launch, contract: Contract) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """The parameters that take any text, of a form that is promised."""
    for name, path, parameter in _parameters(launch) if contract.parameter_sets else ():
        if parameter.get("Type") in ("String", "CommaDelimitedList") and "AllowedValues" not in parameter:
            yield name, path, parameter


def _patterns(launch: Launch) -> Iterator[tuple[str, Path, str]]:
    for name, path, parameter in _parameters(launch):
        pattern = parameter.get("AllowedPattern")
        if isinstance(pattern, str):
            yield name, (*path, "AllowedPattern"), pattern


def _number(parameter: dict[str, Any], name: str) -> float | None:
    try:
        return float(parameter[name])
    except (KeyError, TypeError, ValueError):
        return None


def _above(least: float | None, most: float | None) -> bool:
    return least is not None and most is not None and least > most
