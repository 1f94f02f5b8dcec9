"""Checks templates as they are deployed: with our rules, and with two linters.

    template, every Region, every parameter set ──▶ launches ──▶ our rules ────────┐
    template, every Region, the fullest parameter set ──▶ cloudformation-validate ─┼──▶ findings ──▶ Report
    template, every Region, default values ──▶ cfn-lint ───────────────────────────┘

A template with a contract is checked in every Region with the contract's parameter sets, so that every value of every
condition is seen (``check``); a template of which nothing is known in one launch, by the same three engines
(``check_one_launch``). The caller reads contracts and suppressions and hands them over in a ``Subject``.

What our rules and a linter say about the same place is reported once, by our rule. A linter that takes too long or too
much memory is ended, which is a finding; so is one that fails.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.explanations import (
    DUPLICATE_KEY,
    LINTER_UNFINISHED,
    TEMPLATE_SIZE,
    UNSEEN_CONDITION,
)
from quilt_cfn.cloudformation.checks.launches import prepare_launches, unseen_condition_values
from quilt_cfn.cloudformation.checks.linters import (
    CFN_LINT,
    CLOUDFORMATION_VALIDATE,
    cfn_lint,
    cloudformation_validate,
)
from quilt_cfn.cloudformation.checks.processes import Task, run
from quilt_cfn.cloudformation.checks.report import Report, make_report, merge_regions
from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.cloudformation.checks.rules.template import LINTERS_CALL_IT
from quilt_cfn.cloudformation.checks.suppressions import Suppression, suppress
from quilt_cfn.cloudformation.facts import availability, quotas
from quilt_cfn.cloudformation.launch import EMPTY_CONTRACT, Contract, Launch, ValidationError, evaluate
from quilt_cfn.cloudformation.template.coerce import map_at
from quilt_cfn.cloudformation.template.read import STANDARD_INPUT, ParsedTemplate, read_template
from quilt_cfn.cloudformation.template.walk import strings_in
from quilt_cfn.errors import UserError
from quilt_cfn.finding import QUILT_CFN, Finding, counted

REGIONS_PER_TASK = 6
"""Few enough that at the end no processor waits long for another."""

LINTER_SECONDS = 60
"""How long a linter may take for each template. It takes four seconds for the largest of ours in all Regions, and hours
for some small ones: both try every combination of the values in one Fn::Sub."""

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
    ``UserError`` for a file that is not a template, and for one with more resources than CloudFormation takes.
    """
    regions = regions or availability.regions()
    checkable, found = _checkable(subjects)
    templates = [_read(subject.file) for subject in checkable]
    pairs = [(template, subject.contract) for template, subject in zip(templates, checkable, strict=True)]
    chunks = [tuple(regions[start : start + REGIONS_PER_TASK]) for start in range(0, len(regions), REGIONS_PER_TASK)]
    tasks = _cfn_lint_tasks(checkable, regions)
    # One task a template, because a process that runs cloudformation-validate spends 0.4 s on its rules and schemas.
    tasks += [_limited(validate_launches, (*pair, regions), CLOUDFORMATION_VALIDATE, [pair[0].file]) for pair in pairs]
    tasks += [Task(check_launches, (*pair, chunk)) for chunk in chunks for pair in pairs]
    tasks += [Task(check_launches, (*pair, regions, True)) for pair in pairs]
    found += merge_regions(_said_once(run(tasks), templates), regions)
    for template, contract in pairs:
        # In all Regions, because one alone may lack what a parameter set needs.
        found += unseen_conditions(template, contract, availability.regions()) if contract.parameter_sets else ()
    what = f"{counted(len(subjects), 'template')} in {counted(len(regions), 'Region')}"
    return _report(found, subjects, checkable, what)


def lint(subjects: Sequence[Subject], regions: Sequence[str] = ()) -> Report:
    """Check templates by both linters, with the default values of their parameters, in these Regions, or in all.

    Raises ``UserError`` as ``check`` does.
    """
    regions = regions or availability.regions()
    # A suppression of one of our rules has nothing to suppress here, and is not stale for that.
    subjects = [
        subject._replace(suppressions=tuple(each for each in subject.suppressions if each.engine != QUILT_CFN))
        for subject in subjects
    ]
    checkable, found = _checkable(subjects)
    for subject in checkable:
        _read(subject.file)
    tasks = _cfn_lint_tasks(checkable, regions)
    tasks += [_validate_task(subject.file, [(region, {}) for region in regions]) for subject in checkable]
    found += merge_regions(run(tasks), regions)
    return _report(found, subjects, checkable, counted(len(subjects), "template"))


def check_one_launch(
    file: Path, parameter_values: Mapping[str, Any], region: str, marketplace: bool = False, linters: bool = False
) -> Report:
    """Check any template as it is deployed with these parameter values in one Region: by our rules, and by ``linters``.

    Parameters that have neither a value nor a default stay unknown. The rules of AWS Marketplace are used only with
    ``marketplace``. Raises ``UserError`` for a file that is not a template, for parameter values that CloudFormation
    would refuse, and for a template that is too large to be evaluated.
    """
    template = _read(file)
    launch = (template, parameter_values, region, marketplace)
    if linters:
        with _as_file(template) as named:
            tasks = [
                _limited(cfn_lint, ([named], [region]), CFN_LINT, [named]),
                _validate_task(named, [(region, parameter_values)]),
                Task(_check_launch, launch),
            ]
            found = [replace(each, file=str(file)) for each in run(tasks)]
    else:
        found = _check_launch(*launch)
    found = _said_once(found, [template])
    return make_report(merge_regions(found, [region]), f"{file} in {region}", note=_not_read(template))


