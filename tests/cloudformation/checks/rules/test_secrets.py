"""A secret that reaches a place that others can read is reported, through any function; so is free text in a script."""

from __future__ import annotations

import copy

import pytest

from tests.cloudformation.checks.conftest import findings

THREE_SUBS = {
    "Fn::Sub": [
        "export TOKEN=${outer}",
        {"outer": {"Fn::Sub": ["${middle}", {"middle": {"Fn::Sub": ["x${inner}", {"inner": {"Ref": "DBPassword"}}]}}]}},
    ]
}
"""A NoEcho value through three Subs."""


def properties(template, name):
    return template["Resources"][name]["Properties"]


def put_into_user_data(template, value):
    data = properties(template, "ServerTemplate")["LaunchTemplateData"]["UserData"]
    data["Fn::Base64"] = {"Fn::Join": ["\n", [data["Fn::Base64"], value]]}


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "DBPassword"},
        THREE_SUBS,
        {"Fn::Select": [1, {"Fn::Split": [",", {"Fn::Sub": "a,${SmtpPassword}"}]}]},
        {"Fn::If": ["HasSmtpHost", {"Ref": "SmtpPassword"}, "none"]},
        {"Fn::Base64": {"Ref": "DBPassword"}},
        "{{resolve:secretsmanager:mail:SecretString:password}}",
        {"Fn::Join": ["", ["{{resolve:ssm-secure:", {"Ref": "TeamId"}, ":1}}"]]},
    ],
    ids=["ref", "three subs", "split", "one side of a condition", "base64", "dynamic", "joined dynamic"],
)
def test_in_user_data(edition, seeded, value):
    put_into_user_data(seeded, value)
    assert findings(edition, seeded) == {("S01", "ServerTemplate")}


def test_the_secret_access_key_in_user_data(templates):
    seeded = copy.deepcopy(templates["registry"])
    put_into_user_data(seeded, {"Fn::GetAtt": ["RegistryUserKey", "SecretAccessKey"]})
    assert ("S01", "ServerTemplate") in findings("registry", seeded)


def test_a_secret_that_comes_through_another_resource(edition, seeded):
    """What a plain parameter holds is its attribute Value as well."""
    seeded["Resources"]["Plain"] = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": {"Ref": "SmtpPassword"}},
    }
    put_into_user_data(seeded, {"Fn::GetAtt": ["Plain", "Value"]})
    assert findings(edition, seeded) == {("S01", "ServerTemplate"), ("S05", "Plain")}


def test_in_metadata(edition, seeded):
    init = seeded["Resources"]["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]
    environments = init["config"]["files"]["/opt/quilt/config.json"]["content"]["Environments"]
    environments["registry"]["SMTP_PASSWORD"] = {"Ref": "SmtpPassword"}
    assert findings(edition, seeded) == {("S02", "ServerTemplate")}


def test_in_an_output(edition, seeded):
    seeded["Outputs"]["DatabaseUri"] = {"Value": {"Fn::Sub": "postgresql://quilt:${DBPassword}@db"}}
    assert findings(edition, seeded) == {("S03", "DatabaseUri")}


def test_in_a_tag(edition, seeded):
    properties(seeded, "Database")["Tags"].append({"Key": "Password", "Value": {"Ref": "DBPassword"}})
    assert findings(edition, seeded) == {("S04", "Database")}


def test_in_a_description(edition, seeded):
    properties(seeded, "DatabaseStorageAlarm")["AlarmDescription"] = {"Fn::Sub": "Log in with ${DBPassword}"}
    assert findings(edition, seeded) == {("S04", "DatabaseStorageAlarm")}


@pytest.mark.parametrize(
    "resource",
    [
        {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "DBPassword"}}},
        {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {"ContainerDefinitions": [{"Environment": [{"Name": "P", "Value": {"Ref": "DBPassword"}}]}]},
        },
    ],
    ids=lambda resource: resource["Type"],
)
def test_in_a_configuration_that_is_shown(edition, seeded, resource):
    seeded["Resources"]["Shown"] = resource
    assert findings(edition, seeded) == {("S05", "Shown")}


def test_in_a_state_machine(edition, seeded):
    states = properties(seeded, "Protection")["Definition"]["States"]
    states["ProtectDatabase"]["Parameters"]["MasterUserPassword"] = {"Ref": "DBPassword"}
    assert findings(edition, seeded) == {("S05", "Protection")}


def test_in_a_log_s_settings(edition, seeded):
    seeded["Resources"]["Filter"] = {
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "LogGroupName": {"Ref": "RegistryLogs"},
            "FilterPattern": {"Fn::Sub": '"${DBPassword}"'},
            "MetricTransformations": [{"MetricName": "leaks", "MetricNamespace": "quilt", "MetricValue": "1"}],
        },
    }
    assert findings(edition, seeded) == {("S06", "Filter")}


@pytest.mark.parametrize("parameter", ["TeamName", "SmtpUsername"])
def test_a_free_text_in_a_script(edition, seeded, parameter):
    put_into_user_data(seeded, {"Fn::Sub": f"# for ${{{parameter}}}"})
    assert findings(edition, seeded) == {("S07", "ServerTemplate")}


def test_a_pattern_that_becomes_too_wide_for_the_script_that_it_feeds(edition, seeded):
    seeded["Parameters"]["TeamId"]["AllowedPattern"] = "[a-z ]{2,20}"
    assert findings(edition, seeded) == {("S07", "ServerTemplate")}
