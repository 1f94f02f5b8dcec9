"""Findings that were looked at and left, each with its reason.

The rule: a suppression is as narrow as a finding (engine, rule, resource, template file) and lives no longer than it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from quilt_cfn.checks.finding import Finding
from quilt_cfn.errors import Trouble

SUPPRESSIONS_FILE = Path(__file__).parent / "suppressions.yaml"


@dataclass(frozen=True)
class Suppression:
    engine: str
    rule: str
    resource: str
    templates: tuple[str, ...]
    """Names of template files, without their folders."""
    reason: str

    def covers(self, finding: Finding) -> bool:
        return (finding.engine, finding.rule, finding.resource) == (self.engine, self.rule, self.resource) and Path(
            finding.template
        ).name in self.templates


def read_suppressions(path: Path = SUPPRESSIONS_FILE) -> tuple[Suppression, ...]:
    """The suppressions of a YAML file; raises ``Trouble`` for one that doesn't say everything."""
    wanted = [field.name for field in fields(Suppression)]
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        suppressions = tuple(Suppression(**entry | {"templates": tuple(entry["templates"])}) for entry in entries)
    except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
        raise Trouble(
            f"The suppressions in {path} could not be read: {error}.", f"Each entry needs {', '.join(wanted)}."
        ) from error
    unexplained = [each for each in suppressions if not str(each.reason or "").strip()]
    if unexplained:
        raise Trouble(
            f"The suppression of {unexplained[0].rule} on {unexplained[0].resource} in {path} has no reason.",
            "Say why the finding is left, or mend what it found.",
        )
    return suppressions


def apply(
    suppressions: Iterable[Suppression], findings: Iterable[Finding], templates: Iterable[Path]
) -> tuple[list[Finding], list[Finding]]:
    """Two lists: the findings that stand, and those that were suppressed.

    Among the first is one for each template that was linted and each suppression that found nothing to suppress in it.
    """
    stand: list[Finding] = []
    suppressed: list[Finding] = []
    suppressions = list(suppressions)
    for finding in findings:
        covered = any(suppression.covers(finding) for suppression in suppressions)
        (suppressed if covered else stand).append(finding)
    for template in templates:
        here = [finding for finding in suppressed if finding.template == str(template)]
        for suppression in suppressions:
            if template.name in suppression.templates and not any(suppression.covers(finding) for finding in here):
                stand.append(_stale(suppression, template))
    return sorted(stand), sorted(suppressed)


def _stale(suppression: Suppression, template: Path) -> Finding:
    return Finding(
        template=str(template),
        line=1,
        engine="quilt-cfn",
        rule="stale-suppression",
        severity="error",
        resource=suppression.resource,
        message=f"{suppression.engine} no longer reports {suppression.rule} here: remove it from suppressions.yaml.",
    )
