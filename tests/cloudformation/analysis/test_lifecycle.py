"""What a stack leaves behind when its creation fails and when it is deleted, and which names stay in use.

Updates, protection, the end of an instance and restoring have files of their own.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.lifecycle import (
    Outcome,
    accident,
    deletion,
    failed_rollback,
    failed_update,
    not_restorable,
    protections,
    replaced_by_success,
    restorable,
    rollback,
    termination,
)
from quilt_cfn.cloudformation.analysis.lifecycle.names import duplicate_names, explicit_name
from quilt_cfn.cloudformation.launch import Launch, evaluate
from quilt_cfn.inputs.contract import CONTRACT_FILE, read_contract
from quilt_cfn.stack.order import after_the_rest
from tests.launches import after, evaluate_edition

PARAMETER_SETS = read_contract(CONTRACT_FILE).parameter_sets


@pytest.fixture(params=["documented", "options-large"])
def launch(request: pytest.FixtureRequest, template: dict[str, Any]) -> Launch:
    """Every edition with the smallest and the largest parameter set."""
    return evaluate_edition(template, PARAMETER_SETS[request.param])


def failed_creation(launch: Launch, failing: str) -> Outcome:
    """The rollback of a creation in which one resource fails, after everything that doesn't depend on it."""
    dependent = after(launch, failing)
    return rollback(launch, [name for name in launch.resources if name not in dependent], [failing])


def launched(**resources: Any) -> Launch:
    """The launch of a template with these resources."""
    return evaluate({"Resources": resources}, {})


def resources(facts: tuple[Fact, ...]) -> set[str]:
    return {fact.resource for fact in facts}


def mutated(template: dict[str, Any], logical_id: str, **changes: Any) -> Launch:
    """An edition in which one resource has other attributes, and its Properties some more."""
    changed = copy.deepcopy(template)
    resource = changed["Resources"][logical_id]
    resource["Properties"].update(changes.pop("Properties", {}))
    resource.update(changes)
    return evaluate_edition(after_the_rest(changed, "Database"), PARAMETER_SETS["documented"])


# Our editions.


def test_whatever_fails_the_rollback_is_clean_and_the_retry_succeeds(launch: Launch) -> None:
    assert len(launch.resources) > 40
    for failing in launch.resources:
        outcome = failed_creation(launch, failing)
        assert (outcome.blocking, outcome.possibly_blocking, outcome.names_in_use) == ((), (), ()), failing


def test_what_a_failed_launch_leaves_is_its_log_and_copies_of_the_database(launch: Launch) -> None:
    remaining = resources(failed_creation(launch, "ServerGroup").remaining)
    assert remaining == {"NetworkLogs", "RegistryLogs", "Database"}


def test_nothing_stays_that_was_never_created(launch: Launch) -> None:
    for failing in launch.resources:
        assert resources(failed_creation(launch, failing).remaining).isdisjoint(after(launch, failing))


def test_what_stays_was_kept_or_copied_or_logged_elsewhere(launch: Launch) -> None:
    kept = {name for name, resource in launch.resources.items() if "DeletionPolicy" in resource}
    assert resources(deletion(launch).remaining) == kept
    assert kept == {"Bucket", "BucketPolicy", "NetworkLogs", "RegistryLogs", "Database"}


def test_nothing_blocks_a_deletion_once_the_protections_are_off(launch: Launch) -> None:
    assert deletion(launch).blocking == ()


def test_after_a_deletion_the_bucket_has_its_name_still(launch: Launch) -> None:
    (taken,) = deletion(launch).names_in_use
    assert taken.path == ("Resources", "Bucket", "Properties", "BucketName")
    assert "PackageBucket" in taken.sentence


def test_a_user_whose_keys_somebody_made_may_block(edition: str, launch: Launch) -> None:
    assert resources(deletion(launch).possibly_blocking) == ({"RegistryUser"} if edition == "registry" else set())


