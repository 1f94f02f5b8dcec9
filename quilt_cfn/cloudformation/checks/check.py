"""Checks templates as they are deployed: with our rules, and with two linters.

    template, every Region, every parameter set ──▶ launches ──▶ our rules ────────┐
    template, every Region, the fullest parameter set ──▶ cloudformation-validate ─┼──▶ findings ──▶ Report
    template, every Region, default values ──▶ cfn-lint ───────────────────────────┘

A template with a contract is checked in every Region with the contract's parameter sets, so that every value of every
condition is seen (``check``); a template of which nothing is known in one launch, by our rules only
(``check_one_launch``). The caller reads contracts and suppressions and hands them over in a ``Subject``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.explanations import TEMPLATE_SIZE, UNSEEN_CONDITION
from quilt_cfn.cloudformation.checks.launches import prepare_launches, unseen_condition_values
from quilt_cfn.cloudformation.checks.linters import cfn_lint, cloudformation_validate
from quilt_cfn.cloudformation.checks.processes import Task, run
from quilt_cfn.cloudformation.checks.report import Report, make_report, merge_regions
from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.cloudformation.checks.suppressions import Suppression, suppress
from quilt_cfn.cloudformation.facts import availability, quotas
from quilt_cfn.cloudformation.launch import EMPTY_CONTRACT, Contract, Launch, ValidationError, evaluate
from quilt_cfn.cloudformation.template.coerce import map_at
from quilt_cfn.cloudformation.template.read import ParsedTemplate, read_template
from quilt_cfn.errors import UserError
from quilt_cfn.finding import QUILT_CFN, Finding, counted

REGIONS_PER_TASK = 6
"""Few enough that at the end no processor waits long for another."""

REGION_OF_ALL_SETS = "us-east-1"
"""The Region in which cloudformation-validate checks every launch; where it is not checked, the first one that is."""


class Subject(NamedTuple):
    """A template to check, and what its caller knows about it."""

    file: Path
    contract: Contract = EMPTY_CONTRACT
    """The part of the contract that is about this template."""
    suppressions: tuple[Suppression, ...] = ()
    """Those that are about this template."""
    largest: int = quotas.TEMPLATE_AT_A_URL
    """Bytes that the template may have."""


def check(subjects: Sequence[Subject], regions: Sequence[str] = ()) -> Report:
    """Check templates with their contracts in these Regions, or in all: by our rules and both linters.

    A template that CloudFormation would not take for its size is reported and not checked further. Raises
    ``UserError`` for a file that is not a template.
    """
    regions = regions or availability.regions()
    checkable, found = _checkable(subjects)
    pairs = [(read_template(subject.file), subject.contract) for subject in checkable]
    chunks = [tuple(regions[start : start + REGIONS_PER_TASK]) for start in range(0, len(regions), REGIONS_PER_TASK)]
    tasks = _cfn_lint_tasks(checkable, regions)
    # One task a template, because a process that runs cloudformation-validate spends 0.4 s on its rules and schemas.
    tasks += [Task(validate_launches, (*pair, regions)) for pair in pairs]
    tasks += [Task(check_launches, (*pair, chunk)) for chunk in chunks for pair in pairs]
    tasks += [Task(check_launches, (*pair, regions, True)) for pair in pairs]
    found += merge_regions(run(tasks), regions)
    for template, contract in pairs:
        # In all Regions, because one alone may lack what a parameter set needs.
        found += unseen_conditions(template, contract, availability.regions()) if contract.parameter_sets else ()
    what = f"{counted(len(subjects), 'template')} in {counted(len(regions), 'Region')}"
    return _report(found, subjects, checkable, what)


def lint(subjects: Sequence[Subject], regions: Sequence[str] = ()) -> Report:
    """Check templates by both linters, with the default values of their parameters, in these Regions, or in all."""
    regions = regions or availability.regions()
    # A suppression of one of our rules has nothing to suppress here, and is not stale for that.
    subjects = [
        subject._replace(suppressions=tuple(each for each in subject.suppressions if each.engine != QUILT_CFN))
        for subject in subjects
    ]
    checkable, found = _checkable(subjects)
    tasks = _cfn_lint_tasks(checkable, regions)
    tasks += [Task(_validate_defaults, (subject.file, regions)) for subject in checkable]
    found += merge_regions(run(tasks), regions)
    return _report(found, subjects, checkable, counted(len(subjects), "template"))


def check_one_launch(file: Path, parameter_values: Mapping[str, Any], region: str, marketplace: bool = False) -> Report:
    """Check any template by our rules, as it is deployed with these parameter values in one Region.

    Parameters that have neither a value nor a default stay unknown. The rules of AWS Marketplace are used only with
    ``marketplace``. Raises ``UserError`` for a file that is not a template, for parameter values that CloudFormation
    would refuse, and for a template that is too large to be evaluated.
    """
    template = read_template(file)
    _refuse_too_many_resources(template)
    try:
        launch = evaluate(template.data, parameter_values, region, allow_missing=True)
    except ValidationError as refused:
        what = f"CloudFormation would refuse this launch in {region}: {str(refused).rstrip('.')}."
        raise UserError(what, "Change the values with --parameters, or name another --region.") from None
    _refuse_too_large_values(template, launch)
    found = run_rules(template, [launch], EMPTY_CONTRACT, _rules(marketplace))
    return make_report(merge_regions(found, [region]), f"{file} in {region}")


def check_launches(
    template: ParsedTemplate, contract: Contract, regions: Sequence[str], once: bool = False
) -> list[Finding]:
    """Findings in the launches of a template's contract in these Regions, by the rules that depend on the launch.

    With ``once``, findings of the other rules, whose answer is the same for every launch, in the first launch. The
    rules of AWS Marketplace are used only with a contract that has parameter sets.
    """
    launches = (each.launch() for each in prepare_launches(template.data, contract.parameter_sets, regions))
    rules = [rule for rule in _rules(marketplace=bool(contract.parameter_sets)) if rule.once == once]
    return list(run_rules(template, islice(launches, 1) if once else launches, contract, rules))


def validate_launches(template: ParsedTemplate, contract: Contract, regions: Sequence[str]) -> list[Finding]:
    """Findings of cloudformation-validate: in one of these Regions for every launch, in the others for the fullest.

    The fullest launch is the one with most parameter values.
    """
    prepared = list(prepare_launches(template.data, contract.parameter_sets, regions))
    fullest = {each.region: each for each in sorted(prepared, key=lambda each: len(each.parameter_values))}
    everything_in = REGION_OF_ALL_SETS if REGION_OF_ALL_SETS in regions else regions[0]
    chosen = [each for each in prepared if each.region == everything_in or each is fullest[each.region]]
    launches = [(each.region, each.parameter_values) for each in chosen]
    return list(cloudformation_validate(template.file, launches))


def unseen_conditions(template: ParsedTemplate, contract: Contract, regions: Iterable[str]) -> Iterator[Finding]:
    """A finding for each value, true or false, that a condition has in no launch of the contract's parameter sets."""
    launches = prepare_launches(template.data, contract.parameter_sets, regions)
    for name, missing in unseen_condition_values(map_at(template.data, "Conditions"), launches):
        value = str(missing).lower()
        yield Finding(
            file=str(template.file),
            line=template.line(("Conditions", name)),
            engine=QUILT_CFN,
            rule=UNSEEN_CONDITION.id,
            severity="error",
            resource=name,
            message=f"The condition {name} is never {value} in any parameter set: add one to marketplace/contract.yaml "
            f"that makes it {value}.",
            path=("Conditions", name),
        )


