"""Suppressions: findings that are known and accepted, each with a reason.

A suppression names the engine, the rule, the resource and the templates. One that suppresses nothing is stale, which is
a finding itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quilt_cfn.cloudformation.checks.explanations import STALE_SUPPRESSION
from quilt_cfn.finding import QUILT_CFN, Finding


@dataclass(frozen=True)
class Suppression:
    """A finding about some templates that is not reported, and why."""

    engine: str
    rule: str
    resource: str
    templates: tuple[str, ...]
    """Names of template files, without their folders."""
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding; the template is not compared."""
        return (finding.engine, finding.rule, finding.resource) == (self.engine, self.rule, self.resource)


def suppress(
    file: str, findings: Iterable[Finding], suppressions: Sequence[Suppression]
) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    """(the findings to report, (finding, reason) of those that are suppressed), both sorted; all about one template.

    A finding for each stale suppression is among those to report.
    """
    remaining: list[Finding] = []
    suppressed: list[tuple[Finding, str]] = []
    for finding in findings:
        reason = next((each.reason for each in suppressions if each.covers(finding)), None)
        if reason is None:
            remaining.append(finding)
        else:
            suppressed.append((finding, reason))
    for each in suppressions:
        if not any(each.covers(finding) for finding, _ in suppressed):
            message = f"{each.engine} no longer reports {each.rule} here: remove it from suppressions.yaml."
            remaining.append(Finding(file, 1, QUILT_CFN, STALE_SUPPRESSION.id, "error", each.resource, message))
    return sorted(remaining), sorted(suppressed)
