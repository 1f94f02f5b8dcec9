"""Mistakes in the form, seeded into our own templates and into templates of which nothing is agreed."""

from __future__ import annotations

from contextlib import suppress

import pytest

from quilt_cfn.checks.contract import NOTHING_AGREED
from quilt_cfn.checks.judging import judge
from quilt_cfn.checks.rule import Rule
from quilt_cfn.checks.rules import parameters
from quilt_cfn.evaluation import Refused, evaluate
from tests.checks.conftest import faults


def no_pattern(form):
    del form["TeamName"]["AllowedPattern"]


def no_end(form):
    form["TeamId"]["AllowedPattern"] = "[a-z]+"


def no_end_without_a_sign(form):
    del form["CatalogHost"]["MaxLength"]


def a_default_that_is_refused(form):
    form["SmtpDefaultSender"]["Default"] = "Quilt"


def a_default_that_is_not_in_the_list(form):
    form["InstanceType"]["Default"] = "t3.micro"


def a_pattern_that_is_none(form):
    form["AlarmEmail"]["AllowedPattern"] = "([a-z@.]*"


def a_pattern_that_only_python_reads(form):
    form["AlarmEmail"]["AllowedPattern"] = "(?P<name>[a-z@.]*)"


def a_class_in_a_class(form):
    form["AlarmEmail"]["AllowedPattern"] = "[a-z[@.]]*|[a-z@.]*"


def digits_of_all_scripts(form):
    form["AlarmEmail"]["AllowedPattern"] = r"[a-z\d@.]*"


def a_pattern_that_only_java_reads(form):
    form["AlarmEmail"]["AllowedPattern"] = r"[\p{Lower}@.]*"


def a_pattern_that_runs_away(form):
    form["TeamId"]["AllowedPattern"] = "([a-z]+-?){1,20}"
    form["TeamId"]["MaxLength"] = 20


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
    rules = [each for each in vars(parameters).values() if isinstance(each, Rule)]
    return {verdict.rule.id for verdict in judge([evaluate(template, {}, open_form=True)], NOTHING_AGREED, rules)}


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
    verdicts = judge([evaluate(template, {"It": value})], NOTHING_AGREED, [parameters.default_is_accepted])
    assert bool(list(verdicts)) == refused


def test_a_fault_says_which_text_runs_away():
    template = {"Parameters": {"It": {"Type": "String", "AllowedPattern": "([a-z]+\n?)*"}}, "Resources": {}}
    rendering = evaluate(template, {}, open_form=True)
    (fault,) = parameters.pattern_does_not_run_away.find(rendering, NOTHING_AGREED)
    assert fault.path == ("Parameters", "It", "AllowedPattern")
    assert "'aaaaaaaaaaaaaaaaaaaa'" in fault.sentence


@pytest.mark.parametrize("odd", [None, 5, "text", [], [None], {}, {"Ref": 5}, True, -1e400], ids=repr)
def test_no_declaration_upsets_a_rule(templates, odd):
    for declared in templates["registry"]["Parameters"].values():
        for key in [*declared, "Default", "MinLength", "MinValue", "AllowedValues"]:
            with suppress(Refused):
                said(**{**declared, key: odd})
        with suppress(Refused):
            said(**dict.fromkeys(declared, odd))
