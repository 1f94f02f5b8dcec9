"""Findings that somebody looked at and left, each with its reason.

A suppression is as narrow as a finding (engine, rule, resource, template) and lives no longer than it: one that
suppresses nothing is a finding itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from quilt_cfn.cloudformation.checks.explanations import STALE_SUPPRESSION
from quilt_cfn.finding import QUILT_CFN, Finding


@dataclass(frozen=True)
class Suppression:
    """Why one finding about some templates is left."""

    engine: str
    rule: str
    resource: str
    templates: tuple[str, ...]
    """Names of template files, without their folders."""
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding, in whichever template."""
        return (finding.engine, finding.rule, finding.resource) == (self.engine, self.rule, self.resource)


def suppress(
    file: str, findings: Iterable[Finding], suppressions: Sequence[Suppression]
) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    """The findings about one template that stand, and those that are suppressed, with their reasons.

    Among the first is one for each suppression that found nothing to suppress.
    """
    stand: list[Finding] = []
    suppressed: list[tuple[Finding, str]] = []
    for finding in findings:
        reason = next((each.reason for each in suppressions if each.covers(finding)), None)
        if reason is None:
            stand.append(finding)
        else:
            suppressed.append((finding, reason))
    stand += _stale(file, suppressions, [finding for finding, _ in suppressed])
    return sorted(stand), sorted(suppressed)


def _stale(file: str, suppressions: Iterable[Suppression], suppressed: list[Finding]) -> Iterator[Finding]:
    for each in suppressions:
        if not any(each.covers(finding) for finding in suppressed):
            yield Finding(
                file=file,
                line=1,
                engine=QUILT_CFN,
                rule=STALE_SUPPRESSION.id,
                severity="error",
                resource=each.resource,
                message=f"{each.engine} no longer reports {each.rule} here: remove it from suppressions.yaml.",
            )
