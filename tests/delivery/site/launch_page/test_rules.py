"""The page decides the templates' Rules as our Python does, for every Region and for combinations of values."""

from __future__ import annotations

import random

import pytest

from quilt_cfn.cloudformation.facts.availability import regions
from quilt_cfn.cloudformation.launch.contract import values_for
from quilt_cfn.cloudformation.launch.evaluator import ACCOUNT, TemplateEvaluator
from quilt_cfn.cloudformation.launch.parameter_values import ValidationError, resolve_parameters
from tests.launches import DOCUMENTED

CHOICES = {
    "CatalogHost": ["quilt.example.com", "a.example.com"],
    "RegistryHost": ["quilt.example.com", "b.example.com"],
    "PackageBucket": ["example-packages", "other-packages"],
    "ExistingBucket": ["", "example-packages"],
    "AvailabilityZone1": ["", "us-east-1a"],
    "AvailabilityZone2": ["", "us-east-1a", "us-east-1b"],
    "BackupRegion": ["", "eu-west-1", "us-east-1"],
    "BackupKeyId": ["", "1234abcd-12ab-34cd-56ef-1234567890ab"],
    "SmtpHost": ["", "smtp.example.com"],
}


def combinations(template, number, seed=1):
    """(values, Region): every size and a copy of the backups in every Region, and as many mixtures of everything."""
    sizes = {name: template["Parameters"][name]["AllowedValues"] for name in ("InstanceType", "DBInstanceType")}
    for region in regions():
        for name, values in sizes.items():
            yield from (({name: value}, region) for value in values)
        yield {"BackupRegion": region, "BackupKeyId": CHOICES["BackupKeyId"][1], "SmtpHost": "smtp.example.com"}, region
    chance = random.Random(seed)
    for _ in range(number):
        values = {name: chance.choice(each) for name, each in {**CHOICES, **sizes}.items()}
        yield {name: value for name, value in values.items() if chance.random() < 0.6}, chance.choice(regions())


def in_python(template, values, region):
    """The first sentence with which the rules refuse a launch; None if they don't."""
    try:
        TemplateEvaluator(template, values, region, ACCOUNT).enforce_rules()
    except ValidationError as refused:
        return str(refused)
    return None


def in_browser(functions, rules, launches):
    script = "([rules, launches]) => launches.map((values) => ruleRefusals(rules, values)[0]?.sentence ?? null)"
    return functions.evaluate(script, [rules, launches])


def test_every_combination_is_refused_by_the_same_rule(functions, template):
    known = values_for(template, DOCUMENTED)
    tried = [({**known, **values}, region) for values, region in combinations(template, 600)]
    expected = [in_python(template, resolve_parameters(template, values), region) for values, region in tried]
    defaults = {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}
    launches = [{**defaults, **values, "AWS::Region": region} for values, region in tried]
    assert in_browser(functions, template["Rules"], launches) == expected
    sentences = {each["AssertDescription"] for rule in template["Rules"].values() for each in rule["Assertions"]}
    assert {*expected} == {None, *sentences}, "each rule has refused a launch, and some launch none"


MEMBERS = [["a", "b"], ["a"], ["c"], []]


@pytest.mark.parametrize(
    "expression",
    [
        {"Fn::EachMemberIn": [["a", "b"], {"Ref": "L"}]},
        {"Fn::EachMemberIn": [{"Ref": "L"}, ["a", "b"]]},
        {"Fn::EachMemberEquals": [{"Ref": "L"}, "a"]},
        {"Fn::Contains": [{"Ref": "L"}, "a"]},
        {"Fn::Contains": [["1", 2, True], {"Ref": "S"}]},
        {"Fn::Equals": [1, {"Ref": "S"}]},
        {"Fn::Equals": [True, "true"]},
        {"Fn::Not": [{"Fn::Equals": [{"Ref": "L"}, ["a"]]}]},
        {"Fn::And": [{"Fn::Equals": ["1", {"Ref": "S"}]}, {"Fn::Contains": [{"Ref": "L"}, "b"]}]},
        {"Fn::Or": [{"Fn::Equals": ["x", {"Ref": "S"}]}, {"Fn::Not": [{"Fn::Contains": [{"Ref": "L"}, "b"]}]}]},
        {"Fn::Not": [{"Fn::And": [{"Fn::Or": ["false", "true"]}, "true"]}]},
        {"Fn::Contains": [{"Fn::ValueOfAll": ["AWS::EC2::VPC::Id", "Tags.Department"]}, "IT"]},
        {"Fn::EachMemberIn": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}, ["vpc-1"]]},
        {"Fn::Equals": [{"Fn::ValueOf": ["L", "Attribute"]}, "x"]},
    ],
)
def test_each_function_gives_what_python_gives(functions, expression):
    rule = {
        "R": {"Assertions": [{"Assert": expression, "AssertDescription": "No."}, {"Assert": {"Fn::Not": [expression]}}]}
    }
    template = {"Parameters": {"L": {"Type": "CommaDelimitedList"}, "S": {"Type": "String"}}, "Rules": rule}
    for members in MEMBERS:
        for scalar in ("1", "2", "x", "true"):
            values = resolve_parameters(template, {"L": members, "S": scalar})
            launch = {"L": members, "S": scalar} if members else {"L": [""], "S": scalar}
            assert in_browser(functions, rule, [launch]) == [in_python(template, values, "us-east-1")]


def test_a_rule_with_a_condition_counts_only_where_that_is_true(functions):
    rule = {"R": {"RuleCondition": {"Fn::Equals": [{"Ref": "S"}, "1"]}, "Assertions": [{"Assert": False}]}}
    assert in_browser(functions, rule, [{"S": "1"}, {"S": "2"}, {}]) == ["Rule R failed", None, None]
