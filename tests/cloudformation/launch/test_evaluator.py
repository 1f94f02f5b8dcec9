"""Every intrinsic function: what it computes, the origins of its value, and its error when it can't be computed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quilt_cfn.cloudformation.launch import Base64Value, Origin, UnknownList, ValidationError, Value, evaluate
from quilt_cfn.cloudformation.launch.evaluator import MAX_CHARACTERS, MAX_DEPTH
from quilt_cfn.cloudformation.launch.functions import FUNCTIONS
from quilt_cfn.cloudformation.launch.values import is_known, origins_of
from quilt_cfn.cloudformation.template.intrinsic_functions import INTRINSIC_FUNCTIONS
from quilt_cfn.cloudformation.template.read import MAX_DEPTH as MAX_DEPTH_READ
from quilt_cfn.cloudformation.template.walk import strings_in
from tests.cloudformation.launch.one_value import computed, error, launch_of

SECRET = {"Secret": {"Type": "String", "NoEcho": True}}
VALUES = {"Secret": "swordfish"}
THE_SECRET = Origin("parameter", "Secret")
QUEUE = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs"}}}


def test_every_intrinsic_function_that_is_read_can_be_computed() -> None:
    assert tuple(FUNCTIONS) == INTRINSIC_FUNCTIONS


# References.


def test_ref_gives_a_parameters_value_and_a_placeholder_for_a_resource():
    assert computed({"Ref": "Secret"}, VALUES, Parameters=SECRET) == "swordfish"
    queue = computed({"Ref": "Queue"}, Resources=QUEUE)
    assert (queue, queue.known, queue.stands_for) == ("<Queue>", False, Origin("resource", "Queue"))


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("us-east-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
    ],
)
def test_pseudo_parameters_follow_the_region(region, partition, suffix):
    names = ("Partition", "Region", "URLSuffix", "AccountId", "StackName", "StackId", "NotificationARNs")
    launch = launch_of({name: {"Ref": f"AWS::{name}"} for name in names}, region=region)
    assert launch.properties("It")["Value"] == {
        "Partition": partition,
        "Region": region,
        "URLSuffix": suffix,
        "AccountId": "111122223333",
        "StackName": "my-stack",
        "StackId": f"arn:{partition}:cloudformation:{region}:111122223333:stack/my-stack/0",
        "NotificationARNs": [],
    }


def test_another_account_is_in_the_values():
    template = {"Resources": {"It": {"Properties": {"Value": {"Fn::Sub": "${AWS::AccountId} ${AWS::StackId}"}}}}}
    value = evaluate(template, {}, account="999988887777").properties("It")["Value"]
    assert value.startswith("999988887777 arn:aws:cloudformation:us-east-1:999988887777:")


@pytest.mark.parametrize("reference", [{"Ref": "Nobody"}, {"Fn::Sub": "${Nobody}"}])
def test_a_reference_to_nothing_is_an_error(reference):
    assert error(reference)[::2] == ("Name", "there is no parameter or resource Nobody")


@pytest.mark.parametrize("reference", [{"Fn::GetAtt": ["Nobody", "Arn"]}, {"Fn::Sub": "${Nobody.Arn}"}])
def test_an_attribute_of_nothing_is_an_error(reference):
    assert error(reference)[::2] == ("Name", "there is no resource Nobody")


def test_a_reference_to_a_resource_that_is_not_created_is_an_error():
    sections: dict[str, Any] = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"Queue": {**QUEUE["Queue"], "Condition": "Never"}},
    }
    for reference in ({"Ref": "Queue"}, {"Fn::GetAtt": "Queue.Arn"}, {"Fn::Sub": "${Queue.Arn}"}):
        kind, path, message = error(reference, **sections)
        assert (kind, path[0], message) == ("Ref", next(iter(reference)), "Queue is not created under this condition")
    guarded = {"Fn::If": ["Never", {"Ref": "Queue"}, "none"]}
    assert launch_of(guarded, **sections).errors == ()


def test_an_attribute_is_a_placeholder_or_a_list_of_them():
    assert computed({"Fn::GetAtt": "Queue.Arn"}, Resources=QUEUE).stands_for == Origin("attribute", "Queue", "Arn")
    assert computed({"Fn::GetAtt": ["Queue", "Endpoint.Address"]}, Resources=QUEUE) == "<Queue.Endpoint.Address>"
    servers = computed(
        {"Fn::GetAtt": ["Zone", "NameServers"]}, Resources={"Zone": {"Type": "AWS::Route53::HostedZone"}}
    )
    assert isinstance(servers, UnknownList)
    assert servers.member(2) == "<Zone.NameServers[2]>"


def test_an_attribute_that_was_set_as_a_property_is_known():
    vpc = {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": {"Fn::Sub": "10.0.0.0/16"}, "Tags": [{}]}}}
    assert computed({"Fn::GetAtt": "Vpc.CidrBlock"}, Resources=vpc) == "10.0.0.0/16"
    assert computed({"Fn::GetAtt": "Vpc.Tags"}, Resources=vpc) == "<Vpc.Tags>", "no attribute is a list of maps"
    custom = {"Lookup": {"Type": "Custom::Lookup", "Properties": {"Value": "ours"}}}
    assert computed({"Fn::GetAtt": "Lookup.Value"}, Resources=custom) == "<Lookup.Value>"


@pytest.mark.parametrize(
    ("properties", "arn", "known"),
    [({"BucketName": "data"}, "arn:aws-cn:s3:::data", True), ({}, "arn:aws-cn:s3:::<Bucket>", False)],
)
def test_the_arn_of_a_bucket_is_made_of_its_name(properties, arn, known):
    bucket = {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}
    value = computed({"Fn::GetAtt": "Bucket.Arn"}, {}, "cn-north-1", Resources=bucket)
    assert (value, value.known) == (arn, known)
    assert Origin("attribute", "Bucket", "Arn") in value.origins


def test_attributes_that_depend_on_each_other_stay_placeholders():
    circle = {
        "A": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": {"Fn::GetAtt": "B.CidrBlock"}}},
        "B": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": {"Fn::GetAtt": "A.CidrBlock"}}},
    }
    launch = launch_of({"Fn::GetAtt": "A.CidrBlock"}, Resources=circle)
    assert not is_known(launch.properties("It")["Value"])
    assert "A" in launch.before("B")


# Strings.


def test_sub_fills_in_what_it_names_and_leaves_what_is_escaped():
    text = "${Secret} ${AWS::Region} ${Queue} ${Queue.Arn} ${!Literal} ${own}"
    own = {"own": {"Ref": "AWS::Partition"}}
    value = computed({"Fn::Sub": [text, own]}, VALUES, Parameters=SECRET, Resources=QUEUE)
    assert value == "swordfish us-east-1 <Queue> <Queue.Arn> ${Literal} aws"


def test_a_variable_of_sub_hides_a_parameter_of_its_name():
    assert computed({"Fn::Sub": ["${Secret}", {"Secret": "own"}]}, VALUES, Parameters=SECRET) == "own"


def test_join_puts_the_delimiter_between():
    assert computed({"Fn::Join": ["-", ["a", 1, True, {"Ref": "AWS::Region"}]]}) == "a-1-true-us-east-1"
    assert computed({"Fn::Join": ["", []]}) == ""
    without = {"Fn::Join": ["-", ["a", {"Ref": "AWS::NoValue"}, "b"]]}
    assert computed(without) == "a-b"


def test_split_and_select_undo_join():
    assert computed({"Fn::Split": ["-", "a-b-"]}) == ["a", "b", ""]
    assert computed({"Fn::Select": ["1", {"Fn::Split": ["-", "a-b"]}]}) == "b"
    assert computed({"Fn::Select": [0, ["a", "b"]]}) == "a"


def test_base64_keeps_the_text_that_it_encodes():
    value = computed({"Fn::Base64": {"Fn::Sub": "é ${AWS::Region}"}})
    assert isinstance(value, Base64Value)
    assert value.plain == "é us-east-1"
    assert base64.b64decode(value).decode() == value.plain


def test_to_json_string_is_compact_json():
    value = {"a": [1, True, {"Ref": "AWS::Region"}], "b": {"Ref": "AWS::NoValue"}}
    assert computed({"Fn::ToJsonString": value}) == '{"a":[1,true,"us-east-1"]}'


def test_length_counts_what_is_known():
    assert computed({"Fn::Length": [1, 2, 3]}) == 3
    assert computed({"Fn::Length": {"Fn::GetAZs": "us-west-1"}}) == 2
    assert not is_known(computed({"Fn::Length": {"Fn::GetAtt": "Zone.NameServers"}}, Resources={"Zone": {}}))


def test_what_another_stack_exports_is_a_placeholder():
    value = computed({"Fn::ImportValue": {"Fn::Sub": "${AWS::Region}-vpc"}})
    assert (value, value.known) == ("<import us-east-1-vpc>", False)
    assert value.origins == {Origin("import", "us-east-1-vpc")}


def test_an_output_of_another_stack_is_a_placeholder():
    value = computed({"Fn::GetStackOutput": {"StackName": "network", "OutputName": "Vpc", "Region": "eu-west-1"}})
    assert (value, value.known) == ("<output network.Vpc>", False)
    assert value.origins == {Origin("import", "network.Vpc")}


@pytest.mark.parametrize(
    "value",
    [
        "{{resolve:secretsmanager:db:SecretString:password}}",
        {"Fn::Sub": ["{{resolve:secretsmanager:${name}:SecretString:password}}", {"name": "db"}]},
        {"Fn::Join": [":", ["{{resolve:secretsmanager", "db", "SecretString", "password}}"]]},
        {"Fn::FindInMap": ["Secrets", "db", "password"]},
    ],
)
def test_a_dynamic_reference_stays_one_and_is_an_origin(value):
    reference = "{{resolve:secretsmanager:db:SecretString:password}}"
    found = computed(value, Mappings={"Secrets": {"db": {"password": reference}}})
    assert found == reference
    assert Origin("dynamic", reference) in found.origins


# Lists, zones and blocks.


@pytest.mark.parametrize(
    ("region", "argument", "zones"),
    [
        ("us-west-1", "", ["us-west-1a", "us-west-1c"]),
        ("us-east-1", {"Ref": "AWS::Region"}, [f"us-east-1{letter}" for letter in "abcdef"]),
        ("us-east-1", "ap-northeast-1", ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]),
    ],
)
def test_zones_are_those_of_the_region(region, argument, zones):
    assert computed({"Fn::GetAZs": argument}, {}, region) == zones


def test_the_zones_of_an_unknown_region_are_unknown():
    zones = computed({"Fn::GetAZs": {"Ref": "Where"}}, Parameters={"Where": {"Type": "String"}})
    assert isinstance(zones, UnknownList)
    assert origins_of(zones) == {Origin("parameter", "Where")}


@pytest.mark.parametrize(
    ("arguments", "blocks"),
    [
        (["10.0.0.0/16", 3, 8], ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]),
        (["10.0.0.0/16", "2", "12"], ["10.0.0.0/20", "10.0.16.0/20"]),
        (["10.0.0.0/24", 2, 7], ["10.0.0.0/25", "10.0.0.128/25"]),
        (["10.0.0.0/16", 1], ["10.0.0.0/24"]),
        (["10.0.7.1/16", 1, 8], ["10.0.0.0/24"]),
        (["2001:db8::/56", 2, 64], ["2001:db8::/64", "2001:db8:0:1::/64"]),
    ],
)
def test_cidr_divides_a_block(arguments, blocks):
    assert computed({"Fn::Cidr": arguments}) == blocks


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["10.0.0.0/24", 3, 7], "10.0.0.0/24 holds only 2 such blocks"),
        (["10.0.0.0/24", 1, 16], "new prefix must be longer"),
        (["10.0.0.0/24", 0, 4], "the count must be from 1 to 256"),
        (["10.0.0.0/8", 257, 8], "the count must be from 1 to 256"),
        (["10.0.0.0/24", "many", 4], "invalid literal for int"),
        (["nonsense", 1, 4], "does not appear to be an IPv4 or IPv6 network"),
        (["10.0.0.0/24", 1, 99], "prefix"),
    ],
)
def test_a_block_that_can_t_be_divided_so_is_an_error_at_its_place(arguments, message):
    kind, path, said = error({"Fn::Select": [0, {"Fn::Cidr": arguments}]})
    assert (kind, path) == ("Cidr", ("Fn::Select", 1, "Fn::Cidr"))
    assert message in said


def test_blocks_of_an_unknown_block_are_unknown():
    pool = {"Pool": {"Type": "AWS::EC2::VPCCidrBlock"}}
    value = computed({"Fn::Select": [1, {"Fn::Cidr": [{"Fn::GetAtt": "Pool.Ipv6CidrBlock"}, 2, 64]}]}, Resources=pool)
    assert not is_known(value)
    assert origins_of(value) == {Origin("attribute", "Pool", "Ipv6CidrBlock")}


@pytest.mark.parametrize(
    ("members", "inner"),
    [
        (["a", "b"], "list"),
        ({"Fn::GetAZs": "us-west-1"}, "Fn::GetAZs"),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, "Fn::Cidr"),
    ],
)
def test_an_index_past_the_end_is_an_error_that_names_the_function_of_the_list(members, inner):
    message = "Fn::Select asks for index 2 of a list of 2"
    assert error({"Fn::Select": [2, members]}) == (f"Select of {inner}", ("Fn::Select",), message)


def test_what_is_selected_with_an_unknown_index_or_from_an_unknown_list_is_unknown():
    parameters = {"Index": {"Type": "Number"}, **SECRET}
    value = computed({"Fn::Select": [{"Ref": "Index"}, ["a", {"Ref": "Secret"}]]}, VALUES, Parameters=parameters)
    assert (value.known, value.origins) == (False, {THE_SECRET})
    lookup = {"Lookup": {"Type": "Custom::Lookup"}}
    for function in ("Fn::Select", "Fn::Join"):
        value = computed({function: ["0", {"Fn::GetAtt": "Lookup.Subnets"}]}, Resources=lookup)
        assert value.origins == {Origin("attribute", "Lookup", "Subnets")}


# Maps and conditions.

MAPPINGS = {"Sizes": {"us-east-1": {"small": "t3.small", "zones": ["a", "b"]}}}


def test_a_mapping_is_looked_up_by_computed_keys():
    small = {"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}
    assert computed(small, Mappings=MAPPINGS) == "t3.small"
    zones = {"Fn::Select": [1, {"Fn::FindInMap": ["Sizes", "us-east-1", "zones"]}]}
    assert computed(zones, Mappings=MAPPINGS) == "b"


def test_an_entry_that_a_mapping_lacks_is_an_error_or_the_default():
    lookup = ["Sizes", {"Ref": "AWS::Region"}, "small"]
    found = error({"Fn::FindInMap": lookup}, {}, "eu-west-1", Mappings=MAPPINGS)
    assert found[::2] == ("FindInMap", "the mapping has no entry Sizes / eu-west-1 / small")
    default = {"Fn::FindInMap": [*lookup, {"DefaultValue": {"Ref": "AWS::Region"}}]}
    assert computed(default, {}, "eu-west-1", Mappings=MAPPINGS) == "eu-west-1"


def test_what_is_looked_up_by_an_unknown_key_is_unknown():
    value = computed(
        {"Fn::FindInMap": ["Sizes", {"Ref": "Where"}, "small", {"DefaultValue": {"Ref": "Secret"}}]},
        VALUES,
        Parameters={"Where": {"Type": "String"}, **SECRET},
        Mappings=MAPPINGS,
    )
    assert (value.known, value.origins) == (False, {THE_SECRET})


@pytest.mark.parametrize(
    ("condition", "decided"),
    [
        ({"Fn::Equals": ["a", "a"]}, True),
        ({"Fn::Equals": [True, "true"]}, True),
        ({"Fn::Equals": [1, "1"]}, True),
        ({"Fn::Equals": [["a", 1], ["a", "1"]]}, True),
        ({"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}, False),
        ({"Fn::Not": [{"Condition": "Never"}]}, True),
        ({"Fn::And": [{"Condition": "Always"}, {"Condition": "Never"}]}, False),
        ({"Fn::Or": [{"Condition": "Always"}, {"Condition": "Never"}]}, True),
        ({"Fn::Equals": [{"Fn::If": ["Always", "a", "b"]}, "a"]}, True),
    ],
)
def test_a_condition_is_decided(condition, decided):
    conditions = {
        "It": condition,
        "Always": {"Fn::Equals": ["a", "a"]},
        "Never": {"Fn::Equals": ["a", "b"]},
    }
    launch = launch_of({"Fn::If": ["It", "yes", "no"]}, Conditions=conditions)
    assert launch.errors == ()
    assert launch.conditions["It"] is decided
    assert launch.properties("It")["Value"] == ("yes" if decided else "no")


def test_conditions_that_depend_on_each_other_are_an_error():
    conditions = {"A": {"Fn::Not": [{"Condition": "B"}]}, "B": {"Fn::Not": [{"Condition": "A"}]}}
    (found,) = launch_of("", Conditions=conditions).errors
    assert (found.kind, found.message) == ("Cycle", "the condition A depends on itself")


def test_a_condition_that_is_not_there_is_an_error():
    assert error({"Fn::If": ["Nobody", "a", "b"]})[::2] == ("Name", "there is no condition Nobody")


def test_a_condition_can_t_depend_on_a_resource():
    conditions = {"A": {"Fn::Equals": [{"Ref": "Queue"}, ""]}}
    (found,) = launch_of("", Conditions=conditions, Resources=QUEUE).errors
    assert found == (
        "Ref",
        ("Conditions", "A", "Fn::Equals", 0, "Ref"),
        "Conditions can't refer to the resource Queue",
    )


def test_no_value_leaves_nothing_behind():
    nothing = {"Ref": "AWS::NoValue"}
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "It": {
                "Type": "Custom::It",
                "DeletionPolicy": nothing,
                "Properties": {
                    "A": nothing,
                    "B": ["b", nothing],
                    "C": {"Fn::If": ["Never", "c", nothing]},
                    "D": {"E": nothing},
                },
            },
            "Empty": {"Type": "Custom::It", "Properties": nothing},
        },
        "Outputs": {"Out": {"Value": "v", "Description": nothing}},
    }
    launch = evaluate(template, {})
    assert launch.resources == {
        "It": {"Type": "Custom::It", "Properties": {"B": ["b"], "D": {}}},
        "Empty": {"Type": "Custom::It"},
    }
    assert launch.outputs == {"Out": {"Value": "v"}}


def test_the_condition_of_a_policy_is_not_a_function():
    assert computed({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}) == {
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}
    }
    assert computed({"Condition": "Anything"}) == {"Condition": "Anything"}


# Rules.

RULE_PARAMETERS = {
    "Type": {"Type": "String"},
    "Zones": {"Type": "CommaDelimitedList", "Default": "a,b"},
    "Key": {"Type": "AWS::EC2::KeyPair::KeyName"},
}


def refused_by(*assertions: Any, parameter_values: dict[str, str] | None = None, **rule: Any) -> str | None:
    """The message with which the rule with these assertions refuses a launch; None if it doesn't."""
    rules = {"It": {"Assertions": [{"Assert": each, "AssertDescription": "Not so."} for each in assertions], **rule}}
    template = {"Parameters": RULE_PARAMETERS, "Rules": rules, "Resources": {"It": {"Type": "Custom::It"}}}
    try:
        evaluate(template, {"Type": "t3.small"} if parameter_values is None else parameter_values, allow_missing=True)
    except ValidationError as refused:
        return str(refused)
    return None


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        ({"Fn::Contains": [["t3.small", "m5.large"], {"Ref": "Type"}]}, True),
        ({"Fn::Contains": [["m5.large"], {"Ref": "Type"}]}, False),
        ({"Fn::Contains": [{"Ref": "Zones"}, "b"]}, True),
        ({"Fn::EachMemberIn": [{"Ref": "Zones"}, ["a", "b", "c"]]}, True),
        ({"Fn::EachMemberIn": [{"Ref": "Zones"}, ["a"]]}, False),
        ({"Fn::EachMemberEquals": [["t3.small", "t3.small"], {"Ref": "Type"}]}, True),
        ({"Fn::EachMemberEquals": [{"Ref": "Zones"}, "a"]}, False),
        ({"Fn::Not": [{"Fn::Equals": [{"Ref": "Type"}, "t3.small"]}]}, False),
        ({"Fn::Or": [{"Fn::Equals": [{"Ref": "Type"}, "x"]}, {"Fn::Equals": ["a", "a"]}]}, True),
    ],
)
def test_an_assertion_that_does_not_hold_refuses_the_launch_with_its_description(assertion, holds):
    assert refused_by(assertion) == (None if holds else "Not so.")


