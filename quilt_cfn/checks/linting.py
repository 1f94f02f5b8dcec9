"""What ``quilt-cfn lint`` does: ask every engine about every template, and set aside what was explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quilt_cfn.checks.finding import Finding
from quilt_cfn.checks.linters import ENGINES
from quilt_cfn.checks.suppressions import apply, read_suppressions
from quilt_cfn.errors import Trouble


@dataclass(frozen=True)
class Report:
    """The result of a run: what stands, what was suppressed with the reason, and a sentence about both."""

    findings: tuple[Finding, ...]
    suppressed: tuple[tuple[Finding, str], ...]
    summary: str


def lint(templates: Sequence[Path], default_folder: Path) -> Report:
    """Lint these template files, or those of a folder when none is named; raises ``Trouble`` if there is nothing."""
    files = list(templates) or sorted(default_folder.glob("*.yaml"))
    if not files:
        raise Trouble(
            f"There are no templates in {default_folder}{'' if default_folder.is_dir() else ', which does not exist'}.",
            "Run quilt-cfn build first, or name the files.",
        )
    for file in files:
        if not file.is_file():
            raise Trouble(f"{file} is not a file.", "Check the name, or run quilt-cfn build first.")
    suppressions = read_suppressions()
    found = [finding for engine in ENGINES for finding in engine(files)]
    findings, suppressed = apply(suppressions, found, files)
    reasons = [(finding, next(each.reason for each in suppressions if each.covers(finding))) for finding in suppressed]
    templates_word = "template" if len(files) == 1 else "templates"
    return Report(
        findings=tuple(findings),
        suppressed=tuple(reasons),
        summary=f"{len(files)} {templates_word}: {len(findings)} findings, {len(suppressed)} suppressed with a reason.",
    )
