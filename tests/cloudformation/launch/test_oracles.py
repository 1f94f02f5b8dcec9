"""Other programs that read and evaluate templates get the same values, wherever they get any.

cloud-radar evaluates a template with parameter values; cfn-lint computes the values that a function can have. Neither
can be our evaluator. cloud-radar keeps no origins, drops empty strings as if they were AWS::NoValue, knows one
partition, asks the network for zones, ignores Rules, and stops at an attribute that it can't look up. cfn-lint takes no
parameter values: it tries those that the parameters allow, with each condition true and false, and gives nothing for a
reference to a resource, a condition's function, Fn::Base64 or Fn::Cidr.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode.decode import decode
from cfnlint.jsonschema import CfnTemplateValidator
from cfnlint.template import Template as LintTemplate
from cloud_radar.cf.unit import Template as RadarTemplate  # type: ignore[import-untyped]  # it ships no types
from cloud_radar.cf.unit import functions
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.cloudformation.launch import Base64Value, Value, evaluate, values_for
from quilt_cfn.cloudformation.launch.evaluator import ACCOUNT, STACK
from quilt_cfn.cloudformation.launch.values import is_known
from quilt_cfn.cloudformation.template.coerce import as_text
from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.inputs.contract import read_contract
from tests.launches import evaluate_edition

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
SETS = read_contract().parameter_sets
SOME_SETS = [
    pytest.param(name, marks=() if name in ("documented", "options-large") else pytest.mark.exhaustive) for name in SETS
]
LINT_ACCOUNT, LINT_STACK = "123456789012", "teststack"


# Reading.

SAMPLES = {
    "short forms": """
        Parameters: {Name: {Type: String, Default: 012345678}}
        Conditions: {Named: !Not [!Equals [!Ref Name, '']]}
        Resources:
          Bucket:
            Type: AWS::S3::Bucket
            Condition: Named
            Properties:
              BucketName: !Sub '${Name}-${AWS::Region}'
              Tags: !If [Named, [{Key: a, Value: yes}], !Ref AWS::NoValue]
        Outputs: {Arn: {Value: !GetAtt Bucket.Arn}, Web: {Value: !Select [2, !Split [/, !GetAtt [Bucket, WebsiteURL]]]}}
    """,
    "scalars": """
        Resources:
          It:
            Type: Custom::It
            Properties: {A: on, B: 'on', C: 1, D: 1.50, E: 0x1f, F: 010, G: 089, H: 1_000, I: 1:30, J: ~x, K: !!str 1}
    """,
    "strings": """
        Resources:
          It:
            Type: Custom::It
            Properties:
              A: |
                #!/bin/bash
                echo ${HOME}
              B: >-
                folded
                text
              C: "a\\tb \\u00e9"
              D: it's
    """,
}


@pytest.mark.parametrize("file", TEMPLATE_FILES.values())
def test_cfn_lint_reads_our_templates_alike(file):
    path = TEMPLATES / file
    assert lint_reads(path) == read_template(path).data


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_cfn_lint_reads_other_templates_alike(sample, tmp_path):
    path = tmp_path / "sample.yaml"
    path.write_text(sample)
    assert lint_reads(path) == read_template(path).data


def lint_reads(path: Path) -> Any:
    template, matches = decode(str(path))
    assert matches == []
    return template


# cloud-radar.


@pytest.fixture(autouse=True)
def radar(monkeypatch):
    """cloud-radar with our account, stack and zones, and without a network."""
    monkeypatch.setattr(RadarTemplate, "AccountId", ACCOUNT)
    monkeypatch.setattr(RadarTemplate, "StackName", STACK)
    monkeypatch.setattr(functions, "requests", None)
    monkeypatch.setattr(functions, "REGION_DATA", [{"code": "us-east-1", "zones": partitions.zones("us-east-1")}])


def differences(ours: Any, theirs: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where two values differ, apart from what a placeholder looks like and from a number that is a string."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours.keys() | theirs.keys():
            # An empty string is a value: only AWS::NoValue removes a property. See
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html
            if not (key not in theirs and ours[key] == ""):
                yield from differences(ours.get(key), theirs.get(key), (*path, key))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) < len(theirs):
        # AWS::NoValue removes a member of a list, too; cloud-radar leaves an empty string.
        left = [each for each in theirs if each != ""]
        if len(left) == len(ours):
            yield from differences(ours, left, path)
        else:
            yield (path, ours, theirs)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(our, their, (*path, index))
    elif isinstance(ours, Base64Value):
        yield from differences(ours.plain, functions.b64.b64decode(theirs).decode(), path)
    elif isinstance(ours, Value) and not ours.known:
        if ours.replace("<", "").replace(">", "") != as_text(theirs).replace("<", "").replace(">", ""):
            yield (path, ours, theirs)
    elif as_text(ours) != as_text(theirs):
        yield (path, ours, theirs)


@pytest.mark.parametrize("name", SOME_SETS)
def test_cloud_radar_evaluates_our_editions_to_the_same(template, name, monkeypatch):
    launch = evaluate_edition(template, SETS[name])
    monkeypatch.setattr(RadarTemplate, "StackId", launch.compute({"Ref": "AWS::StackId"}))
    copied = copy.deepcopy(template)
    # For CloudFormation, 0 and "0" are equal; for cloud-radar they are not.
    for parameter in copied["Parameters"].values():
        parameter.update({"Default": str(parameter["Default"])} if "Default" in parameter else {})
    # It has to be given these attributes, and what the Parameter Store holds.
    for resource, attribute in (("Vpc", "CidrBlock"), ("Bucket", "Arn")):
        value = str(launch.compute({"Fn::GetAtt": [resource, attribute]}))
        metadata = copied["Resources"][resource].setdefault("Metadata", {})
        metadata["Cloud-Radar"] = {"attribute-values": {attribute: value}}
    stored = {
        "ssm": {
            parameter["Default"]: name
            for name, parameter in template["Parameters"].items()
            if parameter["Type"].startswith("AWS::SSM::Parameter::Value<")
        }
    }
    values = values_for(template, SETS[name])
    evaluated = RadarTemplate(copied, dynamic_references=stored).render(values)["Resources"]
    for each in evaluated.values():
        each.get("Metadata", {}).pop("Cloud-Radar", None)
    ours = {name: {"Metadata": {}, "Properties": {}, **each} for name, each in launch.resources.items()}
    theirs = {name: {"Metadata": {}, "Properties": {}, **each} for name, each in evaluated.items()}
    assert list(differences(ours, theirs)) == []
    assert len(ours) > 40


# Strings without the characters that have a meaning, and never empty. An index is a number: cloud-radar takes none in
# quotes, as AWS's own examples have it. See
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-select.html
WORDS = st.text("abcXYZ019-._/ ", min_size=1, max_size=5).map(lambda text: f"{text}!")
MAPPINGS = {"Map": {"top": {"second": "mapped", "list": ["one", "two"]}}}
PARAMETERS = {
    "Text": {"Type": "String"},
    "Number": {"Type": "Number"},
    "List": {"Type": "CommaDelimitedList"},
}
SIMPLE = WORDS | st.sampled_from(
    [{"Ref": name} for name in ("Text", "Number", "AWS::Region", "AWS::AccountId", "AWS::Partition", "AWS::URLSuffix")]
    + [{"Fn::FindInMap": ["Map", "top", "second"]}]
)
CONDITIONS = st.recursive(
    st.builds(lambda left, right: {"Fn::Equals": [left, right]}, SIMPLE, SIMPLE | st.just({"Ref": "Text"})),
    lambda inner: (
        st.builds(lambda operand: {"Fn::Not": [operand]}, inner)
        | st.builds(
            lambda name, operands: {name: operands},
            st.sampled_from(["Fn::And", "Fn::Or"]),
            st.lists(inner, min_size=2, max_size=3),
        )
    ),
    max_leaves=4,
)


def strings(*more: Any) -> st.SearchStrategy[Any]:
    """Values that evaluate to a string, of the functions that cfn-lint knows too, and of these."""

    def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        members = st.lists(inner, min_size=1, max_size=3)
        lists = members | st.builds(lambda value: {"Fn::Split": ["-", value]}, inner) | st.just({"Ref": "List"})
        return st.one_of(
            st.builds(lambda value: {"Fn::Sub": ["<${a}/${Text}:${AWS::Region}>", {"a": value}]}, inner),
            st.just({"Fn::Sub": "${Text}-${Number}"}),
            st.builds(
                lambda delimiter, values: {"Fn::Join": [delimiter, values]}, st.sampled_from(["", ",", "--"]), lists
            ),
            st.builds(lambda values: {"Fn::Select": [0, values]}, lists),
            st.builds(lambda values: {"Fn::Select": [len(values) - 1, values]}, members),
            st.builds(lambda values: {"Fn::Select": [1, values]}, st.just({"Fn::FindInMap": ["Map", "top", "list"]})),
            *(each(inner) for each in more),
        )

    return st.recursive(SIMPLE, deeper, max_leaves=8)


PARAMETER_VALUES = st.fixed_dictionaries(
    {
        "Text": WORDS,
        "Number": st.integers(0, 999).map(str),
        "List": st.lists(WORDS, min_size=1, max_size=3).map(",".join),
    }
)


@pytest.mark.exhaustive
@given(
    st.dictionaries(
        st.sampled_from("ABC"),
        strings(
            lambda inner: st.builds(lambda left, right: {"Fn::If": ["Either", left, right]}, inner, inner),
            lambda inner: st.builds(lambda value: {"Fn::Base64": value}, inner),
            lambda inner: st.builds(
                lambda count, bits: {"Fn::Select": [count - 1, {"Fn::Cidr": ["10.1.0.0/16", count, bits]}]},
                st.integers(1, 8),
                st.integers(1, 12),
            ),
        ),
        min_size=1,
    ),
    CONDITIONS,
    PARAMETER_VALUES,
)
def test_cloud_radar_computes_the_same(values, condition, parameter_values):
    template = {
        "Parameters": PARAMETERS,
        "Mappings": MAPPINGS,
        "Conditions": {"Either": condition},
        "Resources": {
            "It": {"Type": "Custom::It", "Properties": values},
            "Other": {"Type": "Custom::It", "Condition": "Either", "Properties": {"A": "a"}},
        },
    }
    # Spaces around the members of a list are dropped, which cloud-radar leaves to its user. See CommaDelimitedList in
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    parameter_values = {name: value.replace(" ", "") for name, value in parameter_values.items()}
    launch = evaluate(template, parameter_values)
    theirs = RadarTemplate(copy.deepcopy(template)).render(dict(parameter_values))
    assert launch.errors == ()
    assert launch.conditions == theirs["Conditions"]
    assert list(differences(json.loads(json.dumps(dict(launch.resources))), theirs["Resources"])) == []


# cfn-lint.


def resolver(template: dict[str, Any], parameter_values: dict[str, str]) -> Any:
    """A function that returns the values that cfn-lint finds for a part of a template with these parameter values."""
    fixed = copy.deepcopy(template)
    for name, parameter in fixed["Parameters"].items():
        kept = {key: value for key, value in parameter.items() if key in ("Type", "Default")}
        value = {"Default": parameter_values[name]} if name in parameter_values else {}
        fixed["Parameters"][name] = {**kept, **value}
    lint = LintTemplate("template", fixed, regions=["us-east-1"])
    validator = CfnTemplateValidator({}, cfn=lint, context=lint.context)

    def resolve(fragment: Any) -> list[Any]:
        return [value for value, _, error in validator.resolve_value(fragment) if error is None]

    return resolve


def calls(value: Any) -> Iterator[dict[str, Any]]:
    """Every function in a value that is not inside another function."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
            yield value
        else:
            for each in value.values():
                yield from calls(each)
    elif isinstance(value, list):
        for each in value:
            yield from calls(each)


