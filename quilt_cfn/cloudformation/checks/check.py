"""Checks templates as they are deployed, and with the linters.

    template x Region x parameter set ──▶ launches ──▶ our rules ─────────┐
    template x Region x fullest parameter set ──▶ cloudformation-validate ─┼──▶ findings ──▶ Report
    template x Region x defaults ──▶ cfn-lint ─────────────────────────────┘

A template with a contract is checked by our rules in every launch of the contract, and by the linters in every Region,
with both sizes and both sides of every condition; any other template in one launch, by our rules and nothing but
itself. Files, contracts and suppressions come as values: who calls decides which there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.checks.cases import cases, unseen_sides
from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.explanations import TEMPLATE_SIZE, UNSEEN_CONDITION
from quilt_cfn.cloudformation.checks.linters import cfn_lint, cloudformation_validate
from quilt_cfn.cloudformation.checks.pool import Task, merged, run
from quilt_cfn.cloudformation.checks.report import Report, make_report
from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.cloudformation.checks.suppressions import Suppression, suppress
from quilt_cfn.cloudformation.facts import availability, quotas
from quilt_cfn.cloudformation.launch import Launch, ValidationError, evaluate
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT, Contract
from quilt_cfn.cloudformation.template.coerce import get_section
from quilt_cfn.cloudformation.template.read import ParsedTemplate, read_template
from quilt_cfn.errors import UserError
from quilt_cfn.finding import QUILT_CFN, Finding, counted

REGIONS_PER_TASK = 6
"""Few enough that no processor waits long for the last task."""

THOROUGH = "us-east-1"
"""The Region in which cloudformation-validate is given every parameter set."""


class Subject(NamedTuple):
    """A template to check, with what is known about it."""

    file: Path
    contract: Contract = EMPTY_CONTRACT
    """The part of the contract that is about this template."""
    suppressions: tuple[Suppression, ...] = ()
    """Those that are about this template."""
    largest: int = quotas.TEMPLATE_AT_A_URL
    """Bytes that the template may have."""


def check(subjects: Sequence[Subject], regions: Sequence[str] = ()) -> Report:
    """Check templates by their contracts in these Regions, or in all: our rules and both linters.

    Raises ``UserError`` for a file that is no template.
    """
    regions = regions or availability.regions()
    found = list(_too_large(subjects))
    chunks = [tuple(regions[start : start + REGIONS_PER_TASK]) for start in range(0, len(regions), REGIONS_PER_TASK)]
    tasks = [Task(cfn_lint, ([subject.file for subject in subjects], regions))]
    tasks += [Task(check_launches, (subject, chunk)) for chunk in chunks for subject in subjects]
    found += merged(run(tasks), regions)
    found += [finding for subject in subjects for finding in unseen_conditions(subject, regions)]
    what = f"{counted(len(subjects), 'template')} in {counted(len(regions), 'Region')}"
    return _report(found, subjects, what)


def _too_large(subjects: Sequence[Subject]) -> Iterator[Finding]:
    for subject in subjects:
        size = subject.file.stat().st_size
        if size > subject.largest:
            yield Finding(
                file=str(subject.file),
                line=1,
                engine=QUILT_CFN,
                rule=TEMPLATE_SIZE.id,
                severity="error",
                resource="",
                message=f"The template has {size:,} bytes, {size - subject.largest:,} more than it may have: shorten "
                "the scripts in quilt_cfn/instance, or install them with the machine image.",
            )


def lint(subjects: Sequence[Subject], regions: Sequence[str] = ()) -> Report:
    """Ask both linters about templates, with the defaults of their parameters, in these Regions, or in all."""
    regions = regions or availability.regions()
    tasks = [Task(cfn_lint, ([subject.file for subject in subjects], regions))]
    tasks += [Task(_validate, (subject.file, tuple(regions))) for subject in subjects]
    # A suppression of one of our rules has nothing to suppress here, and is not stale for that.
    about_linters = [
        subject._replace(suppressions=tuple(each for each in subject.suppressions if each.engine != QUILT_CFN))
        for subject in subjects
    ]
    return _report(merged(run(tasks), regions), about_linters, counted(len(subjects), "template"))


def check_one_launch(file: Path, parameter_values: Mapping[str, Any], region: str, marketplace: bool = False) -> Report:
    """Check anybody's template as these parameter values deploy it in one Region; raises ``UserError``.

    Parameters without a value stay unknown. What AWS Marketplace asks is asked only with ``marketplace``.
    """
    template = read_template(file)
    _refuse_too_many_resources(template)
    try:
        launch = evaluate(template.data, parameter_values, region, allow_missing=True)
    except ValidationError as refused:
        raise UserError(
            f"CloudFormation would refuse this launch in {region}: {str(refused).rstrip('.')}.",
            "Give other values with --parameters, or another --region.",
        ) from None
    _refuse_too_large_values(template, launch)
    found = run_rules(template, [launch], EMPTY_CONTRACT, _rules(marketplace))
    return make_report(merged(found, [region]), f"{file} in {region}")


def check_launches(subject: Subject, regions: Sequence[str]) -> list[Finding]:
    """What our rules and cloudformation-validate say about a template in the launches of its contract there."""
    template = read_template(subject.file)
    sets = subject.contract.parameter_sets
    launches = list(cases(template.data, sets, regions))
    found = run_rules(template, (launch for _, launch in launches), subject.contract)
    linted = shared([(launch.region, sets[name]) for name, launch in launches])
    return [*found, *cloudformation_validate(subject.file, linted)]


def shared(cases: list[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(Region, parameter values) for cloudformation-validate. cfn-lint takes the defaults, in every Region.

    So in every Region this one takes the fullest parameter set; and in one Region it takes all.
    """
    fullest = dict(sorted(cases, key=lambda each: len(each[1])))
    for region, parameter_values in cases:
        if region == THOROUGH or parameter_values is fullest[region]:
            yield region, parameter_values


