"""What a deletion by mistake destroys: nothing where the stack protects itself, else everything that doesn't block."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis.lifecycle import accident, deletion, protections
from quilt_cfn.cloudformation.launch import Launch, evaluate
from quilt_cfn.inputs.contract import CONTRACT_FILE, read_contract
from tests.launches import evaluate_edition

PARAMETER_SETS = read_contract(CONTRACT_FILE).parameter_sets

STACK_PROTECTION = {"StackName": {"Ref": "AWS::StackName"}, "EnableTerminationProtection": True}
BY_NAME = {"DbInstanceIdentifier": {"Ref": "Database"}, "DeletionProtection": True}
BY_PATH = {"DbInstanceIdentifier.$": "$.Found.StackResourceDetail.PhysicalResourceId", "DeletionProtection": True}
BY_JSONATA = {"DbInstanceIdentifier": "{% $states.input.PhysicalResourceId %}", "DeletionProtection": True}
LOOK_UP = {"StackName": {"Ref": "AWS::StackName"}, "LogicalResourceId": "Database"}


def task(operation: str, **arguments: Any) -> dict[str, Any]:
    """A state that calls an API of AWS."""
    resource = {"Fn::Sub": f"arn:${{AWS::Partition}}:states:::aws-sdk:{operation}"}
    return {"Type": "Task", "Resource": resource, "Parameters": arguments}


def protect_stack(**changed: Any) -> dict[str, Any]:
    return task("cloudformation:updateTerminationProtection", **{**STACK_PROTECTION, **changed})


def look_up(**changed: Any) -> dict[str, Any]:
    return task("cloudformation:describeStackResource", **{**LOOK_UP, **changed})


def stack(*states: dict[str, Any], **rule: Any) -> Launch:
    """A stack with a database, and a state machine that a rule starts when the stack is created."""
    detail = {"stack-id": [{"Ref": "AWS::StackId"}], "status-details": {"status": ["CREATE_COMPLETE"]}}
    pattern = {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "detail": detail,
    }
    properties = {"EventPattern": pattern, "Targets": [{"Id": "it", "Arn": {"Ref": "Machine"}}], **rule}
    definition = {"States": {f"State{number}": state for number, state in enumerate(states)}}
    resources = {
        "Network": {"Type": "AWS::EC2::VPC"},
        "Subnets": {"Type": "AWS::RDS::DBSubnetGroup", "DependsOn": "Network"},
        "Database": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBSubnetGroupName": {"Ref": "Subnets"}}},
        "Kept": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
        "Key": {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": {}}},
        "Address": {"Type": "AWS::EC2::EIP"},
        "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"Definition": definition}},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": properties},
    }
    return evaluate({"Resources": resources}, {})


# Our editions.


@pytest.fixture(params=["documented", "options-large"])
def launch(request: pytest.FixtureRequest, template: dict[str, Any]) -> Launch:
    """Every edition with the smallest and the largest parameter set."""
    return evaluate_edition(template, PARAMETER_SETS[request.param])


def test_a_deletion_by_mistake_destroys_nothing(launch: Launch) -> None:
    ((refused,), stopped, deleted, lost) = accident(launch)
    assert (refused.resource, refused.cause) == ("Protection", "stack-protected")
    assert (stopped, deleted, lost) == ((), (), ())


def test_the_stack_and_its_database_are_protected_and_nothing_blocks_when_both_are_not(launch: Launch) -> None:
    assert [(fact.resource, fact.cause) for fact in protections(launch)] == [
        ("Protection", "stack-protected"),
        ("Database", "protected-later"),
    ]
    assert deletion(launch).blocking == ()


def without(template: dict[str, Any], *states: str) -> Launch:
    changed = copy.deepcopy(template)
    for each in states:
        del changed["Resources"]["Protection"]["Properties"]["Definition"]["States"][each]
    return evaluate_edition(changed, PARAMETER_SETS["documented"])


def test_a_protected_database_alone_would_lose_everything_else_before_the_deletion_stops(
    template: dict[str, Any],
) -> None:
    launch = without(template, "ProtectStack")
    refused, stopped, deleted, lost = accident(launch)
    assert refused == ()
    assert {fact.resource for fact in stopped} == {"Database"}
    assert set(deleted) >= {"ServerGroup", "ServerTemplate", "ProtectionPolicy"}
    assert "Database" not in deleted
    assert set(deleted).isdisjoint(launch.before("Database"))
    assert lost == ()  # what can't be made again is created before the database, and deleted after it


def test_without_any_protection_everything_but_what_is_kept_goes(template: dict[str, Any]) -> None:
    launch = without(template, "ProtectStack", "ProtectDatabase")
    _, stopped, deleted, lost = accident(launch)
    assert stopped == ()
    assert launch.resources.keys() - set(deleted) == {"Bucket", "BucketPolicy", "NetworkLogs", "RegistryLogs"}
    assert {fact.resource for fact in lost} >= {"QuiltSecretKey", "ServerAddress", "LoadBalancer"}


# Protection of the stack.


def test_a_stack_that_protects_itself_refuses_its_deletion() -> None:
    assert [fact.resource for fact in accident(stack(protect_stack())).refused] == ["Machine"]


def test_the_stacks_id_is_as_good_as_its_name() -> None:
    assert accident(stack(protect_stack(StackName={"Ref": "AWS::StackId"}))).refused


@pytest.mark.parametrize(
    "states",
    [
        [],
        [protect_stack(EnableTerminationProtection=False)],
        [protect_stack(StackName="another-stack")],
        [task("cloudformation:updateStack", StackName={"Ref": "AWS::StackName"})],
        [{**protect_stack(), "Type": "Pass"}],
    ],
)
def test_a_state_machine_that_does_not_protect_the_stack_refuses_nothing(states: list[dict[str, Any]]) -> None:
    found = accident(stack(*states))
    assert found.refused == ()
    assert set(found.deleted) == {"Network", "Subnets", "Database", "Key", "Address", "Machine", "Rule"}
    assert [(fact.resource, fact.cause) for fact in found.lost] == [
        ("Key", "generated-secret"),
        ("Address", "released-address"),
    ]


@pytest.mark.parametrize(
    "rule",
    [
        {"State": "DISABLED"},
        {"Targets": []},
        {"EventPattern": {"source": ["aws.rds"]}},
        {"EventPattern": {"source": ["aws.cloudformation"], "detail": {"stack-id": ["another"]}}},
        {
            "EventPattern": {
                "source": ["aws.cloudformation"],
                "detail": {"status-details": {"status": ["DELETE_COMPLETE"]}},
            }
        },
        {"EventPattern": {"source": ["aws.cloudformation"], "detail-type": ["CloudFormation Drift Detection"]}},
    ],
)
def test_a_state_machine_that_nothing_starts_after_the_creation_protects_nothing(rule: dict[str, Any]) -> None:
    launch = stack(protect_stack(), task("rds:modifyDBInstance", **BY_NAME), **rule)
    assert protections(launch) == ()
    assert accident(launch).refused == ()


def test_a_rule_for_every_stack_and_status_starts_it_too() -> None:
    assert accident(stack(protect_stack(), EventPattern={"source": ["aws.cloudformation"]})).refused


# Protection of resources.


@pytest.mark.parametrize(
    "states",
    [
        [task("rds:modifyDBInstance", **BY_NAME)],
        [look_up(), task("rds:modifyDBInstance", **BY_PATH)],
        [look_up(), {**task("rds:modifyDBInstance"), "Arguments": BY_JSONATA}],
    ],
)
def test_a_database_is_protected_by_its_reference_or_by_what_was_looked_up(states: list[dict[str, Any]]) -> None:
    launch = stack(*states)
    assert [(fact.resource, fact.cause) for fact in protections(launch)] == [("Database", "protected-later")]
    found = accident(launch)
    assert {fact.resource for fact in found.stopped} == {"Database"}
    assert set(found.deleted) == {"Key", "Address", "Machine", "Rule"} - launch.before("Database")
    assert {fact.resource for fact in found.lost} == {"Key", "Address"}


@pytest.mark.parametrize(
    "states",
    [
        [task("rds:modifyDBInstance", **{**BY_NAME, "DeletionProtection": False})],
        [task("rds:modifyDBInstance", **BY_PATH)],
        [look_up(LogicalResourceId="Network"), task("rds:modifyDBInstance", **BY_PATH)],
        [look_up(StackName="another-stack"), task("rds:modifyDBInstance", **BY_PATH)],
        [look_up(), task("rds:modifyDBInstance", DbInstanceIdentifier="mine", DeletionProtection=True)],
    ],
)
def test_a_database_that_no_task_names_is_not_protected(states: list[dict[str, Any]]) -> None:
    assert protections(stack(*states)) == ()


def test_a_wanted_deletion_switches_the_protection_off_first() -> None:
    assert deletion(stack(task("rds:modifyDBInstance", **BY_NAME))).blocking == ()
