"""Which AWS API calls a stack makes, and as which user or role, as far as its template and its contract show them.

    scripts and user data ──▶ the role of the instance
    Docker's log driver   ──▶ the role of the instance
    tasks of state machines, targets of rules and schedules, flow logs ──▶ the role in their properties

Only certain calls are stated: commands of the AWS CLI, and what AWS documents that a service calls with a role. Calls
of programs with an SDK, and those of ``aws s3``, are not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.grants import identity_of
from quilt_cfn.cloudformation.analysis.instances import files, instances, scripts
from quilt_cfn.cloudformation.analysis.state_machines import parsed, tasks
from quilt_cfn.cloudformation.facts.iam_actions import action_of, arns_of
from quilt_cfn.cloudformation.launch import Contract, Launch, Origin, origins_of
from quilt_cfn.cloudformation.launch.values import unknown_value
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path, entries

READS = ("secretsmanager:GetSecretValue", "ssm:GetParameter")
"""An instance that calls one of these is taken to read every secret or parameter that its scripts mention."""

ASSOCIATE = "ec2:AssociateAddress"
"""EC2 wants permission for it on three resources: the address, the instance, and the instance's network interface.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html"""

EC2 = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:"
INSTANCE, INTERFACE = "instance/i-0123456789abcdef0", "network-interface/eni-0123456789abcdef0"
"""How the ARNs of an instance of the stack and of its network interface end."""

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

COMPLETED = re.compile(r"""["']aws["'],\s*\*""")
"""A list in Python that is a command of the AWS CLI, and gets service and operation from elsewhere in the script."""

LITERALS = re.compile(r"""["']([a-z0-9-]+)["'],\s*["']([a-z0-9-]+)["']""")
"""Two strings beside one another in Python."""


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
    """Every call that is known.

    Where the contract says who calls an action, on what and under which condition, a script adds nothing: it may have
    other credentials than the instance's, or mention a resource for another reason. What else the template shows adds
    exact calls only.
    """
    of_contract = [
        ApiCall(call.principal, call.action, (launch.compute({"Fn::Sub": call.resource}),), call.because)
        for call in contract.calls
        if call.condition is None or launch.conditions.get(call.condition)
    ]
    actions = {call.action for call in contract.calls}
    exact = {(call.caller, call.action) for call in of_contract}
    of_services = [*_of_flow_logs(launch), *_of_targets(launch), *_of_tasks(launch)]
    return (
        *of_contract,
        *(call for call in _of_instances(launch) if call.action not in actions),
        *(call for call in of_services if len(call.targets) == 1 or (call.caller, call.action) not in exact),
    )


def _of_instances(launch: Launch) -> Iterator[ApiCall]:
    for instance in instances(launch):
        profile = instance.settings.get("IamInstanceProfile")
        profile = dict_or_empty(profile).get("Arn") or dict_or_empty(profile).get("Name") or profile
        roles = as_list(launch.properties(launch.referenced_resource(profile)).get("Roles"))
        role = identity_of(launch, roles[0]) if roles else None
        if role:
            texts = scripts(launch, *instance.sources)
            origins = origins_of([text for _, text in texts])
            names = {origin.name for origin in origins}
            written = files(launch, *instance.sources)
            with_keys = frozenset(each for _, _, text in written for each in _with_access_key(text))
            for path, text in texts:
                if "aws" in text:
                    yield from _of_script(launch, role, path, _with_own_credentials(text, with_keys), names)
            for source, name, text in written:
                yield from _of_docker(launch, role, f"{name} of {source}", text, origins)


def _with_access_key(text: str) -> list[str]:
    """In a JSON text, the names of the maps of environment variables that have an access key."""
    found = entries(parsed(text, ())) if '"AWS_ACCESS_KEY_ID"' in text else ()
    return [as_text(path[-1]) for path, value in found if "AWS_ACCESS_KEY_ID" in dict_or_empty(value)]