def test_a_bucket_that_goes_with_the_stack_is_kept_no_more_and_may_block(template: dict[str, Any]) -> None:
    outcome = deletion(mutated(template, "Bucket", DeletionPolicy="Delete"))
    assert "Bucket" not in resources(outcome.remaining)
    assert "Bucket" in resources(outcome.possibly_blocking)
    assert outcome.names_in_use == ()


# Mutations that a failed creation does not survive: exactly when the resource existed.


@pytest.mark.parametrize(
    ("logical_id", "changes", "outcome"),
    [
        ("Database", {"Properties": {"DeletionProtection": True}}, "blocking"),
        ("Database", {"DeletionPolicy": "Retain"}, "blocking"),
        ("QuiltSecretKey", {"DeletionPolicy": "Retain", "Properties": {"Name": "key"}}, "names_in_use"),
        ("Bucket", {"DeletionPolicy": "Retain"}, "names_in_use"),
        ("RegistryLogs", {"Properties": {"LogGroupName": "/quilt"}}, "names_in_use"),
    ],
)
def test_a_failed_creation_is_not_clean_if_and_only_if_the_resource_existed(
    template: dict[str, Any], logical_id: str, changes: dict[str, Any], outcome: str
) -> None:
    launch = mutated(template, logical_id, **changes)
    for failing in launch.resources:
        facts: tuple[Fact, ...] = getattr(failed_creation(launch, failing), outcome)
        assert resources(facts) == (set() if logical_id in after(launch, failing) else {logical_id}), failing


def test_a_load_balancer_that_waits_for_no_gateway_blocks_where_both_exist(template: dict[str, Any]) -> None:
    launch = mutated(template, "LoadBalancer", DependsOn=[])
    for failing in launch.resources:
        missing = after(launch, failing) & {"LoadBalancer", "InternetGatewayAttachment"}
        blocks = resources(failed_creation(launch, failing).blocking)
        assert blocks == (set() if missing else {"LoadBalancer"}), failing


