"""Mistakes in the form, seeded into our own templates and into templates of which nothing is agreed."""

from __future__ import annotations

from contextlib import suppress

import pytest

from quilt_cfn.cloudformation.checks.rules import parameter_constraints
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.cloudformation.launch import ValidationError, evaluate
from tests.cloudformation.checks.conftest import faults, rules_and_places


def no_pattern(parameter_values):
    del parameter_values["TeamName"]["AllowedPattern"]


def no_end(parameter_values):
    parameter_values["TeamId"]["AllowedPattern"] = "[a-z]+"


def no_end_without_a_sign(parameter_values):
    del parameter_values["CatalogHost"]["MaxLength"]


def a_default_that_is_refused(parameter_values):
    parameter_values["SmtpDefaultSender"]["Default"] = "Quilt"


def a_default_that_is_not_in_the_list(parameter_values):
    parameter_values["InstanceType"]["Default"] = "t3.micro"


def a_pattern_that_is_none(parameter_values):
    parameter_values["AlarmEmail"]["AllowedPattern"] = "([a-z@.]*"


def a_pattern_that_only_python_reads(parameter_values):
    parameter_values["AlarmEmail"]["AllowedPattern"] = "(?P<name>[a-z@.]*)"


def a_class_in_a_class(parameter_values):
    parameter_values["AlarmEmail"]["AllowedPattern"] = "[a-z[@.]]*|[a-z@.]*"


def digits_of_all_scripts(parameter_values):
    parameter_values["AlarmEmail"]["AllowedPattern"] = r"[a-z\d@.]*"


def a_pattern_that_only_java_reads(parameter_values):
    parameter_values["AlarmEmail"]["AllowedPattern"] = r"[\p{Lower}@.]*"


def a_pattern_that_runs_away(parameter_values):
    parameter_values["TeamId"]["AllowedPattern"] = "([a-z]+-?){1,20}"
    parameter_values["TeamId"]["MaxLength"] = 20


FAULTS = {
    no_pattern: {("F01", "TeamName")},
    no_end: {("F02", "TeamId")},
    no_end_without_a_sign: {("F02", "CatalogHost")},
    a_default_that_is_refused: {("F03", "SmtpDefaultSender")},
    a_default_that_is_not_in_the_list: {("F03", "InstanceType")},
    a_pattern_that_is_none: {("F05", "AlarmEmail")},
    a_pattern_that_only_python_reads: {("F05", "AlarmEmail")},
    a_class_in_a_class: {("F06", "AlarmEmail")},
    digits_of_all_scripts: {("F06", "AlarmEmail")},
    a_pattern_that_only_java_reads: {("F06", "AlarmEmail")},
    a_pattern_that_runs_away: {("F07", "TeamId")},
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_exactly_its_rule_speaks(edition, seeded, fault):
    fault(seeded["Parameters"])
    assert faults(edition, seeded) == FAULTS[fault]


def said(**declared):
    """The rules that a parameter of a template breaks of which nothing is agreed."""
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
def test_of_a_stranger_only_what_hurts_is_told(declared):
    assert said(**declared) == set()


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
def test_what_hurts_is_told_of_a_strangers_form_too(declared, rule):
    assert said(**declared) == {rule}


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
def test_a_default_is_judged_as_any_value_is(declared, refused):
    """By a form that fills the field in; without one there is no launch to judge."""
    template = {"Parameters": {"It": {"Type": "String", **declared}}, "Resources": {}}
    value = {"AllowedValues": "a", "Type": "1"}.get(next(iter(declared)), "a")
    value = "a" if declared.get("Type") == "CommaDelimitedList" else value
    launch = evaluate(template, {"It": value})
    found = rules_and_places(template, [launch], rules=[parameter_constraints.default_is_accepted])
    assert bool(found) == refused


@pytest.mark.parametrize("odd", [None, 5, "text", [], [None], {}, {"Ref": 5}, True, -1e400], ids=repr)
def test_no_declaration_upsets_a_rule(templates, odd):
    for declared in templates["registry"]["Parameters"].values():
        for key in [*declared, "Default", "MinLength", "MinValue", "AllowedValues"]:
            with suppress(ValidationError):
                said(**{**declared, key: odd})
        with suppress(ValidationError):
            said(**dict.fromkeys(declared, odd))
