"""The one type for everything that is found wrong: in a template, a bucket, a published version or a submission.

Rules and linters, the checks of a bucket, the verification of what is published, and the refusals of AWS Marketplace
all return findings; a command prints them and decides what they mean for its exit code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from quilt_cfn.text import printable

Severity = Literal["error", "warning", "information"]
"""``error``: something fails, is lost or is exposed. ``warning``: something may go wrong, or is worse than it need be.
``information``: worth knowing. Errors and warnings make a command exit with 1."""

QUILT_CFN = "quilt-cfn"
"""The engine of our own rules."""

_MOST_REGIONS = 6
"""As many Regions are named in a line."""


@dataclass(frozen=True, order=True)
class Finding:
    """What one engine says about one place; what it says about several Regions in the same words is one finding."""

    file: str
    """The template's file, or the bucket, location or file that the finding is about."""
    line: int
    """The line in that file; 0 where there are no lines."""
    engine: str
    rule: str
    """The id of the rule; ``quilt-cfn check --explain`` explains it."""
    severity: Severity
    resource: str
    """The logical ID, or the name of the parameter, condition or output; empty where the finding is about none."""
    message: str
    regions: tuple[str, ...] = ()
    """The Regions in which it holds; empty where it holds in all of them."""
    path: tuple[str | int, ...] = field(default=(), compare=False)
    """The keys and indices that lead to the place in the template; empty where that is not known."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        what = f"{self.resource}: {self.message}" if self.resource else self.message
        some = self.regions if len(self.regions) <= _MOST_REGIONS else (*self.regions[: _MOST_REGIONS - 1], "...")
        regions = f" (in {counted(len(self.regions), 'Region')}: {', '.join(some)})" if self.regions else ""
        return printable(f"{where}: {self.severity} {self.rule} [{self.engine}] {what}{regions}")


class Explanation(NamedTuple):
    """What ``quilt-cfn check --explain`` says about a rule's id."""

    id: str
    sentence: str
    """What will happen to the customer."""
    explanation: str
    """How that comes about, and what to do."""
    link: str


class Family(NamedTuple):
    """Rules that belong together, under a heading."""

    title: str
    explanations: tuple[Explanation, ...]
    note: str = ""
    """What the page of rules says under the heading, as Markdown."""


def fails(findings: tuple[Finding, ...] | list[Finding]) -> bool:
    """Whether a command that found this exits with 1: for errors and warnings, not for information."""
    return any(finding.severity != "information" for finding in findings)


def counted(number: int, noun: str) -> str:
    """``1 finding``, ``2 findings``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
