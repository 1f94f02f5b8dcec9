"""The template and its values are checked before AWS gets to see them."""

from __future__ import annotations

import json

import pytest

from quilt_cfn.delivery.rehearsal import prepare
from quilt_cfn.errors import UserError
from tests.delivery.rehearsal.conftest import SECRETS


@pytest.fixture(scope="module")
def template(document, tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "template.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def prepared(template, tmp_path, values):
    """Prepares what a file of parameters has; ``leave_out`` and ``changes`` are about the documented values."""

    def prepared(leave_out=(), ask=None, complete=True, **changes):
        given = {name: value for name, value in {**values, **changes}.items() if name not in leave_out}
        as_aws_takes_it = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
        (tmp_path / "parameters.json").write_text(json.dumps(as_aws_takes_it))
        return prepare.prepare(template, tmp_path / "parameters.json", ask=ask, complete=complete)

    return prepared


def test_a_file_as_aws_takes_it_is_enough(prepared, values):
    assert prepared().values == values


def test_secrets_are_what_is_hidden_and_what_goes_into_secrets(prepared):
    assert sorted(prepared().secrets) == sorted(SECRETS.values())


def test_secrets_that_are_left_out_are_asked_for(prepared, values):
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return "typed-secret"

    found = prepared(leave_out=SECRETS, ask=ask)
    assert asked == ["DBPassword: ", "SmtpPassword: ", "SmtpUsername: "]
    assert {found.values[name] for name in SECRETS} == {"typed-secret"}
    assert "typed-secret" in found.secrets


def test_what_is_missing_is_named_at_once(prepared):
    with pytest.raises(UserError, match="has no value for RegistryHost, DBPassword, KeyName"):
        prepared(leave_out=("DBPassword", "KeyName", "RegistryHost"))
    assert "KeyName" not in prepared(leave_out=("KeyName",), complete=False).values


def test_what_the_rehearsal_sets_itself_may_be_missing(prepared):
    prepared(leave_out=("PackageBucket", "HostedZoneId", "AlarmEmail"))


def test_what_cloudformation_would_refuse_is_refused_without_the_value(prepared):
    with pytest.raises(UserError, match="DBPassword failed to satisfy constraint") as raised:
        prepared(DBPassword="sh/rt")
    assert "sh/rt" not in str(raised.value)
    with pytest.raises(UserError, match="no parameter Colour"):
        prepared(Colour="red")


def test_values_are_only_read_from_a_file(template, tmp_path):
    from pathlib import Path

    with pytest.raises(UserError, match="only read from a file"):
        prepare.prepare(template, Path("DBPassword=secret"), ask=None, complete=True)


def test_another_template_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text("Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n")
    with pytest.raises(UserError, match="is not one of our editions"):
        prepare.read_template(tmp_path / "x.yaml")
    with pytest.raises(UserError, match="There is no template"):
        prepare.read_template(tmp_path / "nowhere.yaml")
