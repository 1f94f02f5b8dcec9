"""The documented product: what a customer sees in the console, and what the documentation says is created.

Names are literal here, because they are literal for the customer: one that changes breaks a running stack.
"""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.launch.evaluator import STACK
from quilt_cfn.editions import EDITIONS
from quilt_cfn.stack import build
from tests.launches import DOCUMENTED, ValidationError, launch_stack

DOCUMENTED_WITH_A_DEFAULT = {"DBInstanceType", "InstanceType"}
NAMES = {name for name in DOCUMENTED if not name.endswith("*")}
"""Of the documented parameters; the machine image's is AWS Marketplace's to fill in."""


def test_the_documented_parameters_exist(template):
    assert set(template["Parameters"]) >= NAMES
    assert len(NAMES) == 14


def test_nothing_beyond_the_documented_parameters_has_to_be_filled_in(edition, release):
    template = build(EDITIONS[edition], release._replace(ami_id="ami-0123456789abcdef0"))
    required = {name for name, parameter in template["Parameters"].items() if "Default" not in parameter}
    assert required == NAMES - DOCUMENTED_WITH_A_DEFAULT


def test_the_two_documented_outputs_come_first_and_stay_as_they_are(template, stack):
    assert list(template["Outputs"])[:2] == ["LoadBalancerDNSName", "EC2InstanceIp"]
    assert stack.outputs["LoadBalancerDNSName"] == "<LoadBalancer.DNSName>"
    assert stack.outputs["EC2InstanceIp"] == "<ServerAddress>"
    assert stack.resources["ServerAddress"]["Type"] == "AWS::EC2::EIP"


@pytest.mark.parametrize(
    ("logical_id", "resource_type"),
    [
        ("Bucket", "AWS::S3::Bucket"),
        ("SshSecurityGroup", "AWS::EC2::SecurityGroup"),
        ("ElbSecurityGroup", "AWS::EC2::SecurityGroup"),
    ],
)
def test_the_documented_logical_ids_exist_in_every_edition(stack, logical_id, resource_type):
    assert stack.resources[logical_id]["Type"] == resource_type


def test_there_is_one_of_each_documented_resource(stack):
    for resource_type in (
        "AWS::AutoScaling::AutoScalingGroup",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::VPC",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::RDS::DBInstance",
        "AWS::S3::Bucket",
    ):
        assert len(stack.of_type(resource_type)) == 1, resource_type
    assert len(stack.of_type("AWS::EC2::Subnet")) == 3


def test_small_and_large_are_available_as_documented(template):
    parameters = template["Parameters"]
    assert parameters["InstanceType"]["Default"] == "t3.small"
    assert {"t2.small", "t3.small", "m5.large"} <= set(parameters["InstanceType"]["AllowedValues"])
    assert parameters["DBInstanceType"]["Default"] == "db.t3.small"
    assert {"db.t3.small", "db.m5.large"} <= set(parameters["DBInstanceType"]["AllowedValues"])


@pytest.mark.parametrize("missing", sorted(NAMES - DOCUMENTED_WITH_A_DEFAULT))
def test_parameters_without_a_documented_value_are_refused(template, missing):
    with pytest.raises(ValidationError, match=missing):
        launch_stack(template, {name: value for name, value in DOCUMENTED.items() if name != missing})


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "ap-southeast-2", "eu-north-1"])
@pytest.mark.parametrize("sizes", [("t3.small", "db.t3.small"), ("m5.large", "db.m5.large")])
def test_the_documented_parameters_alone_make_a_complete_stack(template, region, sizes):
    stack = launch_stack(template, DOCUMENTED | {"InstanceType": sizes[0], "DBInstanceType": sizes[1]}, region)
    assert len(stack.resources) > 40
    assert all("Type" in resource for resource in stack.resources.values())
    # Nothing that a customer may leave empty came out as an empty text on the way.
    environment = stack.environments["registry"]
    switched_off = {"MIXPANEL_PROJECT_TOKEN"}
    assert {name for name, value in environment.items() if value == ""} == switched_off


@pytest.mark.parametrize(
    "choice",
    [
        {"HostedZoneId": "Z0123456789ABCDEFGHIJ"},
        {"SmtpHost": "smtp.example.com", "SmtpPort": 2587},
        {"BackupRetentionDays": 35, "LogRetentionDays": 365},
        {"DBSnapshotIdentifier": "quilt-2026-11-01"},
        {"AlarmEmail": "ops@example.com"},
        {"ExistingBucket": "earlier-packages"},
        {"AvailabilityZone1": "us-east-1c", "AvailabilityZone2": "us-east-1d"},
        {"VpcCidr": "10.0.16.0/20", "HttpsInputCIDR": "203.0.113.0/24"},
        {"DBStorage": 300, "MaintenanceWindow": "wed:20:00-wed:21:00"},
        {"BackupRegion": "eu-west-1", "BackupKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"},
        {"OldVersionDays": 90},
    ],
)
def test_every_optional_value_makes_a_complete_stack(template, choice):
    assert len(launch_stack(template, DOCUMENTED | choice).resources) > 40


def test_every_parameter_is_described_labelled_and_in_exactly_one_group(template):
    parameters = template["Parameters"]
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(parameters)
    assert grouped == list(parameters), "the form's order and the template's are the same"
    assert set(interface["ParameterLabels"]) == set(parameters)
    for name, parameter in parameters.items():
        assert parameter["Description"], name
        assert "AllowedPattern" not in parameter or parameter["ConstraintDescription"], name


def test_what_a_console_lists_by_name_has_the_stacks_name(stack):
    tagged = [
        "Vpc",
        "PublicSubnet1",
        "PrivateSubnet1",
        "PrivateSubnet2",
        "Bucket",
        "Database",
        "LoadBalancer",
        "ServerAddress",
    ]
    names = {name: {tag["Key"]: tag["Value"] for tag in stack.properties(name)["Tags"]}["Name"] for name in tagged}
    names["ServerGroup"] = next(tag["Value"] for tag in stack.properties("ServerGroup")["Tags"] if tag["Key"] == "Name")
    assert all(name.startswith(f"{STACK}-") for name in names.values())
    assert len(set(names.values())) >= 8
