"""How an update ends that fails: what serves on and what the rollback leaves; and what becomes of what was replaced."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.lifecycle import failed_rollback, failed_update, replaced_by_success
from quilt_cfn.cloudformation.analysis.lifecycle.replacement import replacing
from quilt_cfn.cloudformation.launch import Launch, evaluate
from quilt_cfn.inputs.contract import CONTRACT_FILE, read_contract
from tests.launches import after, evaluate_edition

PARAMETER_SETS = read_contract(CONTRACT_FILE).parameter_sets


@pytest.fixture(params=["documented", "options-large"])
def launch(request: pytest.FixtureRequest, template: dict[str, Any]) -> Launch:
    """Every edition with the smallest and the largest parameter set."""
    return evaluate_edition(template, PARAMETER_SETS[request.param])


def stated(*facts: Fact) -> set[tuple[str, str]]:
    """(resource, cause) of each fact."""
    return {(fact.resource, fact.cause) for fact in facts}


# Our editions.


SERVES_ON = {("ServerGroup", "kept-in-service"), ("ServerGroup", "newest-ends")}


def test_whatever_fails_in_an_update_the_old_instance_serves_on(launch: Launch) -> None:
    watching = after(launch, "ServerGroup")
    for failing in launch.resources:
        serving = stated(*failed_update(launch, failing).serving)
        # The group is updated after everything else: what fails before it has left it alone. Only what watches its
        # instances comes later, and then the rollback replaces them once more.
        expected = SERVES_ON | {("ServerGroup", "rolled-back-again")} if failing in watching else SERVES_ON
        assert serving == (expected if failing in {"ServerGroup", *watching} else set()), failing


def test_whatever_can_not_be_rolled_back_an_instance_serves(launch: Launch) -> None:
    for failing in launch.resources:
        outcome = failed_rollback(launch, failing)
        assert stated(*outcome.serving) == {("ServerGroup", "serves-on")}
        assert stated(*outcome.not_undone) == {(failing, "stuck")}


def test_what_a_rollback_does_not_undo(launch: Launch) -> None:
    left = {fact for failing in launch.resources for fact in failed_update(launch, failing).not_undone}
    assert {(fact.resource, fact.attribute[-1] if fact.attribute else "") for fact in left} == {
        ("Database", "AllocatedStorage"),
        ("Database", "EngineVersion"),
        ("QuiltSecretKey", "GenerateSecretString"),
        ("RegistryDatabasePassword", "GenerateSecretString"),
        ("ServerTemplate", ""),
    }


def test_what_a_failed_update_may_leave_is_a_snapshot_of_a_database_that_never_served(launch: Launch) -> None:
    remaining = {fact for failing in launch.resources for fact in failed_update(launch, failing).remaining}
    assert stated(*remaining) <= {
        ("Database", "snapshot-of-new-one"),
        ("NetworkLogs", "retained-new-one"),
        ("RegistryLogs", "retained-new-one"),
    }


def test_no_update_destroys_what_the_registry_keeps(launch: Launch) -> None:
    stays = stated(*replaced_by_success(launch, launch.resources))
    assert stays == {
        ("Bucket", "retained-old-one"),
        ("BucketPolicy", "retained-old-one"),
        ("Database", "snapshot-of-old-one"),
    }


@pytest.mark.parametrize(
    ("change", "causes"),
    [
        ({"MinInstancesInService": "0"}, {"interrupted"}),
        ({"MinInstancesInService": "2"}, {"no-room"}),
        ({"WaitOnResourceSignals": False}, {"unchecked"}),
        ({"SuspendProcesses": ["AZRebalance"]}, {"kept-in-service", "newest-ends", "unsuspended"}),
        ({"SuspendProcesses": ["HealthCheck", "ReplaceUnhealthy"]}, {"kept-in-service", "newest-ends"}),
    ],
)
def test_another_update_policy_does_not_keep_the_old_instance(
    template: dict[str, Any], change: dict[str, Any], causes: set[str]
) -> None:
    changed = copy.deepcopy(template)
    changed["Resources"]["ServerGroup"]["UpdatePolicy"]["AutoScalingRollingUpdate"].update(change)
    serving = failed_update(evaluate_edition(changed, PARAMETER_SETS["documented"]), "ServerGroup").serving
    assert stated(*serving) == {("ServerGroup", cause) for cause in causes}


@pytest.mark.parametrize(
    ("gone", "causes"),
    [
        ("DesiredCapacity", {"kept-in-service", "raised-capacity"}),
        ("TerminationPolicies", {"kept-in-service", "oldest-may-end"}),
    ],
)
def test_other_properties_decide_which_instance_is_left(template: dict[str, Any], gone: str, causes: set[str]) -> None:
    changed = copy.deepcopy(template)
    del changed["Resources"]["ServerGroup"]["Properties"][gone]
    serving = failed_update(evaluate_edition(changed, PARAMETER_SETS["documented"]), "ServerGroup").serving
    assert stated(*serving) == {("ServerGroup", cause) for cause in causes}


# Other templates.


def launched(**resources: Any) -> Launch:
    return evaluate({"Resources": resources}, {})


def group(**attributes: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {"MinSize": 1, "MaxSize": 2, "TerminationPolicies": ["NewestInstance"], "DesiredCapacity": 1},
        **attributes,
    }


def test_without_an_update_policy_an_update_starts_nothing() -> None:
    assert stated(*failed_update(launched(Group=group()), "Group").serving) == {("Group", "no-rolling-update")}
    assert failed_rollback(launched(Group=group()), "Group").serving == ()


def test_a_group_may_be_replaced_as_a_whole() -> None:
    replaced = group(UpdatePolicy={"AutoScalingReplacingUpdate": {"WillReplace": True}})
    replaced["Properties"]["LaunchTemplate"] = {"LaunchTemplateId": "lt-1", "Version": "1"}
    launch = launched(Group=replaced)
    assert stated(*failed_update(launch, "Group").serving) == {("Group", "replaced-group")}
    assert replacing(launch, "Group").certain == ("LaunchTemplate",)
    del replaced["UpdatePolicy"]
    assert replacing(launched(Group=replaced), "Group") == ((), ())


def test_what_can_not_act_need_not_be_suspended() -> None:
    rolling = {"MinInstancesInService": 1, "WaitOnResourceSignals": True}
    grown = group(UpdatePolicy={"AutoScalingRollingUpdate": rolling})
    grown["Properties"]["VPCZoneIdentifier"] = ["subnet-1"]

    def acting(**others: Any) -> str:
        serving = failed_update(launched(Group=grown, **others), "Group").serving
        return next(fact.sentence for fact in serving if fact.cause == "unsuspended")

    about = {"Properties": {"AutoScalingGroupName": {"Ref": "Group"}}}
    assert "HealthCheck and ReplaceUnhealthy of" in acting()
    assert "AlarmNotification" in acting(Policy={"Type": "AWS::AutoScaling::ScalingPolicy", **about})
    assert "ScheduledActions" in acting(Night={"Type": "AWS::AutoScaling::ScheduledAction", **about})
    grown["Properties"]["VPCZoneIdentifier"] = ["subnet-1", "subnet-2"]
    assert "AZRebalance" in acting()


def test_of_several_instances_some_serve_while_others_are_replaced() -> None:
    several = group(UpdatePolicy={"AutoScalingRollingUpdate": {"WaitOnResourceSignals": True}})
    several["Properties"].update(MinSize=3, MaxSize=3, DesiredCapacity=3)
    assert ("Group", "others-serve") in stated(*failed_update(launched(Group=several), "Group").serving)


def test_a_scaling_policy_corrects_the_capacity() -> None:
    rolling = {"MinInstancesInService": 1, "WaitOnResourceSignals": True}
    scaled = group(UpdatePolicy={"AutoScalingRollingUpdate": rolling})
    del scaled["Properties"]["DesiredCapacity"]
    policy = {"Type": "AWS::AutoScaling::ScalingPolicy", "Properties": {"AutoScalingGroupName": {"Ref": "Group"}}}
    assert ("Group", "raised-capacity") in stated(*failed_update(launched(Group=scaled), "Group").serving)
    serving = failed_update(launched(Group=scaled, Policy=policy), "Group").serving
    assert ("Group", "raised-capacity") not in stated(*serving)


def test_what_fails_after_a_group_makes_the_rollback_replace_its_instances_again() -> None:
    rolling = group(UpdatePolicy={"AutoScalingRollingUpdate": {"MinInstancesInService": 1}})
    launch = launched(Group=rolling, Queue={"Type": "AWS::SQS::Queue"})
    assert ("Group", "rolled-back-again") in stated(*failed_update(launch, "Queue").serving)
    assert ("Group", "rolled-back-again") not in stated(*failed_update(launch, "Group").serving)
    rolling["DependsOn"] = "Queue"
    launch = launched(Group=rolling, Queue={"Type": "AWS::SQS::Queue"})
    assert failed_update(launch, "Queue").serving == ()


def test_a_rolling_update_that_may_stop_all_instances_may_leave_none() -> None:
    launch = launched(Group=group(UpdatePolicy={"AutoScalingRollingUpdate": {"WaitOnResourceSignals": True}}))
    assert stated(*failed_rollback(launch, "Group").serving) == {("Group", "may-not-serve")}


def test_an_instance_that_is_replaced_runs_until_the_new_one_has_signalled() -> None:
    waits = {"Type": "AWS::EC2::Instance", "CreationPolicy": {"ResourceSignal": {}}}
    launch = launched(Waits=waits, Starts={"Type": "AWS::EC2::Instance"})
    sentences = {fact.resource: fact.sentence for fact in failed_update(launch, "Waits").serving}
    assert "until the new one has signalled" in sentences["Waits"]
    assert "whether it works or not" in sentences["Starts"]


def test_only_what_the_failing_resource_does_not_wait_for_has_changed() -> None:
    launch = launched(
        Volume={"Type": "AWS::EC2::Volume", "Properties": {"Size": 8}, "DependsOn": "Queue"},
        Queue={"Type": "AWS::SQS::Queue"},
        Table={"Type": "AWS::DynamoDB::Table"},
    )
    assert failed_update(launch, "Queue").not_undone == ()
    assert stated(*failed_update(launch, "Table").not_undone) == {("Volume", "not-undone")}


# Replacement.


@pytest.mark.parametrize(
    ("type_name", "properties", "certain", "possible"),
    [
        ("AWS::S3::Bucket", {"BucketName": "data", "Tags": []}, ("BucketName",), ()),
        (
            "AWS::RDS::DBInstance",
            {"DBName": "quilt", "MultiAZ": True, "Port": "5432", "Engine": "postgres", "AllocatedStorage": "20"},
            ("DBName",),
            ("Engine",),
        ),
        ("AWS::EC2::EIP", {"Domain": "vpc"}, ("Domain",), ()),
        ("AWS::EC2::Instance", {"ImageId": "ami-1", "InstanceType": "t3.small"}, ("ImageId",), ("InstanceType",)),
        ("AWS::SQS::Queue", {"VisibilityTimeout": 5}, (), ()),
        ("Custom::Thing", {"Name": "it"}, (), ()),
    ],
)
def test_which_changes_replace_a_resource(
    type_name: str, properties: dict[str, Any], certain: tuple[str, ...], possible: tuple[str, ...]
) -> None:
    launch = launched(Only={"Type": type_name, "Properties": properties})
    assert replacing(launch, "Only") == (certain, possible)


def one(policies: dict[str, str], type_name: str = "AWS::RDS::DBInstance", **properties: Any) -> Launch:
    properties = properties or {"DBName": "quilt"}
    return launched(Only={"Type": type_name, "Properties": properties, **policies})


@pytest.mark.parametrize(
    ("policies", "old_one", "new_one"),
    [
        ({}, {("Only", "deleted-old-one")}, set()),
        # Whoever wrote only a DeletionPolicy has lost a database by its new name.
        ({"DeletionPolicy": "Snapshot"}, {("Only", "deleted-old-one")}, {("Only", "snapshot-of-new-one")}),
        ({"UpdateReplacePolicy": "Snapshot"}, {("Only", "snapshot-of-old-one")}, set()),
        ({"UpdateReplacePolicy": "Retain"}, {("Only", "retained-old-one")}, set()),
        ({"DeletionPolicy": "RetainExceptOnCreate"}, {("Only", "deleted-old-one")}, set()),
        ({"DeletionPolicy": "Retain"}, {("Only", "deleted-old-one")}, {("Only", "retained-new-one")}),
    ],
)
def test_what_becomes_of_the_old_one_when_an_update_succeeds_and_of_the_new_one_when_it_fails(
    policies: dict[str, str], old_one: set[tuple[str, str]], new_one: set[tuple[str, str]]
) -> None:
    launch = one(policies)
    assert stated(*replaced_by_success(launch, launch.resources)) == old_one
    assert stated(*failed_update(launch, "Only").remaining) == new_one


def test_what_nothing_replaces_and_what_holds_no_data_leaves_nothing() -> None:
    for launch in (
        one({"UpdateReplacePolicy": "Retain"}, BackupRetentionPeriod=1),
        one({}, "AWS::IAM::Role", Path="/"),
    ):
        assert [*replaced_by_success(launch, launch.resources)] == []


def test_clearing_the_name_of_a_snapshot_does_not_replace() -> None:
    launch = one({"UpdateReplacePolicy": "Snapshot"}, DBSnapshotIdentifier="earlier")
    (fact,) = replaced_by_success(launch, launch.resources)
    assert "DBSnapshotIdentifier (but not clearing it)" in fact.sentence


def test_a_resource_that_keeps_its_name_can_not_be_replaced() -> None:
    launch = one({}, "AWS::IAM::Role", RoleName="reader", Path="/")
    (fact,) = failed_update(launch, "Only").not_undone
    assert (fact.cause, "Path" in fact.sentence) == ("taken-name", True)
    assert failed_update(one({}, "AWS::IAM::Role", RoleName="reader"), "Only").not_undone == ()
