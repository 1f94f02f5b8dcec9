"""The tasks of state machines: which API each one calls, with which arguments, and on which resources of the stack.

A task may name a resource directly, or look it up: the operation describeStackResource of CloudFormation gives the
physical ID of a logical one at run time, and a later task refers to the answer by a path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.launch import Launch, Origin, Value, origins_of
from quilt_cfn.cloudformation.launch.values import placeholder, unknown_value
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import entries

API = re.compile(r"arn:[^:]*:states:::(?:aws-sdk:)?(\w+):(\w+)")
"""The Resource of a task that calls an API of a service: service and operation."""


class Task(NamedTuple):
    """A task of a state machine."""

    state_machine: str
    """Its logical ID."""
    state: str
    resource: Any
    """What it runs: the ARN of an API, of a Lambda function, and so on."""
    arguments: dict[str, Any]
    named: frozenset[str]
    """Logical IDs of the resources that it is about: its arguments refer to them; or they have a path, and another task
    of the state machine looks up a resource of the service that this one calls."""
    on_stack: bool
    """Whether its argument StackName is the stack that the template makes."""

    @property
    def api(self) -> tuple[str, str]:
        """Service and operation, as the ARN spells them; empty if it calls no API of AWS."""
        called = API.match(as_text(self.resource))
        return (called[1], called[2]) if called else ("", "")


@lru_cache(maxsize=1)
def tasks(launch: Launch) -> tuple[Task, ...]:
    """Every task of every state machine, those inside of Parallel and Map included."""
    return tuple(_tasks(launch))


def _tasks(launch: Launch) -> Iterator[Task]:
    this_stack = {launch.compute({"Ref": each}) for each in ("AWS::StackName", "AWS::StackId")}
    for name, properties in launch.of_type("AWS::StepFunctions::StateMachine").items():
        text = properties.get("DefinitionString")
        definition = properties.get("Definition") or parsed(text, origins_of(text))
        own = []
        for path, state in entries(definition):
            if dict_or_empty(state).get("Type") == "Task":
                arguments = dict_or_empty(state.get("Arguments")) or dict_or_empty(state.get("Parameters"))
                named = frozenset(each.name for each in origins_of(arguments) if each.name in launch.resources)
                on_stack = as_text(arguments.get("StackName")) in this_stack
                own.append(Task(name, as_text(path[-1]), state.get("Resource"), arguments, named, on_stack))
        looked_up = {as_text(task.arguments.get("LogicalResourceId")) for task in own if _looks_up(task)}
        for task in own:
            service = f"AWS::{task.api[0]}::".lower()
            found = {each for each in looked_up if launch.type_of(each).lower().startswith(service)}
            yield task._replace(named=task.named | found) if _has_path(task) else task


def _looks_up(task: Task) -> bool:
    return task.api == ("cloudformation", "describeStackResource") and task.on_stack


def _has_path(task: Task) -> bool:
    """Whether an argument comes from the input of the task: by JSONPath, or by JSONata."""
    return any(as_text(key).endswith(".$") or as_text(each).startswith("{%") for key, each in task.arguments.items())


def parsed(text: Any, origins: Iterable[Origin]) -> dict[str, Any]:
    """The map in a JSON text, in which placeholders of these origins are values again; empty for other texts."""
    values = {placeholder(origin): unknown_value(origin) for origin in origins}
    try:
        return dict_or_empty(_replaced(values, json.loads(text)))
    except (TypeError, ValueError, RecursionError):
        return {}


def _replaced(values: Mapping[str, Value], value: Any) -> Any:
    if isinstance(value, list):
        return [_replaced(values, each) for each in value]
    if isinstance(value, dict):
        return {key: _replaced(values, each) for key, each in value.items()}
    return values.get(value, value) if isinstance(value, str) else value
