"""Secrets and free text: no secret reaches a place that others can read, and no free text a script.

A value is followed through every function. A secret is a parameter with NoEcho, a dynamic reference to Secrets Manager
or to a secure SSM parameter, or an attribute such as SecretAccessKey.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from quilt_cfn.cloudformation.analysis.instances import decoded_user_data, user_data
from quilt_cfn.cloudformation.analysis.parameter_use import declaration
from quilt_cfn.cloudformation.analysis.regex import may_contain
from quilt_cfn.cloudformation.checks.rules.rule import USER_GUIDE, Violation, rule
from quilt_cfn.cloudformation.launch import Base64Value, Contract, Launch, Origin, Value, origins_of
from quilt_cfn.cloudformation.template.coerce import as_text
from quilt_cfn.cloudformation.template.walk import Path, strings_in

NO_ECHO = f"{USER_GUIDE}/parameters-section-structure.html"

SECRET_ATTRIBUTES = {"ClientSecret", "SecretAccessKey", "ServicePassword"}
"""Attributes of resources that are secrets."""

PUBLIC_KEYS = re.compile(r":SecretString:(engine|host|port|username|dbname|db(Instance|Cluster)Identifier)(:|\}\})")
"""Dynamic references to the keys of a database's secret that are no secrets: its address, name and user.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
"""

NAMES = re.compile(
    r"^(?!.*(User|Database|DB|Db|Host|Server|Domain)Name$)([A-Z][A-Za-z]*)?(Name|Description|Identifier)$"
)
"""Properties that name or describe a resource; names of users, databases and hosts are values and not among them."""

LOGS = re.compile(r"Log(?![a-z])|Logs|Logging")
"""Properties that configure logs; LoginProfile and LogicalName don't."""

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
"""(type, property) whose value AWS shows to everybody who may read the resource -> what it is, for a sentence."""


def _secret(launch: Launch, origin: Origin) -> str | None:
    """The name of an origin that is a secret; None for others."""
    if origin.source == "parameter":
        hidden = as_text(declaration(launch, origin.name).get("NoEcho", "false")).lower() == "true"
        return origin.name if hidden else None
    if origin.source == "dynamic":
        secret = re.match(r"\{\{resolve:(secretsmanager|ssm-secure):", origin.name)
        return origin.name if secret and not PUBLIC_KEYS.search(origin.name) else None
    return f"{origin.name}.{origin.attribute}" if origin.attribute in SECRET_ATTRIBUTES else None


def _leaks(launch: Launch, value: Any, path: Path, where: str) -> Iterator[Violation]:
    """One violation for each secret in a value."""
    found: dict[str, Path] = {}
    for text, place in strings_in(value, path):
        secrets = (_secret(launch, origin) for origin in origins_of(text))
        for secret in sorted(filter(None, secrets)):
            found.setdefault(secret, place)
    for secret, place in found.items():
        yield (place, f"{secret} reaches {where}.")