@pytest.mark.parametrize("name", SOME_SETS)
def test_cfn_lint_finds_the_same_values_in_our_editions(template, name):
    launch = evaluate_edition(template, SETS[name], account=LINT_ACCOUNT)
    resolve = resolver(template, values_for(template, SETS[name]))
    compared = 0
    for call in calls(template["Resources"]):
        ours, theirs = launch.compute(call), resolve(call)
        # Its stack has another name, and it does not compute what is inside Fn::If, nor what is inside a map there.
        if theirs and is_known(ours) and not isinstance(ours, dict) and call != {"Ref": "AWS::StackId"}:
            compared += 1
            found = [each.replace(LINT_STACK, STACK) if isinstance(each, str) else each for each in theirs]
            assert as_text(ours) in map(as_text, found), call
            assert "Fn::If" in call or len(set(map(str, found))) == 1, call
    assert compared > 40


@pytest.mark.exhaustive
@given(strings(), PARAMETER_VALUES)
def test_cfn_lint_computes_the_same(value, parameter_values):
    template = {"Parameters": PARAMETERS, "Mappings": MAPPINGS, "Resources": {"It": {"Properties": {"A": value}}}}
    parameter_values = {name: each.replace(" ", "") for name, each in parameter_values.items()}
    ours = evaluate(template, parameter_values, account=LINT_ACCOUNT).properties("It")["A"]
    assert [as_text(each) for each in resolver(template, parameter_values)(value)] in ([ours], [])