def test_a_rule_whose_condition_is_false_asserts_nothing():
    never = {"Fn::Equals": ["a", "b"]}
    assert refused_by(never) == "Not so."
    assert refused_by(never, RuleCondition={"Fn::Equals": [{"Ref": "Type"}, "t3.small"]}) == "Not so."
    assert refused_by(never, RuleCondition={"Fn::Equals": [{"Ref": "Type"}, "m5.large"]}) is None


@pytest.mark.parametrize(
    "assertion",
    [
        {"Fn::Contains": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}, "vpc-1"]},
        {"Fn::EachMemberIn": [{"Fn::ValueOfAll": ["AWS::EC2::Subnet::Id", "VpcId"]}, ["vpc-1"]]},
        {"Fn::Equals": [{"Fn::ValueOf": ["Key", "Name"]}, "x"]},
        {"Fn::Equals": [{"Ref": "Key"}, "x"]},
        {"Fn::Contains": [["x"], {"Ref": "Key"}]},
        {"Fn::Not": [{"Fn::Equals": [{"Ref": "Key"}, "x"]}]},
        {"Fn::And": [{"Fn::Equals": [{"Ref": "Key"}, "x"]}, {"Fn::Equals": ["a", "b"]}]},
        {"Fn::Not": [{"Ref": "Key"}]},
        {"Ref": "Key"},
    ],
)
def test_an_assertion_about_what_is_not_known_is_skipped(assertion):
    assert refused_by(assertion) is None
    assert refused_by({"Fn::Equals": ["a", "b"]}, RuleCondition=assertion) is None


