"""The two linters of AWS: cfn-lint and cloudformation-validate.

Every error and warning of theirs becomes a finding: neither a configuration file in the folder nor a directive in the
template's metadata switches one off.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from quilt_cfn.cloudformation.template.coerce import as_text
from quilt_cfn.finding import Explanation, Finding, Severity

CFN_LINT = "cfn-lint"
CLOUDFORMATION_VALIDATE = "cloudformation-validate"


def cfn_lint(templates: Sequence[Path], regions: Sequence[str] | None = None) -> list[Finding]:
    """Errors and warnings of cfn-lint (https://github.com/aws-cloudformation/cfn-lint) in these Regions, or in all.

    It checks a template with the default values of its parameters, and always in us-east-1 as well: its patterns of
    some ARNs know the partition aws only, and a check of nothing but another partition would report right ARNs.
    """
    # sympy, which cfn-lint uses, looks for this package thousands of times; None says at once that it is not installed.
    sys.modules.setdefault("pycosat", None)  # type: ignore[arg-type]  # None is allowed, see importlib's documentation
    from cfnlint.config import ConfigMixIn  # late: 0.8 s
    from cfnlint.helpers import REGIONS
    from cfnlint.runner import Runner

    config = ConfigMixIn(
        [],
        templates=[str(template) for template in templates],
        regions=sorted({*(regions or REGIONS), "us-east-1"}),
        mandatory_checks=["E", "W"],  # what neither .cfnlintrc nor a template's metadata can switch off
    )
    return list(_findings(Runner(config).run()))


def _findings(matches: Iterable[Any]) -> Iterator[Finding]:
    for match in matches:
        path = getattr(match, "path", None) or []
        yield Finding(
            file=str(match.filename),
            line=match.linenumber,
            engine=CFN_LINT,
            rule=match.rule.id,
            severity=match.rule.severity,
            resource=str(path[1]) if len(path) > 1 and path[0] == "Resources" else "",
            message=match.message,
            path=tuple(each if isinstance(each, int) else str(each) for each in path),
        )


@cache
def _engine() -> Any:
    from cloudformation_validate import CelEngine  # late: 0.4 s with the engine

    atexit.register(_engine.cache_clear)  # its destructor needs its module, which Python drops first
    return CelEngine()


def cloudformation_validate(template: Path, launches: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Finding]:
    """Errors and warnings of cloudformation-validate for each launch: a Region and parameter values.

    Parameters without a value take their defaults.
    """
    from cloudformation_validate import DetailLevel, PseudoParameterOverrides, TemplateContent, ValidateConfig
    from cloudformation_validate import Severity as ValidateSeverity

    severities: dict[Any, Severity] = {
        ValidateSeverity.WARN: "warning",
        ValidateSeverity.ERROR: "error",
        ValidateSeverity.FATAL: "error",
    }
    content = TemplateContent(template.read_bytes(), str(template))
    for region, parameter_values in launches:
        config = ValidateConfig(
            detail_level=DetailLevel.STANDARD,  # without explanations, which take a tenth of the time
            severity_level=ValidateSeverity.WARN,
            parameter_overrides={name: as_text(value) for name, value in parameter_values.items()},
            pseudo_parameter_overrides=PseudoParameterOverrides(region=region),
        )
        for found in _engine().validate_template(content, config).diagnostics:
            yield Finding(
                file=str(template),
                line=found.start_line or 1,
                engine=CLOUDFORMATION_VALIDATE,
                rule=found.rule_id,
                severity=severities[found.severity],
                resource=found.entity.logical_id if found.entity else "",
                message=found.message,
                regions=(region,),
            )


def explanation(id: str) -> Explanation | None:
    """What the linters say about one of their rules, both where both have it; None where neither has.

    cfn-lint has a title, a description and a link for each rule; cloudformation-validate has only a description.
    """
    from cfnlint.core import get_rules  # late: 1.4 s with the rules

    found: list[tuple[str, str, str]] = []  # (title, text, link)
    for rule in list(get_rules([], [], ["E", "W", "I"])):  # a collection of cfn-lint's finds no rule by its id
        if rule.id == id.upper():
            title = "" if rule.description.startswith(rule.shortdesc) else f"{rule.shortdesc.rstrip('.')}. "
            link = rule.source_url or "https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md"
            found.append((rule.shortdesc, f"{CFN_LINT}: {title}{rule.description}", link))
    for rule in _engine().list_rules():
        if rule.id == id.upper():
            link = "https://github.com/aws-cloudformation/cloudformation-validate"
            found.append((rule.description, f"{CLOUDFORMATION_VALIDATE}: {rule.description}", link))
    if not found:
        return None
    title, _, link = found[0]
    text = "\n".join(f"{each.rstrip(' .')}." for _, each, _ in found)
    return Explanation(id.upper(), f"{title.rstrip(' .')}.", text, link)
