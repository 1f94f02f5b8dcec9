"""The two public linters, asked about every Region.

The rule: an engine is a function from template files to findings, and it hides nothing: neither a configuration file
that lies around nor a directive inside a template keeps an error or a warning from being reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from quilt_cfn.checks.finding import Finding

Engine = Callable[[Iterable[Path]], Iterator[Finding]]


def cfn_lint(templates: Iterable[Path]) -> Iterator[Finding]:
    """Errors and warnings of AWS's cfn-lint (https://github.com/aws-cloudformation/cfn-lint) in all its Regions."""
    from cfnlint.config import ConfigMixIn  # late: 0.8 s
    from cfnlint.helpers import REGIONS
    from cfnlint.runner import Runner

    config = ConfigMixIn(
        [],
        templates=[str(template) for template in templates],
        regions=REGIONS,
        mandatory_checks=["E", "W"],  # what neither .cfnlintrc nor a template's metadata can switch off
    )
    for match in Runner(config).run():
        path = getattr(match, "path", None) or []
        yield Finding(
            template=str(match.filename),
            line=match.linenumber,
            engine="cfn-lint",
            rule=match.rule.id,
            severity=match.rule.severity,
            resource=str(path[1]) if len(path) > 1 and path[0] == "Resources" else "",
            message=match.message,
        )


def cloudformation_validate(templates: Iterable[Path]) -> Iterator[Finding]:
    """Errors and warnings of AWS's cloudformation-validate, evaluated once in each Region."""
    from cfnlint.helpers import REGIONS  # late: the list of Regions costs cfn-lint's import
    from cloudformation_validate import CelEngine, PseudoParameterOverrides, Severity, TemplateContent, ValidateConfig

    engine = CelEngine()
    severities = {Severity.WARN: "warning", Severity.ERROR: "error", Severity.FATAL: "error"}
    for template in templates:
        content = TemplateContent(template.read_bytes(), str(template))
        regions_of: dict[Finding, list[str]] = defaultdict(list)
        for region in REGIONS:
            config = ValidateConfig(
                severity_level=Severity.WARN,
                pseudo_parameter_overrides=PseudoParameterOverrides(region=region),
            )
            for found in engine.validate_template(content, config).diagnostics:
                finding = Finding(
                    template=str(template),
                    line=found.start_line or 1,
                    engine="cloudformation-validate",
                    rule=found.rule_id,
                    severity=severities[found.severity],
                    resource=found.entity.logical_id if found.entity else "",
                    message=found.message,
                )
                regions_of[finding].append(region)
        for finding, regions in regions_of.items():
            everywhere = len(regions) == len(REGIONS)
            yield finding if everywhere else replace(finding, regions=tuple(regions))


ENGINES: tuple[Engine, ...] = (cfn_lint, cloudformation_validate)
