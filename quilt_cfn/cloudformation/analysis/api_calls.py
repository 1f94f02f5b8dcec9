"""Which AWS API calls a stack makes, and as which user or role, as far as its template and its contract show them.

    scripts and user data ──▶ the role of the instance
    Docker's log driver   ──▶ the role of the instance
    tasks of state machines, targets of rules and schedules, flow logs ──▶ the role in their properties

Only certain calls are stated: commands of the AWS CLI, and what AWS documents that a service calls with a role. Calls
of programs with an SDK, and those of ``aws s3``, are not recognised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.grants import identity_of
from quilt_cfn.cloudformation.analysis.instances import files, instances, scripts
from quilt_cfn.cloudformation.facts.iam_actions import action_of
from quilt_cfn.cloudformation.launch import Contract, Launch, Origin, Value, origins_of
from quilt_cfn.cloudformation.launch.values import placeholder, unknown_value
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path, entries

READ_SECRET = "secretsmanager:GetSecretValue"
"""An instance that calls this is taken to read every secret that its scripts mention."""

STARTED_BY = {
    "AWS::CodeBuild::Project": "codebuild:StartBuild",
    "AWS::CodePipeline::Pipeline": "codepipeline:StartPipelineExecution",
    "AWS::Events::EventBus": "events:PutEvents",
    "AWS::Kinesis::Stream": "kinesis:PutRecord",
    "AWS::KinesisFirehose::DeliveryStream": "firehose:PutRecord",
    "AWS::Lambda::Function": "lambda:InvokeFunction",
    "AWS::SNS::Topic": "sns:Publish",
    "AWS::SQS::Queue": "sqs:SendMessage",
    "AWS::StepFunctions::StateMachine": "states:StartExecution",
}
"""Type of a target -> the action by which a rule or a schedule starts it, with the role in the target:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html."""

OTHER_CREDENTIALS = re.compile(r"AWS_(ACCESS_KEY_ID|PROFILE)=|--profile|--no-sign-request")
"""What gives a command of the AWS CLI other credentials than the instance's, or none."""

TASK = re.compile(r"arn:[^:]*:states:::(?:aws-sdk:)?(\w+):(\w+)")
"""The Resource of a task that calls an API of a service: service and operation."""


class ApiCall(NamedTuple):
    """A call of an AWS API."""

    caller: str
    """Logical ID of the user or role."""
    action: str
    targets: tuple[str, ...]
    """ARNs or placeholders of resources, one of which it is called on; empty if that isn't known."""
    because: str
    """What makes the call, or what for: a sentence without its stop."""


@lru_cache(maxsize=1)
def api_calls(launch: Launch, contract: Contract) -> tuple[ApiCall, ...]:
    """Every call that is known; where the contract names the resource of a call, an inexact one is left out."""
    of_contract = [
        ApiCall(call.principal, call.action, (launch.compute({"Fn::Sub": call.resource}),), call.because)
        for call in contract.calls
    ]
    exact = {(call.caller, call.action) for call in of_contract}
    of_template = [*_of_instances(launch), *_of_flow_logs(launch), *_of_targets(launch), *_of_tasks(launch)]
    return (
        *of_contract,
        *(call for call in of_template if len(call.targets) == 1 or (call.caller, call.action) not in exact),
    )


def _of_instances(launch: Launch) -> Iterator[ApiCall]:
    for instance in instances(launch):
        profile = instance.settings.get("IamInstanceProfile")
        profile = dict_or_empty(profile).get("Arn") or dict_or_empty(profile).get("Name") or profile
        roles = as_list(launch.properties(launch.referenced_resource(profile)).get("Roles"))
        role = identity_of(launch, roles[0]) if roles else None
        if role:
            texts = [*scripts(launch, *instance.sources)]
            origins = origins_of([text for _, text in texts])
            for path, text in texts:
                yield from _of_script(launch, role, path, text, origins)
            for source, name, text in files(launch, *instance.sources):
                yield from _of_docker(launch, role, f"{name} of {source}", text, origins)


def _of_script(launch: Launch, role: str, path: Path, text: str, origins: frozenset[Origin]) -> Iterator[ApiCall]:
    """``origins`` is what flowed into any script of the instance."""
    place = "the user data" if path[-1] == "UserData" else path[-2]
    for action, command in commands(text):
        mentioned = _resources_of_service(launch, action, origins)
        for targets in [(each,) for each in mentioned] if mentioned and action == READ_SECRET else [mentioned]:
            yield ApiCall(role, action, targets, f"{place} of {path[1]} calls {command}")


