"""What a launch creates: which resources, in which order, with which outputs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quilt_cfn.cloudformation.launch import ValidationError, evaluate, values_for

TEMPLATE = {
    "Parameters": {"Size": {"Type": "String", "Default": "small"}},
    "Conditions": {"Large": {"Fn::Equals": [{"Ref": "Size"}, "large"]}, "Small": {"Fn::Not": [{"Condition": "Large"}]}},
    "Resources": {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}}},
        "Server": {"Type": "AWS::EC2::Instance", "Properties": {"SubnetId": {"Fn::Sub": "${Subnet}"}}},
        "Address": {"Type": "AWS::EC2::EIP", "DependsOn": "Route", "Properties": {"InstanceId": {"Ref": "Server"}}},
        "Route": {"Type": "AWS::EC2::Route", "DependsOn": ["Vpc", "Cache"]},
        "Cache": {"Type": "AWS::ElastiCache::CacheCluster", "Condition": "Large"},
        "Record": {
            "Type": "AWS::Route53::RecordSet",
            "Properties": {"Name": {"Fn::GetAtt": "Address.PublicIp"}, "TTL": {"Fn::GetAtt": ["Vpc", {"Ref": "Size"}]}},
        },
    },
    "Outputs": {
        "Subnet": {"Value": {"Ref": "Subnet"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-subnet"}}},
        "Cache": {"Condition": "Large", "Value": {"Ref": "Cache"}},
    },
}


@pytest.fixture
def small():
    return evaluate(TEMPLATE, {})


@pytest.fixture
def large():
    return evaluate(TEMPLATE, {"Size": "large"})


def test_what_a_condition_excludes_is_not_created(small, large):
    assert set(large.resources) - set(small.resources) == {"Cache"}
    assert set(large.outputs) - set(small.outputs) == {"Cache"}
    assert (small.conditions, large.conditions) == ({"Large": False, "Small": True}, {"Large": True, "Small": False})


def test_resources_are_found_by_type(small):
    assert small.of_type("AWS::EC2::VPC", "AWS::EC2::Route") == {"Vpc": {"CidrBlock": "10.0.0.0/16"}, "Route": {}}
    assert small.type_of("Vpc") == "AWS::EC2::VPC"
    assert (small.type_of("Cache"), small.properties("Cache")) == ("", {}), "it is not created"


def test_values_of_a_contract_are_of_the_parameters_that_a_template_has():
    template: dict[str, Any] = {"Parameters": {"Size": {}, "ImageOf1x0": {}, "ImageOf1x0Too": {}}}
    values = {"Size": "large", "ImageOf*": "ami-1", "KeyFor*": "k", "ImageOf1x0Too": "ami-2"}
    assert values_for(template, values) == {"Size": "large", "ImageOf1x0": "ami-1", "ImageOf1x0Too": "ami-2"}


def test_a_value_of_a_contract_for_a_parameter_that_is_nowhere_is_refused():
    with pytest.raises(ValidationError, match=r"\[Sise\] do not exist in the template"):
        evaluate(TEMPLATE, values_for(TEMPLATE, {"Sise": "large"}))


def test_outputs_and_exports_are_computed(small):
    assert small.outputs == {"Subnet": {"Value": "<Subnet>", "Export": {"Name": "my-stack-subnet"}}}


def test_a_resource_waits_for_what_it_refers_to_and_what_it_depends_on(small, large):
    assert small.dependencies["Subnet"] == {"Vpc"}
    assert small.dependencies["Server"] == {"Subnet"}
    assert small.dependencies["Address"] == {"Route", "Server"}
    assert small.dependencies["Record"] == {"Address", "Vpc"}
    assert (small.dependencies["Route"], large.dependencies["Route"]) == ({"Vpc"}, {"Vpc", "Cache"})


def test_before_goes_all_the_way(small):
    assert small.before("Address") == {"Route", "Server", "Subnet", "Vpc"}
    assert "Subnet" in small.before("Record") & small.before("Address") & small.before("Server")
    assert small.before("Vpc") == frozenset()


def test_what_depends_on_itself_is_before_itself():
    circle = {"A": {"DependsOn": "B"}, "B": {"Properties": {"X": {"Ref": "A"}}}}
    launch = evaluate({"Resources": circle}, {})
    assert launch.before("A") == {"A", "B"}


def test_a_value_that_is_one_reference_has_the_logical_id_of_its_resource(small):
    assert small.referenced_resource(small.properties("Subnet")["VpcId"]) == "Vpc"
    assert small.referenced_resource(small.properties("Server")["SubnetId"]) == "Subnet"
    assert small.referenced_resource(small.properties("Record")["Name"]) == "Address"
    assert small.referenced_resource(small.compute({"Fn::Sub": "${Vpc}/"})) is None
    assert small.referenced_resource(small.compute({"Ref": "Size"})) is None
    assert small.referenced_resource({"Ref": "Vpc"}) is None


def test_any_value_is_computed_as_if_it_stood_in_the_template(large):
    assert large.compute({"Fn::If": ["Large", {"Fn::Sub": "${Cache} in ${AWS::Region}"}, ""]}) == "<Cache> in us-east-1"


def test_other_parameter_values_can_be_tried():
    rules = {
        "R": {"Assertions": [{"Assert": {"Fn::Contains": [["small"], {"Ref": "Size"}]}, "AssertDescription": "No."}]}
    }
    launch = evaluate({**TEMPLATE, "Rules": rules}, {})
    assert launch.refuses({"Size": "large"})
    assert not launch.refuses({"Size": "small"})
    with pytest.raises(ValidationError, match=r"^No\.$"):
        evaluate({**TEMPLATE, "Rules": rules}, {"Size": "large"})


@pytest.mark.parametrize("section", ["Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs"])
def test_a_misshapen_section_raises_nothing(section: str) -> None:
    shapes: list[Any] = [None, [], ["a"], "a", 1, {"a": None}, {"a": []}, {"a": [1]}, {"a": "b"}, {"a": {"b": 1}}]
    for shape in shapes:
        launch = evaluate({**TEMPLATE, section: shape}, {}, allow_missing=True)
        assert json.dumps(launch.outputs) is not None
