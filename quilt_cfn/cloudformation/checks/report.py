"""The report of a check, and how it is printed: as text, JSON or SARIF 2.1.0."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath
from typing import Any

from quilt_cfn import __version__
from quilt_cfn.cloudformation.checks.explanations import EXPLANATIONS
from quilt_cfn.finding import QUILT_CFN, Explanation, Finding, counted


@dataclass(frozen=True)
class Report:
    """What a check found."""

    findings: tuple[Finding, ...]
    """Those that are not suppressed."""
    suppressed: tuple[tuple[Finding, str], ...]
    """(finding, the reason why it is suppressed)."""
    summary: str
    """A sentence that says what was checked and how many findings there are."""


def make_report(
    findings: Iterable[Finding], what: str, suppressed: Sequence[tuple[Finding, str]] = (), note: str = ""
) -> Report:
    """A report whose summary begins with ``what`` was checked, and ends with ``note``, a sentence."""
    in_order = tuple(sorted(findings))
    also = f", {len(suppressed)} suppressed with a reason" if suppressed else ""
    summary = f"{what}: {counted(len(in_order), 'finding')}{also}. {note}".rstrip()
    return Report(in_order, tuple(suppressed), summary)


def merge_regions(findings: Iterable[Finding], regions: Sequence[str]) -> Iterator[Finding]:
    """Findings that differ only in their Regions become one; one that holds in all of ``regions`` names none."""
    regions_of: dict[Finding, set[str]] = {}
    for finding in findings:
        regions_of.setdefault(replace(finding, regions=()), set()).update(finding.regions or regions)
    for finding, found_in in regions_of.items():
        everywhere = found_in >= set(regions)
        yield finding if everywhere else replace(finding, regions=tuple(sorted(found_in)))


def as_text(report: Report, with_suppressed: bool = True) -> str:
    """For people: each finding and what it means, then what is suppressed and why, then the summary."""
    lines = []
    for finding in report.findings:
        lines.append(str(finding))
        if finding.engine == QUILT_CFN and finding.rule in EXPLANATIONS:
            lines.append(f"    {EXPLANATIONS[finding.rule].sentence}")
    suppressed_for: dict[str, list[Finding]] = defaultdict(list)
    for finding, reason in report.suppressed if with_suppressed else ():
        suppressed_for[reason].append(finding)
    for reason, findings in suppressed_for.items():
        lines += [f"suppressed: {finding}" for finding in findings]
        lines.append(f"    {reason}")
    return "\n".join([*lines, report.summary])


def as_json(report: Report) -> str:
    """For programs: a document with ``summary``, ``findings`` and ``suppressed``."""
    document = {
        "summary": report.summary,
        "findings": [_json_finding(finding) for finding in report.findings],
        "suppressed": [{**_json_finding(finding), "reason": reason} for finding, reason in report.suppressed],
    }
    return json.dumps(document, indent=2)


def _json_finding(finding: Finding) -> dict[str, Any]:
    document = asdict(finding)
    return {"template": document.pop("file"), **document}


def as_sarif(report: Report) -> str:
    """For code scanning: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html."""
    all_findings = [*((finding, None) for finding in report.findings), *report.suppressed]
    runs = []
    for engine in sorted({finding.engine for finding, _ in all_findings} | {QUILT_CFN}):
        of_engine = [(finding, reason) for finding, reason in all_findings if finding.engine == engine]
        ids = sorted({finding.rule for finding, _ in of_engine})
        driver: dict[str, Any] = {"name": engine, "rules": [_sarif_rule(id, EXPLANATIONS.get(id)) for id in ids]}
        if engine == QUILT_CFN:
            driver["version"] = __version__
        results = [_sarif_result(finding, reason, ids) for finding, reason in of_engine]
        runs.append({"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results})
    schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": runs}, indent=2)


def _sarif_rule(id: str, rule: Explanation | None) -> dict[str, Any]:
    if rule is None:
        return {"id": id}
    return {
        "id": id,
        "shortDescription": {"text": rule.sentence},
        "fullDescription": {"text": rule.explanation},
        "helpUri": rule.link,
    }


def _sarif_result(finding: Finding, reason: str | None, ids: list[str]) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": PurePath(finding.file).as_posix()},
        "region": {"startLine": finding.line},
    }
    logical = [{"name": finding.resource, "kind": "resource"}] if finding.resource else []
    return {
        "ruleId": finding.rule,
        "ruleIndex": ids.index(finding.rule),
        "level": _SARIF_LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": place, "logicalLocations": logical}],
        "properties": {"regions": list(finding.regions)},
        "suppressions": [{"kind": "external", "justification": reason}] if reason else [],
    }


_SARIF_LEVELS = {"error": "error", "warning": "warning", "information": "note"}

FORMATS: dict[str, Callable[[Report], str]] = {"text": as_text, "json": as_json, "sarif": as_sarif}
