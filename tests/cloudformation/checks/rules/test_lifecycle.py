"""Defects of the lifecycle, put into our own templates."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.rules import lifecycle, updates
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.editions import EDITIONS
from tests.cloudformation.checks.conftest import CONTRACT, findings, rules_and_places
from tests.launches import evaluate_edition


def lifecycle_findings(template: dict[str, Any]) -> set[tuple[str, str]]:
    """What this family finds in a template, without its contract."""
    launch = evaluate_edition(template, CONTRACT.parameter_sets["options-large"] if "Parameters" in template else {})
    rules = [each for each in vars(lifecycle).values() if isinstance(each, Rule)]
    return rules_and_places(template, [launch], rules=rules)


# L01


@pytest.mark.parametrize(
    ("logical_id", "properties", "found"),
    [
        ("Database", {"DeletionProtection": True}, "Database"),
        (
            "LoadBalancer",
            {"LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": "true"}]},
            "LoadBalancer",
        ),
    ],
)
def test_a_protection_from_the_start_blocks_the_rollback(
    edition: str, seeded: dict[str, Any], logical_id: str, properties: dict[str, Any], found: str
) -> None:
    seeded["Resources"][logical_id]["Properties"].update(properties)
    assert findings(edition, seeded) == {("L01", found)}


@pytest.mark.parametrize("protected", ["the instance", "its launch template"])
def test_an_instance_that_is_protected_from_the_start_blocks_the_rollback(protected: str) -> None:
    on = {"DisableApiTermination": "true"}
    data = {"LaunchTemplateData": on if protected == "its launch template" else {}}
    launched = {"LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}}}
    template = {"Type": "AWS::EC2::LaunchTemplate", "Properties": data}
    web = {"Type": "AWS::EC2::Instance", "Properties": launched | (on if protected == "the instance" else {})}
    assert lifecycle_findings({"Resources": {"Template": template, "Web": web}}) == {("L01", "Web")}


def test_auto_scaling_ends_protected_instances_all_the_same(edition: str, seeded: dict[str, Any]) -> None:
    seeded["Resources"]["ServerTemplate"]["Properties"]["LaunchTemplateData"]["DisableApiTermination"] = True
    assert findings(edition, seeded) == set()


def test_protection_that_is_off_or_of_a_retained_resource_blocks_nothing() -> None:
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {"DeletionProtectionEnabled": True}}
    pool = {"Type": "AWS::Cognito::UserPool", "Properties": {"DeletionProtection": "INACTIVE"}}
    assert lifecycle_findings({"Resources": {"Table": table, "Pool": pool}}) == {("L01", "Table")}
    assert lifecycle_findings({"Resources": {"Table": table | {"DeletionPolicy": "Retain"}}}) == set()


# L02 and L06


def log_the_network_in_s3(template: dict[str, Any], **attributes: Any) -> None:
    template["Resources"]["NetworkLogsBucket"] = {"Type": "AWS::S3::Bucket", **attributes}
    del template["Resources"]["NetworkLogs"], template["Resources"]["NetworkLogsRole"]
    properties = template["Resources"]["NetworkFlowLog"]["Properties"]
    del properties["LogGroupName"], properties["DeliverLogsPermissionArn"]
    properties["LogDestinationType"] = "s3"
    properties["LogDestination"] = {"Fn::GetAtt": ["NetworkLogsBucket", "Arn"]}


@pytest.mark.parametrize("attributes", [{}, {"DeletionPolicy": "RetainExceptOnCreate"}])
def test_a_bucket_with_flow_logs_blocks_the_rollback(
    edition: str, seeded: dict[str, Any], attributes: dict[str, Any]
) -> None:
    log_the_network_in_s3(seeded, **attributes)
    assert findings(edition, seeded) == {("L02", "NetworkLogsBucket")}


def test_a_retained_bucket_with_flow_logs_blocks_nothing(edition: str, seeded: dict[str, Any]) -> None:
    log_the_network_in_s3(seeded, DeletionPolicy="Retain")
    assert findings(edition, seeded) == set()


def log_the_load_balancer_in_s3(template: dict[str, Any], enabled: str) -> None:
    template["Resources"]["LoadBalancerLogs"] = {"Type": "AWS::S3::Bucket"}
    template["Resources"]["LoadBalancer"]["Properties"]["LoadBalancerAttributes"] = [
        {"Key": "access_logs.s3.enabled", "Value": enabled},
        {"Key": "access_logs.s3.bucket", "Value": {"Ref": "LoadBalancerLogs"}},
    ]


def test_a_bucket_with_logs_of_a_network_load_balancer_blocks_the_deletion(
    edition: str, seeded: dict[str, Any]
) -> None:
    log_the_load_balancer_in_s3(seeded, "true")
    assert findings(edition, seeded) == {("L06", "LoadBalancerLogs")}


def test_a_bucket_with_logs_of_two_services_is_reported_once(edition: str, seeded: dict[str, Any]) -> None:
    log_the_network_in_s3(seeded)
    log_the_load_balancer_in_s3(seeded, "true")
    seeded["Resources"]["LoadBalancer"]["Properties"]["LoadBalancerAttributes"][1]["Value"] = {
        "Ref": "NetworkLogsBucket"
    }
    del seeded["Resources"]["LoadBalancerLogs"]
    assert findings(edition, seeded) == {("L02", "NetworkLogsBucket")}


def test_a_bucket_for_logs_that_are_off_blocks_nothing(edition: str, seeded: dict[str, Any]) -> None:
    log_the_load_balancer_in_s3(seeded, "false")
    assert findings(edition, seeded) == set()


def test_an_application_load_balancer_writes_at_once() -> None:
    resources: dict[str, Any] = {
        "LoadBalancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {}}
    }
    log_the_load_balancer_in_s3({"Resources": resources}, "true")
    assert lifecycle_findings({"Resources": resources}) == {("L02", "LoadBalancerLogs")}


# L03


def test_a_bucket_retained_after_a_failure_makes_the_next_launch_fail(edition: str, seeded: dict[str, Any]) -> None:
    seeded["Resources"]["Bucket"]["DeletionPolicy"] = "Retain"
    assert findings(edition, seeded) == {("L03", "Bucket")}


def test_a_retained_log_group_with_a_name_makes_the_next_launch_fail(edition: str, seeded: dict[str, Any]) -> None:
    seeded["Resources"]["RegistryLogs"]["Properties"]["LogGroupName"] = {"Fn::Sub": "/${AWS::StackName}/registry"}
    assert findings(edition, seeded) == {("L03", "RegistryLogs")}


# L04


def test_what_has_a_public_address_has_to_wait_for_the_gateway(edition: str, seeded: dict[str, Any]) -> None:
    seeded["Resources"]["LoadBalancer"]["DependsOn"] = []
    assert findings(edition, seeded) == {("L04", "LoadBalancer")}


def test_the_fixed_address_itself_need_not_wait(edition: str, seeded: dict[str, Any]) -> None:
    seeded["Resources"]["ServerAddress"]["DependsOn"] = []
    assert findings(edition, seeded) == set()


def test_waiting_for_the_attachment_itself_is_as_good(edition: str, seeded: dict[str, Any]) -> None:
    depends_on = seeded["Resources"]["LoadBalancer"]["DependsOn"]
    depends_on[depends_on.index("PublicDefaultRoute")] = "InternetGatewayAttachment"
    assert findings(edition, seeded) == set()


def test_a_route_that_does_not_wait_is_not_a_finding_of_this_family(edition: str, seeded: dict[str, Any]) -> None:
    del seeded["Resources"]["PublicDefaultRoute"]["DependsOn"]
    assert {rule for rule, _ in findings(edition, seeded) if rule.startswith("L")} == set()


def network(**resources: Any) -> dict[str, Any]:
    """A template with a VPC and its Internet gateway, a subnet that gives public addresses, and one that does not."""
    return {
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            "Gateway": {"Type": "AWS::EC2::InternetGateway"},
            "Attachment": {
                "Type": "AWS::EC2::VPCGatewayAttachment",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "InternetGatewayId": {"Ref": "Gateway"}},
            },
            "Public": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24", "MapPublicIpOnLaunch": True},
            },
            "Private": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.1.0/24"},
            },
            "Group": {
                "Type": "AWS::RDS::DBSubnetGroup",
                "Properties": {"SubnetIds": [{"Ref": "Public"}, {"Ref": "Private"}]},
            },
            "Template": {
                "Type": "AWS::EC2::LaunchTemplate",
                "Properties": {"LaunchTemplateData": {"NetworkInterfaces": [{"AssociatePublicIpAddress": True}]}},
            },
        }
        | resources
    }


def in_subnet(type_name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": type_name, "Properties": properties}


@pytest.mark.parametrize(
    "user",
    [
        in_subnet("AWS::EC2::EIP", InstanceId="i-1"),
        in_subnet("AWS::EC2::EIPAssociation", AllocationId="eipalloc-1", InstanceId="i-1"),
        in_subnet("AWS::EC2::NatGateway", SubnetId={"Ref": "Public"}, AllocationId="eipalloc-1"),
        in_subnet("AWS::EC2::Instance", SubnetId={"Ref": "Public"}),
        in_subnet(
            "AWS::EC2::Instance",
            NetworkInterfaces=[{"AssociatePublicIpAddress": "true", "SubnetId": {"Ref": "Private"}}],
        ),
        in_subnet(
            "AWS::AutoScaling::AutoScalingGroup",
            VPCZoneIdentifier=[{"Ref": "Private"}],
            LaunchTemplate={"LaunchTemplateId": {"Ref": "Template"}},
        ),
        in_subnet("AWS::ElasticLoadBalancing::LoadBalancer", Subnets=[{"Ref": "Public"}]),
        in_subnet("AWS::ElasticLoadBalancingV2::LoadBalancer", SubnetMappings=[{"SubnetId": {"Ref": "Public"}}]),
        in_subnet("AWS::RDS::DBInstance", DBSubnetGroupName={"Ref": "Group"}, PubliclyAccessible=True),
    ],
    ids=lambda user: str(user["Type"]),
)
def test_whatever_has_a_public_address_has_to_wait(user: dict[str, Any]) -> None:
    assert lifecycle_findings(network(User=user)) == {("L04", "User")}
    assert lifecycle_findings(network(User=user | {"DependsOn": "Attachment"})) == set()


@pytest.mark.parametrize(
    "user",
    [
        in_subnet("AWS::EC2::NatGateway", SubnetId={"Ref": "Private"}, ConnectivityType="private"),
        in_subnet("AWS::EC2::Instance", SubnetId={"Ref": "Private"}),
        in_subnet("AWS::EC2::Instance", SubnetId="subnet-1"),
        in_subnet(
            "AWS::EC2::Instance",
            NetworkInterfaces=[{"AssociatePublicIpAddress": False, "SubnetId": {"Ref": "Public"}}],
        ),
        in_subnet("AWS::ElasticLoadBalancingV2::LoadBalancer", Scheme="internal", Subnets=[{"Ref": "Public"}]),
        in_subnet("AWS::RDS::DBInstance", DBSubnetGroupName={"Ref": "Group"}),
    ],
    ids=lambda user: str(user["Type"]),
)
def test_what_has_no_public_address_need_not_wait(user: dict[str, Any]) -> None:
    assert lifecycle_findings(network(User=user)) == set()


ADDRESS = {"Fn::GetAtt": ["Address", "AllocationId"]}


def test_not_an_address_has_to_wait_but_what_has_it() -> None:
    nat = in_subnet("AWS::EC2::NatGateway", SubnetId={"Ref": "Public"}, AllocationId=ADDRESS)
    address = in_subnet("AWS::EC2::EIP")
    assert lifecycle_findings(network(Address=address, Nat=nat)) == {("L04", "Nat")}
    assert lifecycle_findings(network(Address=address, Nat=nat | {"DependsOn": "Attachment"})) == set()


def test_of_an_address_and_another_resource_that_need_to_wait_only_the_first_is_reported() -> None:
    instance = in_subnet("AWS::EC2::Instance", SubnetId={"Ref": "Public"})
    address = in_subnet("AWS::EC2::EIP", InstanceId={"Ref": "Instance"})
    assert lifecycle_findings(network(Address=address, Instance=instance)) == {("L04", "Instance")}


def test_an_instance_that_takes_an_address_at_boot_has_to_wait() -> None:
    script = {"Fn::Base64": {"Fn::Sub": ["aws ec2 associate-address --allocation-id ${Id}", {"Id": ADDRESS}]}}
    instance = in_subnet("AWS::EC2::Instance", SubnetId={"Ref": "Private"}, UserData=script)
    address = in_subnet("AWS::EC2::EIP")
    assert lifecycle_findings(network(Address=address, Instance=instance)) == {("L04", "Instance")}
    waiting = instance | {"DependsOn": "Attachment"}
    assert lifecycle_findings(network(Address=address, Instance=waiting)) == set()


def test_an_address_without_a_gateway_of_the_stack_waits_for_nothing() -> None:
    address = {"Type": "AWS::EC2::EIP", "Properties": {"InstanceId": "i-1"}}
    assert lifecycle_findings({"Resources": {"Address": address}}) == set()


# L05


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_a_retained_database_uses_its_subnets(edition: str, seeded: dict[str, Any], policy: str) -> None:
    seeded["Resources"]["Database"]["DeletionPolicy"] = policy
    assert findings(edition, seeded) == {("L05", "Database")}


@pytest.mark.parametrize(
    ("type_name", "properties"),
    [
        ("AWS::SSM::Parameter", {"Type": "String", "Value": {"Ref": "PrivateSubnet1"}}),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", {"TargetType": "ip", "VpcId": {"Ref": "Vpc"}}),
    ],
)
def test_a_retained_resource_may_mention_a_deleted_one(
    edition: str, seeded: dict[str, Any], type_name: str, properties: dict[str, Any]
) -> None:
    seeded["Resources"]["Retained"] = {"Type": type_name, "DeletionPolicy": "Retain", "Properties": properties}
    assert findings(edition, seeded) == set()


def test_resources_that_are_retained_together_block_nothing() -> None:
    template = network(Database={"Type": "AWS::RDS::DBInstance", "Properties": {"DBSubnetGroupName": {"Ref": "Group"}}})
    template["Resources"]["Database"]["DeletionPolicy"] = "Retain"
    assert lifecycle_findings(template) == {("L05", "Database")}
    template["Resources"]["Group"]["DeletionPolicy"] = "Retain"
    assert lifecycle_findings(template) == {("L05", "Group")}
    for name in ("Public", "Private", "Vpc"):
        template["Resources"][name]["DeletionPolicy"] = "Retain"
    assert lifecycle_findings(template) == set()


# L07


def test_two_resources_with_one_name_can_not_be_created(edition: str, seeded: dict[str, Any]) -> None:
    for logical_id in ("ServerRole", "NetworkLogsRole"):
        seeded["Resources"][logical_id]["Properties"]["RoleName"] = {"Fn::Sub": "${TeamId}-registry"}
    assert findings(edition, seeded) == {("L07", "ServerRole")}


# L08


def test_a_database_that_does_not_wait_for_what_may_fail_beside_it(edition: str, seeded: dict[str, Any]) -> None:
    seeded["Resources"]["Database"]["DependsOn"].remove("BucketPolicy")
    assert findings(edition, seeded, ordered=False) == {("L08", "Database")}


def test_a_resource_that_may_fail_beside_the_database(edition: str, seeded: dict[str, Any]) -> None:
    seeded["Resources"]["Queue"] = {"Type": "AWS::SQS::Queue"}
    assert findings(edition, seeded, ordered=False) == {("L08", "Database")}
    seeded["Resources"]["Queue"]["DependsOn"] = "Database"
    assert findings(edition, seeded, ordered=False) == set()


def test_a_database_without_a_final_snapshot_need_not_wait(edition: str, seeded: dict[str, Any]) -> None:
    seeded["Resources"]["Database"]["DependsOn"] = ["HttpListener", "HttpsListener"]  # as the instances after it want
    seeded["Resources"]["Database"]["DeletionPolicy"] = "Delete"
    assert findings(edition, seeded, ordered=False) == set()


# All of them.


@pytest.mark.parametrize("edition", EDITIONS, indirect=True)
def test_checking_an_edition_does_not_import_cfn_lint(
    monkeypatch: pytest.MonkeyPatch, template: dict[str, Any]
) -> None:
    def import_cfn_lint(type_name: str) -> tuple[str, ...]:
        raise AssertionError(f"0.8 s for {type_name}")

    monkeypatch.setattr("quilt_cfn.cloudformation.analysis.lifecycle.names._identifiers", import_cfn_lint)
    assert lifecycle_findings(template) == set()


@pytest.mark.parametrize("edition", EDITIONS, indirect=True)
def test_nothing_is_found_in_the_editions_with_any_parameter_set(template: dict[str, Any]) -> None:
    rules = [each for module in (lifecycle, updates) for each in vars(module).values() if isinstance(each, Rule)]
    assert [rule.id for rule in rules] == [f"L{number:02}" for number in range(1, len(rules) + 1)]
    for parameter_values in CONTRACT.parameter_sets.values():
        launch = evaluate_edition(template, parameter_values)
        assert [each for rule in rules for each in rule.find(launch, CONTRACT)] == []
