"""Values for the form may come as arguments or in any of the files that people have already."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from quilt_cfn.errors import UserError
from quilt_cfn.inputs.cli_parameters import parameter_values, region


def test_arguments_and_a_later_one_wins():
    assert parameter_values(["Name=a=b", "Port=1", "Port=2", "Empty="]) == {"Name": "a=b", "Port": "2", "Empty": ""}


@pytest.mark.parametrize(
    "text",
    [
        '{"Port": "080", "Subnets": ["a", "b"]}',
        "Port: 080\nSubnets: [a, b]\n",
        '[{"ParameterKey": "Port", "ParameterValue": "080"}, '
        '{"ParameterKey": "Subnets", "ParameterValue": ["a", "b"]}]',
        '{"Parameters": {"Port": "080", "Subnets": ["a", "b"]}, "Tags": {}}',
    ],
    ids=["json", "yaml", "create-stack", "CodePipeline"],
)
def test_files(tmp_path, text):
    """A value stays the text that was written: 080 isn't made a number."""
    file = tmp_path / "parameters"
    file.write_text(text)
    assert parameter_values([str(file)]) == {"Port": "080", "Subnets": ["a", "b"]}


def test_the_file_of_aws_cloudformation_deploy(tmp_path):
    file = tmp_path / "parameters.json"
    file.write_text('["Port=80", "Uri=a=b"]')
    assert parameter_values([str(file), "Port=81"]) == {"Port": "81", "Uri": "a=b"}


@pytest.mark.parametrize(
    "text", ["", "[", "just words", "[1, 2]", '{"A": {"B": 1}}', '[{"Key": "A"}]', "- - a", "a: &x [*x]"]
)
def test_what_holds_no_values_is_told_without_them(tmp_path, text):
    file = tmp_path / "parameters.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as trouble:
        parameter_values([str(file)])
    assert str(file) in trouble.value.what


def test_a_file_that_is_not_there():
    with pytest.raises(UserError, match="could not be read"):
        parameter_values(["nowhere.json"])


@for_all(st.binary(max_size=300))
def test_any_bytes_are_values_or_trouble(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "any-parameters"
    file.write_bytes(data)
    with contextlib.suppress(UserError):
        assert parameter_values([str(file)])


def test_a_region_that_is_misspelt():
    assert region(None) == "us-east-1"
    assert region("eu-west-1") == "eu-west-1"
    with pytest.raises(UserError, match="There is no Region eu-wst-1") as trouble:
        region("eu-wst-1")
    assert trouble.value.next_step == "Did you mean eu-west-1?"
