"""Defects of parameters, in our own templates and in templates without a contract."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.checks.rules import parameter_constraints
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.cloudformation.launch import evaluate
from tests.cloudformation.checks.conftest import findings, rules_and_places


def no_pattern(parameters):
    del parameters["TeamName"]["AllowedPattern"]


def no_limit(parameters):
    parameters["TeamId"]["AllowedPattern"] = "[a-z]+"


def no_maximum_length(parameters):
    del parameters["CatalogHost"]["MaxLength"]


def a_default_that_is_refused(parameters):
    parameters["SmtpDefaultSender"]["Default"] = "Quilt"


def a_default_that_is_not_in_the_list(parameters):
    parameters["InstanceType"]["Default"] = "t3.micro"


def a_pattern_that_is_not_valid(parameters):
    parameters["AlarmEmail"]["AllowedPattern"] = "([a-z@.]*"


def a_pattern_that_only_python_reads(parameters):
    parameters["AlarmEmail"]["AllowedPattern"] = "(?P<name>[a-z@.]*)"


def a_class_in_a_class(parameters):
    parameters["AlarmEmail"]["AllowedPattern"] = "[a-z[@.]]*|[a-z@.]*"


def digits_of_all_scripts(parameters):
    parameters["AlarmEmail"]["AllowedPattern"] = r"[a-z\d@.]*"


def a_pattern_that_only_java_reads(parameters):
    parameters["AlarmEmail"]["AllowedPattern"] = r"[\p{Lower}@.]*"


def a_pattern_that_may_be_slow(parameters):
    parameters["TeamId"]["AllowedPattern"] = "([a-z]+-?){1,20}"
    parameters["TeamId"]["MaxLength"] = 20


DEFECTS = {
    no_pattern: {("F01", "TeamName")},
    no_limit: {("F02", "TeamId")},
    no_maximum_length: {("F02", "CatalogHost")},
    a_default_that_is_refused: {("F03", "SmtpDefaultSender")},
    a_default_that_is_not_in_the_list: {("F03", "InstanceType")},
    a_pattern_that_is_not_valid: {("F05", "AlarmEmail")},
    a_pattern_that_only_python_reads: {("F05", "AlarmEmail")},
    a_class_in_a_class: {("F06", "AlarmEmail")},
    digits_of_all_scripts: {("F06", "AlarmEmail")},
    a_pattern_that_only_java_reads: {("F06", "AlarmEmail")},
    a_pattern_that_may_be_slow: {("F07", "TeamId")},
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_exactly_its_rule_reports_it(edition, seeded, defect):
    defect(seeded["Parameters"])
    assert findings(edition, seeded) == DEFECTS[defect]


def rules_broken(**declared):
    """The rules that report a parameter of a template without a contract."""
    template = {"Parameters": {"It": {"Type": "String", **declared}}, "Resources": {}}
    rules = [each for each in vars(parameter_constraints).values() if isinstance(each, Rule)]
    launches = [evaluate(template, {}, allow_missing=True)]
    return {rule for rule, _ in rules_and_places(template, launches, rules=rules)}


@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"Type": "CommaDelimitedList"},
        {"AllowedPattern": r"^\d{12}$|^[\w+=,.@-]+$"},
        {"AllowedPattern": r"\S+"},
        {"AllowedPattern": "(?i)[a-z]*"},
        {"AllowedPattern": r"\p{Alnum}{1,5}"},
        {"AllowedPattern": "[a-z]*", "MinLength": 1, "MaxLength": 64},
        {"AllowedPattern": "[a-z]{3}", "MinLength": "3", "MaxLength": "3"},
        {"AllowedPattern": "", "MaxLength": 0},
        {"MinLength": "a", "MaxLength": None},
        {"Type": "Number", "MinValue": 1, "MaxValue": 1},
        {"Type": "AWS::EC2::VPC::Id"},
    ],
    ids=repr,
)
def test_without_a_contract_harmless_parameters_are_not_reported(declared):
    assert rules_broken(**declared) == set()


@pytest.mark.parametrize(
    ("declared", "rule"),
    [
        ({"MinLength": 5, "MaxLength": 4}, "F04"),
        ({"Type": "Number", "MinValue": "2", "MaxValue": 1.5}, "F04"),
        ({"AllowedPattern": "[a-z]{3}", "MinLength": 4}, "F04"),
        ({"AllowedPattern": "[a-z]{3,}", "MaxLength": 2}, "F04"),
        ({"AllowedValues": ["a", "b"], "AllowedPattern": "[0-9]"}, "F04"),
        ({"AllowedPattern": "*.example.com"}, "F05"),
        ({"AllowedPattern": "[a-z]{,5}"}, "F05"),
        ({"AllowedPattern": r"[!-/:-@[-`{-~]+"}, "F06"),
        ({"AllowedPattern": r"[a-z&&[^x]]{1,5}"}, "F06"),
        ({"AllowedPattern": r"^([a-zA-Z0-9]+\s?)*$"}, "F07"),
    ],
    ids=repr,
)
def test_without_a_contract_harmful_parameters_are_reported(declared, rule):
    assert rules_broken(**declared) == {rule}


@pytest.mark.parametrize(
    ("declared", "refused"),
    [
        ({"AllowedPattern": "[a-z]+", "Default": ""}, True),
        ({"AllowedPattern": "[a-z]+", "Default": "abc"}, False),
        ({"AllowedValues": ["a", "b"], "Default": "c"}, True),
        ({"Type": "Number", "MinValue": 1, "Default": 0}, True),
        ({"Type": "CommaDelimitedList", "AllowedPattern": "[a-z]", "Default": "a, b"}, False),
        ({"Type": "CommaDelimitedList", "AllowedPattern": "[a-z]", "Default": "a,1"}, True),
        ({"Type": "List<Number>", "Default": ["1", "x"]}, True),
        ({"AllowedPattern": "(a+)+", "Default": "a" * 40 + "!"}, True),
    ],
    ids=repr,
)
def test_a_default_is_checked_as_any_value(declared, refused):
    """With a value for the parameter, because otherwise there is no launch to check."""
    template = {"Parameters": {"It": {"Type": "String", **declared}}, "Resources": {}}
    value = {"AllowedValues": "a", "Type": "1"}.get(next(iter(declared)), "a")
    value = "a" if declared.get("Type") == "CommaDelimitedList" else value
    launch = evaluate(template, {"It": value})
    found = rules_and_places(template, [launch], rules=[parameter_constraints.default_is_accepted])
    assert bool(found) == refused
