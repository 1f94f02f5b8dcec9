"""Parameter values may come as arguments, or in any of the files that people have already."""

from __future__ import annotations

import pytest

from quilt_cfn.errors import UserError
from quilt_cfn.inputs.cli_parameters import parameter_values, region


def test_arguments_may_repeat_a_value():
    assert parameter_values(["Name=a=b", "Port=1", "Port=1", "Empty="]) == {"Name": "a=b", "Port": "1", "Empty": ""}


def test_two_values_of_a_parameter_are_an_error_that_names_it_and_neither_value(tmp_path):
    one, other = tmp_path / "one.yaml", tmp_path / "other.json"
    one.write_text("Port: secret1")
    other.write_text('[{"ParameterKey": "Port", "ParameterValue": "secret2"}]')
    twice = tmp_path / "twice.json"
    twice.write_text('["Port=secret1", "Port=secret2"]')
    for arguments, where in (
        (["Port=secret1", "Port=secret2"], "--parameters"),
        ([str(one), str(other)], str(other)),
        ([str(twice)], str(twice)),
    ):
        with pytest.raises(UserError) as raised:
            parameter_values(arguments)
        assert raised.value.what == f"{where} gives Port another value than before."
        assert "secret" not in str(raised.value)


def test_an_argument_outdoes_a_file_wherever_it_stands(tmp_path):
    (tmp_path / "parameters.yaml").write_text("{Port: 80, Name: x}")
    assert parameter_values(["Port=81", str(tmp_path / "parameters.yaml")]) == {"Port": "81", "Name": "x"}


def test_an_empty_argument_is_an_error():
    with pytest.raises(UserError, match="A value of --parameters is empty"):
        parameter_values([""])
    with pytest.raises(UserError, match="A value of --region is empty"):
        region("")


@pytest.mark.parametrize(
    "text",
    [
        '{"Port": "080", "Subnets": ["a", "b"]}',
        "Port: 080\nSubnets: [a, b]\n",
        "Parameters: &all {Port: 080, Subnets: [a, b]}\nTags: *all\n",
        '[{"ParameterKey": "Port", "ParameterValue": "080"}, '
        '{"ParameterKey": "Subnets", "ParameterValue": ["a", "b"]}]',
        '{"Parameters": {"Port": "080", "Subnets": ["a", "b"]}, "Tags": {}}',
    ],
    ids=["json", "yaml", "yaml with an alias", "create-stack", "CodePipeline"],
)
def test_files(tmp_path, text):
    """A value stays the string that was written: 080 is not a number."""
    file = tmp_path / "parameters"
    file.write_text(text)
    assert parameter_values([str(file)]) == {"Port": "080", "Subnets": ["a", "b"]}


def test_the_file_of_aws_cloudformation_deploy(tmp_path):
    file = tmp_path / "parameters.json"
    file.write_text('["Port=80", "Uri=a=b"]')
    assert parameter_values([str(file), "Port=81"]) == {"Port": "81", "Uri": "a=b"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "just words",
        "[1, 2]",
        '{"A": {"B": "secret"}}',
        '[{"Key": "A", "Value": "secret"}]',
        "- - secret",
        "a: &x [*x]",
    ],
)
def test_a_file_without_values_is_an_error_that_shows_none_of_its_content(tmp_path, text):
    file = tmp_path / "parameters.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as raised:
        parameter_values([str(file)])
    assert str(file) in raised.value.what
    assert "secret" not in str(raised.value)


def test_a_file_that_is_missing_is_an_error():
    with pytest.raises(UserError, match=r"The file of parameters nowhere\.json could not be read"):
        parameter_values(["nowhere.json"])


def test_a_region_that_is_misspelt_is_an_error_with_the_nearest_one():
    assert region("eu-west-1") == "eu-west-1"
    with pytest.raises(UserError, match="There is no Region eu-wst-1") as raised:
        region("eu-wst-1")
    assert raised.value.next_step == "Did you mean eu-west-1?"
