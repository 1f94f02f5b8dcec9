"""Who calls which API of AWS in a stack, as far as a template shows it; the contract adds what it doesn't.

    scripts and user data ──▶ the role of the machine
    Docker's log driver   ──▶ the role of the machine
    state machines' tasks, targets of rules and schedules, flow logs ──▶ the role they are given

The rule: only what is certainly called counts: a command of the AWS command line, and what AWS's own documentation says
that a service does with a role. Not read: programs with an SDK, ``aws s3`` and its own verbs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.grants import identity
from quilt_cfn.cloudformation.analysis.instances import files, instances, scripts
from quilt_cfn.cloudformation.facts.iam_actions import action_of
from quilt_cfn.cloudformation.launch import Launch, Origin, Value
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.launch.values import origins_of, placeholder, unknown_value
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path

READ_EACH = "secretsmanager:GetSecretValue"
"""A secret is handed to a machine for nothing but being read, so that a machine that reads one reads each."""

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
"""What a rule or a schedule does with its target, with the role that the target names:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html."""

FOREIGN = re.compile(r"AWS_(ACCESS_KEY_ID|PROFILE)=|--profile|--no-sign-request")
"""What gives a command credentials that are not the machine's, or none."""

TASK = re.compile(r"arn:[^:]*:states:::(?:aws-sdk:)?(\w+):(\w+)")


class ApiCall(NamedTuple):
    """An action that somebody performs."""

    caller: str
    """Logical ID of the user or role."""
    action: str
    targets: tuple[str, ...]
    """The ARN or the symbol of what it is performed on; of several it is one; none if that doesn't show."""
    because: str
    """Who does it, or what for: a sentence without its stop."""


@lru_cache(maxsize=1)
def api_calls(launch: Launch, contract: Contract) -> tuple[ApiCall, ...]:
    """Every call that is known of; one about which the contract is more exact is left out."""
    exact = [
        ApiCall(call.principal, call.action, (launch.compute({"Fn::Sub": call.resource}),), call.because)
        for call in contract.calls
    ]
    said = {(call.caller, call.action) for call in exact}
    shown = [*_of_machines(launch), *_of_flow_logs(launch), *_of_targets(launch), *_of_states(launch)]
    return (*exact, *(call for call in shown if len(call.targets) == 1 or (call.caller, call.action) not in said))


def _of_machines(launch: Launch) -> Iterator[ApiCall]:
    for machine in instances(launch):
        profile = machine.settings.get("IamInstanceProfile")
        profile = dict_or_empty(profile).get("Arn") or dict_or_empty(profile).get("Name") or profile
        roles = as_list(launch.properties(launch.referenced_resource(profile) or "").get("Roles"))
        role = identity(launch, roles[0]) if roles else None
        if role:
            texts = [each for source in machine.sources for each in scripts(launch, source)]
            handed = origins_of([text for _, text in texts])
            for path, text in texts:
                yield from _of_script(launch, role, path, text, handed)
            for source in machine.sources:
                for name, text in files(launch, source):
                    yield from _of_docker(launch, role, f"{name} of {source}", text, handed)


def _of_script(launch: Launch, role: str, path: Path, text: str, handed: frozenset[Origin]) -> Iterator[ApiCall]:
    place = "the user data" if path[-1] == "UserData" else path[-2]
    for action, command in commands(text):
        targets = _handed(launch, action, handed)
        for some in [(each,) for each in targets] if targets and action == READ_EACH else [targets]:
            yield ApiCall(role, action, some, f"{place} of {path[1]} calls {command}")


def _of_docker(launch: Launch, role: str, place: str, text: str, handed: frozenset[Origin]) -> Iterator[ApiCall]:
    """https://docs.docker.com/engine/logging/drivers/awslogs/ says what the driver calls."""
    settings = _loaded(text, handed) if "log-driver" in text else {}
    if settings.get("log-driver") == "awslogs":
        group = dict_or_empty(settings.get("log-opts")).get("awslogs-group")
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield ApiCall(role, action, _named(launch, group), f"Docker's awslogs driver calls it, see {place}")


def _handed(launch: Launch, action: str, origins: Iterable[Origin]) -> tuple[str, ...]:
    """What stands for the resources of an action's service, among these."""
    service = f"AWS::{action.partition(':')[0]}::".lower()
    names = {each.name for each in origins if launch.type_of(each.name).lower().startswith(service)}
    return tuple(unknown_value(Origin("resource", name)) for name in sorted(names))


