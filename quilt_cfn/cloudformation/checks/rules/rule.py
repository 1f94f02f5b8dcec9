"""What a rule is: a small function that looks at a launch and yields each place that violates it.

The sentence of a rule says what will happen to the customer; the function's docstring says how that comes about and is
what ``quilt-cfn check --explain`` prints; what the function yields says what is wrong, and where. One fact belongs to
one rule, and unknown values are never reported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import NamedTuple

from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.template.walk import Path
from quilt_cfn.finding import Explanation, Severity

Violation = tuple[Path, str]
"""The path to a place in the template, and one sentence about what is wrong there."""

Find = Callable[[Launch, Contract], Iterator[Violation]]


class Rule(NamedTuple):
    """A question about a template and the function that answers it."""

    id: str
    """The letter of the family and two digits; public, and never given to another question."""
    severity: Severity
    sentence: str
    link: str
    find: Find
    once: bool
    """Whether the answer is the same for every launch of a template."""

    @property
    def explanation(self) -> Explanation:
        return Explanation(self.id, self.sentence, inspect.getdoc(self.find) or "", self.link)


def rule(id: str, severity: Severity, sentence: str, link: str, once: bool = False) -> Callable[[Find], Rule]:
    """Make a rule of a function; see ``Rule``."""
    return lambda find: Rule(id, severity, sentence, link, find, once)
