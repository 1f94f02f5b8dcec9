"""What a run says: the findings that stand, those that were explained, and a sentence about both.

The rule: a report is a value; how it is written (text, JSON, SARIF 2.1.0) changes nothing in it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from quilt_cfn import __version__
from quilt_cfn.cloudformation.checks.explanations import EXPLANATIONS
from quilt_cfn.finding import QUILT_CFN, Explanation, Finding, counted


@dataclass(frozen=True)
class Report:
    """The result of a run: what stands, what was suppressed with the reason, and a sentence about both."""

    findings: tuple[Finding, ...]
    suppressed: tuple[tuple[Finding, str], ...]
    summary: str


def make_report(findings: Iterable[Finding], what: str, suppressed: Sequence[tuple[Finding, str]] = ()) -> Report:
    """A report with its summary, which begins with ``what`` was checked."""
    stand = tuple(sorted(findings))
    left = f", {len(suppressed)} suppressed with a reason" if suppressed else ""
    return Report(stand, tuple(suppressed), f"{what}: {counted(len(stand), 'finding')}{left}.")


def as_text(result: Report, with_suppressed: bool = True) -> str:
    """For people: a line a finding and what it means, then what is suppressed and why, then the summary."""
    lines = []
    for finding in result.findings:
        lines.append(str(finding))
        if finding.engine == QUILT_CFN and finding.rule in EXPLANATIONS:
            lines.append(f"    {EXPLANATIONS[finding.rule].sentence}")
    suppressed_for: dict[str, list[Finding]] = defaultdict(list)
    for finding, reason in result.suppressed if with_suppressed else ():
        suppressed_for[reason].append(finding)
    for reason, findings in suppressed_for.items():
        lines += [f"suppressed: {finding}" for finding in findings]
        lines.append(f"    {reason}")
    return "\n".join([*lines, result.summary])


def as_json(result: Report) -> str:
    """For programs."""
    document = {
        "summary": result.summary,
        "findings": [_json_finding(finding) for finding in result.findings],
        "suppressed": [{**_json_finding(finding), "reason": reason} for finding, reason in result.suppressed],
    }
    return json.dumps(document, indent=2)


def _json_finding(finding: Finding) -> dict[str, Any]:
    document = asdict(finding)
    return {"template": document.pop("file"), **document}


def as_sarif(result: Report) -> str:
    """For code scanning: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html."""
    all_findings = [*((finding, None) for finding in result.findings), *result.suppressed]
    runs = []
    for engine in sorted({finding.engine for finding, _ in all_findings} | {QUILT_CFN}):
        mine = [(finding, reason) for finding, reason in all_findings if finding.engine == engine]
        ids = sorted({finding.rule for finding, _ in mine})
        driver: dict[str, Any] = {"name": engine, "rules": [_sarif_rule(id, EXPLANATIONS.get(id)) for id in ids]}
        if engine == QUILT_CFN:
            driver["version"] = __version__
        results = [_sarif_result(finding, reason, ids) for finding, reason in mine]
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
