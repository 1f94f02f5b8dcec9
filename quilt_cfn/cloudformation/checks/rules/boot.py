"""What makes a machine boot: user data, cfn-init, signals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from quilt_cfn.cloudformation.analysis.instances import INIT, decoded_user_data, scripts, user_data
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.launch.values import is_known
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty, get_section
from quilt_cfn.cloudformation.template.walk import Path

REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"


@rule("W14", "error", "The instance starts and does nothing.", f"{REFERENCE}/aws-resource-ec2-instance.html")
def user_data_is_encoded(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """EC2 takes user data in base64 only; a plain text is refused, or is decoded to nonsense that nothing runs."""
    for path, data in user_data(launch):
        if isinstance(data, str) and decoded_user_data(data) is None and (is_known(data) or "\n" in data):
            yield (path, f"The user data of {path[1]} is not in base64: put Fn::Base64 around it.")


@rule(
    "W15",
    "error",
    "The launch fails when CloudFormation reads the timeout.",
    f"{REFERENCE}/aws-attribute-creationpolicy.html",
)
def signals_can_come(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A CreationPolicy waits at most twelve hours, in a duration of ISO 8601; a wait condition as long, in seconds."""
    for name, resource in launch.resources.items():
        signal = dict_or_empty(dict_or_empty(resource).get("CreationPolicy")).get("ResourceSignal")
        path: Path = ("Resources", name, "CreationPolicy", "ResourceSignal")
        timeout = dict_or_empty(signal).get("Timeout", "PT5M")
        seconds = _seconds(as_text(timeout))
        if signal is not None and is_known(timeout) and (seconds is None or not 0 < seconds <= 12 * 3600):
            yield ((*path, "Timeout"), f"{name} waits {timeout}; it takes an ISO 8601 duration up to PT12H.")
    for name, properties in launch.of_type("AWS::CloudFormation::WaitCondition").items():
        timeout = properties.get("Timeout", "1")
        number = int(timeout) if re.fullmatch("[0-9]+", as_text(timeout)) else 0
        if is_known(timeout) and not 0 < number <= 12 * 3600:
            path = ("Resources", name, "Properties", "Timeout")
            yield (path, f"{name} waits {timeout} seconds; it takes at most 43200.")


def _seconds(duration: str) -> int | None:
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", duration)
    if not match or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


COMMAND = re.compile(r"\bcfn-(init|signal)(?:\.exe)?\b((?:\\\r?\n|[^\n|;&])*)")
OPTION = re.compile(r"(?<!\S)--?([a-z-]+)(?:\s+|=)[\"']?([^\s\"'\\-][^\s\"'\\]*)")


@lru_cache(maxsize=1)
def _commands(launch: Launch) -> tuple[tuple[Path, str, dict[str, str]], ...]:
    """Every call of cfn-init and cfn-signal that scripts make: its place, its name, and its options."""
    return tuple(
        (path, command, dict(OPTION.findall(rest)))
        for name in launch.resources
        for path, text in scripts(launch, name)
        if "cfn-" in text
        for command, rest in COMMAND.findall(text)
        if OPTION.search(rest)
    )


@rule(
    "W16",
    "error",
    "The instance finds nothing to set up, or nobody hears its signal: the launch fails after a long wait.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-helper-scripts-reference.html",
)
def scripts_name_the_right_resource(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """cfn-init reads the metadata of the resource that it is given, cfn-signal reports to that resource: the first has
    to have AWS::CloudFormation::Init, the second a CreationPolicy or an UpdatePolicy."""
    for path, command, options in _commands(launch):
        resource = options.get("resource", options.get("r"))
        if resource is None or not re.fullmatch("[A-Za-z0-9]+", resource):
            continue
        if resource not in get_section(launch.template, "Resources"):
            yield (path, f"cfn-{command} names the resource {resource}, which is not in the template.")
        elif resource not in launch.resources:
            continue
        elif command == "init" and INIT not in dict_or_empty(launch.resources[resource].get("Metadata")):
            yield (path, f"cfn-init reads the metadata of {resource}, which has no {INIT}.")
        elif command == "signal" and not {"CreationPolicy", "UpdatePolicy"} & set(launch.resources[resource]):
            yield (path, f"cfn-signal reports to {resource}, which waits for no signal.")


@rule(
    "W17",
    "error",
    "cfn-init fails on the instance, or leaves out what it should do.",
    f"{REFERENCE}/aws-resource-init.html",
)
def init_has_known_sections(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """cfn-init knows seven sections in a config and nine keys of a file; it silently passes over any other."""
    for name, resource in launch.resources.items():
        init = dict_or_empty(dict_or_empty(resource).get("Metadata")).get(INIT)
        for config, sections in dict_or_empty(init).items():
            if config == "configSets":
                continue
            path: Path = ("Resources", name, "Metadata", INIT, config)
            for key, value in dict_or_empty(sections).items():
                if key not in SECTIONS:
                    yield ((*path, key), f"cfn-init has no section {key}; it knows {', '.join(SECTIONS)}.")
                for file, settings in dict_or_empty(value).items() if key == "files" else ():
                    for setting in set(dict_or_empty(settings)) - FILE_KEYS:
                        yield ((*path, key, file, setting), f"A file of cfn-init has no setting {setting}.")


SECTIONS = ("packages", "groups", "users", "sources", "files", "commands", "services")
FILE_KEYS = {"content", "source", "encoding", "group", "owner", "mode", "authentication", "context"}


@rule("W18", "error", "cfn-init fails on the instance, and so does the launch.", f"{REFERENCE}/aws-resource-init.html")
def configsets_exist(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """cfn-init runs the configsets that it is given, or the one called default, or the config called config; a
    configset lists configs and other configsets."""
    for path, command, options in _commands(launch):
        resource = options.get("resource", options.get("r", ""))
        init = dict_or_empty(dict_or_empty(dict_or_empty(launch.resources.get(resource)).get("Metadata")).get(INIT))
        if command != "init" or not init:
            continue
        sets = dict_or_empty(init.get("configSets"))
        asked = options.get("configsets", options.get("c", "default" if sets else ""))
        for each in filter(None, asked.split(",")):
            if each not in sets and re.fullmatch("[A-Za-z0-9_-]+", each):
                yield (path, f"cfn-init asks for the configset {each}, which {resource} doesn't define.")
        if not asked and "config" not in init:
            yield (path, f"cfn-init is given no configset, and {resource} has no config called config.")
    for name, declared in launch.resources.items():
        init = dict_or_empty(dict_or_empty(dict_or_empty(declared).get("Metadata")).get(INIT))
        sets = dict_or_empty(init.get("configSets"))
        for configset, entries in sets.items():
            for entry in entries if isinstance(entries, list) else [entries]:
                place: Path = ("Resources", name, "Metadata", INIT, "configSets", configset)
                nested = dict_or_empty(entry).get("ConfigSet")
                if nested is not None and nested not in sets:
                    yield (place, f"The configset {configset} includes {nested}, which doesn't exist.")
                if isinstance(entry, str) and entry not in init:
                    yield (place, f"The configset {configset} includes the config {entry}, which doesn't exist.")
