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
    """A fault that a rule found, and the Regions of the renderings in which it did."""

    rule: Rule
    fault: Fault
    regions: tuple[str, ...]


def judge(
    renderings: Iterable[Rendering], contract: Contract, rules: Iterable[Rule] = RULES.values()
) -> Iterator[Verdict]:
    """Every fault in these renderings of one template, in the order of the rules."""
    renderings = list(renderings)
    for rule in rules:
        regions_of: dict[Fault, dict[str, None]] = {}
        for rendering in renderings[:1] if rule.once else renderings:
            for fault in rule.find(rendering, contract):
                regions_of.setdefault(fault, {})[rendering.region] = None
        for fault, regions in regions_of.items():
            yield Verdict(rule, fault, tuple(regions))
