"""Faults are seeded into our own templates, and every rule is asked: exactly the expected one has to speak."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from quilt_cfn.checks.contract import CONTRACT_FILE, read_contract
from quilt_cfn.checks.judging import judge
from quilt_cfn.checks.renderings import renderings
from quilt_cfn.stack import EDITIONS
from quilt_cfn.stack.order import database_after_the_rest

CONTRACT = read_contract(CONTRACT_FILE)
EXPECTED = {"registry": {("M08", "RegistryUserKey"), ("M08", "RegistryUserKeySecret")}, "marketplace": set()}
"""What the rules say about the editions as they are: the first can't be sold in AWS Marketplace, and that is known."""


def place(path: tuple[str | int, ...]) -> str:
    """The name of the resource, parameter or output that a path is in; else its section."""
    return str(path[1] if len(path) > 1 else path[0])


def faults(edition: str, template: dict[str, Any], *regions: str, ordered: bool = True) -> set[tuple[str, str]]:
    """(rule, place) of everything that the rules find, beyond what is known of the edition, in these Regions.

    What a fault adds or cuts loose is ordered against the database first, as building the template would.
    """
    if ordered:
        template = database_after_the_rest(template, "Database")
    contract = CONTRACT.for_template(EDITIONS[edition].file)
    cases = renderings(template, contract.forms, regions or ("us-east-1",))
    found = {(each.rule.id, place(each.fault.path)) for each in judge((rendering for _, rendering in cases), contract)}
    return found - EXPECTED[edition]


@pytest.fixture
def seeded(edition: str, template: dict[str, Any]) -> dict[str, Any]:
    """A copy of an edition's template, to put a fault into."""
    return copy.deepcopy(template)
