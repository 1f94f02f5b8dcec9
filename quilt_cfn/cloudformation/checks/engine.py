"""Our own engine: runs the rules on the launches of a template.

What a rule finds in many launches is one finding, with the Regions of those launches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.checks.rules.rule import Rule, Violation
from quilt_cfn.cloudformation.launch import Contract, Launch
from quilt_cfn.cloudformation.template.read import ParsedTemplate
from quilt_cfn.finding import QUILT_CFN, Finding


def run_rules(
    template: ParsedTemplate, launches: Iterable[Launch], contract: Contract, rules: Iterable[Rule] = RULES.values()
) -> Iterator[Finding]:
    """Every finding of these rules in these launches of one template, in the order of the rules.

    A finding names the Regions of the launches that have it; none if the rule answers the same for every launch
    (``Rule.once``). ``launches`` may be a generator: each launch is checked before the next one is taken.
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
