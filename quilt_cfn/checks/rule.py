"""What a rule is: a small function that looks at a rendering and yields faults, with an id, a sentence and a link.

The rule of rules: the sentence says what will happen to the customer; the function's docstring says how that comes
about and is what ``--explain`` prints; a fault says what is wrong, and where. One fact belongs to one rule.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import NamedTuple

from quilt_cfn.checks.contract import Contract
from quilt_cfn.evaluation import Rendering
from quilt_cfn.evaluation.texts import Path


class Fault(NamedTuple):
    """Something wrong: the path to the place in the template, and one sentence about it."""

    path: Path
    sentence: str


Find = Callable[[Rendering, Contract], Iterator[Fault]]


class Rule(NamedTuple):
    """A question about a template and the function that answers it."""

    id: str
    """The letter of the family and two digits; public, and never given to another question."""
    sentence: str
    link: str
    find: Find
    once: bool
    """Whether the answer is the same in every rendering of a template."""

    @property
    def explanation(self) -> str:
        return inspect.getdoc(self.find) or ""


def rule(id: str, sentence: str, link: str, once: bool = False) -> Callable[[Find], Rule]:
    """Make a rule of a function; see ``Rule``."""
    return lambda find: Rule(id, sentence, link, find, once)