@rule(
    "S01",
    "error",
    "Everybody on the instance, and everybody who may describe the instance, can read a secret.",
    "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",
)
def no_secret_in_user_data(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds secrets in user data.

    Why it is bad: user data is not protected. EC2 gives it to every process on the instance, shows it in the console
    and to whoever may call DescribeInstanceAttribute, and cloud-init keeps a copy on disk.

    Use instead: a secret in Secrets Manager, which a program on the instance reads with the instance's role.

        UserData:
          Fn::Base64: !Sub |
            #!/bin/bash
            password=$(aws secretsmanager get-secret-value --region ${AWS::Region} --secret-id ${PasswordSecret} \\
              --query SecretString --output text)
    """
    for path, data in user_data(launch):
        yield from _leaks(launch, data, path, f"the user data of {path[1]}")


@rule("S02", "error", "Everybody who may read the stack can read a secret.", NO_ECHO)
def no_secret_in_metadata(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds secrets in Metadata, for instance in files of AWS::CloudFormation::Init.

    Why it is bad: CloudFormation masks a NoEcho parameter, but not the metadata that it is used in, which
    DescribeStackResource and cfn-get-metadata show.

    Use instead: the ARN of a secret in Secrets Manager, which a program on the instance reads.
    """
    for name, resource in launch.resources.items():
        yield from _leaks(launch, resource.get("Metadata"), ("Resources", name, "Metadata"), f"the metadata of {name}")


@rule("S03", "error", "The console shows a secret among the stack's outputs.", NO_ECHO)
def no_secret_in_outputs(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds secrets in outputs.

    Why it is bad: CloudFormation masks a NoEcho parameter, but not the outputs that it is used in, which everybody who
    may call DescribeStacks reads.

    Use instead: the ARN of a secret in Secrets Manager as the output.
    """
    for name, output in launch.outputs.items():
        yield from _leaks(launch, output, ("Outputs", name), f"the output {name}")


@rule(
    "S04",
    "error",
    "A secret is shown in lists, bills and logs, as a name or a tag.",
    "https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html",
)
def no_secret_in_names_and_tags(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds secrets in names, descriptions and tags of resources.

    Why it is bad: AWS shows these in every list, and copies them into bills, events and logs.

    Use instead: a name or a tag without the secret.
    """
    for path, keys, value in _properties(launch):
        if "Tags" in keys or "TagSpecifications" in keys or (keys and NAMES.match(keys[-1])):
            yield from _leaks(launch, value, path, f"{'a tag' if not NAMES.match(keys[-1]) else keys[-1]} of {path[1]}")


@rule(
    "S05",
    "error",
    "Everybody who may read the resource can read a secret.",
    "https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html",
)
def no_secret_in_plain_configuration(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds secrets in configuration that AWS shows as it is: plain SSM parameters, environments of functions, tasks
    and builds, state machines, SSM documents.

    Why it is bad: everybody who may describe the resource reads the secret. A dynamic reference doesn't help, because
    CloudFormation puts the secret in its place.

    Use instead: the ARN of a secret in Secrets Manager, which the service or the program reads when it runs.
    """
    for path, keys, value in _properties(launch):
        for (resource_type, key), where in SHOWN.items():
            if key in keys and launch.type_of(str(path[1])) == resource_type:
                yield from _leaks(launch, value, path, f"{where}, {path[1]}")


@rule(
    "S06",
    "error",
    "A secret is written into logs.",
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/protect-sensitive-log-data-types.html",
)
def no_secret_in_log_settings(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds secrets in settings of logs, such as a filter pattern, a prefix, or an option of a log driver.

    Why it is bad: AWS shows these settings with the log, and some of them are copied into every line.

    Use instead: settings without the secret.
    """
    for path, keys, value in _properties(launch):
        logs = launch.type_of(str(path[1])).startswith("AWS::Logs::") or any(map(LOGS.search, keys))
        if logs and not NAMES.match(keys[-1] if keys else ""):
            yield from _leaks(launch, value, path, f"the log settings of {path[1]}")


@lru_cache(maxsize=1)
def _properties(launch: Launch) -> tuple[tuple[Path, list[str], Value], ...]:
    """(path, the names in it, string) of every string in properties into which something flowed, except user data."""
    return tuple(
        (path, [key for key in path[3:] if isinstance(key, str)], text)
        for text, path in launch.property_strings
        if isinstance(text, Value) and text.origins and not isinstance(text, Base64Value) and "UserData" not in path
    )


HARMFUL = "'\"`$\\;&|<>(){}*?!#~\n "
"""Characters that have a meaning for a shell."""


@rule(
    "S07",
    "error",
    "A parameter value with a quote or a space in it breaks the boot, or runs as a command.",
    f"{USER_GUIDE}/best-practices.html",
)
def no_free_text_in_scripts(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameters of free text in user data whose pattern accepts characters that have a meaning for a shell.
    Parameters of AWS's own types, such as a key pair, are not checked, nor are secrets, which S01 reports.

    Why it is bad: CloudFormation puts the value into the script as it is. Even between quotes, a quote or a dollar sign
    in the value ends the word or runs a command.

    Use instead: an AllowedPattern of harmless characters; or a file of cfn-init with the value, which a program on the
    instance reads.
    """
    for path, data in user_data(launch):
        text = decoded_user_data(data)
        for origin in sorted(origins_of(text)):
            declared = declaration(launch, origin.name)
            if origin.source != "parameter" or _secret(launch, origin) or "AllowedValues" in declared:
                continue
            if as_text(declared.get("Type")) in ("String", "CommaDelimitedList"):
                harmful = _harmful(declared)
                if harmful:
                    yield (path, f"{origin.name} reaches the user data of {path[1]} and may contain {harmful}.")


def _harmful(declared: dict[str, Any]) -> str:
    """The first characters that a parameter accepts and that have a meaning for a shell, for a sentence."""
    pattern = declared.get("AllowedPattern")
    found = [each for each in HARMFUL if pattern is None or may_contain(as_text(pattern), each)]
    return " ".join({"\n": "a new line", " ": "a space"}.get(each, each) for each in found[:4])
