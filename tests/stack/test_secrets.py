"""What a person typed goes to the instance by Secrets Manager or by an SSM parameter, and reaches nobody else."""

from __future__ import annotations

import pytest

from quilt_cfn.stack.parameters import FIELDS, IMAGES
from tests.launches import DOCUMENTED, as_text, launch_stack

FREE_TEXTS = [field.name for field in FIELDS if field.free_text]
MARK = {
    "DBPassword": "mark-of-DBPassword",
    "SmtpDefaultSender": "mark-of-sender@example.com",
    "SmtpPassword": "mark-of-SmtpPassword",
    "SmtpUsername": "mark-of-SmtpUsername",
    "TeamName": "mark of TeamName",
    "AlarmEmail": "mark-of-alarms@example.com",
}


@pytest.fixture(scope="module")
def marked(template):
    """A stack in which every free text can be recognised."""
    assert set(MARK) == set(FREE_TEXTS)
    return launch_stack(template, DOCUMENTED | MARK)


def places(stack, text):
    """Logical IDs of the resources in whose properties or metadata a text is found."""
    return {name for name, resource in stack.resources.items() if text in as_text(resource)}


@pytest.mark.parametrize(
    ("parameter", "secret"),
    [
        ("DBPassword", "DBPasswordSecret"),
        ("SmtpUsername", "SmtpUsernameSecret"),
        ("SmtpPassword", "SmtpPasswordSecret"),
    ],
)
def test_each_is_one_plain_secret(marked, parameter, secret):
    assert marked.properties(secret)["SecretString"] == MARK[parameter]


@pytest.mark.parametrize("parameter", ["TeamName", "SmtpDefaultSender"])
def test_what_is_no_secret_is_one_plain_text_that_costs_nothing(marked, parameter):
    text = marked.properties(f"{parameter}Text")
    assert text == {"Type": "String", "Tier": "Standard", "Value": MARK[parameter]}


def test_free_texts_are_nowhere_else(marked):
    expected = {name: {f"{name}Secret"} for name in FREE_TEXTS}
    expected |= {name: {f"{name}Text"} for name in ("TeamName", "SmtpDefaultSender")}
    expected["DBPassword"] |= {"Database"}
    expected["AlarmEmail"] = {"AlarmTopic"}
    assert {name: places(marked, MARK[name]) for name in FREE_TEXTS} == expected


def test_nothing_secret_is_in_user_data_metadata_or_outputs(marked):
    visible = [marked.user_data, as_text(marked.outputs), as_text(marked.resources["ServerTemplate"]["Metadata"])]
    for mark in MARK.values():
        assert not any(mark in text for text in visible)
    assert not any("SecretAccessKey>" in text for text in visible)


def test_secret_parameters_are_hidden_in_the_console_and_have_no_default(template):
    for field in FIELDS:
        parameter = template["Parameters"].get(field.name)
        if parameter is None:
            assert field in IMAGES.fields
        elif field.secret:
            assert parameter["NoEcho"] is True
            assert "Default" not in parameter
            assert parameter["MinLength"] >= 1
        else:
            assert "NoEcho" not in parameter
    assert {field.name for field in FIELDS if field.secret} == {"DBPassword", "SmtpPassword"}


@pytest.mark.parametrize("secret", ["QuiltSecretKey", "RegistryDatabasePassword"])
def test_what_nobody_has_to_type_is_generated_and_plain_text(stack, secret):
    generated = stack.properties(secret)["GenerateSecretString"]
    assert generated["PasswordLength"] >= 32
    assert generated["ExcludePunctuation"] is True, "it goes through a shell, an environment and a URI"


def test_the_access_key_is_one_value_made_of_id_and_secret(templates):
    stack = launch_stack(templates["registry"])
    value = stack.properties("RegistryUserKeySecret")["SecretString"]
    assert value == "<RegistryUserKey>:<RegistryUserKey.SecretAccessKey>"
    assert stack.properties("RegistryUserKey") == {"UserName": "<RegistryUser>", "Status": "Active"}


def test_names_are_generated_so_that_a_retry_meets_no_leftover(stack):
    for properties in stack.of_type("AWS::SecretsManager::Secret").values():
        assert "Name" not in properties
    for properties in stack.of_type("AWS::SSM::Parameter").values():
        assert "Name" not in properties
    for properties in stack.of_type("AWS::Logs::LogGroup").values():
        assert "LogGroupName" not in properties


def test_every_secret_and_text_is_known_to_the_instance(stack):
    known = stack.file("/opt/quilt/config.json")
    assert set(known["Secrets"].values()) == {f"<{name}>" for name in stack.of_type("AWS::SecretsManager::Secret")}
    assert set(known["Texts"].values()) == {f"<{name}>" for name in stack.of_type("AWS::SSM::Parameter")}
