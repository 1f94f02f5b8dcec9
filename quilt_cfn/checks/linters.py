"""The two public linters.

The rule: an engine is a function from template files to findings, and it hides nothing: neither a configuration file
that lies around nor a directive inside a template keeps an error or a warning from being reported.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from quilt_cfn.checks.finding import Finding

CFN_LINT = "cfn-lint"
CLOUDFORMATION_VALIDATE = "cloudformation-validate"


def cfn_lint(*templates: Path) -> list[Finding]:
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
    return list(_findings(Runner(config).run()))


def _findings(matches: Iterable[Any]) -> Iterator[Finding]:
    for match in matches:
        path = getattr(match, "path", None) or []
        yield Finding(
            template=str(match.filename),
            line=match.linenumber,
            engine=CFN_LINT,
            rule=match.rule.id,
            severity=match.rule.severity,
            resource=str(path[1]) if len(path) > 1 and path[0] == "Resources" else "",
            message=match.message,
        )


@cache
def _engine() -> Any:
    from cloudformation_validate import CelEngine  # late: 0.4 s with the engine

    atexit.register(_engine.cache_clear)  # its destructor needs its module, which Python drops first
    return CelEngine()


def cloudformation_validate(template: Path, cases: Iterable[tuple[str, Mapping[str, str]]]) -> Iterator[Finding]:
    """Errors and warnings of AWS's cloudformation-validate, for each Region and the values of the form there."""
    from cloudformation_validate import PseudoParameterOverrides, Severity, TemplateContent, ValidateConfig

    severities = {Severity.WARN: "warning", Severity.ERROR: "error", Severity.FATAL: "error"}
    content = TemplateContent(template.read_bytes(), str(template))
    for region, form in cases:
        config = ValidateConfig(
            severity_level=Severity.WARN,
            parameter_overrides=dict(form),
            pseudo_parameter_overrides=PseudoParameterOverrides(region=region),
        )
        for found in _engine().validate_template(content, config).diagnostics:
            yield Finding(
                template=str(template),
                line=found.start_line or 1,
                engine=CLOUDFORMATION_VALIDATE,
                rule=found.rule_id,
                severity=severities[found.severity],
                resource=found.entity.logical_id if found.entity else "",
                message=found.message,
                regions=(region,),
            )
