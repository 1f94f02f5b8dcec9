"""Credentials are found where docker login has put them, and none of them gets into an error."""

from __future__ import annotations

import base64
import json

import pytest

from quilt_cfn.delivery.images.credentials import Credentials, find_credentials, find_keeper
from quilt_cfn.errors import UserError

SECRET = "pa:ss wörd"
AUTH = base64.b64encode(f"reader:{SECRET}".encode()).decode()


def write(file, document):
    file.parent.mkdir(exist_ok=True)
    file.write_text(document if isinstance(document, str) else json.dumps(document))


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("registry.example:5000", "registry.example:5000"),
        ("https://registry.example", "registry.example"),
        ("https://registry.example/v2/", "registry.example"),
        ("https://index.docker.io/v1/", "docker.io"),  # which is how docker login calls Docker Hub
        ("docker.io", "docker.io"),
    ],
)
def test_the_credentials_of_a_registry(docker_config, name, host):
    write(docker_config, {"auths": {"other.example": {"auth": "eA=="}, name: {"auth": AUTH}}})
    found = find_credentials(host)
    assert found == Credentials("reader", SECRET)
    assert found.basic == f"Basic {AUTH}"


@pytest.mark.parametrize(
    "host", ["registry.example", "registry.example:5001", "example:5000", "evil-registry.example:5000"]
)
def test_the_credentials_of_one_registry_are_not_those_of_another(docker_config, host):
    write(docker_config, {"auths": {"registry.example:5000": {"auth": AUTH}}})
    assert find_credentials(host) is None


def test_an_identity_token_takes_the_place_of_the_password(docker_config):
    entry = {"auth": base64.b64encode(b"reader:").decode(), "identitytoken": "a token"}
    write(docker_config, {"auths": {"registry.example": entry}})
    assert find_credentials("registry.example") == Credentials("reader", "", "a token")


@pytest.mark.parametrize("document", ["{}", '{"auths": null}', '{"auths": {"registry.example": {}}}', '{"auths": []}'])
def test_without_an_entry_there_are_none(docker_config, document):
    write(docker_config, document)
    assert find_credentials("registry.example") is None
    assert find_keeper("registry.example") == ""


def test_without_a_file_there_are_none(docker_config, monkeypatch, tmp_path):
    assert find_credentials("registry.example") is None
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / ".docker" / "config.json", {"auths": {"registry.example": {"auth": AUTH}}})
    assert find_credentials("registry.example") == Credentials("reader", SECRET), "docker's own place"


def test_the_program_that_keeps_them_is_named(docker_config):
    write(docker_config, {"credsStore": "secretservice", "credHelpers": {"registry.example": "ecr-login"}})
    assert find_keeper("registry.example") == "ecr-login"
    assert find_keeper("other.example") == "secretservice"


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        json.dumps({"auths": {"registry.example": {"auth": SECRET}}}),
        json.dumps({"auths": {"registry.example": {"auth": f"!{AUTH}"}}}),
        json.dumps({"auths": {"registry.example": {"auth": [SECRET]}}}),
        json.dumps({"auths": {"registry.example": {"identitytoken": [SECRET]}}}),
        "[" * 100_000,
    ],
    ids=lambda document: document[:40],
)
def test_a_damaged_file_is_named_and_nothing_of_it_is_shown(docker_config, document):
    write(docker_config, document)
    with pytest.raises(UserError) as error:
        find_credentials("registry.example")
    assert str(docker_config) in error.value.what
    assert SECRET not in str(error.value)


def test_a_file_that_cannot_be_read_is_named(docker_config):
    docker_config.mkdir(parents=True)
    with pytest.raises(UserError, match=r"could not be read: Is a directory\. Make it readable"):
        find_credentials("registry.example")