def _not_read(template: ParsedTemplate) -> str:
    """A sentence about the template's dynamic references; empty if it has none.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
    """
    number = sum(text.count("{{resolve:") for text, _ in strings_in(map_at(template.data, "Resources")))
    what = counted(number, "dynamic reference")
    return f"The values of {what} are only known in AWS, and were not checked." if number else ""


def _check_launch(
    template: ParsedTemplate, parameter_values: Mapping[str, Any], region: str, marketplace: bool
) -> list[Finding]:
    """What our rules find in one launch. Raises ``UserError``."""
    try:
        launch = evaluate(template.data, parameter_values, region, allow_missing=True)
    except ValidationError as refused:
        what = f"CloudFormation would refuse this launch in {region}: {str(refused).rstrip('.')}."
        raise UserError(what, "Change the values with --parameters, or name another --region.") from None
    _refuse_too_large_values(template, launch)
    return list(run_rules(template, [launch], EMPTY_CONTRACT, _rules(marketplace)))


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
    files = [subject.file for subject in subjects]
    return [_limited(cfn_lint, (files, regions), CFN_LINT, files)] if files else []


def _validate_task(file: Path, launches: list[tuple[str, Mapping[str, Any]]]) -> Task:
    return _limited(_validate, (file, launches), CLOUDFORMATION_VALIDATE, [file])


def _validate(file: Path, launches: list[tuple[str, Mapping[str, Any]]]) -> list[Finding]:
    return list(cloudformation_validate(file, launches))


def _limited(function: Any, arguments: tuple[Any, ...], linter: str, files: Sequence[Path]) -> Task:
    """A linter's task for these templates, with a finding about each for the case that it does not finish."""
    seconds = LINTER_SECONDS * len(files)
    sentence = f"{linter} failed, or needed more than {seconds} seconds or 4 GiB of memory, and was ended."
    unfinished = [
        Finding(str(file), 1, QUILT_CFN, LINTER_UNFINISHED.id, "warning", "", sentence, path=()) for file in files
    ]
    return Task(function, arguments, seconds, tuple(unfinished))


def _said_once(found: Iterable[Finding], templates: Sequence[ParsedTemplate]) -> list[Finding]:
    """What was found and the duplicate keys, without the errors of a linter that repeat a finding of ours."""
    every = [*found, *(each for template in templates for each in _duplicate_keys(template))]
    # cfn-lint has no names, and cloudformation-validate sometimes another line of the same resource.
    said = {
        (each.file, place, number)
        for each in every
        if each.engine == QUILT_CFN
        for number in LINTERS_CALL_IT.get(each.rule, ())
        for place in filter(None, (each.line, each.resource))
    }
    said |= {(str(each.file), line, "0000") for each in templates for _, line in each.duplicates}
    return [
        each
        for each in every
        if each.engine == QUILT_CFN
        or each.rule[:1] not in ("E", "F")
        or said.isdisjoint({(each.file, place, each.rule[1:]) for place in (each.line, each.resource)})
    ]


@contextmanager
def _as_file(template: ParsedTemplate) -> Iterator[Path]:
    """The file of a template; one with the same content if it came from standard input."""
    if template.file != STANDARD_INPUT:
        yield template.file
        return
    with tempfile.NamedTemporaryFile(suffix=".template") as file:
        file.write(template.content)
        file.flush()
        yield Path(file.name)


def _duplicate_keys(template: ParsedTemplate) -> Iterator[Finding]:
    for path, line in template.duplicates:
        yield Finding(
            file=str(template.file),
            line=template.line(path),
            engine=QUILT_CFN,
            rule=DUPLICATE_KEY.id,
            severity="warning",
            resource=str(path[1]) if len(path) > 1 else "",
            message=f"The key {path[-1]} stands in line {line} as well: CloudFormation uses this one.",
            path=path,
        )


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


def _read(file: Path) -> ParsedTemplate:
    """A template with no more resources than CloudFormation takes; raises ``UserError`` for anything else.

    With many more, evaluating it or a linter would take minutes.
    """
    template = read_template(file)
    resources = list(map_at(template.data, "Resources"))
    most = quotas.ENTRIES["Resources"]
    if len(resources) > most:
        line = template.line(("Resources", resources[most]))
        what = f"CloudFormation takes {most} resources, and here are {len(resources)}"
        raise UserError(f"{template.file}, line {line}: {what}.", "Divide the template into nested stacks.")
    return template


def _refuse_too_large_values(template: ParsedTemplate, launch: Launch) -> None:
    for error in launch.errors:
        if error.kind == "Size":
            line = template.line(error.path)
            raise UserError(f"{template.file}, line {line}: {error.message}.", "Make the template simpler there.")


def _rules(marketplace: bool) -> list[Rule]:
    return [rule for rule in RULES.values() if marketplace or not rule.id.startswith("M")]
