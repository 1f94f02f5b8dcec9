"""Faults are seeded into our own templates, and every rule is asked: exactly the expected one has to speak."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.launches import prepare_launches
from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT, Contract
from quilt_cfn.cloudformation.template.read import ParsedTemplate
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.contract import CONTRACT_FILE, read_contract
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
    prepared = prepare_launches(template, contract.parameter_sets, regions or ("us-east-1",))
    return rules_and_places(template, (each.launch() for each in prepared), contract) - EXPECTED[edition]


def rules_and_places(
    template: dict[str, Any],
    launches: Iterable[Launch],
    contract: Contract = EMPTY_CONTRACT,
    rules: Iterable[Rule] = RULES.values(),
) -> set[tuple[str, str]]:
    """(rule, place) of everything that these rules find in these launches of a template."""
    return {(each.rule, place(each.path)) for each in run_rules(as_parsed(template), launches, contract, rules)}


def as_parsed(template: dict[str, Any]) -> ParsedTemplate:
    """A template that comes from no file: everything in it is in line 1."""
    return ParsedTemplate(template, Path("template.yaml"), {(): 1})


@pytest.fixture
def seeded(edition: str, template: dict[str, Any]) -> dict[str, Any]:
    """A copy of an edition's template, to put a fault into."""
    return copy.deepcopy(template)