def test_the_functions_of_rules_work_nowhere_else():
    found = error({"Fn::RefAll": "AWS::EC2::VPC::Id"})
    assert found == ("Syntax", ("Fn::RefAll",), "Fn::RefAll works only in Rules")


# Origins.

CONTAINING_THE_SECRET = {
    "three Subs": {"Fn::Sub": ["c ${c}", {"c": {"Fn::Sub": ["b ${b}", {"b": {"Fn::Sub": "a ${Secret}"}}]}}]},
    "Join": {"Fn::Join": ["-", ["a", {"Ref": "Secret"}]]},
    "Select": {"Fn::Select": [1, ["a", {"Ref": "Secret"}]]},
    "Split": {"Fn::Split": ["f", {"Ref": "Secret"}]},
    "a part of it": {"Fn::Select": [0, {"Fn::Split": ["f", {"Ref": "Secret"}]}]},
    "Base64": {"Fn::Base64": {"Ref": "Secret"}},
    "If": {"Fn::If": ["Always", {"Ref": "Secret"}, "b"]},
    "a default": {"Fn::FindInMap": ["Sizes", "no", "no", {"DefaultValue": {"Ref": "Secret"}}]},
    "ToJsonString": {"Fn::ToJsonString": {"a": [{"Ref": "Secret"}]}},
    "ImportValue": {"Fn::ImportValue": {"Fn::Sub": "export-${Secret}"}},
    "Transform": {"Fn::Transform": {"Name": "Upper", "Parameters": {"Text": {"Ref": "Secret"}}}},
    "an attribute": {"Fn::GetAtt": "Queue.QueueName"},
    "a bucket's ARN": {"Fn::Sub": "${Bucket.Arn}/*"},
    "a map": {"a": {"b": [{"Ref": "Secret"}]}},
}


