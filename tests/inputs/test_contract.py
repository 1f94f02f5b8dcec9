"""The contract is read completely or not at all."""

from __future__ import annotations

import pytest
import yaml

from quilt_cfn.cloudformation.launch import Contract
from quilt_cfn.editions import EDITIONS, IMAGE_FACTORY, TEMPLATE_FILES
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.contract import CONTRACT_FILE, read_contract
from tests.cloudformation.checks.conftest import CONTRACT


def test_a_template_has_only_its_own_calls(edition):
    calls = CONTRACT.for_template(EDITIONS[edition].file).calls
    assert calls
    assert {call.template for call in calls} == {EDITIONS[edition].file}
    assert not CONTRACT.for_template("other.yaml").calls


def test_only_our_templates_and_their_resources_are_named(edition, template):
    assert {call.template for call in CONTRACT.calls} <= {edition.file for edition in EDITIONS.values()}
    for call in CONTRACT.for_template(EDITIONS[edition].file).calls:
        assert template["Resources"][call.principal]["Type"] in ("AWS::IAM::Role", "AWS::IAM::User")


def test_a_template_that_is_no_edition_has_its_own_parameter_sets_and_nothing_of_the_editions():
    contract = CONTRACT.for_template(IMAGE_FACTORY.file)
    assert contract.parameter_sets.keys() == {"documented", "with-mail"}
    assert contract.regions == ("us-east-1",)
    assert (contract.connections, contract.containers, contract.calls) == ((), {}, ())
    editions = {edition.file for edition in EDITIONS.values()}
    assert CONTRACT.others.keys() == set(TEMPLATE_FILES.values()) - editions
    assert all(CONTRACT.for_template(file).parameter_sets == CONTRACT.parameter_sets for file in editions)
    assert not any(CONTRACT.for_template(file).regions for file in editions), "they are launched everywhere"


def test_what_calls_it_makes_may_be_said_of_it_too():
    call = CONTRACT.calls[0]._replace(template=IMAGE_FACTORY.file)
    contract = Contract(calls=(*CONTRACT.calls, call), others=CONTRACT.others)
    assert contract.for_template(IMAGE_FACTORY.file).calls == (call,)


def test_a_condition_of_a_call_is_one_of_the_template(edition, template):
    conditions = {call.condition for call in CONTRACT.for_template(EDITIONS[edition].file).calls} - {None}
    assert conditions <= template["Conditions"].keys()


def test_every_value_is_of_a_parameter_of_some_edition(templates):
    """A name that ends in * is that of a parameter which begins so."""
    names = {name for template in templates.values() for name in template["Parameters"]}
    for values in CONTRACT.parameter_sets.values():
        for wanted in values:
            begun = [name for name in names if name.startswith(wanted[:-1])]
            assert len(begun) == 1 if wanted.endswith("*") else wanted in names, wanted


def test_every_call_says_why():
    assert all(len(call.because.split()) >= 5 for call in CONTRACT.calls)


def test_a_parameter_set_is_the_documented_one_with_other_values():
    assert CONTRACT.parameter_sets["options"].keys() > CONTRACT.parameter_sets["documented"].keys()
    assert CONTRACT.parameter_sets["options"]["TeamId"] == CONTRACT.parameter_sets["documented"]["TeamId"]


@pytest.mark.parametrize(
    "broken",
    [
        {"parameter_sets": {}},
        {"calls": [{"actions": ["s3:GetObject"], "resource": "*", "because": "it is so"}]},
        {"calls": [{"principals": "RegistryUser", "actions": ["s3:GetObject"], "resource": "*", "because": "so"}]},
        {"calls": None},
        {"containers": {"registry": "http"}},
        {"others": None},
        {"others": [{"template": "other.yaml", "regions": ["us-east-1"], "parameter_sets": {}}]},
        {"others": [{"template": "other.yaml", "regions": ["Europe"], "parameter_sets": {"all": {}}}]},
        {"others": [{"template": "other.yaml", "regions": ["us-east-1"], "parameter_sets": {"all": {"Size": [3]}}}]},
    ],
)
def test_a_broken_contract_is_refused(tmp_path, broken):
    path = tmp_path / "contract.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(CONTRACT_FILE.read_text()) | broken))
    with pytest.raises(UserError, match=r"The contract .* has "):
        read_contract(path)
