"""Environment variables of programs: of containers, functions, builds, commands of cfn-init and what it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import INIT, cfn_init
from quilt_cfn.cloudformation.launch import Launch, Value, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path

_LISTS = {
    "AWS::ECS::TaskDefinition": ("ContainerDefinitions", "Environment"),
    "AWS::CodeBuild::Project": ("Environment", "EnvironmentVariables"),
    "AWS::Batch::JobDefinition": ("ContainerProperties", "Environment"),
    "AWS::AppRunner::Service": (
        "SourceConfiguration",
        "ImageRepository",
        "ImageConfiguration",
        "RuntimeEnvironmentVariables",
    ),
}
"""Type -> the properties that lead to lists of Name and Value."""

_MAPS = {
    "AWS::Lambda::Function": ("Environment", "Variables"),
    "AWS::Serverless::Function": ("Environment", "Variables"),
}
"""Type -> the properties that lead to a map from name to value."""

NAME = re.compile("[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")


class Environment(NamedTuple):
    """The variables of one program."""

    path: Path
    """The place of the resource's environment in the template."""
    variables: dict[str, tuple[Path, Any]]
    """Name -> the place of its value, and the value."""


def environments(launch: Launch) -> Iterator[Environment]:
    """Every environment of a launch."""
    for resource_type, keys in _LISTS.items():
        for name, properties in launch.of_type(resource_type).items():
            yield from _from_lists(("Resources", name, "Properties"), properties, keys)
    for resource_type, keys in _MAPS.items():
        for name, properties in launch.of_type(resource_type).items():
            yield _from_map(("Resources", name, "Properties", *keys), map_at(properties, *keys))
    for name in launch.resources:
        for config, sections in cfn_init(launch, name).items():
            path: Path = ("Resources", name, "Metadata", INIT, config)
            for command, settings in map_at(sections, "commands").items():
                yield _from_map((*path, "commands", command, "env"), map_at(settings, "env"))
            for file, settings in map_at(sections, "files").items():
                yield from _in_content((*path, "files", file, "content"), dict_or_empty(settings).get("content"))


def _from_lists(path: Path, value: Any, keys: tuple[str, ...]) -> Iterator[Environment]:
    """The environments to which keys lead, by way of lists as well."""
    if keys:
        inner = dict_or_empty(value).get(keys[0])
        if len(keys) > 1 and isinstance(inner, list):
            for index, each in enumerate(inner):
                yield from _from_lists((*path, keys[0], index), each, keys[1:])
        else:
            yield from _from_lists((*path, keys[0]), inner, keys[1:])
        return
    variables = {
        as_text(entry["Name"]): ((*path, index, "Value"), entry["Value"])
        for index, entry in enumerate(map(dict_or_empty, as_list(value)))
        # CodeBuild reads values of other types from the Parameter Store or from Secrets Manager.
        if {"Name", "Value"} <= entry.keys() and entry.get("Type", "PLAINTEXT") == "PLAINTEXT"
    }
    yield Environment(path, variables)


def _from_map(path: Path, variables: dict[str, Any]) -> Environment:
    return Environment(path, {name: ((*path, name), value) for name, value in variables.items()})


def _in_content(path: Path, content: Any) -> Iterator[Environment]:
    """The maps in the content of a JSON file that have names of variables as their keys."""
    if isinstance(content, dict):
        if any(map(NAME.fullmatch, map(as_text, content))):
            yield _from_map(path, content)
        for key, each in content.items():
            yield from _in_content((*path, key), each)


class Kind(Enum):
    """What a value certainly is; for a sentence."""

    ARN = "an ARN"
    URL = "a URL"
    HOST = "a host's name"
    HOST_AND_PORT = "a host's name with a port"
    IDENTIFIER = "the identifier of a resource"
    NUMBER = "a number"
    ZONE = "an Availability Zone"


_REF_IS_AN_ARN = {
    "AWS::CertificateManager::Certificate",
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::IAM::ManagedPolicy",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
}
_REF_IS_A_NAME = {
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::ECS::Cluster",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::IAM::Role",
    "AWS::IAM::User",
    "AWS::Kinesis::Stream",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
}
"""Types by what Ref gives: the template reference says it of each type under "Return values"."""

_ATTRIBUTES = (
    (re.compile("([A-Za-z]+\\.)*([A-Za-z]*Arn|ARN)"), Kind.ARN),
    (re.compile("WebsiteURL|QueueUrl|FunctionUrl|ApiEndpoint"), Kind.URL),
    (
        re.compile("[A-Za-z]*End[Pp]oint\\.Address|(Regional|DualStack)?DomainName|DNSName|P(ublic|rivate)DnsName"),
        Kind.HOST,
    ),
    (re.compile("AvailabilityZone"), Kind.ZONE),
    (re.compile("(Bucket|Function|Queue|Role|Table|Topic|User)Name"), Kind.IDENTIFIER),
)

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST_NAME = rf"(localhost|({_LABEL}\.)+[A-Za-z]{{2,}})"
_TEXTS = (
    (re.compile(r"arn:aws[a-z-]*:.*"), Kind.ARN),
    (re.compile(r"[a-z][a-z0-9+.-]*://.*"), Kind.URL),
    (re.compile(r"[0-9]+"), Kind.NUMBER),
    (re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9][a-z]"), Kind.ZONE),
    (re.compile(_HOST_NAME), Kind.HOST),
    (re.compile(rf"{_HOST_NAME}:[0-9]+"), Kind.HOST_AND_PORT),
)
_BEGINNINGS = _TEXTS[:2]
_AWS_HOST = re.compile(r"[^/:]*\.amazonaws\.com(\.cn)?")


def kind_of(launch: Launch, value: Any) -> Kind | None:
    """What a value certainly is; None where that can't be told, and for an empty one."""
    text = as_text(value)
    if is_known(value):
        return next((kind for pattern, kind in _TEXTS if pattern.fullmatch(text)), None)
    origin = value.stands_for if isinstance(value, Value) else None
    if origin and origin.source == "attribute":
        if launch.type_of(origin.name).startswith(("AWS::CloudFormation::", "Custom::")):
            return None
        return next((kind for pattern, kind in _ATTRIBUTES if pattern.fullmatch(origin.attribute)), None)
    if origin and origin.source == "resource":
        resource_type = launch.type_of(origin.name)
        if resource_type == "AWS::SQS::Queue":
            return Kind.URL
        return Kind.ARN if resource_type in _REF_IS_AN_ARN else _identifier(resource_type)
    if _AWS_HOST.fullmatch(text):
        return Kind.HOST
    return next((kind for pattern, kind in _BEGINNINGS if pattern.fullmatch(text)), None)


def _identifier(resource_type: str) -> Kind | None:
    return Kind.IDENTIFIER if resource_type in _REF_IS_A_NAME else None
