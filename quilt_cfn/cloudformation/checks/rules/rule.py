"""What a rule is: a function from a launch to the places in the template that violate it, with an id and a severity.

``sentence`` says what will happen to whoever launches the template. The docstring of the function is the rule's page,
for docs/rules.md and ``quilt-cfn check --explain``: what the rule finds, why it is bad, and what to use instead. What
the function yields says what is wrong at one place. One defect is reported by one rule, and unknown values are never
reported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import NamedTuple

from quilt_cfn.cloudformation.launch import Contract, Launch
from quilt_cfn.cloudformation.template.walk import Path
from quilt_cfn.finding import Explanation, Severity

REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"
USER_GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide"

Violation = tuple[Path, str]
"""The path to a place in the template, and one sentence about what is wrong there."""

Find = Callable[[Launch, Contract], Iterator[Violation]]


class Rule(NamedTuple):
    """A rule; ``@rule`` makes one of a function."""

    id: str
    """The letter of the family and two digits; public, and never used for another rule."""
    severity: Severity
    """``error``: a launch, an update, a deletion or a submission fails, data is lost, or something is exposed.
    ``warning``: something may go wrong, or AWS only recommends it."""
    sentence: str
    link: str
    """The page of AWS's documentation, or of another source, that the rule follows."""
    find: Find
    once: bool
    """Whether the result is the same for every launch of a template."""

    @property
    def explanation(self) -> Explanation:
        return Explanation(self.id, self.sentence, inspect.getdoc(self.find) or "", self.link)


def rule(id: str, severity: Severity, sentence: str, link: str, once: bool = False) -> Callable[[Find], Rule]:
    """Make a rule of a function; see ``Rule``."""
    return lambda find: Rule(id, severity, sentence, link, find, once)


def property_path(name: str, *path: str | int) -> Path:
    """The path to a property of a resource."""
    return ("Resources", name, "Properties", *path)
