"""Who protects a stack and its resources from deletion once the stack stands: state machines that a rule starts.

CloudFormation sends an event at the end of each operation. An EventBridge rule of the stack may start a state machine
with it, which switches on the termination protection of the stack, or the deletion protection of a resource.
Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacks-event-types.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.state_machines import Task, tasks
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, is_true, map_at

PROTECTIONS = (
    "DeletionProtection",
    "DeletionProtectionEnabled",
    "DeleteProtection",
    "DisableApiTermination",
    "TerminationProtectionEnabled",
)
"""The properties that make a service refuse a deletion; CloudFormation never switches one off by itself."""

ON = ("true", "ACTIVE", "ENABLED", "prevent-all-deletion")


def stack_protections(launch: Launch) -> Iterator[Fact]:
    """The state machines that switch on the termination protection of the stack itself."""
    for task in _tasks_after_creation(launch):
        protects = task.api == ("cloudformation", "updateTerminationProtection") and task.on_stack
        if protects and is_true(task.arguments.get("EnableTerminationProtection")):
            sentence = (
                f"{task.state_machine} switches on the termination protection of the stack when it is created, and "
                "CloudFormation refuses to delete a protected stack, before anything is deleted."
            )
            yield Fact(task.state_machine, "stack-protected", sentence)


def protected_later(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """Resources whose deletion protection a state machine of the stack switches on after the creation."""
    for task in _tasks_after_creation(launch):
        if any(as_text(task.arguments.get(each)) in ON for each in PROTECTIONS):
            for name in sorted(task.named):
                if name in deleted:
                    sentence = (
                        f"{name} is protected from deletion: {task.state_machine} switches that on when the stack is "
                        "created."
                    )
                    yield Fact(name, "protected-later", sentence)


def starting_rules(launch: Launch, status: str) -> Iterator[tuple[str, set[str]]]:
    """(rule, what it starts), as logical IDs, of every rule for the event that this stack has reached a status."""
    for rule, properties in launch.of_type("AWS::Events::Rule").items():
        if properties.get("State", "ENABLED") != "DISABLED" and _is_for(launch, properties.get("EventPattern"), status):
            targets = [dict_or_empty(each).get("Arn") for each in as_list(properties.get("Targets"))]
            yield rule, {name for each in targets if (name := launch.referenced_resource(each))}


def _tasks_after_creation(launch: Launch) -> Iterator[Task]:
    started = {name for _, names in starting_rules(launch, "CREATE_COMPLETE") for name in names}
    return (task for task in tasks(launch) if task.state_machine in started)


def _is_for(launch: Launch, pattern: Any, status: str) -> bool:
    """Whether an event pattern matches when this stack has reached a status."""
    detail = map_at(pattern, "detail")
    return (
        "aws.cloudformation" in as_list(dict_or_empty(pattern).get("source"))
        and _admits(dict_or_empty(pattern).get("detail-type"), "CloudFormation Stack Status Change")
        and _admits(detail.get("stack-id"), launch.compute({"Ref": "AWS::StackId"}))
        and _admits(map_at(detail, "status-details").get("status"), status)
    )


def _admits(values: Any, wanted: str) -> bool:
    """Whether a field of a pattern admits a value: it lists it, or is left out, or has a filter, which may match."""
    return values is None or any(each == wanted or isinstance(each, dict) for each in as_list(values))
