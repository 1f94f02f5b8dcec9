"""Values that are valid each by itself and that AWS refuses together: in our templates, and in small ones."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.launch import evaluate
from quilt_cfn.editions import EDITIONS, MachineImage
from tests.cloudformation.checks.conftest import findings, rules_and_places

X86, ARM = (f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{each}" for each in ("x86_64", "arm64"))


def properties(template, name):
    return template["Resources"][name]["Properties"]


def resource_of(template, resource_type):
    return next(name for name, each in template["Resources"].items() if each["Type"] == resource_type)


def found(rule, resources, parameters=None):
    """The names of the resources of a template in which a rule finds something."""
    resources = {name: {"Type": kind, "Properties": settings} for name, (kind, settings) in resources.items()}
    template = {"Parameters": parameters or {}, "Resources": resources}
    launch = evaluate(template, {}, allow_missing=True)
    return {place for _, place in rules_and_places(template, [launch], rules=[RULES[rule]])}


def test_a_parameter_group_of_another_version(edition, seeded):
    group = resource_of(seeded, "AWS::RDS::DBParameterGroup")
    properties(seeded, group)["Family"] = "postgres15"
    assert findings(edition, seeded) == {("W27", "Database")}


def test_a_parameter_group_of_another_engine(edition, seeded):
    group = resource_of(seeded, "AWS::RDS::DBParameterGroup")
    properties(seeded, group)["Family"] = "aurora-postgresql16"
    assert findings(edition, seeded) == {("W27", "Database")}


MAJOR = {"Fn::Select": [0, {"Fn::Split": [".", {"Ref": "Version"}]}]}
DATABASES = [
    ("postgres", "16.4", "postgres16", True),
    ("postgres", "16.4", "postgres17", False),
    ("postgres", "9.6.22", "postgres9.6", True),
    ("postgres", None, "postgres13", True),
    ("postgres", None, "mysql8.0", False),
    ("mysql", "8.0.35", "mysql8.0", True),
    ("mysql", "8.4.3", "mysql8.0", False),
    ("mysql", "8", "mysql8.4", True),
    ("mariadb", "10.11.6", "mariadb10.11", True),
    ("mariadb", "10.11.6", "mariadb10.1", False),
    ("oracle-ee", "19.0.0.0.ru-2024-01.rur-2024-01.r1", "oracle-ee-19", True),
    ("oracle-ee", "19.0.0.0.ru-2024-01.rur-2024-01.r1", "oracle-ee-cdb-19", False),
    ("sqlserver-se", "15.00.4073.23.v1", "sqlserver-se-15.0", True),
    ("sqlserver-se", "15.00.4073.23.v1", "sqlserver-web-15.0", False),
    ("custom-sqlserver-se", "15.00.4073.23.v1", "sqlserver-se-15.0", True),
    ("postgres", "16.4", {"Ref": "Elsewhere"}, True),
    ("mariadb", 10.1, "mariadb10.10", True),
]
"""(engine, version, family, whether they fit or nobody can tell)"""


@pytest.mark.parametrize(("engine", "version", "family", "fits"), DATABASES)
def test_a_database_and_its_parameter_group(engine, version, family, fits):
    database = {"Engine": engine, "DBParameterGroupName": {"Ref": "Group"}}
    resources = {
        "Database": ("AWS::RDS::DBInstance", database | ({"EngineVersion": version} if version else {})),
        "Group": ("AWS::RDS::DBParameterGroup", {"Family": family}),
    }
    assert found("W27", resources, {"Elsewhere": {"Type": "String"}}) == (set() if fits else {"Database"})


@pytest.mark.parametrize(
    ("family", "places"),
    [("postgres16", {"Database"}), ({"Fn::Join": ["", ["postgres", MAJOR]]}, set())],
)
def test_a_version_that_the_template_allows_beside_the_default(family, places):
    version = {"Type": "String", "Default": "16.4", "AllowedValues": ["16.4", "16.6", "17.2"]}
    database = {"Engine": "postgres", "EngineVersion": {"Ref": "Version"}, "DBParameterGroupName": {"Ref": "Group"}}
    resources = {
        "Database": ("AWS::RDS::DBInstance", database),
        "Group": ("AWS::RDS::DBParameterGroup", {"Family": family}),
    }
    assert found("W27", resources, {"Version": version}) == places
    assert found("W27", resources, {"Version": {**version, "AllowedValues": ["16.4", "16.6"]}}) == set()


@pytest.mark.parametrize(("family", "places"), [("aurora-mysql8.0", set()), ("aurora-mysql5.7", {"Cluster", "Reader"})])
def test_an_instance_has_the_version_of_its_cluster(family, places):
    cluster = {"Engine": "aurora-mysql", "EngineVersion": "8.0.mysql_aurora.3.05.2"}
    reader = {"Engine": "aurora-mysql", "DBClusterIdentifier": {"Ref": "Cluster"}}
    resources = {
        "Cluster": ("AWS::RDS::DBCluster", {**cluster, "DBClusterParameterGroupName": {"Ref": "ClusterGroup"}}),
        "ClusterGroup": ("AWS::RDS::DBClusterParameterGroup", {"Family": family}),
        "Reader": ("AWS::RDS::DBInstance", {**reader, "DBParameterGroupName": {"Ref": "Group"}}),
        "Group": ("AWS::RDS::DBParameterGroup", {"Family": family}),
    }
    assert found("W27", resources) == places


@pytest.mark.parametrize(
    ("name", "version", "fits"),
    [
        ("sqlserver-se", "15.00", True),
        ("sqlserver-se", "16.00", False),
        ("sqlserver-ee", "15.00", False),
        ("sqlserver-se", {"Ref": "Elsewhere"}, True),
    ],
)
def test_a_database_and_its_option_group(name, version, fits):
    database = {"Engine": "sqlserver-se", "EngineVersion": "15.00.4073.23.v1", "OptionGroupName": {"Ref": "Options"}}
    resources = {
        "Database": ("AWS::RDS::DBInstance", database),
        "Options": ("AWS::RDS::OptionGroup", {"EngineName": name, "MajorEngineVersion": version}),
    }
    assert found("W27", resources, {"Elsewhere": {"Type": "String"}}) == (set() if fits else {"Database"})


@pytest.mark.parametrize(
    ("version", "family", "fits"),
    [("7.1", "redis7", True), ("6.2", "redis6.x", True), ("7.1", "redis6.x", False), ("7.1", "valkey7", False)],
)
def test_a_cache_and_its_parameter_group(version, family, fits):
    cache = {"Engine": "redis", "EngineVersion": version, "CacheParameterGroupName": {"Ref": "Group"}}
    resources = {
        "Cache": ("AWS::ElastiCache::ReplicationGroup", cache),
        "Group": ("AWS::ElastiCache::ParameterGroup", {"CacheParameterGroupFamily": family}),
    }
    assert found("W27", resources) == (set() if fits else {"Cache"})


# The image of an edition that has one of its own is a mere ID, which tells nothing; see tests/stack/test_instance.py.
OF_AMAZON_LINUX = [name for name, edition in EDITIONS.items() if edition.machine_image is MachineImage.AMAZON_LINUX]


@pytest.mark.parametrize("edition", OF_AMAZON_LINUX, indirect=True)
def test_a_graviton_type_beside_the_default(edition, seeded):
    seeded["Parameters"]["InstanceType"]["AllowedValues"].append("t4g.small")
    assert findings(edition, seeded) == {("W28", "ServerTemplate")}


@pytest.mark.parametrize("edition", OF_AMAZON_LINUX, indirect=True)
def test_an_image_for_graviton(edition, seeded):
    seeded["Parameters"]["AmiId"]["Default"] = ARM
    assert findings(edition, seeded) == {("W28", "ServerTemplate")}


IMAGE = {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"}


@pytest.mark.parametrize(
    ("image", "kind", "fits"),
    [
        ({"Ref": "Image"}, "t3.small", True),
        ({"Ref": "Image"}, "m7g.large", False),
        ({"Ref": "Image"}, "im4gn.large", False),
        ({"Ref": "Image"}, "g5.xlarge", True),
        ({"Ref": "Image"}, "a1.large", False),
        (f"{{{{resolve:ssm:{ARM}}}}}", "t4g.small", True),
        (f"{{{{resolve:ssm:{ARM}:3}}}}", "t3.small", False),
        (f"resolve:ssm:{ARM}", "t3.small", False),
        ("resolve:ssm:/company/image-arm64", "t3.small", True),
        ("ami-0123456789abcdef0", "t4g.small", True),
        ({"Ref": "Image"}, {"Ref": "Unknown"}, True),
    ],
)
def test_an_image_and_an_instance_type(image, kind, fits):
    resources = {"Server": ("AWS::EC2::Instance", {"ImageId": image, "InstanceType": kind})}
    parameters = {"Image": {**IMAGE, "Default": X86}, "Unknown": {"Type": "String"}}
    assert found("W28", resources, parameters) == (set() if fits else {"Server"})


def test_an_image_that_follows_the_type_is_right():
    template: dict[str, Any] = {
        "Parameters": {"Kind": {"Type": "String", "Default": "t3.small", "AllowedValues": ["t3.small", "t4g.small"]}},
        "Conditions": {"IsArm": {"Fn::Equals": [{"Ref": "Kind"}, "t4g.small"]}},
        "Resources": {
            "Server": {
                "Type": "AWS::EC2::Instance",
                "Properties": {
                    "InstanceType": {"Ref": "Kind"},
                    "ImageId": {"Fn::If": ["IsArm", f"{{{{resolve:ssm:{ARM}}}}}", f"{{{{resolve:ssm:{X86}}}}}"]},
                },
            }
        },
    }
    assert rules_and_places(template, [evaluate(template, {})], rules=[RULES["W28"]]) == set()
    template["Conditions"]["IsArm"] = {"Fn::Equals": ["a", "b"]}
    assert rules_and_places(template, [evaluate(template, {})], rules=[RULES["W28"]]) == {("W28", "Server")}


def test_whoever_may_choose_the_image_as_well_chooses_a_pair():
    kinds = {"Type": "String", "Default": "t3.small", "AllowedValues": ["t3.small", "t4g.small"]}
    resources = {"Server": ("AWS::EC2::Instance", {"ImageId": {"Ref": "Image"}, "InstanceType": {"Ref": "Kind"}})}
    one, both = {**IMAGE, "Default": X86}, {**IMAGE, "Default": X86, "AllowedValues": [X86, ARM]}
    assert found("W28", resources, {"Kind": kinds, "Image": both}) == set()
    assert found("W28", resources, {"Kind": kinds, "Image": one}) == {"Server"}


def test_the_types_of_a_group_that_mixes_them():
    overrides = [{"InstanceType": "m7i.large"}, {"InstanceType": "m7g.large"}]
    launched = {"LaunchTemplateSpecification": {"LaunchTemplateId": {"Ref": "Template"}}, "Overrides": overrides}
    resources = {
        "Template": ("AWS::EC2::LaunchTemplate", {"LaunchTemplateData": {"ImageId": f"resolve:ssm:{X86}"}}),
        "Group": ("AWS::AutoScaling::AutoScalingGroup", {"MixedInstancesPolicy": {"LaunchTemplate": launched}}),
    }
    assert found("W28", resources) == {"Group"}
    del overrides[1]
    assert found("W28", resources) == set()


@pytest.mark.parametrize(("image", "fits"), [("AL2023_ARM_64_STANDARD", True), ("AL2023_x86_64_STANDARD", False)])
def test_the_nodes_of_a_cluster(image, fits):
    resources = {"Nodes": ("AWS::EKS::Nodegroup", {"AmiType": image, "InstanceTypes": ["m7g.large"]})}
    assert found("W28", resources) == (set() if fits else {"Nodes"})