def _named(launch: Launch, value: Any) -> tuple[str, ...]:
    return (value,) if launch.referenced_resource(value) else ()


@lru_cache(maxsize=512)
def commands(script: str) -> tuple[tuple[str, str], ...]:
    """(action, command) of each call of the AWS command line in a script of a shell or of Python.

    A command that brings credentials of its own is somebody else's.
    """
    found: dict[tuple[str, str], None] = {}
    for line in re.sub(r"\\\n|,\s*\n", " ", script).splitlines() if "aws" in script else ():
        words = [] if line.lstrip().startswith("#") else re.findall(r"""[^\s"',;|&()\[\]{}`]+""", line)
        for index, word in enumerate(words):
            if word.rpartition("/")[2] != "aws" or any(FOREIGN.match(each) for each in words):
                continue
            for service, operation in combinations(words[index + 1 : index + 9], 2):
                action = action_of(service, operation)
                if action:
                    found[action, f"aws {service} {operation}"] = None
                    break
    return tuple(found)


def _loaded(text: Any, origins: Iterable[Origin]) -> dict[str, Any]:
    """What a text in JSON says, with symbols in it again; nothing if it is none."""
    symbols = {placeholder(origin): unknown_value(origin) for origin in origins}
    try:
        return dict_or_empty(_with(symbols, json.loads(text)))
    except (TypeError, ValueError, RecursionError):
        return {}


def _with(symbols: Mapping[str, Value], value: Any) -> Any:
    if isinstance(value, list):
        return [_with(symbols, each) for each in value]
    if isinstance(value, dict):
        return {key: _with(symbols, each) for key, each in value.items()}
    return symbols.get(value, value) if isinstance(value, str) else value


def _of_flow_logs(launch: Launch) -> Iterator[ApiCall]:
    """https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html says what a flow log calls."""
    for name, properties in launch.of_type("AWS::EC2::FlowLog").items():
        role = identity(launch, properties.get("DeliverLogsPermissionArn"))
        group = _named(launch, properties.get("LogGroupName") or properties.get("LogDestination"))
        if role:
            for action, targets in (
                ("logs:CreateLogStream", group),
                ("logs:PutLogEvents", group),
                ("logs:DescribeLogGroups", ()),
                ("logs:DescribeLogStreams", ()),
            ):
                yield ApiCall(role, action, targets, f"the flow log {name} calls it")


def _of_targets(launch: Launch) -> Iterator[ApiCall]:
    rules = [
        (name, each)
        for name, properties in launch.of_type("AWS::Events::Rule").items()
        for each in as_list(properties.get("Targets"))
    ]
    schedules = [
        (name, properties.get("Target")) for name, properties in launch.of_type("AWS::Scheduler::Schedule").items()
    ]
    for name, target in [*rules, *schedules]:
        role = identity(launch, dict_or_empty(target).get("RoleArn"))
        started = dict_or_empty(target).get("Arn")
        action = STARTED_BY.get(launch.type_of(launch.referenced_resource(started) or ""))
        if role and action:
            yield ApiCall(role, action, (as_text(started),), f"{name} starts its target with it")


def _of_states(launch: Launch) -> Iterator[ApiCall]:
    for name, properties in launch.of_type("AWS::StepFunctions::StateMachine").items():
        role = identity(launch, properties.get("RoleArn"))
        text = properties.get("DefinitionString")
        for state, task in _tasks(properties.get("Definition") or _loaded(text, origins_of(text))):
            resource = task.get("Resource")
            called = TASK.match(as_text(resource))
            action = action_of(*called.groups()) if called else None
            targets = _handed(launch, action or "", origins_of([task.get("Parameters"), task.get("Arguments")]))
            if launch.type_of(launch.referenced_resource(resource) or "") == "AWS::Lambda::Function":
                action, targets = "lambda:InvokeFunction", _named(launch, resource)
            if role and action:
                yield ApiCall(role, action, targets, f"the state {state} of {name} calls it")


def _tasks(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name of each task in a state machine's definition, those inside other states included, and what it says."""
    for name, each in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        if dict_or_empty(each).get("Type") == "Task":
            yield as_text(name), each
        yield from _tasks(each)