@pytest.mark.parametrize("value", CONTAINING_THE_SECRET.values(), ids=CONTAINING_THE_SECRET)
def test_a_secret_is_an_origin_of_every_value_that_contains_it(value):
    found = computed(
        value,
        VALUES,
        Parameters=SECRET,
        Mappings=MAPPINGS,
        Conditions={"Always": {"Fn::Equals": ["a", "a"]}},
        Resources={
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "${Secret}"}}},
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Ref": "Secret"}}},
        },
    )
    assert THE_SECRET in origins_of(found)
    assert THE_SECRET not in origins_of(computed("swordfish", VALUES, Parameters=SECRET)), "only what flowed there"


def test_a_secret_is_an_origin_of_the_string_that_base64_encodes():
    assert computed({"Fn::Base64": {"Fn::Sub": "${Secret}"}}, VALUES, Parameters=SECRET).plain.origins == {THE_SECRET}


# Templates with macros and loops.


def test_what_a_macro_may_add_is_not_an_error():
    for transform in ("AWS::Serverless-2016-10-31", ["AWS::LanguageExtensions", "Own"]):
        value = {"Fn::Sub": "${HandlerRole} ${HandlerRole.Arn}"}
        launch = launch_of(
            [value, {"Fn::If": ["Added", 1, 2]}, {"Fn::FindInMap": ["a", "b", "c"]}], Transform=transform
        )
        assert launch.errors == ()
    (found,) = launch_of({"Ref": "Role"}, Transform="AWS::LanguageExtensions").errors
    assert found.kind == "Name"