@pytest.mark.parametrize("protected", ["the instance", "its launch template"])
def test_an_instance_that_is_protected_from_the_start_blocks_and_one_of_a_group_does_not(protected: str) -> None:
    on, by_template = {"DisableApiTermination": True}, {"LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}}}
    data = {"LaunchTemplateData": on if protected == "its launch template" else {}}
    own = on if protected == "the instance" else {}
    launch = launched(
        Template={"Type": "AWS::EC2::LaunchTemplate", "Properties": data},
        Web={"Type": "AWS::EC2::Instance", "Properties": own | by_template},
        Group={"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": by_template},
    )
    assert resources(rollback(launch, launch.resources, ["Group"]).blocking) == {"Web"}


# Deletion policies.


def only(policy: str | None, type_name: str = "AWS::S3::Bucket", **properties: Any) -> tuple[Outcome, Outcome]:
    """A failed creation and a deletion of a stack that is one resource."""
    resource = {"Type": type_name, "Properties": properties} | ({"DeletionPolicy": policy} if policy else {})
    launch = launched(Only=resource)
    return failed_creation(launch, "Only"), deletion(launch)


@pytest.mark.parametrize(
    ("policy", "after_failure", "after_deletion"),
    [
        (None, False, False),
        ("Delete", False, False),
        ("Retain", True, True),
        ("RetainExceptOnCreate", False, True),
    ],
)
def test_a_deletion_policy_keeps_after_a_failure_a_deletion_or_neither(
    policy: str | None, after_failure: bool, after_deletion: bool
) -> None:
    failed, deleted = only(policy, BucketName="data")
    assert (bool(failed.remaining), bool(deleted.remaining)) == (after_failure, after_deletion)
    assert (bool(failed.names_in_use), bool(deleted.names_in_use)) == (after_failure, after_deletion)


@pytest.mark.parametrize(
    ("type_name", "properties", "copied"),
    [
        ("AWS::RDS::DBInstance", {}, True),
        ("AWS::RDS::DBInstance", {"DBClusterIdentifier": "cluster"}, False),
        ("AWS::RDS::DBCluster", {}, True),
        ("AWS::EC2::Volume", {}, False),
    ],
)
def test_a_database_outside_of_a_cluster_is_copied_unless_somebody_says_otherwise(
    type_name: str, properties: dict[str, Any], copied: bool
) -> None:
    assert [bool(outcome.remaining) for outcome in only(None, type_name, **properties)] == [copied, copied]
    assert [outcome.remaining for outcome in only("Delete", type_name, **properties)] == [(), ()]


def test_automated_backups_stay_if_the_template_says_so() -> None:
    assert only("Delete", "AWS::RDS::DBInstance", DeleteAutomatedBackups=False)[1].remaining
    assert only("Delete", "AWS::RDS::DBInstance", DeleteAutomatedBackups=True)[1].remaining == ()


def test_a_key_waits_for_its_end_and_functions_leave_logs_of_their_own() -> None:
    (waits,) = only(None, "AWS::KMS::Key", PendingWindowInDays=7)[1].remaining
    assert "7 days" in waits.sentence
    assert only(None, "AWS::Lambda::Function")[1].remaining
    assert only(None, "AWS::Lambda::Function", LoggingConfig={"LogGroup": "ours"})[1].remaining == ()


# Names.


@pytest.mark.parametrize(
    ("type_name", "properties", "name"),
    [
        ("AWS::S3::Bucket", {"BucketName": "data"}, ("data",)),
        ("AWS::RDS::DBInstance", {"DBInstanceIdentifier": "db", "DBName": "quilt"}, ("db",)),
        ("AWS::SecretsManager::Secret", {"Name": "secret"}, ("secret",)),
        ("AWS::CloudWatch::Alarm", {"MetricName": "CPUUtilization"}, None),
        ("AWS::IAM::Policy", {"PolicyName": "read"}, None),
        ("AWS::EC2::Instance", {"KeyName": "admin"}, None),
        ("AWS::S3::Bucket", {"BucketName": {"Fn::ImportValue": "there"}}, None),
        ("AWS::S3::Bucket", {"BucketName": ["not", "a", "text"]}, None),
        ("Custom::Thing", {"Name": "thing"}, None),
        ("AWS::No::Such", {"Name": "thing"}, None),
    ],
)
def test_a_name_is_what_identifies_a_resource_and_the_template_sets(
    type_name: str, properties: dict[str, Any], name: tuple[str, ...] | None
) -> None:
    named = explicit_name(launched(Only={"Type": type_name, "Properties": properties}), "Only")
    assert (named and named.value) == name


def test_a_name_made_of_the_stack_id_is_another_one_at_the_next_launch() -> None:
    unique = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    failed, _ = only("Retain", BucketName={"Fn::Sub": ["logs-${Id}", {"Id": unique}]})
    assert failed.remaining
    assert failed.names_in_use == ()


def test_two_resources_clash_if_type_and_name_are_equal() -> None:
    def bucket(name: str) -> dict[str, Any]:
        return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}

    launch = launched(A=bucket("data"), B=bucket("logs"), C=bucket("data"))
    assert [fact.resource for fact in duplicate_names(launch)] == ["C"]


def test_resources_of_different_types_may_have_one_name() -> None:
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "data"}}
    rule = {"Type": "AWS::Events::Rule", "Properties": {"Name": "data"}}
    assert [fact.resource for fact in duplicate_names(launched(A=secret, B=secret, C=rule, D=rule))] == ["B", "D"]


# Buckets.


def with_custom_resource(template_type: str) -> Launch:
    return launched(
        Logs={"Type": "AWS::S3::Bucket"},
        Trail={"Type": "AWS::CloudTrail::Trail", "Properties": {"IsLogging": True, "S3BucketName": {"Ref": "Logs"}}},
        Empty={"Type": template_type, "Properties": {"BucketName": {"Ref": "Logs"}}},
    )


