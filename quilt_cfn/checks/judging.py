"""Ask every rule about every rendering of a template.

The rule: a fault that shows in many renderings is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from quilt_cfn.checks.contract import Contract
from quilt_cfn.checks.rule import Fault, Rule
from quilt_cfn.checks.rules import RULES
from quilt_cfn.evaluation import Rendering


class Verdict(NamedTuple):
    """A fault that a rule found, and the Regions of the renderings in which it did; none if it is in all of them."""

    rule: Rule
    fault: Fault
    regions: tuple[str, ...]


def judge(
    renderings: Iterable[Rendering], contract: Contract, rules: Iterable[Rule] = RULES.values()
) -> Iterator[Verdict]:
    """Every fault in these renderings of one template, in the order of the rules.

    A rendering is done with before the next one is asked for, so they may be made one by one.
    """
    found: dict[Rule, dict[Fault, dict[str, None]]] = {rule: {} for rule in rules}
    for number, rendering in enumerate(renderings):
        for rule, regions_of in found.items():
            if number and rule.once:
                continue
            for fault in rule.find(rendering, contract):
                regions_of.setdefault(fault, {})[rendering.region] = None
    for rule, regions_of in found.items():
        for fault, regions in regions_of.items():
            yield Verdict(rule, fault, () if rule.once else tuple(regions))