def _of_docker(launch: Launch, role: str, place: str, text: str, origins: frozenset[Origin]) -> Iterator[ApiCall]:
    """https://docs.docker.com/engine/logging/drivers/awslogs/ documents what the driver calls."""
    settings = _parsed(text, origins) if "log-driver" in text else {}
    if settings.get("log-driver") == "awslogs":
        group = dict_or_empty(settings.get("log-opts")).get("awslogs-group")
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield ApiCall(role, action, _target(launch, group), f"Docker's awslogs driver calls it, see {place}")


def _resources_of_service(launch: Launch, action: str, origins: Iterable[Origin]) -> tuple[str, ...]:
    """The placeholders of those resources among the origins that belong to the service of an action."""
    service = f"AWS::{action.partition(':')[0]}::".lower()
    names = {each.name for each in origins if launch.type_of(each.name).lower().startswith(service)}
    return tuple(unknown_value(Origin("resource", name)) for name in sorted(names))


def _target(launch: Launch, value: Any) -> tuple[str, ...]:
    """A value as targets: itself if it refers to a resource of the template, or none."""
    return (value,) if launch.referenced_resource(value) else ()


@lru_cache(maxsize=512)
def commands(script: str) -> tuple[tuple[str, str], ...]:
    """(action, command) of each command of the AWS CLI in a shell or Python script.

    Commands with explicit credentials are ignored: it isn't the instance's role that calls.
    """
    found: dict[tuple[str, str], None] = {}
    for line in re.sub(r"\\\n|,\s*\n", " ", script).splitlines() if "aws" in script else ():
        words = [] if line.lstrip().startswith("#") else re.findall(r"""[^\s"',;|&()\[\]{}`]+""", line)
        for index, word in enumerate(words):
            if word.rpartition("/")[2] != "aws" or any(OTHER_CREDENTIALS.match(each) for each in words):
                continue
            for service, operation in combinations(words[index + 1 : index + 9], 2):
                action = action_of(service, operation)
                if action:
                    found[action, f"aws {service} {operation}"] = None
                    break
    return tuple(found)


def _parsed(text: Any, origins: Iterable[Origin]) -> dict[str, Any]:
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


def _of_flow_logs(launch: Launch) -> Iterator[ApiCall]:
    """https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html documents what a flow log calls."""
    for name, properties in launch.of_type("AWS::EC2::FlowLog").items():
        role = identity_of(launch, properties.get("DeliverLogsPermissionArn"))
        group = _target(launch, properties.get("LogGroupName") or properties.get("LogDestination"))
        if role:
            for operation in ("CreateLogStream", "PutLogEvents", "DescribeLogGroups", "DescribeLogStreams"):
                targets = () if operation.startswith("Describe") else group
                yield ApiCall(role, f"logs:{operation}", targets, f"the flow log {name} calls it")


def _of_targets(launch: Launch) -> Iterator[ApiCall]:
    """What EventBridge calls to start the targets of rules and schedules."""
    with_targets = [
        (name, properties.get("Targets")) for name, properties in launch.of_type("AWS::Events::Rule").items()
    ]
    schedules = launch.of_type("AWS::Scheduler::Schedule").items()
    with_targets += [(name, properties.get("Target")) for name, properties in schedules]
    for name, target in ((name, each) for name, targets in with_targets for each in as_list(targets)):
        role = identity_of(launch, dict_or_empty(target).get("RoleArn"))
        started = dict_or_empty(target).get("Arn")
        action = STARTED_BY.get(launch.type_of(launch.referenced_resource(started)))
        if role and action:
            yield ApiCall(role, action, (as_text(started),), f"{name} starts its target with it")


def _of_tasks(launch: Launch) -> Iterator[ApiCall]:
    """What the tasks of state machines call."""
    for name, properties in launch.of_type("AWS::StepFunctions::StateMachine").items():
        role = identity_of(launch, properties.get("RoleArn"))
        text = properties.get("DefinitionString")
        definition = properties.get("Definition") or _parsed(text, origins_of(text))
        for place, task in entries(definition):
            if dict_or_empty(task).get("Type") != "Task":
                continue
            resource = task.get("Resource")
            called = TASK.match(as_text(resource))
            action = action_of(*called.groups()) if called else None
            arguments = origins_of([task.get("Parameters"), task.get("Arguments")])
            targets = _resources_of_service(launch, action or "", arguments)
            if launch.type_of(launch.referenced_resource(resource)) == "AWS::Lambda::Function":
                action, targets = "lambda:InvokeFunction", _target(launch, resource)
            if role and action:
                yield ApiCall(role, action, targets, f"the state {place[-1]} of {name} calls it")
