"""The engine reports a violation once, and no rule fails, whatever a template holds."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.cloudformation.launch import ValidationError, evaluate, values_for
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.contract import read_contract
from quilt_cfn.inputs.release import read_release
from quilt_cfn.stack import build
from tests.cloudformation.checks.conftest import as_parsed

CONTRACT = read_contract()
TEMPLATES = [build(edition, read_release()) for edition in EDITIONS.values()]
ODD = [
    *("", "x", "\n", "*", "<Vpc>", "{{resolve:", "${", "arn:aws:s3:::", "-1", "0.0.0.0/0", "AWS::EC2::Instance"),
    *(0, -1, 1e400, True, [], {}, [[]], [{}], ["x"], {"x": []}),
    *({"Ref": "Vpc"}, {"Ref": "Nobody"}, {"Ref": "DBPassword"}, {"Ref": "AWS::NoValue"}, {"Fn::GetAtt": ["Bucket"]}),
    *({"Fn::If": ["HasSmtpHost", {}, []]}, {"Fn::Sub": "${Server}"}, {"Fn::Split": [",", {"Fn::ImportValue": "y"}]}),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every part of a value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in entries for place in places(each, (*path, key)))]


PLACES = [[place for place in places(template) if len(place) > 1] for template in TEMPLATES]


def put(value: Any, path: tuple[Any, ...], odd: Any) -> None:
    """Replace what is at a path, if there is such a path."""
    for key in path[:-1]:
        value = value[key] if isinstance(value, (dict, list)) and len(value) > 0 and key in _keys(value) else None
    if isinstance(value, (dict, list)) and path[-1] in _keys(value):
        value[path[-1]] = copy.deepcopy(odd)


def _keys(value: Any) -> Any:
    return value if isinstance(value, dict) else range(len(value))


@pytest.mark.exhaustive
@settings(max_examples=200)
@given(st.data())
def test_no_damage_to_our_templates_makes_a_rule_fail(data: st.DataObject) -> None:
    edition = data.draw(st.sampled_from(range(len(TEMPLATES))))
    template = copy.deepcopy(TEMPLATES[edition])
    for _ in range(data.draw(st.integers(1, 6))):
        put(template, data.draw(st.sampled_from(PLACES[edition])), data.draw(st.sampled_from(ODD)))
    for contract in (CONTRACT, EMPTY_CONTRACT):
        try:
            values = values_for(template, CONTRACT.parameter_sets["options"]) if contract is CONTRACT else {}
            launch = evaluate(template, values, allow_missing=True)
        except ValidationError:
            continue
        for finding in run_rules(as_parsed(template), [launch], contract):
            assert finding.message
            assert finding.path[0] in TEMPLATES[edition]


def test_a_violation_in_many_launches_is_one_finding_with_its_regions() -> None:
    violation = (("Resources", "A"), "It is so.")
    find = Rule("X01", "error", "It fails.", "https://example.com", lambda *_: iter([violation]), once=False)
    once = find._replace(id="X02", once=True)
    launches = [evaluate({"Resources": {}}, {}, region) for region in ("us-east-1", "eu-west-1", "us-east-1")]
    found = run_rules(as_parsed({"Resources": {}}), launches, EMPTY_CONTRACT, [find, once])
    assert [(each.rule, each.regions) for each in found] == [
        ("X01", ("us-east-1", "eu-west-1")),
        ("X02", ()),
    ]