def test_a_name_that_a_function_computes_is_the_error_of_the_function():
    computed_name = {"Fn::Sub": "Role"}
    for function, value in (("Ref", computed_name), ("Fn::GetAtt", [computed_name, "Arn"])):
        (found,) = launch_of({function: value}, Transform="AWS::LanguageExtensions").errors
        assert found.kind == function.removeprefix("Fn::")


def test_a_loop_is_not_a_resource_and_what_it_makes_is_not_an_error():
    loop = {"Fn::ForEach::Topics": ["Name", ["A", "B"], {"Topic${Name}": {"Type": "AWS::SNS::Topic"}}]}
    launch = launch_of({"Ref": "TopicA"}, Transform="AWS::LanguageExtensions", Resources=loop)
    assert set(launch.resources) == {"It"}
    assert launch.errors == ()


# Any template is evaluated or refused.

NAMES = st.sampled_from(["A", "B", "C", "P", "L", "M", "AWS::Region", "AWS::NoValue", "Nobody", "A.Arn", ""])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 300)
    | st.floats(allow_nan=False)
    | NAMES
    | st.sampled_from(["${A}", "${A.Arn}${B}${!C}${", "10.0.0.0/16", ",", "{{resolve:ssm:${P}}}", "true", "<x>"])
)


def calls(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    functions = st.sampled_from([*INTRINSIC_FUNCTIONS, "Fn::ForEach::Loop", "Fn::Unheard"])
    arguments = inner | st.lists(inner, max_size=4) | st.tuples(NAMES, inner).map(list)
    return (
        st.builds(lambda name, argument: {name: argument}, functions, arguments)
        | st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3)
    )


