"""Parameter values are accepted or refused as CloudFormation does it, with CloudFormation's messages."""

from __future__ import annotations

import time
from typing import Any

import pytest

from quilt_cfn.cloudformation.launch import Origin, UnknownList, ValidationError, Value
from quilt_cfn.cloudformation.launch.parameter_values import matches, number_in, resolve_parameters

OURS = Origin("parameter", "It")


def value(sent: Any = None, allow_missing: bool = False, **parameter: Any) -> Any:
    """What Ref gives for a parameter that is declared so, if this value is sent."""
    template = {"Parameters": {"It": {"Type": "String", **parameter}}}
    return resolve_parameters(template, {} if sent is None else {"It": sent}, allow_missing)["It"]


def refusal(sent: Any, **parameter: Any) -> str:
    """The message with which a value is refused."""
    with pytest.raises(ValidationError) as refused:
        value(sent, **parameter)
    return str(refused.value)


def member(accepted: Any) -> Value:
    """A value, or the placeholder of any member of an unknown list."""
    found = accepted.any_member if isinstance(accepted, UnknownList) else accepted
    assert isinstance(found, Value)
    return found


# https://github.com/openedx-unsupported/configuration/issues/1993,
# https://github.com/aws-samples/amazon-ec2-image-builder-samples/issues/18 and
# https://github.com/aws/aws-toolkit-azure-devops/issues/75 quote these three.


def test_a_parameter_without_a_default_has_to_have_a_value():
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
    ("sent", "parameter", "message"),
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
def test_a_value_outside_its_constraints_is_refused(sent, parameter, message):
    assert refusal(sent, **parameter) == message


@pytest.mark.parametrize(
    "parameter",
    [{"AllowedValues": ["a"]}, {"AllowedPattern": "a"}, {"MinLength": 9}, {"MaxLength": 1}, {"Type": "Number"}],
)
def test_the_constraint_s_own_description_takes_the_place_of_the_reason(parameter):
    said = refusal("bb", ConstraintDescription="be a, and nothing else.", **parameter)
    assert said == "Parameter It failed to satisfy constraint: be a, and nothing else."


@pytest.mark.parametrize(
    ("sent", "parameter"),
    [
        ("b", {"AllowedValues": ["a", "b"]}),
        ("true", {"AllowedValues": [True, False]}),
        (2, {"Type": "Number", "AllowedValues": [1, "2"], "MinValue": 2, "MaxValue": 2}),
        ("ab", {"AllowedPattern": "[a-z]+", "MinLength": 2, "MaxLength": 2}),
        ("-1.5", {"Type": "Number", "MinValue": -2}),
        (" .5 ", {"Type": "Number"}),
    ],
)
def test_a_value_within_its_constraints_is_what_ref_gives(sent, parameter):
    accepted = value(sent, **parameter)
    assert accepted == str(sent)
    assert isinstance(accepted, Value)
    assert accepted.origins == {OURS}
    assert accepted.known


def test_a_default_has_to_meet_the_constraints_too():
    assert value(Default=5, Type="Number") == "5"
    with pytest.raises(ValidationError, match="must be one of AllowedValues"):
        value(Default="c", AllowedValues=["a", "b"])


def test_a_value_of_more_bytes_than_cloudformation_takes_is_refused():
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html: 4,096."""
    assert value("é" * 2048) == "é" * 2048
    assert refusal("é" * 2048 + "x") == "Parameter 'It' must contain at most 4096 bytes"
    assert value(["x" * 2000, "y" * 2095], Type="CommaDelimitedList")
    assert "4096 bytes" in refusal(["x" * 2000, "y" * 2096], Type="CommaDelimitedList")


@pytest.mark.parametrize("sent", ["a, b,c", ["a", "b", "c"]])
@pytest.mark.parametrize("parameter_type", ["CommaDelimitedList", "List<String>", "List<AWS::EC2::Subnet::Id>"])
def test_a_list_is_sent_as_one_string_or_as_a_list(sent, parameter_type):
    accepted = value(sent, Type=parameter_type)
    assert accepted == ["a", "b", "c"]
    assert {member.origins for member in accepted} == {frozenset({OURS})}


@pytest.mark.parametrize(
    ("parameter_type", "is_list"),
    [
        ("AWS::SSM::Parameter::Value<String>", False),
        ("AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", False),
        ("AWS::SSM::Parameter::Value<List<String>>", True),
        ("AWS::SSM::Parameter::Value<CommaDelimitedList>", True),
    ],
)
def test_what_the_parameter_store_holds_is_unknown(parameter_type, is_list):
    accepted = value("/aws/service/ami", Type=parameter_type)
    assert isinstance(accepted, UnknownList) == is_list
    assert not member(accepted).known
    assert member(accepted).origins == {OURS}


def test_a_comma_in_the_name_of_a_stored_list_divides_nothing():
    assert not member(value("/a,b", Type="AWS::SSM::Parameter::Value<List<String>>", AllowedValues=["/a,b"])).known


def test_the_name_of_a_parameter_in_the_store_is_known():
    assert value("/mine", Type="AWS::SSM::Parameter::Name").known


@pytest.mark.parametrize(
    ("parameter_type", "is_list"), [("String", False), ("CommaDelimitedList", True), ("List<Number>", True)]
)
def test_a_parameter_may_be_missing_and_is_a_placeholder_then(parameter_type, is_list):
    accepted = value(allow_missing=True, Type=parameter_type)
    assert member(accepted).stands_for == OURS
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
    assert number_in("9" * 1_000_000 + "x") is None
    assert time.process_time() - before < 5
