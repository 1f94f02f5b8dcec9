"""What ``quilt-cfn lint`` does: ask both linters about every template, and set aside what was explained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quilt_cfn.checks.finding import Finding
from quilt_cfn.checks.linters import CFN_LINT, CLOUDFORMATION_VALIDATE, cfn_lint, cloudformation_validate
from quilt_cfn.checks.models import offers
from quilt_cfn.checks.report import Report, counted, report
from quilt_cfn.checks.running import Task, merged, run
from quilt_cfn.errors import Trouble


def lint(templates: Sequence[Path], default_folder: Path) -> Report:
    """Lint these template files, or those of a folder when none is named; raises ``Trouble`` if there is nothing."""
    files = template_files(templates, default_folder)
    regions = offers.regions()
    tasks = [Task(cfn_lint, tuple(files))]
    tasks += [Task(_validate, (file, tuple(regions))) for file in files]
    found = merged(run(tasks), regions)
    return report(found, files, (CFN_LINT, CLOUDFORMATION_VALIDATE), counted(len(files), "template"))


def template_files(templates: Sequence[Path], default_folder: Path) -> list[Path]:
    """The files that were named, or all templates of a folder; raises ``Trouble`` where there is none."""
    files = list(templates) or sorted(default_folder.glob("*.yaml"))
    if not files:
        raise Trouble(
            f"There are no templates in {default_folder}{'' if default_folder.is_dir() else ', which does not exist'}.",
            "Run quilt-cfn build first, or name the files.",
        )
    for file in files:
        if not file.is_file():
            raise Trouble(f"{file} is not a file.", "Check the name, or run quilt-cfn build first.")
    return files


def _validate(file: Path, regions: tuple[str, ...]) -> list[Finding]:
    return list(cloudformation_validate(file, [(region, {}) for region in regions]))
