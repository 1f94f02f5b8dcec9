"""Defects that an update, the healing of an instance or a deletion by mistake meets, put into our own templates."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.rules import updates
from quilt_cfn.cloudformation.checks.rules.boot import somebody_signals
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.cloudformation.launch import evaluate
from tests.cloudformation.checks.conftest import findings, rules_and_places


def rolling(template: dict[str, Any]) -> dict[str, Any]:
    policy: dict[str, Any] = template["Resources"]["ServerGroup"]["UpdatePolicy"]["AutoScalingRollingUpdate"]
    return policy


def group(template: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["ServerGroup"]["Properties"]
    return properties


def update_findings(*resources: dict[str, Any], **named: dict[str, Any]) -> set[tuple[str, str]]:
    """What these rules find in a template of these resources; the first ones are called Group and Other."""
    template = {"Resources": {**dict(zip(("Group", "Other"), resources, strict=False)), **named}}
    rules = [*(each for each in vars(updates).values() if isinstance(each, Rule)), somebody_signals]
    return rules_and_places(template, [evaluate(template, {}, allow_missing=True)], rules=rules)


ALL = ["HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions"]


def a_group(policy: dict[str, Any] | None = None, signals: bool = True, **properties: Any) -> dict[str, Any]:
    """A group of one behind a load balancer; ``policy`` changes its policy for rolling updates."""
    update = {"MinInstancesInService": 1, "MaxBatchSize": 1, "WaitOnResourceSignals": True, "SuspendProcesses": ALL}
    sizes = {"MinSize": 1, "MaxSize": 2, "DesiredCapacity": 1, "TargetGroupARNs": ["arn"]}
    resource: dict[str, Any] = {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "UpdatePolicy": {"AutoScalingRollingUpdate": {**update, **(policy or {})}},
        "Properties": {key: value for key, value in {**sizes, **properties}.items() if value is not None},
    }
    return resource | ({"CreationPolicy": {"ResourceSignal": {"Timeout": "PT10M"}}} if signals else {})


# L09 to L12: rolling updates.


def test_a_group_without_room_for_a_new_instance(edition: str, seeded: dict[str, Any]) -> None:
    group(seeded)["MaxSize"] = "1"
    assert findings(edition, seeded) == {("L09", "ServerGroup")}


def test_an_update_that_ends_the_instance_first(edition: str, seeded: dict[str, Any]) -> None:
    del rolling(seeded)["MinInstancesInService"]
    assert findings(edition, seeded) == {("L10", "ServerGroup")}


def test_an_update_that_does_not_wait_for_the_new_instance(edition: str, seeded: dict[str, Any]) -> None:
    rolling(seeded)["WaitOnResourceSignals"] = False
    assert findings(edition, seeded) == {("L11", "ServerGroup")}


def test_a_capacity_that_no_template_sets_back(edition: str, seeded: dict[str, Any]) -> None:
    del group(seeded)["DesiredCapacity"]
    assert findings(edition, seeded) == {("L12", "ServerGroup")}


@pytest.mark.parametrize("size", ["MaxSize", "MinInstancesInService"])
def test_a_size_that_is_not_known_is_not_reported(size: str) -> None:
    unknown = {"Fn::ImportValue": "size"}
    changed = a_group({size: unknown}) if size == "MinInstancesInService" else a_group(MaxSize=unknown)
    assert update_findings(changed) == set()


def test_a_group_that_serves_nobody_may_stop() -> None:
    stopping = {"MinInstancesInService": 0}
    assert update_findings(a_group(stopping)) == {("L10", "Group")}
    assert update_findings(a_group(stopping, TargetGroupARNs=None)) == set()
    assert update_findings(a_group(stopping, MinSize=2, MaxSize=3, DesiredCapacity=2)) == set()


def test_instances_that_never_signal_can_not_be_waited_for() -> None:
    assert update_findings(a_group({"WaitOnResourceSignals": False})) == {("L11", "Group")}
    assert update_findings(a_group({"WaitOnResourceSignals": False}, signals=False)) == set()


def test_a_capacity_of_several_instances_or_with_a_scaling_policy_is_nobodys_mistake() -> None:
    policy = {"Type": "AWS::AutoScaling::ScalingPolicy", "Properties": {"AutoScalingGroupName": {"Ref": "Group"}}}
    assert update_findings(a_group(DesiredCapacity=None)) == {("L12", "Group")}
    assert update_findings(a_group(DesiredCapacity=None), policy) == set()
    assert update_findings(a_group(DesiredCapacity=None, MinSize=3, MaxSize=4)) == set()


# L13: processes of Auto Scaling.


@pytest.mark.parametrize("process", ["HealthCheck", "ReplaceUnhealthy"])
def test_a_process_that_may_end_the_new_instance(edition: str, seeded: dict[str, Any], process: str) -> None:
    rolling(seeded)["SuspendProcesses"].remove(process)
    assert findings(edition, seeded) == {("L13", "ServerGroup")}


@pytest.mark.parametrize("process", ["AZRebalance", "AlarmNotification", "ScheduledActions"])
def test_a_process_that_has_nothing_to_do_here(edition: str, seeded: dict[str, Any], process: str) -> None:
    rolling(seeded)["SuspendProcesses"].remove(process)
    assert findings(edition, seeded) == set()


def test_without_a_wait_for_signals_nothing_is_lost() -> None:
    assert update_findings(a_group({"SuspendProcesses": [], "WaitOnResourceSignals": False}, signals=False)) == set()
    assert update_findings(a_group({"SuspendProcesses": []})) == {("L13", "Group")}
    assert update_findings(a_group({"SuspendProcesses": []}, MaxSize=1)) == {("L09", "Group")}


# L14: the grace period.


@pytest.mark.parametrize("grace", [None, "600", {"Fn::Sub": "60"}])
def test_a_grace_period_that_is_shorter_than_a_boot(edition: str, seeded: dict[str, Any], grace: Any) -> None:
    group(seeded)["HealthCheckGracePeriod"] = grace
    if grace is None:
        del group(seeded)["HealthCheckGracePeriod"]
    assert findings(edition, seeded) == {("L14", "ServerGroup")}


def test_a_pause_that_is_longer_than_the_grace_period(edition: str, seeded: dict[str, Any]) -> None:
    rolling(seeded)["PauseTime"] = "PT1H"
    group(seeded)["HealthCheckGracePeriod"] = "3599"
    assert findings(edition, seeded) == {("L14", "ServerGroup")}


def test_only_the_health_checks_of_a_load_balancer_need_the_time() -> None:
    assert update_findings(a_group(HealthCheckType="EC2")) == set()
    assert update_findings(a_group(HealthCheckType="ELB", TargetGroupARNs=None)) == set()
    assert update_findings(a_group(HealthCheckType="ELB")) == {("L14", "Group")}
    assert update_findings(a_group(HealthCheckType="ELB", HealthCheckGracePeriod=600)) == set()


# L15: listeners.


@pytest.mark.parametrize("listener", ["HttpsListener", "HttpListener"])
def test_a_listener_that_comes_after_the_instances(edition: str, seeded: dict[str, Any], listener: str) -> None:
    seeded["Resources"][listener]["DependsOn"] = "ServerGroup"
    for resource in seeded["Resources"].values():
        if listener in resource.get("DependsOn", []) and isinstance(resource["DependsOn"], list):
            resource["DependsOn"].remove(listener)
    assert findings(edition, seeded) == {("L15", "ServerGroup")}


def behind_a_listener(script: str, **attributes: Any) -> set[tuple[str, str]]:
    """A group whose instances run a script, the listener of their target group, and what else the group says."""
    data = {"UserData": {"Fn::Base64": f"{script}\ncfn-signal --resource Group"}}
    launched: dict[str, Any] = {"LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": "1"}}
    forward = {"DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Targets"}}]}
    return update_findings(
        a_group(TargetGroupARNs=[{"Ref": "Targets"}], **launched) | attributes,
        Template={"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}},
        Targets={"Type": "AWS::ElasticLoadBalancingV2::TargetGroup"},
        Listener={"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": forward},
    )


@pytest.mark.parametrize(
    "script",
    [
        "until aws elbv2 describe-target-health | grep healthy; do sleep 5; done",
        "aws elbv2 wait target-in-service --target-group-arn $arn",
        "python3 -c 'boto3.client(\"elbv2\").describe_target_health()'",
    ],
)
def test_whoever_waits_for_the_health_of_a_target_has_to_wait_for_its_listener(script: str) -> None:
    assert behind_a_listener(script) == {("L15", "Group")}
    assert behind_a_listener(script, DependsOn="Listener") == set()


def test_whoever_asks_for_no_health_need_not_wait() -> None:
    assert behind_a_listener("systemctl start web") == set()


# L16: databases with and without a snapshot.


def if_restored(yes: Any, no: Any) -> dict[str, Any]:
    return {"Fn::If": ["HasDBSnapshotIdentifier", yes, no]}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MasterUsername", if_restored({"Ref": "AWS::NoValue"}, "quilt")),
        ("StorageEncrypted", if_restored({"Ref": "AWS::NoValue"}, True)),
        ("DBName", if_restored({"Ref": "AWS::NoValue"}, "quilt")),
        ("AllocatedStorage", if_restored({"Ref": "AWS::NoValue"}, "20")),
        ("Engine", if_restored("postgres", {"Fn::Sub": "postgres"})),
    ],
)
def test_a_database_that_is_another_one_without_a_snapshot(
    edition: str, seeded: dict[str, Any], key: str, value: Any
) -> None:
    seeded["Resources"]["Database"]["Properties"][key] = value
    assert findings(edition, seeded) == {("L16", "Database")}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MasterUsername", if_restored("quilt", "quilt")),
        ("DeletionProtection", if_restored(False, {"Ref": "AWS::NoValue"})),
        ("BackupRetentionPeriod", if_restored(7, 14)),
        ("AllocatedStorage", {"Fn::If": ["HasAlarmEmail", "20", "30"]}),
    ],
)
def test_what_may_change_in_place_and_what_does_not_change_may_depend_on_the_snapshot(
    edition: str, seeded: dict[str, Any], key: str, value: Any
) -> None:
    seeded["Resources"]["Database"]["Properties"][key] = value
    assert ("L16", "Database") not in findings(edition, seeded)


def test_a_condition_that_is_made_of_another_one_counts(edition: str, seeded: dict[str, Any]) -> None:
    seeded["Conditions"]["IsNew"] = {"Fn::Not": [{"Condition": "HasDBSnapshotIdentifier"}]}
    seeded["Resources"]["Database"]["Properties"]["DBName"] = {"Fn::If": ["IsNew", "quilt", {"Ref": "AWS::NoValue"}]}
    assert findings(edition, seeded) == {("L16", "Database")}


def test_a_snapshot_that_is_always_there_is_never_cleared(edition: str, seeded: dict[str, Any]) -> None:
    database = seeded["Resources"]["Database"]["Properties"]
    database["DBSnapshotIdentifier"] = "golden"
    database["DBName"] = if_restored("old", "new")
    assert ("L16", "Database") not in findings(edition, seeded)


# L17: protection.


def test_a_protected_database_in_a_stack_that_is_not(edition: str, seeded: dict[str, Any]) -> None:
    states = seeded["Resources"]["Protection"]["Properties"]["Definition"]["States"]
    states["ProtectStack"]["Parameters"]["EnableTerminationProtection"] = False
    assert findings(edition, seeded) == {("L17", "Database")}


# W23: signals.


def signal_nothing(template: dict[str, Any]) -> None:
    data = template["Resources"]["ServerTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    lines = data["Fn::Sub"].splitlines()
    data["Fn::Sub"] = "\n".join(line for line in lines if "cfn-signal" not in line and "--stack" not in line)


def test_an_instance_that_signals_nothing(edition: str, seeded: dict[str, Any]) -> None:
    signal_nothing(seeded)
    assert ("W23", "ServerGroup") in findings(edition, seeded)


def waiting(script: str | None, policy: dict[str, Any] | None = None) -> set[tuple[str, str]]:
    """What is found about an instance that runs a script and is waited for."""
    data = {"UserData": {"Fn::Base64": {"Fn::Sub": script}}} if script else {}
    policy = {"ResourceSignal": {"Timeout": "PT5M"}} if policy is None else policy
    return update_findings({"Type": "AWS::EC2::Instance", "CreationPolicy": policy, "Properties": data})


@pytest.mark.parametrize(
    "script",
    [
        None,
        "#!/bin/bash\n/opt/aws/bin/cfn-signal -e $? --stack ${AWS::StackName} --resource Group",
        "<powershell>cfn-signal.exe --success true</powershell>",
        "aws cloudformation signal-resource --logical-resource-id Group",
        "python3 -c 'client.signal_resource()'",
        "curl https://example.com/boot | bash -s ${AWS::StackName}",
    ],
)
def test_who_signals_or_may_signal_is_not_reported(script: str | None) -> None:
    assert waiting(script) == set()


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/bash\nyum install -y httpd",
        "cfn-init --stack ${AWS::StackName} --resource Group",
        "curl https://a.b | sh",
    ],
)
def test_whoever_can_not_signal_is(script: str) -> None:
    assert waiting(script) == {("W23", "Group")}
    assert waiting(script, {"ResourceSignal": {"Count": 0}}) == set()
    assert waiting(script, {}) == set()


def test_user_data_of_a_parameter_is_not_known() -> None:
    data = {"UserData": {"Fn::ImportValue": "script"}}
    assert (
        update_findings({"Type": "AWS::EC2::Instance", "CreationPolicy": {"ResourceSignal": {}}, "Properties": data})
        == set()
    )


def test_a_rolling_update_that_waits_for_signals_needs_them_too() -> None:
    template = {"UserData": {"Fn::Base64": "systemctl start web"}}
    launched: dict[str, Any] = {"LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": "1"}}
    launch_template = {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": template}}
    waits = a_group(signals=False, **launched)
    assert update_findings(waits, Template=launch_template) == {("W23", "Group")}
    waits["UpdatePolicy"]["AutoScalingRollingUpdate"]["WaitOnResourceSignals"] = False
    assert update_findings(waits, Template=launch_template) == set()