@lru_cache(maxsize=512)
def _with_own_credentials(script: str, with_keys: frozenset[str]) -> str:
    """A shell script without what it does after reading a file that gives it other credentials than the instance's.

    What is done is what stands between that line and the end of the branch or of the script, and the functions that
    are named there. ``with_keys`` are names of such files.
    """
    for match in re.finditer(r"(?ms)^\s*(?:\.|source)\s+\S*/([\w.-]+)$.*?(?:^\s*;;|\Z)", script) if with_keys else ():
        if match[1] in with_keys:
            script = script.replace(match[0], "")
            for function in re.finditer(r"(?ms)^(\w+)\(\) *\{(?:[^\n]*\}$|.*?^\})", script):
                if re.search(rf"\b{function[1]}\b", match[0]):
                    script = script.replace(function[0], "")
    return script


def _of_script(launch: Launch, role: str, path: Path, text: str, names: Collection[str]) -> Iterator[ApiCall]:
    """``names`` are those of the resources that any script of the instance mentions."""
    place = "the user data" if path[-1] == "UserData" else path[-2]
    for action, command in commands(text):
        for targets in _targets_of_command(launch, action, names):
            yield ApiCall(role, action, targets, f"{place} of {path[1]} calls {command}")


def _targets_of_command(launch: Launch, action: str, names: Iterable[str]) -> list[tuple[str, ...]]:
    """The targets of each call that a command stands for, in scripts that mention these resources."""
    if action == ASSOCIATE:
        addresses = sorted(name for name in names if launch.type_of(name) == "AWS::EC2::EIP")
        own = [f"elastic-ip/${{{name}.AllocationId}}" for name in addresses]
        arns = [as_text(launch.compute({"Fn::Sub": f"{EC2}{each}"})) for each in (*own, INSTANCE, INTERFACE)]
        return [tuple(arns[: len(own)]), *((each,) for each in arns[len(own) :])] if own else [()]
    targets = _targets(launch, action, names)
    return [(each,) for each in targets] if targets and action in READS else [targets]


def _targets(launch: Launch, action: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the resources with these names that belong to the service of an action, or all resources where IAM
    knows none for it."""
    if arns_of(action) == ():
        return ("*",)
    service = f"AWS::{action.partition(':')[0]}::".lower()
    return _placeholders(name for name in names if launch.type_of(name).lower().startswith(service))


def _placeholders(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(unknown_value(Origin("resource", name)) for name in sorted(names))


def _of_docker(launch: Launch, role: str, place: str, text: str, origins: frozenset[Origin]) -> Iterator[ApiCall]:
    """https://docs.docker.com/engine/logging/drivers/awslogs/ documents what the driver calls."""
    settings = parsed(text, origins) if "log-driver" in text else {}
    if settings.get("log-driver") == "awslogs":
        group = dict_or_empty(settings.get("log-opts")).get("awslogs-group")
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield ApiCall(role, action, _target(launch, group), f"Docker's awslogs driver calls it, see {place}")


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
    for service, operation in LITERALS.findall(script) if COMPLETED.search(script) else ():
        action = action_of(service, operation)
        if action:
            found[action, f"aws {service} {operation}"] = None
    return tuple(found)


def _of_flow_logs(launch: Launch) -> Iterator[ApiCall]:
    """https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html lists what a flow log may call. To write
    to a group that is there it needs no more than AWS's CDK grants:
    https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/aws-ec2/lib/vpc-flow-logs.ts."""
    for name, properties in launch.of_type("AWS::EC2::FlowLog").items():
        role = identity_of(launch, properties.get("DeliverLogsPermissionArn"))
        group = _target(launch, properties.get("LogGroupName") or properties.get("LogDestination"))
        if role:
            for operation in ("CreateLogStream", "PutLogEvents", "DescribeLogStreams"):
                yield ApiCall(role, f"logs:{operation}", group, f"the flow log {name} calls it")


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
    for task in tasks(launch):
        role = identity_of(launch, launch.properties(task.state_machine).get("RoleArn"))
        action = action_of(*task.api)
        targets = _targets(launch, action or "", task.named)
        if task.api[0] == "cloudformation" and task.on_stack:
            targets = (as_text(launch.compute({"Ref": "AWS::StackId"})),)
        if launch.type_of(launch.referenced_resource(task.resource)) == "AWS::Lambda::Function":
            action, targets = "lambda:InvokeFunction", _target(launch, task.resource)
        if role and action:
            yield ApiCall(role, action, targets, f"the state {task.state} of {task.state_machine} calls it")