ANYTHING = st.recursive(LEAVES, calls, max_leaves=12)


def having(**entries: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Anything, or a dict with some of these entries."""
    return ANYTHING | st.fixed_dictionaries({}, optional={name: each | ANYTHING for name, each in entries.items()})


def named(entry: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Anything, or a dict with these entries under some names."""
    return ANYTHING | st.dictionaries(NAMES, entry, max_size=4)


PARAMETER = having(
    Type=st.sampled_from(["String", "Number", "CommaDelimitedList", "List<Number>"]),
    AllowedPattern=st.sampled_from(["[a-z]*", "(", "(a+)+b"]),
    **dict.fromkeys(["Default", "AllowedValues", "MinLength", "MaxValue", "ConstraintDescription"], ANYTHING),
)
RESOURCE = having(
    Type=st.sampled_from(["AWS::S3::Bucket", "Custom::X", "AWS::EC2::VPC"]),
    Properties=having(Arn=ANYTHING, BucketName=ANYTHING, CidrBlock=ANYTHING),
    Condition=ANYTHING,
    DependsOn=ANYTHING,
)
TEMPLATES = st.fixed_dictionaries(
    {},
    optional={
        "Transform": ANYTHING,
        "Parameters": named(PARAMETER),
        "Rules": named(having(RuleCondition=ANYTHING, Assertions=st.lists(having(Assert=ANYTHING)))),
        "Mappings": named(ANYTHING),
        "Conditions": named(ANYTHING),
        "Resources": named(RESOURCE),
        "Outputs": named(having(Value=ANYTHING, Condition=ANYTHING)),
    },
)


@pytest.mark.exhaustive
@settings(max_examples=500)
@given(TEMPLATES)
@example({"Resources": {"A": {"Properties": {"Value": {"Fn::Split": ["", "abc"]}}}}})
@example({"Resources": {"A": {"Properties": {"Value": {"Fn::ToJsonString": {"Ref": "AWS::NoValue"}}}}}})
@example({"Resources": {"A": {"DependsOn": [{"a": "b"}], "Properties": {"Fn::GetAtt": {"a": "b"}}}}})
@example({"Parameters": {"P": {"AllowedValues": 1, "Default": "a"}}, "Rules": {"R": {"Assertions": 1}}})
def test_any_template_is_evaluated_or_refused(template: dict[str, Any]) -> None:
    try:
        launch = evaluate(template, {}, allow_missing=True)
    except ValidationError:
        return
    for name in launch.resources:
        launch.type_of(name), launch.properties(name), launch.before(name)
    everything = [dict(launch.resources), dict(launch.outputs)]
    assert is_known(everything) in (True, False)
    assert all(isinstance(each, str) for each, _ in strings_in(everything))
    json.dumps(everything)
    for found in launch.errors:
        assert found.kind
        assert found.message
        assert found.path[0] in template


def kinds_of_errors(**sections: Any) -> set[str]:
    return {each.kind for each in evaluate(sections, {}, allow_missing=True).errors}


@pytest.mark.parametrize(
    "inner", [["{}"], {"a": "{}"}, {"Fn::Not": ["{}"]}, {"Fn::Join": ["", ["{}"]]}, {"Fn::Sub": ["", {"a": "{}"}]}]
)
def test_as_deep_as_can_be_read_is_computed(inner: Any) -> None:
    def depth(value: Any) -> int:
        if not isinstance(value, (dict, list)):
            return 0
        return 1 + max(map(depth, value.values() if isinstance(value, dict) else value))

    value: Any = "x"
    while depth(value) + 3 < MAX_DEPTH_READ:
        value = json.loads(json.dumps(inner).replace('"{}"', json.dumps(value)))
    assert "Size" not in kinds_of_errors(Resources={"It": {"Properties": {"Value": value}}})


def vpcs(length: int, block: str) -> dict[str, Any]:
    """So many VPCs, each but the first with a block made of the one before it."""
    first = {"V0": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}}
    return first | {
        f"V{index}": {
            "Type": "AWS::EC2::VPC",
            "Properties": {"CidrBlock": {"Fn::Sub": block.replace("before", f"V{index - 1}.CidrBlock")}},
        }
        for index in reversed(range(1, length))
    }


