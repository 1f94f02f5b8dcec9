"""What follows when an instance ends or stops answering, and what another stack gets of the one that is gone."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis.lifecycle import not_restorable, restorable, termination
from quilt_cfn.cloudformation.launch import Launch, evaluate
from quilt_cfn.inputs.contract import CONTRACT_FILE, read_contract
from tests.launches import evaluate_edition

PARAMETER_SETS = read_contract(CONTRACT_FILE).parameter_sets


@pytest.fixture(params=["documented", "options-large"])
def launch(request: pytest.FixtureRequest, template: dict[str, Any]) -> Launch:
    """Every edition with the smallest and the largest parameter set."""
    return evaluate_edition(template, PARAMETER_SETS[request.param])


def launched(parameters: Any = None, **resources: Any) -> Launch:
    declared = {name: {"Type": "String", "Default": ""} for name in parameters or ()}
    conditions = {f"Has{name}": {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in declared}
    return evaluate({"Parameters": declared, "Conditions": conditions, "Resources": resources}, {})


def causes(launch: Launch) -> set[tuple[str, str]]:
    return {(fact.resource, fact.cause) for fact in termination(launch)}


# The end of an instance.


def test_our_instance_heals_and_its_boot_has_the_time_that_it_needs(launch: Launch) -> None:
    assert causes(launch) == {
        ("ServerGroup", "heals"),
        ("ServerGroup", "one-zone"),
        ("ServerGroup", "grace-for-boot"),
        ("ServerGroup", "lost-disk"),
        ("ServerAddress", "taken-address"),
    }


def test_an_instance_of_its_own_stays_dead_and_its_address_leads_nowhere() -> None:
    address = {"Type": "AWS::EC2::EIP", "Properties": {"InstanceId": {"Ref": "Web"}}}
    association = {
        "Type": "AWS::EC2::EIPAssociation",
        "Properties": {"AllocationId": {"Fn::GetAtt": ["Other", "AllocationId"]}, "InstanceId": {"Ref": "Web"}},
    }
    web, other = {"Type": "AWS::EC2::Instance"}, {"Type": "AWS::EC2::EIP"}
    assert causes(launched(Web=web, Address=address, Other=other, Association=association)) == {
        ("Web", "stays-dead"),
        ("Web", "lost-disk"),
        ("Address", "address-without-instance"),
        ("Association", "address-without-instance"),
    }


def group(**properties: Any) -> Launch:
    """A group whose instances have ten minutes to boot, in one subnet of the stack."""
    group = {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "CreationPolicy": {"ResourceSignal": {"Timeout": "PT10M"}},
        "Properties": {"MinSize": 1, "VPCZoneIdentifier": [{"Ref": "A"}], **properties},
    }
    zones = [{"Fn::Select": [index, {"Fn::GetAZs": ""}]} for index in (0, 1)]
    subnets = [{"Type": "AWS::EC2::Subnet", "Properties": {"AvailabilityZone": zone}} for zone in zones]
    return launched(Group=group, A=subnets[0], B=subnets[1])


@pytest.mark.parametrize(
    ("properties", "cause"),
    [
        ({"HealthCheckType": "ELB", "HealthCheckGracePeriod": 600}, "grace-for-boot"),
        ({"HealthCheckType": "ELB", "HealthCheckGracePeriod": 599}, "ended-while-booting"),
        ({"HealthCheckType": "ELB"}, "ended-while-booting"),
        ({}, None),
        ({"HealthCheckType": "EC2", "HealthCheckGracePeriod": 5}, None),
    ],
)
def test_an_instance_whose_health_counts_before_it_has_booted_is_ended(
    properties: dict[str, Any], cause: str | None
) -> None:
    found = {each for _, each in causes(group(**properties))}
    assert found == {"heals", "one-zone", "lost-disk"} | ({cause} if cause else set())


def test_without_checks_of_the_load_balancer_only_an_end_is_healed() -> None:
    (checked,) = (fact for fact in termination(group(HealthCheckType="ELB")) if fact.cause == "heals")
    (unchecked,) = (fact for fact in termination(group()) if fact.cause == "heals")
    assert ("health checks" in checked.sentence, "health checks" in unchecked.sentence) == (True, False)


def test_a_group_over_two_zones_outlives_one() -> None:
    assert ("Group", "one-zone") not in causes(group(VPCZoneIdentifier=[{"Ref": "A"}, {"Ref": "B"}]))
    assert ("Group", "one-zone") not in causes(group(VPCZoneIdentifier=["subnet-1"]))
    assert ("Group", "one-zone") in causes(group(VPCZoneIdentifier=[{"Ref": "A"}, {"Ref": "A"}]))


def test_a_group_that_may_be_empty_heals_nothing() -> None:
    assert causes(group(MinSize=0)) == {("Group", "may-be-empty"), ("Group", "lost-disk")}
    assert ("Group", "heals") in causes(group(MinSize=0, DesiredCapacity=1))


# Restoring.


def test_what_another_registry_gets_of_the_one_that_is_gone(launch: Launch) -> None:
    found = {fact.resource: fact for fact in restorable(launch)}
    assert {name: fact.cause for name, fact in found.items()} == {"Database": "from-snapshot", "Bucket": "used-again"}
    for parameter in ("DBSnapshotIdentifier", "DBStorage", "DBPassword"):
        assert f"{parameter}:" in found["Database"].sentence
    assert "ExistingBucket: its name" in found["Bucket"].sentence
    assert "PackageBucket: a name that is free" in found["Bucket"].sentence


def test_what_another_registry_does_not_get(edition: str, launch: Launch) -> None:
    lost = {("LoadBalancer", "lost-dns-name"), ("ServerAddress", "released-address")}
    lost |= {("QuiltSecretKey", "generated-secret"), ("RegistryDatabasePassword", "generated-secret")}
    lost |= {("RegistryUserKey", "deleted-key")} if edition == "registry" else set()
    assert {(fact.resource, fact.cause) for fact in not_restorable(launch)} == lost


def test_without_parameters_nothing_that_remained_is_of_use() -> None:
    launch = launched(
        Database={"Type": "AWS::RDS::DBInstance"},
        Bucket={"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
        Gone={"Type": "AWS::S3::Bucket"},
    )
    assert {(fact.resource, fact.cause) for fact in restorable(launch)} == {
        ("Database", "no-snapshot-parameter"),
        ("Bucket", "to-be-copied"),
    }


def test_a_parameter_may_be_wrapped_in_conditions_and_texts() -> None:
    def either(parameter: str, other: Any) -> dict[str, Any]:
        return {"Fn::If": [f"Has{parameter}", {"Ref": parameter}, other]}

    snapshot = {"DBSnapshotIdentifier": either("Snapshot", {"Ref": "AWS::NoValue"})}
    name = either("Name", {"Fn::Sub": "data-of-${AWS::StackName}"})
    used = {"Fn::If": ["HasOther", {"Fn::Sub": "arn:aws:s3:::${Other}"}, {"Fn::GetAtt": ["Bucket", "Arn"]}]}
    launch = launched(
        ("Snapshot", "Name", "Other"),
        Database={"Type": "AWS::RDS::DBInstance", "Properties": snapshot},
        Bucket={"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": name}},
        Reader={"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": used}},
    )
    sentences = {fact.cause: fact.sentence for fact in restorable(launch)}
    shown = {"Type": "String", "Value": either("Name", {"Ref": "Bucket"})}  # its own name is not another bucket's
    launch.template["Resources"]["Reader"]["Properties"] = shown
    assert "to-be-copied" in {fact.cause for fact in restorable(launch)}
    assert "Snapshot: the name of the snapshot" in sentences["from-snapshot"]
    assert "Other: its name. Name: a name that is free" in sentences["used-again"]


@pytest.mark.parametrize(
    ("resource", "lost"),
    [
        ({"Type": "AWS::DynamoDB::Table"}, "deleted-data"),
        ({"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"}, None),
        ({"Type": "AWS::RDS::DBInstance"}, None),
        ({"Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Delete"}, "deleted-data"),
        ({"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": {}}}, "generated-secret"),
        ({"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "given"}}, None),
        ({"Type": "AWS::S3::Bucket"}, None),
    ],
)
def test_what_is_gone_for_good_with_a_resource(resource: dict[str, Any], lost: str | None) -> None:
    assert [fact.cause for fact in not_restorable(launched(Only=resource))] == ([lost] if lost else [])


def test_a_secrets_description_says_what_was_lost() -> None:
    properties = {"GenerateSecretString": {}, "Description": "Signs tokens."}
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": properties}
    (fact,) = not_restorable(launched(Only=secret))
    assert fact.sentence == "Its generated value (Signs tokens) goes; another stack generates another one."
