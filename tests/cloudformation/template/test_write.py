"""A written template means the same as the dict, is in reading order, and has the same bytes everywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import cfn_flip  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn.cloudformation.template.read import parse_template
from quilt_cfn.cloudformation.template.walk import strings_in
from quilt_cfn.cloudformation.template.write import SECTIONS, in_reading_order, to_json, to_yaml
from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.errors import UserError

NAMES = st.text(alphabet="ABCxyz019", min_size=1, max_size=8)
TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "",
        "yes",
        "true",
        "null",
        "~",
        "1",
        "0x1f",
        "1e3",
        "2010-09-09",
        "12:30:45",
        "- a",
        "a: b",
        "#!",
        "!Ref x",
        "a\nb\n",
        "\ta",
        "a \nb",
    ]
)
SCALARS = TEXTS | st.integers(-(10**9), 10**9) | st.booleans()
FUNCTIONS = st.one_of(
    st.fixed_dictionaries({"Ref": NAMES}),
    st.fixed_dictionaries({"Fn::GetAtt": st.lists(NAMES, min_size=2, max_size=2)}),
    st.fixed_dictionaries({"Fn::Sub": TEXTS}),
    st.fixed_dictionaries({"Fn::GetAZs": st.just("") | st.fixed_dictionaries({"Ref": NAMES})}),
    st.fixed_dictionaries({"Fn::Base64": st.fixed_dictionaries({"Fn::Sub": TEXTS})}),
    st.fixed_dictionaries({"Condition": NAMES}),
)
VALUES = st.recursive(
    SCALARS | FUNCTIONS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(NAMES, inner, max_size=4),
        st.fixed_dictionaries({"Fn::If": st.tuples(NAMES, inner, inner).map(list)}),
        st.fixed_dictionaries({"Fn::Join": st.tuples(TEXTS, st.lists(inner, max_size=3)).map(list)}),
    ),
    max_leaves=12,
)


def as_cloudformation_reads(text):
    """The template in a YAML document, by AWS's own reader of the short forms."""
    return json.loads(cfn_flip.to_json(text))


def test_our_templates_read_back_equal(template):
    assert as_cloudformation_reads(to_yaml(template)) == template
    assert json.loads(to_json(template)) == template


@settings(max_examples=50)
@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
def test_any_template_reads_back_equal(resources):
    template = {
        "Resources": {name: {"Type": "A::B::C", "Properties": {"P": value}} for name, value in resources.items()}
    }
    assert as_cloudformation_reads(to_yaml(template)) == template
    assert parse_template(to_yaml(template).encode(), "stack.yaml").data == template
    assert parse_template(to_json(template).encode(), "stack.json").data == template


def test_every_byte_is_ascii():
    """The console and GetTemplate show any other character as a question mark."""
    assert to_yaml({"Description": "Größe"}).isascii()
    assert yaml.safe_load(to_yaml({"Description": "Größe"})) == {"Description": "Größe"}


def test_sections_are_in_reading_order(template):
    assert tuple(template) == SECTIONS


def test_resources_are_grouped_as_the_architecture_is(template):
    landmarks = [
        "Vpc",
        "ElbSecurityGroup",
        "LoadBalancer",
        "Bucket",
        "DBPasswordSecret",
        "Database",
        "Protection",
        "ServerTemplate",
        "ServerGroup",
        "UnhealthyAlarm",
    ]
    resources = list(template["Resources"])
    assert sorted(landmarks, key=resources.index) == landmarks


def test_a_resource_has_its_type_first_and_its_properties_last():
    resource = {"Properties": {}, "Metadata": {}, "Type": "A::B::C", "DependsOn": "X", "DeletionPolicy": "Retain"}
    ordered = in_reading_order({"Resources": {"R": resource}})["Resources"]["R"]
    assert list(ordered) == ["Type", "DependsOn", "DeletionPolicy", "Metadata", "Properties"]


def test_scripts_are_readable_blocks(template):
    text = to_yaml(template)
    assert re.search(r"^ +Text: \|\n +#!/bin/bash\n", text, re.MULTILINE)
    assert re.search(r"^ +Fn::Base64: !Sub \|\n +#!/bin/bash\n", text, re.MULTILINE)
    scripts = [each for each, _ in strings_in(template) if "\n" in each]
    assert len(scripts) >= 9
    assert len(re.findall(r"(: |!Sub )\|[-+]?$", text, re.MULTILINE)) == len(scripts), "none is a quoted string"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Ref": "A"}, "P: !Ref A\n"),
        ({"Fn::GetAtt": ["A", "B.C"]}, "P: !GetAtt A.B.C\n"),
        ({"Fn::GetAtt": "A.B"}, "P: !GetAtt A.B\n"),
        ({"Fn::Sub": "${A}"}, "P: !Sub ${A}\n"),
        ({"Fn::If": ["A", "b", {"Ref": "C"}]}, "P: !If [A, b, !Ref C]\n"),
        ({"Fn::Base64": {"Fn::Sub": "a"}}, "P: {'Fn::Base64': !Sub a}\n"),
        (["a", "b"], "P: [a, b]\n"),
        ({"a": "1", "b": 1}, "P: {a: '1', b: 1}\n"),
        ("a\nb\n", "P: |\n  a\n  b\n"),
    ],
)
def test_short_forms(value, text):
    script = "a line\n"  # it doesn't fit on one line, so the whole is written as a block
    assert to_yaml({"P": value, "Q": script}) == f"{text}Q: |\n  a line\n"


def test_another_emitter_is_refused_rather_than_other_bytes_written(monkeypatch):
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    with pytest.raises(UserError, match="without libyaml"):
        to_yaml({})


@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONUTF8": "0"},
        {"PYTHONHASHSEED": "4242", "LANG": "tr_TR.UTF-8", "PYTHONOPTIMIZE": "1", "AWS_REGION": "eu-west-3"},
    ],
)
def test_surroundings_make_no_difference(surroundings, all_templates):
    for name in TEMPLATE_FILES:
        command = [sys.executable, "-m", "quilt_cfn", "build", name, "--output", "-"]
        environment = {"PATH": os.environ["PATH"], **surroundings}
        built = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        assert built == to_yaml(all_templates[name]).encode()
