"""What a run judges: every launch of our editions, and anybody's template as one form makes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quilt_cfn.cloudformation.checks.cases import cases, unseen_sides
from quilt_cfn.cloudformation.checks.check import (
    THOROUGH,
    Subject,
    check_launches,
    check_one_launch,
    shared,
    unseen_conditions,
)
from quilt_cfn.cloudformation.checks.pool import merged
from quilt_cfn.cloudformation.facts import availability
from quilt_cfn.editions import EDITIONS
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.contract import read_contract

TEMPLATES = Path("templates")
CONTRACT = read_contract()
SETS = CONTRACT.parameter_sets


def subject(file, edition):
    return Subject(file, CONTRACT.for_template(EDITIONS[edition].file))


@pytest.fixture(scope="module")
def checked(template):
    """Every launch of an edition that is checked: (name of the parameter set, launch)."""
    return list(cases(template, SETS, availability.regions()))


def test_every_region_is_rendered(checked):
    assert {launch.region for _, launch in checked} == set(availability.regions())


def test_each_region_shows_both_sides_of_every_condition_unless_the_template_refuses_one(template, checked):
    for region in availability.regions():
        here = [launch for _, launch in checked if launch.region == region]
        # Without Amazon SES a host has to be given.
        no_ses = {("HasSmtpHost", False)} if region in ("ap-east-1", "cn-north-1", "cn-northwest-1") else set()
        assert set(unseen_sides(template["Conditions"], here)) == no_ses, region


def test_each_region_shows_both_documented_sizes_unless_it_lacks_one(checked):
    lacking = {"ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "mx-central-1", "ca-west-1"}
    for region in availability.regions():
        here = [launch.parameters for _, launch in checked if launch.region == region]
        sizes = {(values["InstanceType"], values["DBInstanceType"]) for values in here}
        assert ("t3.small", "db.t3.small") in sizes, region
        assert (("m5.large", "db.m5.large") in sizes) == (region not in lacking), region


def test_no_form_is_judged_that_shows_nothing_new(checked):
    assert [parameter_values for parameter_values, launch in checked if launch.region == "us-east-1"] == [
        "documented",
        "options-large",
    ]
    assert [parameter_values for parameter_values, launch in checked if launch.region == "mx-central-1"] == [
        "documented",
        "options",
    ]
    assert [parameter_values for parameter_values, launch in checked if launch.region == "cn-north-1"] == [
        "options-large",
        "options",
        "mail-host",
    ]


def test_the_linters_share_the_forms(checked):
    """cfn-lint takes the defaults in every Region; cloudformation-validate the fullest form, and in one Region all."""
    given = list(shared([(launch.region, SETS[parameter_values]) for parameter_values, launch in checked]))
    fullest = {region: parameter_values for region, parameter_values in given if region != THOROUGH}
    assert set(fullest) == set(availability.regions()) - {THOROUGH}
    assert all(parameter_values["SmtpHost"] and parameter_values["AlarmEmail"] for parameter_values in fullest.values())
    assert fullest["eu-west-1"] == SETS["options-large"]
    assert fullest["mx-central-1"] == SETS["options"]
    assert [parameter_values for region, parameter_values in given if region == THOROUGH] == [
        SETS["documented"],
        SETS["options-large"],
    ]


def test_a_condition_that_no_form_decides_both_ways_is_reported(template, tmp_path):
    changed = {**template, "Conditions": {**template["Conditions"], "IsMoon": {"Fn::Equals": ["moon", "earth"]}}}
    file = tmp_path / "quilt-registry.yaml"
    file.write_text(json.dumps(changed))
    (found,) = unseen_conditions(Subject(file, CONTRACT), ["us-east-1"])
    assert (found.rule, found.resource) == ("unseen-condition", "IsMoon")
    assert "The condition IsMoon is never true in any parameter set" in found.message


def test_a_finding_has_the_line_of_its_place_and_its_regions(edition, tmp_path):
    """A zone out of range is one where a Region has two, and not where it has three."""
    name = EDITIONS[edition].file
    text = (TEMPLATES / name).read_text()
    old = "AvailabilityZone: !Select [1, !GetAZs '']"
    assert text.count(old) == 1
    file = tmp_path / name
    file.write_text(text.replace(old, "AvailabilityZone: !Select [2, !GetAZs '']"))
    found = [each for each in check_launches(subject(file, edition), ("us-east-1", "us-west-1")) if each.rule == "W03"]
    line = 1 + text[: text.index(old)].count("\n")
    assert [(each.line, each.resource, each.regions) for each in found] == [(line, "PrivateSubnet2", ("us-west-1",))]


def test_both_engines_and_our_rules_judge_an_edition(tmp_path):
    name = EDITIONS["registry"].file
    found = check_launches(subject(TEMPLATES / name, "registry"), ("us-east-1",))
    assert {each.engine for each in found} == {"quilt-cfn", "cloudformation-validate"}
    assert {each.rule for each in found} == {"M08", "W1011", "W9008"}, "what suppressions.yaml explains"


def test_merged_findings_name_the_regions_unless_it_is_all_of_them():
    judged = check_launches(subject(TEMPLATES / EDITIONS["registry"].file, "registry"), ("eu-west-1", "us-west-2"))
    assert {each.regions for each in merged(judged, ["eu-west-1", "us-west-2"])} == {()}
    more = list(merged(judged, ["eu-west-1", "us-west-2", "us-east-2"]))
    assert {each.regions for each in more if each.engine != "quilt-cfn"} == {("eu-west-1", "us-west-2")}


STRANGER = """\
Parameters:
  Size: {Type: String, AllowedValues: [small, large]}
  Key: {Type: String, NoEcho: true}
