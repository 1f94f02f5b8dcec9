"""A form is accepted or refused as CloudFormation does it, in CloudFormation's words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.cloudformation.launch import Origin, UnknownList, ValidationError, Value
from quilt_cfn.cloudformation.launch.parameter_values import matches, resolve_parameters

OURS = Origin("parameter", "It")


def value(given=None, allow_missing=False, **parameter):
    """What Ref of a parameter that is declared so gives."""
    template = {"Parameters": {"It": {"Type": "String", **parameter}}}
    return resolve_parameters(template, {} if given is None else {"It": given}, allow_missing)["It"]


def refusal(given, **parameter):
    with pytest.raises(ValidationError) as refused:
        value(given, **parameter)
    return str(refused.value)


# https://github.com/openedx-unsupported/configuration/issues/1993,
# https://github.com/aws-samples/amazon-ec2-image-builder-samples/issues/18 and
# https://github.com/aws/aws-toolkit-azure-devops/issues/75 quote these three.


def test_a_parameter_without_a_default_has_to_be_filled_in():
    with pytest.raises(ValidationError, match=r"^Parameters: \[A, B\] must have values$"):
        resolve_parameters({"Parameters": {"A": {}, "B": {}, "C": {"Default": "c"}}}, {})


def test_a_parameter_that_is_not_declared_is_refused():
    with pytest.raises(ValidationError, match=r"^Parameters: \[B, C\] do not exist in the template$"):
        resolve_parameters({"Parameters": {"A": {}}}, {"A": "a", "B": "b", "C": "c"})
    with pytest.raises(
        ValidationError, match=r"^Parameter values specified for a template which does not require them\.$"
    ):
        resolve_parameters({}, {"A": "a"})


@pytest.mark.parametrize(
    ("given", "parameter", "sentence"),
    [
        ("c", {"AllowedValues": ["a", "b"]}, "Parameter 'It' must be one of AllowedValues"),
        ("A", {"AllowedPattern": "[a-z]+"}, "Parameter 'It' must match pattern [a-z]+"),
        ("aa", {"AllowedPattern": "a"}, "Parameter 'It' must match pattern a"),
        ("a", {"MinLength": 2}, "Parameter 'It' must contain at least 2 characters"),
        ("aaa", {"MaxLength": "2"}, "Parameter 'It' must contain at most 2 characters"),
        ("a", {"Type": "Number"}, "Parameter 'It' must be a number"),
        ("1", {"Type": "Number", "MinValue": 2}, "Parameter 'It' must be a number not less than 2"),
        ("2.5", {"Type": "Number", "MaxValue": "2"}, "Parameter 'It' must be a number not greater than 2"),
        ("4", {"Type": "Number", "AllowedValues": [1, 2, 3]}, "Parameter 'It' must be one of AllowedValues"),
        ("1,b", {"Type": "List<Number>"}, "Parameter 'It' must be a number"),
        (
            "a, d",
            {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]},
            "Parameter 'It' must be one of AllowedValues",
        ),
    ],
)
def test_a_value_outside_its_constraints_is_refused(given, parameter, sentence):
    assert refusal(given, **parameter) == sentence


@pytest.mark.parametrize(
    "parameter",
    [{"AllowedValues": ["a"]}, {"AllowedPattern": "a"}, {"MinLength": 9}, {"MaxLength": 1}, {"Type": "Number"}],
)
def test_the_constraint_s_own_description_takes_the_place_of_the_reason(parameter):
    said = refusal("bb", ConstraintDescription="be a, and nothing else.", **parameter)
    assert said == "Parameter It failed to satisfy constraint: be a, and nothing else."


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ("b", {"AllowedValues": ["a", "b"]}),
        ("true", {"AllowedValues": [True, False]}),
        (2, {"Type": "Number", "AllowedValues": [1, "2"], "MinValue": 2, "MaxValue": 2}),
        ("ab", {"AllowedPattern": "[a-z]+", "MinLength": 2, "MaxLength": 2}),
        ("-1.5", {"Type": "Number", "MinValue": -2}),
        (" .5 ", {"Type": "Number"}),
    ],
)
def test_a_value_within_its_constraints_is_what_ref_gives(given, parameter):
    accepted = value(given, **parameter)
    assert accepted == str(given)
    assert isinstance(accepted, Value)
    assert (accepted.origins, accepted.known) == ({OURS}, True)


def test_a_default_is_held_to_the_constraints_too():
    assert value(Default=5, Type="Number") == "5"
    with pytest.raises(ValidationError, match="must be one of AllowedValues"):
        value(Default="c", AllowedValues=["a", "b"])


@pytest.mark.parametrize("given", ["a, b,c", ["a", "b", "c"]])
@pytest.mark.parametrize("kind", ["CommaDelimitedList", "List<String>", "List<AWS::EC2::Subnet::Id>"])
def test_a_list_comes_as_one_text_or_as_a_list(given, kind):
    accepted = value(given, Type=kind)
    assert accepted == ["a", "b", "c"]
    assert {member.origins for member in accepted} == {frozenset({OURS})}


@pytest.mark.parametrize(
    ("kind", "is_list"),
    [
        ("AWS::SSM::Parameter::Value<String>", False),
        ("AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", False),
        ("AWS::SSM::Parameter::Value<List<String>>", True),
        ("AWS::SSM::Parameter::Value<CommaDelimitedList>", True),
    ],
)
def test_what_the_parameter_store_holds_is_unknown(kind, is_list):
    accepted = value("/aws/service/ami", Type=kind)
    assert isinstance(accepted, UnknownList if is_list else Value)
    text = accepted.any_member if is_list else accepted
    assert (text.known, text.origins) == (False, {OURS})


def test_a_comma_in_the_name_of_a_stored_list_divides_nothing():
    assert not value("/a,b", Type="AWS::SSM::Parameter::Value<List<String>>", AllowedValues=["/a,b"]).any_member.known


def test_the_name_of_a_parameter_in_the_store_is_known():
    assert value("/mine", Type="AWS::SSM::Parameter::Name").known


@pytest.mark.parametrize(("kind", "is_list"), [("String", False), ("CommaDelimitedList", True), ("List<Number>", True)])
def test_in_an_open_form_a_parameter_without_value_stands_for_itself(kind, is_list):
    accepted = value(allow_missing=True, Type=kind)
    text = accepted.any_member if is_list else accepted
    assert text.stands_for == OURS
    assert isinstance(accepted, UnknownList) == is_list


@pytest.mark.parametrize(
    ("pattern", "whole"),
    [(r"\p{L}+", "é"), (r"a++b", "aab"), (r"(?i)[a-f]{3}", "aBc"), (r"\x20?\u0041", " A"), ("", "")],
)
def test_a_pattern_is_read_as_java_reads_it_and_matches_the_whole(pattern, whole):
    assert matches(pattern, whole)
    assert not matches(pattern, f"{whole}!")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+b", "a" * 4000),
        ("(a|aa)+b", "a" * 4000),
        ("(((a{1000}){1000}){1000})", "a"),
        ("(" * 100_000, "a"),
        ("[" * 20_000, "a"),
        ("a{99999999999}", "a"),
        ("x" * 1_000_000, "a"),
        ("(?", "a"),
    ],
    ids=lambda text: text[:16],
)
def test_no_pattern_takes_long(pattern, text):
    before = time.process_time()
    assert matches(pattern, text) in (True, False)
    assert time.process_time() - before < 5


def test_no_number_takes_long():
    before = time.process_time()
    assert refusal("9" * 1_000_000 + "x", Type="Number") == "Parameter 'It' must be a number"
    assert time.process_time() - before < 5


@given(st.text(), st.text())
def test_any_pattern_matches_or_does_not(pattern, text):
    assert matches(pattern, text) in (True, False)
