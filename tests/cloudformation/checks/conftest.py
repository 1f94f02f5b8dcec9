"""Defects are put into our own templates, and all rules run: exactly the expected one has to report each."""

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
from quilt_cfn.stack.order import after_the_rest

CONTRACT = read_contract(CONTRACT_FILE)
EXPECTED = {"registry": {("M08", "RegistryUserKey"), ("M08", "RegistryUserKeySecret")}, "marketplace": set()}
"""(rule, place) of the findings about the editions as they are: the first can't be sold in AWS Marketplace."""


IMAGE = "the machine image"
"""Stands for the name of its parameter, which has the release in it in one edition."""


def image_parameter(template: dict[str, Any]) -> str:
    """The name of the parameter of the machine image."""
    name: str = template["Resources"]["ServerTemplate"]["Properties"]["LaunchTemplateData"]["ImageId"]["Ref"]
    return name


def place(path: tuple[str | int, ...]) -> str:
    """The name of the resource, parameter or output that a path is in; else its section."""
    return str(path[1] if len(path) > 1 else path[0])


def findings(edition: str, template: dict[str, Any], *regions: str, ordered: bool = True) -> set[tuple[str, str]]:
    """(rule, place) of every finding about an edition in these Regions, except the expected ones.

    With ``ordered``, the database depends on what the defect added, as it would in a template that is built so.
    """
    if ordered:
        template = after_the_rest(template, "Database")
    contract = CONTRACT.for_template(EDITIONS[edition].file)
    prepared = prepare_launches(template, contract.parameter_sets, regions or ("us-east-1",))
    return rules_and_places(template, (each.launch() for each in prepared), contract) - EXPECTED[edition]


def rules_and_places(
    template: dict[str, Any],
    launches: Iterable[Launch],
    contract: Contract = EMPTY_CONTRACT,
    rules: Iterable[Rule] = RULES.values(),
) -> set[tuple[str, str]]:
    """(rule, place) of every finding of these rules in these launches of a template."""
    return {(each.rule, place(each.path)) for each in run_rules(as_parsed(template), launches, contract, rules)}


def as_parsed(template: dict[str, Any]) -> ParsedTemplate:
    """A template without a file, in which everything is in line 1."""
    return ParsedTemplate(template, Path("template.yaml"), {(): 1})


@pytest.fixture
def seeded(edition: str, template: dict[str, Any]) -> dict[str, Any]:
    """A copy of an edition's template, to put a defect into."""
    return copy.deepcopy(template)
