"""Where secrets and free texts flow: none reaches a place that others read, and no free text a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from quilt_cfn.cloudformation.analysis.instances import decoded_user_data, user_data
from quilt_cfn.cloudformation.analysis.regex import may_contain
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.launch import Base64Value, Launch, Origin, Value
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty, get_section
from quilt_cfn.cloudformation.template.walk import Path, strings_in

USER_GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide"
NO_ECHO = f"{USER_GUIDE}/parameters-section-structure.html"

SECRET_ATTRIBUTES = {"ClientSecret", "SecretAccessKey", "ServicePassword"}
"""Attributes of resources that are secrets."""

OPEN_KEYS = re.compile(r":SecretString:(engine|host|port|username|dbname|db(Instance|Cluster)Identifier)(:|\}\})")
"""Keys of a database's secret that say where the database is, and as whom one logs in, but not the password.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
"""

NAMES = re.compile(
    r"^(?!.*(User|Database|DB|Db|Host|Server|Domain)Name$)([A-Z][A-Za-z]*)?(Name|Description|Identifier)$"
)
"""Properties that name or describe a resource; a user's or a database's name is a value to somebody else."""

LOGS = re.compile(r"Log(?![a-z])|Logs|Logging")
"""Properties that are about logs; LoginProfile and LogicalName are not."""

SHOWN = {
    ("AWS::SSM::Parameter", "Value"): "a plain parameter, not a SecureString",
    ("AWS::ECS::TaskDefinition", "Environment"): "the environment in a task definition",
    ("AWS::Lambda::Function", "Environment"): "the environment in a function's configuration",
    ("AWS::CodeBuild::Project", "EnvironmentVariables"): "the environment in a project's configuration",
    ("AWS::ElasticBeanstalk::Environment", "OptionSettings"): "an environment's configuration",
    ("AWS::StepFunctions::StateMachine", "Definition"): "a state machine's definition",
    ("AWS::StepFunctions::StateMachine", "DefinitionString"): "a state machine's definition",
    ("AWS::SSM::Document", "Content"): "a document",
}
"""Type and property -> a place that shows its contents to everybody who may look at the resource."""


def secrets_in(launch: Launch, value: Any) -> list[str]:
    """What is secret among the things that flowed into a value, by name."""
    origins = value.origins if isinstance(value, Value) else ()
    return sorted(filter(None, (_secret(launch, origin) for origin in origins)))


def _secret(launch: Launch, origin: Origin) -> str | None:
    if origin.source == "parameter":
        declared = dict_or_empty(get_section(launch.template, "Parameters").get(origin.name))
        return origin.name if as_text(declared.get("NoEcho", "false")).lower() == "true" else None
    if origin.source == "dynamic":
        secret = re.match(r"\{\{resolve:(secretsmanager|ssm-secure):", origin.name) and not OPEN_KEYS.search(
            origin.name
        )
        return origin.name if secret else None
    return f"{origin.name}.{origin.attribute}" if origin.attribute in SECRET_ATTRIBUTES else None


def _leaks(launch: Launch, value: Any, path: Path, where: str) -> Iterator[Violation]:
    told = set()
    for text, place in strings_in(value, path):
        for secret in secrets_in(launch, text):
            if secret not in told:
                told.add(secret)
                yield (place, f"{secret} reaches {where}.")


@rule(
    "S01",
    "error",
    "A secret can be read by everybody on the instance, and by everybody who may describe it.",
    "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",
)
def no_secret_in_user_data(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """User data is not protected: EC2 serves it to every process on the instance, and shows it in the console and to
    whoever may call DescribeInstanceAttribute; cloud-init keeps a copy on disk. A secret gets there through any number
    of functions."""
    for path, data in user_data(launch):
        yield from _leaks(launch, data, path, f"the user data of {path[1]}")


@rule("S02", "error", "A secret can be read by everybody who may look at the stack.", NO_ECHO)
def no_secret_in_metadata(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """CloudFormation masks NoEcho parameters, but not where they are used in Metadata: DescribeStackResource and
    cfn-get-metadata show them."""
    for name, resource in launch.resources.items():
        path: Path = ("Resources", name, "Metadata")
        yield from _leaks(launch, dict_or_empty(resource).get("Metadata"), path, f"the metadata of {name}")


@rule("S03", "error", "A secret stands in the console, in the stack's outputs.", NO_ECHO)
def no_secret_in_outputs(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """CloudFormation masks NoEcho parameters, but not where they are used in Outputs; everybody who may call
    DescribeStacks reads them."""
    for name, output in launch.outputs.items():
        yield from _leaks(launch, output, ("Outputs", name), f"the output {name}")


@rule(
    "S04",
    "error",
    "A secret stands in lists, bills and logs, where names and tags are shown.",
    "https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html",
)
def no_secret_in_names_and_tags(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Names, descriptions and tags are shown in every list, and copied into bills, events and logs."""
    for name, path, value in _properties(launch):
        keys = [key for key in path[3:] if isinstance(key, str)]
        if "Tags" in keys or "TagSpecifications" in keys or (keys and NAMES.match(keys[-1])):
            yield from _leaks(launch, value, path, f"{'a tag' if not NAMES.match(keys[-1]) else keys[-1]} of {name}")


