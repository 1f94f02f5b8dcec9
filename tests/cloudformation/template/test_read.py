"""Reading a file gives a template, or an error that names the line, whatever the file holds."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quilt_cfn.cloudformation.facts.quotas import TEMPLATE_AT_A_URL
from quilt_cfn.cloudformation.template import read as reading
from quilt_cfn.cloudformation.template.read import ParsedTemplate, parse_template, read_template
from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.errors import UserError

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"


@pytest.fixture(params=["CSafeLoader", pytest.param("SafeLoader", marks=pytest.mark.exhaustive)])
def _each_parser(request, monkeypatch):
    """libyaml's parser and PyYAML's own in turn."""
    monkeypatch.setattr(reading, "_Loader", getattr(yaml, request.param))


def read(content: str | bytes) -> ParsedTemplate:
    """The template in a file stack.yaml with this content."""
    return parse_template(content.encode() if isinstance(content, str) else content, "stack.yaml")


def refused(content: str | bytes) -> str:
    """The message with which this content is refused."""
    with pytest.raises(UserError) as error:
        read(content)
    assert error.value.next_step.endswith(".")
    return error.value.what


def resources(text: str) -> Any:
    return read(f"Resources: {text}").data["Resources"]


# What is read.


@pytest.mark.parametrize("name", TEMPLATE_FILES)
def test_our_templates_read_back_as_they_were_built(name, all_templates):
    assert read_template(TEMPLATES / TEMPLATE_FILES[name]).data == all_templates[name]


@pytest.mark.parametrize("name", TEMPLATE_FILES)
def test_every_line_shows_the_key_that_it_is_the_line_of(name):
    source = read_template(TEMPLATES / TEMPLATE_FILES[name])
    lines = source.file.read_text().splitlines()
    for path in source.lines:
        last = path[-1] if path else ""
        key = last.removeprefix("Fn::") if isinstance(last, str) else ""
        assert key in lines[source.line(path) - 1], path


def test_a_path_that_the_template_does_not_have_has_the_line_of_what_is_around_it():
    source = read("Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n      Tags:\n      - Key: a\n")
    assert source.line(("Resources", "Queue", "Properties", "Tags", 0, "Key")) == 6
    assert source.line(("Resources", "Queue", "Properties", "QueueName")) == 4
    assert source.line(("Outputs", "Nothing")) == 1
    assert source.line(()) == 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!Condition A", {"Condition": "A"}),
        ("!Sub '${A}'", {"Fn::Sub": "${A}"}),
        ("!Sub ['${a}', {a: !Ref B}]", {"Fn::Sub": ["${a}", {"a": {"Ref": "B"}}]}),
        ("!GetAtt A.Endpoint.Address", {"Fn::GetAtt": ["A", "Endpoint.Address"]}),
        ("!GetAtt [A, Arn]", {"Fn::GetAtt": ["A", "Arn"]}),
        ("!GetAZs ''", {"Fn::GetAZs": ""}),
        ("{Fn::GetAtt: A.Arn}", {"Fn::GetAtt": "A.Arn"}),
        ("!If [A, 1, !Ref AWS::NoValue]", {"Fn::If": ["A", 1, {"Ref": "AWS::NoValue"}]}),
    ],
)
@pytest.mark.usefixtures("_each_parser")
def test_a_short_form_is_read_as_the_long_one(written, meant):
    assert resources(f"{{A: {written}}}") == {"A": meant}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2012-10-17", "2012-10-17"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("yes", True),
        ("Off", False),
        ("'yes'", "yes"),
        ("010", 8),
        ("012345670123", 1402433619),  # what becomes of an account number in CloudFormation too
        ("089012345678", "089012345678"),
        ("!!str 010", "010"),
        ("! 010", "010"),
        ("'010'", "010"),
        ("1.10", 1.1),
        ("1e3", "1e3"),
        ("=", "="),
        ("9" * 5000, "9" * 5000),
        ("0x" + "f" * 5000, "0x" + "f" * 5000),
    ],
)
@pytest.mark.usefixtures("_each_parser")
def test_scalars_mean_what_yaml_1_1_says_but_dates_are_strings(written, meant):
    value = resources(f"{{A: {written}}}")["A"]
    assert (value, type(value)) == (meant, type(meant))


def test_every_key_is_the_string_that_is_written_there():
    keys = ["111122223333", "012", "true", "1.10", "~", "2010-09-09"]
    assert list(resources("{111122223333: a, 012: b, true: c, 1.10: d, ~: e, 2010-09-09: f}")) == keys


def test_null_is_left_to_the_macros_of_a_template_that_has_any():
    assert read("Transform: AWS::Serverless-2016-10-31\nResources: {A: null}").data["Resources"] == {"A": None}


def test_an_anchor_that_nothing_refers_to_does_no_harm():
    assert resources("{A: &a 1}") == {"A": 1}


def test_a_byte_order_mark_is_no_part_of_the_template():
    assert read(b"\xef\xbb\xbfResources: {A: 1}").data == {"Resources": {"A": 1}}


@pytest.mark.usefixtures("_each_parser")
def test_json_may_be_indented_with_tabs_and_escape_what_it_likes():
    source = read(
        '{\n\t"Resources":\t{\n\t\t"A": ["\\ud83d\\ude00", "\\\\ud83d\\\\ude00", "\\/\\t", 1e3, -0.5]}\n}\n\t'
    )
    assert source.data == {"Resources": {"A": ["😀", "\\ud83d\\ude00", "/\t", 1000.0, -0.5]}}
    assert source.line(("Resources", "A")) == 3


def test_standard_input_is_named_with_a_dash(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"Resources: {A: 1}")))
    assert read_template(Path("-")).data == {"Resources": {"A": 1}}
    with pytest.raises(UserError, match=r"^standard input, line 1: there is nothing in it\."):
        read_template(Path("-"))


# What is refused.


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Resources:\n  A: !Foo 1\n", "line 2: CloudFormation knows no tag !Foo here."),
        (
            "Resources:\n  A: !!python/object:os.system x\n",
            "line 2: CloudFormation knows no tag !!python/object:os.system",
        ),
        ("Resources:\n  A: !!binary aGk=\n", "line 2: CloudFormation knows no tag !!binary here."),
        ("Resources:\n  A: !!set {a}\n", "line 2: CloudFormation knows no tag !!set here."),
        ("Resources:\n  A: !!timestamp 2001-01-01\n", "line 2: CloudFormation knows no tag !!timestamp here."),
        ("Resources:\n  A: !!seq {}\n", "line 2: CloudFormation knows no tag !!seq here."),
        ("Resources:\n  A: !!int x\n", "line 2: x is not a valid !!int."),
        ("A: &a [*a]\n", "line 1: YAML aliases are not allowed in CloudFormation templates, and *a is one."),
        ("A: &a 1\nB: *a\n", "line 2: YAML aliases are not allowed in CloudFormation templates, and *a is one."),
        ("Resources:\n  <<: {A: 1}\n", "line 2: CloudFormation does not support the merge key <<."),
        ("Resources:\n  ? [A]\n  : 1\n", "line 2: the key of a map has to be a string."),
        ("Resources:\n  A: 1\n---\nResources: {}\n", "line 3: a second document begins."),
        ("Resources:\n  A:\n    B:\n", "line 3: [/Resources/A/B] 'null' values are not allowed in templates."),
        ('{"Resources": {"A": [1, null]}}', "line 1: [/Resources/A/1] 'null' values are not allowed in templates."),
        ("Resources:\n  A: !Sub ['', {b: ~}]\n", "line 2: [/Resources/A/Fn::Sub/1/b] 'null' values are not allowed"),
        ("Resources:\n  A: b: c\n", "line 2: this is not well-formed YAML or JSON: mapping values are not allowed"),
        ("Resources:\n\tA: 1\n", "line 2: this is not well-formed YAML or JSON: found character"),
        ("Resources: {A: 'b\n", "this is not well-formed YAML or JSON: found unexpected end of stream."),
        ("Resources:\n  A: \x00\n", "line 2: there is a control character, U+0000."),
        ("Resources:\n  A: \ufeff\n", "line 2: there is a control character, U+FEFF."),
        (b"Resources:\n  A: \xff\n", "line 2: this is not UTF-8."),
        ("Resources: {A: 1}".encode("utf-16"), "line 1: this is not UTF-8."),
        ("", "line 1: there is nothing in it."),
        ("# nothing but a comment\n", "line 1: there is nothing in it."),
        ("".join(f"%TAG !a{index}! b\n" for index in range(2000)), "line 1: there are too many %TAG directives."),
        ("just a text", "line 1: a template is a map of sections, and this is not a map."),
        ("[Resources]", "line 1: a template is a map of sections, and this is not a map."),
        ("Description: x", "line 1: at least one Resources member must be defined."),
        ("Description: x\nResources: {}", "line 2: at least one Resources member must be defined."),
        ("Description: x\nResources: [a]", "line 2: at least one Resources member must be defined."),
    ],
)
@pytest.mark.usefixtures("_each_parser")
def test_an_error_says_what_is_wrong_and_where(content, message):
    assert refused(content).startswith("stack.yaml, line ")
    assert message in refused(content)


def test_an_error_stays_one_line_however_long_what_it_quotes():
    message = refused('Resources: {"' + "a\\n" * 500 + '": 1, "' + "a\\n" * 500 + '": 2}')
    assert "\n" not in message
    assert len(message) < 300


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"{a: " * 100_000,
        b'{"a":' * 100_000,
        b"- " * 100_000,
        b"? " * 100_000,
        b"a:\n" + b"".join(b" " * depth + b"a:\n" for depth in range(1, 1000)),
        b"Resources: " + b"{A: !Sub [" * 5000,
        b"a0: &a0 [x, x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 100)),
        b"".join(b"%%TAG !a%d! b\n" % i for i in range(50_000)) + b"--- a",
        b"a: b\n...\n" + b"".join(b"%%TAG !a%d! b\n" % i for i in range(50_000)) + b"--- a",
        b"Resources: {A: !" + b"a" * 500_000,
        b'"' + b"\\u00e9" * 150_000,
        b"!" * 999_999,
        b"\n" * 999_999,
        b"x" * 1_000_001,
    ],
    ids=lambda content: content[:12].decode(),
)
@pytest.mark.usefixtures("_each_parser")
def test_hostile_content_is_refused_at_once(content):
    before = time.process_time()
    assert refused(content)
    assert time.process_time() - before < 5


def test_as_deep_as_is_allowed_is_read():
    deep = "[" * (reading.MAX_DEPTH - 1) + "]" * (reading.MAX_DEPTH - 1)
    assert resources(deep.replace("[", "{A: ").replace("]", "}").replace("A: }", "A: 1}"))
    assert "nested more than 100 deep" in refused(f"Resources: {{A: [[{deep}]]}}")


def test_a_template_of_the_largest_size_is_read():
    text = "Resources: {A: '"
    assert read(text + "a" * (TEMPLATE_AT_A_URL - len(text) - 2) + "'}")
    with pytest.raises(UserError, match="more than 1,000,000 bytes"):
        read(text + "a" * (TEMPLATE_AT_A_URL - len(text) - 1) + "'}")


def test_only_a_file_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UserError, match=f"^{path} is not a file"):
            read_template(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    for path in (tmp_path / "absent.yaml", tmp_path / "nul\0"):
        with pytest.raises(UserError, match=r"could not be read: .*\. Name a template file, or - for standard input\."):
            read_template(path)


# Any content.

# A key in YAML has at most 1,024 characters, and JSON escapes one with up to 12.
KEYS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\ufffe\uffff"), max_size=80
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=10
)
OF_YAML = st.text("[]{}:,-?!&*#|>%@`'\"\\ \n\taA0~<=.", max_size=200).map(str.encode)


class WithoutAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


@pytest.mark.exhaustive
@settings(max_examples=500)
@given(st.binary(max_size=300) | OF_YAML)
@example(b"{Resources: {!!str A: !Ref \n? }}")
def test_any_content_is_a_template_or_an_error_with_its_line(content: bytes) -> None:
    try:
        read(content)
    except UserError as refused:
        message = refused.what
    else:
        return
    assert message.startswith("stack.yaml, line ")


@settings(max_examples=50)
@given(VALUES, st.sampled_from([None, 2, "\t"]))
@example("\x7f\ud7ff😀", None)
def test_what_json_and_pyyaml_write_reads_back_equal(value: Any, indent: int | str | None) -> None:
    template = {"Transform": "Macro", "Resources": {"A": value}}  # with a macro, null is allowed
    assert read(json.dumps(template, indent=indent)).data == template
    assert read(yaml.dump(template, Dumper=WithoutAliases, allow_unicode=False)).data == template


# A key that a map has twice.


@pytest.mark.parametrize(
    ("text", "resources", "duplicates"),
    [
        ("Resources:\n  A: 1\n  B: 2\n  A: 3\n", {"A": 3, "B": 2}, {("Resources", "A"): (2, 4)}),
        ('{"Resources":\n{"A": 1,\n"A": 2}}', {"A": 2}, {("Resources", "A"): (2, 3)}),
        ("Resources:\n  1: a\n  '1': b\n", {"1": "b"}, {("Resources", "1"): (2, 3)}),
        ("Resources: {A: 1}\nResources: {B: 2}\n", {"B": 2}, {("Resources",): (1, 2)}),
        ("Resources:\n  A: 1\n  A: !Ref B\n  A: [1]\n", {"A": [1]}, {("Resources", "A"): (3, 4)}),
    ],
)
def test_the_last_value_of_a_key_counts_as_for_cloudformation(text, resources, duplicates):
    template = read(text)
    assert template.data["Resources"] == resources
    assert {path: (line, template.line(path)) for path, line in template.duplicates} == duplicates


def test_every_line_is_that_of_the_value_that_counts():
    template = read("Resources:\n  A:\n    B: {C: 1}\n    D: 2\n  E: 1\n  A:\n    F: 1\n    B:\n      C: [x, y]\n")
    a = ("Resources", "A")
    lines = {a: 6, (*a, "F"): 7, (*a, "B"): 8, (*a, "B", "C"): 9, (*a, "B", "C", 1): 9, ("Resources", "E"): 5}
    assert {path: template.lines[path] for path in lines} == lines


def test_a_null_that_a_later_key_replaces_is_none():
    assert resources("{A: ~, A: 1}") == {"A": 1}
    assert resources("{A: {B: ~}, A: 1}") == {"A": 1}
    assert "[/Resources/A] 'null' values are not allowed" in refused("Resources: {A: 1, A: ~}")


def test_a_closed_standard_input_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UserError, match="standard input is closed"):
        read_template(Path("-"))