def unseen_conditions(subject: Subject, regions: Iterable[str]) -> Iterator[Finding]:
    """A finding for each side of a condition that the contract's parameter sets never take."""
    template = read_template(subject.file)
    conditions = get_section(template.data, "Conditions")
    launches = (launch for _, launch in cases(template.data, subject.contract.parameter_sets, regions))
    for name, side in unseen_sides(conditions, launches):
        value = str(side).lower()
        yield Finding(
            file=str(subject.file),
            line=template.line(("Conditions", name)),
            engine=QUILT_CFN,
            rule=UNSEEN_CONDITION.id,
            severity="error",
            resource=name,
            message=f"The condition {name} is never {value} in any parameter set: add one to marketplace/contract.yaml "
            f"that makes it {value}.",
            path=("Conditions", name),
        )


def _report(findings: Iterable[Finding], subjects: Sequence[Subject], what: str) -> Report:
    """The report of findings about these templates, each suppressed as its subject says."""
    by_file: dict[str, list[Finding]] = {str(subject.file): [] for subject in subjects}
    for finding in findings:
        by_file[finding.file].append(finding)
    stand: list[Finding] = []
    suppressed: list[tuple[Finding, str]] = []
    for subject in subjects:
        standing, left = suppress(str(subject.file), by_file[str(subject.file)], subject.suppressions)
        stand += standing
        suppressed += left
    return make_report(stand, what, suppressed)


def _validate(file: Path, regions: tuple[str, ...]) -> list[Finding]:
    return list(cloudformation_validate(file, [(region, {}) for region in regions]))


def _refuse_too_many_resources(template: ParsedTemplate) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    resources = list(get_section(template.data, "Resources"))
    if len(resources) > quotas.RESOURCES:
        line = template.line(("Resources", resources[quotas.RESOURCES]))
        what = f"CloudFormation takes {quotas.RESOURCES} resources, and here are {len(resources)}"
        raise UserError(f"{template.file}, line {line}: {what}.", "Divide the template into nested stacks.")


def _refuse_too_large_values(template: ParsedTemplate, launch: Launch) -> None:
    for error in launch.errors:
        if error.kind == "Size":
            line = template.line(error.path)
            raise UserError(f"{template.file}, line {line}: {error.message}.", "Make the template simpler there.")


def _rules(marketplace: bool) -> list[Rule]:
    return [rule for rule in RULES.values() if marketplace or not rule.id.startswith("M")]