@rule(
    "S05",
    "error",
    "A secret can be read by everybody who may look at the resource.",
    "https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html",
)
def no_secret_in_plain_configuration(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Some resources show their configuration as it is: plain SSM parameters, environments of functions, tasks and
    builds, state machines. A reference to a secret in Secrets Manager does there instead."""
    for name, path, value in _properties(launch):
        keys = {key for key in path[3:] if isinstance(key, str)}
        for (resource_type, key), where in SHOWN.items():
            if key in keys and launch.type_of(name) == resource_type:
                yield from _leaks(launch, value, path, f"{where}, {name}")


@rule(
    "S06",
    "error",
    "A secret is written into logs.",
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/protect-sensitive-log-data-types.html",
)
def no_secret_in_log_settings(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """What a log's settings contain, such as a filter pattern, a prefix or an option of a log driver, is shown with the
    log and copied into it."""
    for name, path, value in _properties(launch):
        keys = [key for key in path[3:] if isinstance(key, str)]
        logs = launch.type_of(name).startswith("AWS::Logs::") or any(map(LOGS.search, keys))
        if logs and not NAMES.match(keys[-1] if keys else ""):
            yield from _leaks(launch, value, path, f"the log settings of {name}")


@lru_cache(maxsize=1)
def _properties(launch: Launch) -> tuple[tuple[str, Path, Value], ...]:
    """(resource, path, text) of every text in properties into which something flowed, user data aside."""
    return tuple(
        (name, path, text)
        for name in launch.resources
        for text, path in strings_in(launch.properties(name), ("Resources", name, "Properties"))
        if isinstance(text, Value) and text.origins and not isinstance(text, Base64Value) and "UserData" not in path
    )


HARMFUL = "'\"`$\\;&|<>(){}*?!#~\n "
"""What a shell doesn't take for a part of a word."""


@rule(
    "S07",
    "error",
    "A name with a quote or a space in it breaks the boot, or runs as a command.",
    f"{USER_GUIDE}/best-practices.html",
)
def no_free_text_in_scripts(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A parameter is put into user data, and its pattern lets characters through that a shell reads as its own. Even
    within quotes one of them ends the quotation. Give the parameter a pattern of harmless characters, or let a program
    on the instance fetch the value. Values that AWS itself checks, such as a key pair's name, are left alone."""
    for path, data in user_data(launch):
        text = decoded_user_data(data)
        origins = text.origins if isinstance(text, Value) else ()
        for origin in sorted(origins):
            declared = dict_or_empty(get_section(launch.template, "Parameters").get(origin.name))
            if origin.source != "parameter" or _secret(launch, origin) or "AllowedValues" in declared:
                continue
            if as_text(declared.get("Type")) in ("String", "CommaDelimitedList"):
                harmful = _harmful(declared)
                if harmful:
                    yield (path, f"{origin.name} reaches the user data of {path[1]} and may contain {harmful}.")


def _harmful(declared: dict[str, Any]) -> str:
    """The first characters that a parameter's declaration lets through and a shell reads as its own."""
    pattern = declared.get("AllowedPattern")
    found = [each for each in HARMFUL if pattern is None or may_contain(as_text(pattern), each)]
    return " ".join({"\n": "a new line", " ": "a space"}.get(each, each) for each in found[:4])
