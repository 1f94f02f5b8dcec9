"""What ``quilt-cfn check`` does: judge templates by everything that they come to.

    template x Region x form ──▶ renderings ──▶ our rules ──────────┐
    template x Region x fullest form ──▶ cloudformation-validate ────┼──▶ findings ──▶ Report
    template x Region x defaults ──▶ cfn-lint ───────────────────────┘

The rule: our editions are judged by our rules and their contract in every rendering, and by the linters in every
Region, with both sizes and both sides of every condition; anybody's template in one rendering, by our rules and
nothing but itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from quilt_cfn.checks.contract import NOTHING_AGREED, read_contract
from quilt_cfn.checks.finding import Finding
from quilt_cfn.checks.judging import Verdict, judge
from quilt_cfn.checks.linters import CFN_LINT, CLOUDFORMATION_VALIDATE, cfn_lint, cloudformation_validate
from quilt_cfn.checks.linting import template_files
from quilt_cfn.checks.models import offers
from quilt_cfn.checks.renderings import renderings, unseen_sides
from quilt_cfn.checks.report import OURS, Report, counted, plain_report, report
from quilt_cfn.checks.rule import Rule
from quilt_cfn.checks.rules import RULES
from quilt_cfn.checks.running import Task, merged, run
from quilt_cfn.errors import Trouble
from quilt_cfn.evaluation import Refused, Rendering, evaluate
from quilt_cfn.evaluation.forms import section
from quilt_cfn.evaluation.reading import Source, read_template
from quilt_cfn.evaluation.texts import as_text

CHUNK = 6
"""Regions of one task: few enough that no processor waits long for the last one."""


MOST_RESOURCES = 500

THOROUGH = "us-east-1"
"""The Region in which cloudformation-validate is given every form."""


def check_editions(folder: Path) -> Report:
    """Judge every edition in a folder in all its renderings; raises ``Trouble`` if there is none."""
    files = template_files([], folder)
    regions = offers.regions()
    chunks = [tuple(regions[start : start + CHUNK]) for start in range(0, len(regions), CHUNK)]
    tasks = [Task(cfn_lint, tuple(files))]
    tasks += [Task(judge_edition, (file, chunk)) for chunk in chunks for file in files]
    found = [*merged(run(tasks), regions), *unseen_conditions(files, regions)]
    what = f"{counted(len(files), 'template')} in {len(regions)} Regions"
    return report(found, files, (CFN_LINT, CLOUDFORMATION_VALIDATE, OURS), what)


def judge_edition(file: Path, regions: tuple[str, ...]) -> list[Finding]:
    """What our rules and cloudformation-validate say about an edition in these Regions."""
    source = read_template(file)
    contract = read_contract().for_template(file.name)
    cases = list(renderings(source.data, contract.forms, regions))
    verdicts = judge((rendering for _, rendering in cases), contract)
    forms = [(rendering.region, contract.forms[form]) for form, rendering in cases]
    linted = [(region, _texts(form)) for region, form in shared(forms)]
    return [*findings(source, verdicts), *cloudformation_validate(file, linted)]


def shared(forms: list[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(Region, form) for the linter that is told them. The other one takes the defaults, in every Region.

    So in every Region this one takes the fullest form; and in one Region it takes all.
    """
    fullest = dict(sorted(forms, key=lambda each: len(each[1])))
    for region, form in forms:
        if region == THOROUGH or form is fullest[region]:
            yield region, form


def _texts(form: Mapping[str, Any]) -> dict[str, str]:
    return {name: as_text(value) for name, value in form.items()}


def unseen_conditions(files: Iterable[Path], regions: Iterable[str]) -> Iterator[Finding]:
    """A finding for each side of a condition that the contract's forms never take."""
    forms = read_contract().forms
    for file in files:
        source = read_template(file)
        conditions = section(source.data, "Conditions")
        for name, side in unseen_sides(conditions, (each for _, each in renderings(source.data, forms, regions))):
            message = f"No form of the contract makes {name} {str(side).lower()}: nothing under it was judged."
            path = ("Conditions", name)
            yield Finding(str(file), source.line(path), OURS, "unseen-condition", "error", name, message)


def check_file(file: Path, form: Mapping[str, Any], region: str, marketplace: bool = False) -> Report:
    """Judge anybody's template as one form in one Region makes it; raises ``Trouble``.

    Parameters without a value stand for themselves. What AWS Marketplace asks is asked only with ``marketplace``.
    """
    source = read_template(file)
    _fits(source)
    try:
        rendering = evaluate(source.data, form, region, open_form=True)
    except Refused as refused:
        raise Trouble(
            f"CloudFormation would refuse this launch in {region}: {str(refused).rstrip('.')}.",
            "Give other values with --parameters, or another --region.",
        ) from None
    _computed(source, rendering)
    verdicts = judge([rendering], NOTHING_AGREED, _rules(marketplace))
    return plain_report(merged(findings(source, verdicts), [region]), f"{file} in {region}")


def _fits(source: Source) -> None:
    """Raises ``Trouble`` for a template with more resources than CloudFormation takes.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    resources = list(section(source.data, "Resources"))
    if len(resources) > MOST_RESOURCES:
        line = source.line(("Resources", resources[MOST_RESOURCES]))
        what = f"CloudFormation takes {MOST_RESOURCES} resources, and here are {len(resources)}"
        raise Trouble(f"{source.file}, line {line}: {what}.", "Divide the template into nested stacks.")


def _computed(source: Source, rendering: Rendering) -> None:
    """Raises ``Trouble`` for a template whose values are too large or too deep to be computed."""
    for problem in rendering.problems:
        if problem.kind == "Size":
            line = source.line(problem.path)
            raise Trouble(f"{source.file}, line {line}: {problem.sentence}.", "Make the template simpler there.")


def _rules(marketplace: bool) -> list[Rule]:
    return [rule for rule in RULES.values() if marketplace or not rule.id.startswith("M")]


def findings(source: Source, verdicts: Iterable[Verdict]) -> list[Finding]:
    """Verdicts about a template as findings about its file."""
    return [
        Finding(
            template=str(source.file),
            line=source.line(verdict.fault.path),
            engine=OURS,
            rule=verdict.rule.id,
            severity="error",
            resource=str(verdict.fault.path[1]) if len(verdict.fault.path) > 1 else "",
            message=verdict.fault.sentence,
            regions=verdict.regions,
        )
        for verdict in verdicts
    ]
