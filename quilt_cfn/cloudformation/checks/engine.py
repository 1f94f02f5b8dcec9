"""Runs the rules on the launches of a template.

What is found in many launches is reported once, with the Regions of those launches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.checks.rules.rule import Rule, Violation
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.template.read import ParsedTemplate
from quilt_cfn.finding import QUILT_CFN, Finding


def run_rules(
    template: ParsedTemplate, launches: Iterable[Launch], contract: Contract, rules: Iterable[Rule] = RULES.values()
) -> Iterator[Finding]:
    """Every finding in these launches of one template, in the order of the rules.

    A finding names the Regions of the launches in which it showed, or none if the rule's answer is the same in all of
    them. Each launch is done with before the next one is asked for, so that they may be made one by one.
    """
    found: dict[Rule, dict[Violation, dict[str, None]]] = {rule: {} for rule in rules}
    for number, launch in enumerate(launches):
        for rule, regions_of in found.items():
            if number and rule.once:
                continue
            for violation in rule.find(launch, contract):
                regions_of.setdefault(violation, {})[launch.region] = None
    for rule, regions_of in found.items():
        for (path, message), regions in regions_of.items():
            yield Finding(
                file=str(template.file),
                line=template.line(path),
                engine=QUILT_CFN,
                rule=rule.id,
                severity=rule.severity,
                resource=str(path[1]) if len(path) > 1 else "",
                message=message,
                regions=() if rule.once else tuple(regions),
                path=path,
            )