def test_a_chain_of_references_is_followed_unless_it_is_too_long() -> None:
    launch = evaluate({"Resources": vpcs(30, "${before}")}, {})
    assert launch.properties("V29")["CidrBlock"] == "10.0.0.0/16"
    assert kinds_of_errors(Resources=vpcs(500, "${before}")) == {"Size"}
    conditions: dict[str, Any] = {f"C{index}": {"Fn::Not": [{"Condition": f"C{index + 1}"}]} for index in range(500)}
    conditions["C500"] = {"Fn::Equals": ["a", "a"]}
    assert kinds_of_errors(Conditions=conditions, Resources={"It": {}}) == {"Size"}
    assert MAX_DEPTH == 150, "see there what it has to do with Python's own limit"


def nested(function: str, levels: int, around: Callable[[Any], Any]) -> dict[str, Any]:
    value: Any = '"' * 100
    for _ in range(levels):
        value = {function: around(value)}
    return {"It": {"Properties": {"Value": value}}}


def repeated(block: str, value: Any) -> dict[str, Any]:
    """A VPC with a block, and 500 resources with a value."""
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": block}}
    return {"V0": vpc, **{f"It{index}": {"Properties": {"Value": value}} for index in range(500)}}


GROWING: dict[str, dict[str, Any]] = {
    "attributes": vpcs(60, "${before}${before}"),
    "variables": nested("Fn::Sub", 60, lambda value: ["${a}${a}", {"a": value}]),
    "joined": nested("Fn::Join", 60, lambda value: [",", [value]]),
    "encoded": nested("Fn::Base64", 90, lambda value: value),
    "escaped": nested("Fn::ToJsonString", 40, lambda value: [value]),
    "repeated": repeated("x" * 500_000, {"Fn::Sub": "${V0.CidrBlock}"}),
    "split": repeated("x," * 250_000, {"Fn::Split": [",", {"Fn::GetAtt": "V0.CidrBlock"}]}),
}


@pytest.mark.parametrize("resources", GROWING.values(), ids=GROWING)
def test_a_small_template_can_t_make_large_values(resources: dict[str, Any]) -> None:
    before = time.process_time()
    launch = evaluate({"Resources": resources}, {})
    values = [text for text, _ in strings_in(dict(launch.resources)) if isinstance(text, Value)]
    assert sum({id(value): len(value) for value in values}.values()) < 3 * MAX_CHARACTERS
    assert time.process_time() - before < 30