def test_a_bucket_with_logs_blocks_unless_a_custom_resource_may_empty_it() -> None:
    assert resources(failed_creation(with_custom_resource("AWS::SSM::Parameter"), "Trail").blocking) == {"Logs"}
    assert failed_creation(with_custom_resource("Custom::EmptyBucket"), "Trail").blocking == ()


def test_a_bucket_blocks_only_where_its_writer_existed() -> None:
    launch = with_custom_resource("AWS::SSM::Parameter")
    assert failed_creation(launch, "Logs").blocking == ()
    assert resources(failed_creation(launch, "Empty").blocking) == {"Logs"}


def test_a_bucket_is_found_by_its_own_name_too() -> None:
    launch = launched(
        Logs={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "logs"}},
        Trail={"Type": "AWS::CloudTrail::Trail", "Properties": {"S3BucketName": "logs"}},
    )
    assert resources(deletion(launch).blocking) == {"Logs"}


# Databases in the making.


@pytest.mark.parametrize(
    ("attributes", "blocked"),
    [
        ({}, {"Database"}),
        ({"DeletionPolicy": "Snapshot"}, {"Database"}),
        ({"DeletionPolicy": "Delete"}, set()),
        ({"DependsOn": "Queue"}, set()),
    ],
)
def test_a_database_in_the_making_blocks_when_something_else_fails(
    attributes: dict[str, Any], blocked: set[str]
) -> None:
    launch = launched(Database={"Type": "AWS::RDS::DBInstance", **attributes}, Queue={"Type": "AWS::SQS::Queue"})
    assert resources(failed_creation(launch, "Queue").blocking) == blocked
    assert failed_creation(launch, "Database").blocking == ()


# Misshapen templates.

KEYS = [
    *("Ref", "Name", "Key", "Value", "SubnetId", "VpcId", "LaunchTemplate", "LoadBalancerAttributes", "States"),
    *("NetworkInterfaces", "BucketName", "S3BucketName", "DeletionProtection", "Definition", "Parameters"),
    *("MinSize", "MaxSize", "DesiredCapacity", "VPCZoneIdentifier", "TerminationPolicies", "HealthCheckGracePeriod"),
    *("AutoScalingRollingUpdate", "MinInstancesInService", "PauseTime", "ResourceSignal", "Timeout", "EventPattern"),
    *("source", "detail", "status-details", "Targets", "Arn", "StackName", "LogicalResourceId", "Resource", "Type"),
    7,
]
SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from(["A", "B", "true", "Retain", "internet-facing"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(
    [
        *("AWS::S3::Bucket", "AWS::CloudTrail::Trail", "AWS::StepFunctions::StateMachine", "AWS::RDS::DBInstance"),
        *("AWS::EC2::Instance", "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::EC2::VPCGatewayAttachment"),
        *("AWS::EC2::EIP", "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::LaunchTemplate", "AWS::Events::Rule"),
        *("AWS::SecretsManager::Secret", "Custom::X", "thing"),
    ]
)
RESOURCES = st.fixed_dictionaries(
    {},
    optional={"Type": TYPES | VALUES, "Properties": VALUES, "DependsOn": st.just("A")}
    | dict.fromkeys(("CreationPolicy", "DeletionPolicy", "UpdatePolicy", "UpdateReplacePolicy"), VALUES),
)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from("ABC"), RESOURCES | st.none(), min_size=1))
def test_no_template_makes_the_analysis_fail(declared: dict[str, Any]) -> None:
    launch = launched(**declared)
    for name in declared:
        assert {fact.resource for facts in failed_creation(launch, name) for fact in facts} <= set(declared)
        assert {fact.resource for facts in failed_update(launch, name) for fact in facts} <= set(declared)
        assert {fact.resource for facts in failed_rollback(launch, name) for fact in facts} <= set(declared)
    deletion(launch)
    accident(launch)
    for find in (duplicate_names, protections, termination, restorable, not_restorable):
        list(find(launch))
    list(replaced_by_success(launch, launch.resources))
