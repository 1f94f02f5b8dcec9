"""What the tasks of state machines call, and which resources of the stack they are about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis.state_machines import Task, tasks
from quilt_cfn.cloudformation.launch import evaluate

RESOURCES = {
    "Database": {"Type": "AWS::RDS::DBInstance"},
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Role": {"Type": "AWS::IAM::Role"},
}
LOOK_UP = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:cloudformation:describeStackResource",
    "Parameters": {"StackName": {"Ref": "AWS::StackName"}, "LogicalResourceId": "Database"},
}


def read(states: Any, **properties: Any) -> dict[str, Task]:
    """State -> task of a state machine with these states, beside the resources above."""
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": properties or {"Definition": {"States": states}},
    }
    launch = evaluate({"Resources": {**RESOURCES, "Machine": machine}}, {})
    return {task.state: task for task in tasks(launch)}


def test_a_task_has_its_service_and_operation_and_what_it_names() -> None:
    publish = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": {"Ref": "Topic"}}}
    (task,) = read({"Tell": publish, "Wait": {"Type": "Wait"}}).values()
    assert (task.state_machine, task.state, task.api) == ("Machine", "Tell", ("sns", "publish"))
    assert task.named == {"Topic"}
    assert not task.on_stack


def test_tasks_inside_of_branches_and_loops_are_found() -> None:
    inner = {"States": {"Inner": LOOK_UP}}
    assert set(read({"Both": {"Type": "Parallel", "Branches": [inner]}})) == {"Inner"}
    assert set(read({"Each": {"Type": "Map", "ItemProcessor": inner}})) == {"Inner"}


def test_a_definition_may_be_a_text() -> None:
    state = {**LOOK_UP, "Parameters": {"TopicArn": "${Topic}", "StackName": "my-stack"}}
    task = read({}, DefinitionString={"Fn::Sub": json.dumps({"States": {"Tell": state}})})["Tell"]
    assert task.named == {"Topic"}
    assert task.on_stack


@pytest.mark.parametrize(
    ("service", "arguments", "named"),
    [
        ("rds:modifyDBInstance", {"DbInstanceIdentifier.$": "$.Id"}, {"Database"}),
        ("rds:modifyDBInstance", {"DbInstanceIdentifier": "{% $states.input.Id %}"}, {"Database"}),
        ("rds:modifyDBInstance", {"DbInstanceIdentifier": "by-its-name"}, set()),
        ("sns:publish", {"TopicArn": {"Ref": "Topic"}, "Message.$": "$.Id"}, {"Topic"}),
    ],
)
def test_a_path_leads_to_what_was_looked_up_for_the_same_service(
    service: str, arguments: dict[str, Any], named: set[str]
) -> None:
    acting = {"Type": "Task", "Resource": f"arn:aws:states:::aws-sdk:{service}", "Parameters": arguments}
    assert read({"Find": LOOK_UP, "Act": acting})["Act"].named == named


@pytest.mark.parametrize(
    ("name", "on_stack"),
    [({"Ref": "AWS::StackName"}, True), ({"Ref": "AWS::StackId"}, True), ("another", False), (None, False)],
)
def test_whether_a_task_is_about_the_stack_itself(name: Any, on_stack: bool) -> None:
    parameters = {"LogicalResourceId": "Database", **({"StackName": name} if name else {})}
    assert read({"Find": {**LOOK_UP, "Parameters": parameters}})["Find"].on_stack == on_stack