Conditions:
  Large: !Equals [!Ref Size, large]
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      DisplayName: !If [Large, !Ref Key, small]
"""


@pytest.fixture
def stranger(tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text(STRANGER)
    return file


def test_a_stranger_s_template_is_judged_as_its_form_makes_it(stranger):
    assert check_one_launch(stranger, {"Size": "small"}, "us-east-1").findings == ()
    (found,) = check_one_launch(stranger, {"Size": "large"}, "us-east-1").findings
    assert (found.rule, found.resource, found.line) == ("S04", "Topic", 10)


def test_a_form_that_cloudformation_would_refuse_is_told_in_its_words(stranger):
    with pytest.raises(UserError, match="Parameter 'Size' must be one of AllowedValues") as trouble:
        check_one_launch(stranger, {"Size": "huge"}, "us-east-1")
    assert "--parameters" in trouble.value.next_step


def test_what_marketplace_asks_is_asked_of_strangers_only_on_demand(stranger):
    assert not [each for each in check_one_launch(stranger, {}, "us-east-1").findings if each.rule.startswith("M")]
    demanded = check_one_launch(stranger, {}, "us-east-1", marketplace=True)
    assert "M14" in {each.rule for each in demanded.findings}


def test_a_default_that_its_own_parameter_refuses_hides_nothing(stranger):
    text = STRANGER.replace(
        "{Type: String, AllowedValues: [small, large]}", "{Type: String, AllowedValues: [large], Default: big}"
    )
    stranger.write_text(text)
    assert [each.rule for each in check_one_launch(stranger, {}, "us-east-1").findings] == ["F03"]
    assert {each.rule for each in check_one_launch(stranger, {"Size": "large"}, "us-east-1").findings} == {"F03", "S04"}


def test_more_resources_than_cloudformation_takes_are_told_with_the_line(tmp_path):
    file = tmp_path / "many.yaml"
    file.write_text("Resources:\n" + "".join(f"  A{number}: {{Type: AWS::SNS::Topic}}\n" for number in range(501)))
    with pytest.raises(UserError, match="line 502: CloudFormation takes 500 resources, and here are 501"):
        check_one_launch(file, {}, "us-east-1")


def test_values_that_go_too_deep_are_told_with_the_line(tmp_path):
    file = tmp_path / "chain.yaml"
    topic = "{{Type: AWS::SNS::Topic, Properties: {{DisplayName: !GetAtt A{}.TopicName}}}}"
    chain = "".join(f"  A{number}: {topic.format(number + 1)}\n" for number in range(499))
    file.write_text(f"Resources:\n{chain}  A499: {{Type: AWS::SNS::Topic}}\n")
    with pytest.raises(UserError, match=r"chain.yaml, line [0-9]+: values refer to one another too deeply"):
        check_one_launch(file, {}, "us-east-1")