def _checkable(subjects: Sequence[Subject]) -> tuple[list[Subject], list[Finding]]:
    """The subjects that CloudFormation would take for their size, and a finding for each that is above its limit."""
    sizes = [(subject, subject.file.stat().st_size) for subject in subjects]
    found = [_too_large(subject, size) for subject, size in sizes if size > subject.largest]
    return [subject for subject, size in sizes if size <= quotas.TEMPLATE_AT_A_URL], found


def _too_large(subject: Subject, size: int) -> Finding:
    next_step = "shorten the scripts of its instances, or install them with the machine image"
    if subject.largest == quotas.TEMPLATE_AT_A_URL:
        next_step = "divide it into nested stacks"
    unchecked = " It was not checked any further." if size > quotas.TEMPLATE_AT_A_URL else ""
    return Finding(
        file=str(subject.file),
        line=1,
        engine=QUILT_CFN,
        rule=TEMPLATE_SIZE.id,
        severity="error",
        resource="",
        message=f"The template has {size:,} bytes and may have {subject.largest:,}: {next_step}.{unchecked}",
    )


def _cfn_lint_tasks(subjects: Sequence[Subject], regions: Sequence[str]) -> list[Task]:
    # One task for all templates: cfn-lint takes 0.6 s to be imported and to load its schemas.
    return [Task(cfn_lint, ([subject.file for subject in subjects], regions))] if subjects else []


def _validate_defaults(file: Path, regions: Sequence[str]) -> list[Finding]:
    return list(cloudformation_validate(file, [(region, {}) for region in regions]))


def _report(findings: Iterable[Finding], subjects: Sequence[Subject], checked: Sequence[Subject], what: str) -> Report:
    """The report about these templates, with the suppressions of those that were checked."""
    of_all = list(findings)
    reported: list[Finding] = []
    suppressed: list[tuple[Finding, str]] = []
    for subject in subjects:
        file = str(subject.file)
        suppressions = subject.suppressions if subject in checked else ()
        remaining, covered = suppress(file, [each for each in of_all if each.file == file], suppressions)
        reported += remaining
        suppressed += covered
    return make_report(reported, what, suppressed)


def _refuse_too_many_resources(template: ParsedTemplate) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    resources = list(map_at(template.data, "Resources"))
    most = quotas.ENTRIES["Resources"]
    if len(resources) > most:
        line = template.line(("Resources", resources[most]))
        what = f"CloudFormation takes {most} resources, and here are {len(resources)}"
        raise UserError(f"{template.file}, line {line}: {what}.", "Divide the template into nested stacks.")


def _refuse_too_large_values(template: ParsedTemplate, launch: Launch) -> None:
    for error in launch.errors:
        if error.kind == "Size":
            line = template.line(error.path)
            raise UserError(f"{template.file}, line {line}: {error.message}.", "Make the template simpler there.")


def _rules(marketplace: bool) -> list[Rule]:
    return [rule for rule in RULES.values() if marketplace or not rule.id.startswith("M")]
