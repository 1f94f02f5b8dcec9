"""What makes a machine boot: user data, cfn-init, signals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from quilt_cfn.checks.contract import Contract
from quilt_cfn.checks.models.machines import INIT, plain, scripts, user_data
from quilt_cfn.checks.rule import Fault, rule
from quilt_cfn.evaluation import Rendering
from quilt_cfn.evaluation.forms import mapping, section
from quilt_cfn.evaluation.texts import Path, as_text, is_known

REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"


@rule("W14", "The instance starts and does nothing.", f"{REFERENCE}/aws-resource-ec2-instance.html")
def user_data_is_encoded(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """EC2 takes user data in base64 only; a plain text is refused, or is decoded to nonsense that nothing runs."""
    for path, data in user_data(rendering):
        if isinstance(data, str) and plain(data) is None and (is_known(data) or "\n" in data):
            yield Fault(path, f"The user data of {path[1]} is not in base64: put Fn::Base64 around it.")


@rule(
    "W15",
    "The launch fails when CloudFormation reads the timeout.",
    f"{REFERENCE}/aws-attribute-creationpolicy.html",
)
def signals_can_come(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """A CreationPolicy waits at most twelve hours, in a duration of ISO 8601; a wait condition as long, in seconds."""
    for name, resource in rendering.resources.items():
        signal = mapping(mapping(resource).get("CreationPolicy")).get("ResourceSignal")
        path: Path = ("Resources", name, "CreationPolicy", "ResourceSignal")
        timeout = mapping(signal).get("Timeout", "PT5M")
        seconds = _seconds(as_text(timeout))
        if signal is not None and is_known(timeout) and (seconds is None or not 0 < seconds <= 12 * 3600):
            yield Fault((*path, "Timeout"), f"{name} waits {timeout}; it takes an ISO 8601 duration up to PT12H.")
    for name, properties in rendering.of_type("AWS::CloudFormation::WaitCondition").items():
        timeout = properties.get("Timeout", "1")
        number = int(timeout) if re.fullmatch("[0-9]+", as_text(timeout)) else 0
        if is_known(timeout) and not 0 < number <= 12 * 3600:
            path = ("Resources", name, "Properties", "Timeout")
            yield Fault(path, f"{name} waits {timeout} seconds; it takes at most 43200.")


def _seconds(duration: str) -> int | None:
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", duration)
    if not match or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


COMMAND = re.compile(r"\bcfn-(init|signal)(?:\.exe)?\b((?:\\\r?\n|[^\n|;&])*)")
OPTION = re.compile(r"(?<!\S)--?([a-z-]+)(?:\s+|=)[\"']?([^\s\"'\\-][^\s\"'\\]*)")


@lru_cache(maxsize=1)
def _commands(rendering: Rendering) -> tuple[tuple[Path, str, dict[str, str]], ...]:
    """Every call of cfn-init and cfn-signal that scripts make: its place, its name, and its options."""
    return tuple(
        (path, command, dict(OPTION.findall(rest)))
        for name in rendering.resources
        for path, text in scripts(rendering, name)
        if "cfn-" in text
        for command, rest in COMMAND.findall(text)
        if OPTION.search(rest)
    )


@rule(
    "W16",
    "The instance finds nothing to set up, or nobody hears its signal: the launch fails after a long wait.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-helper-scripts-reference.html",
)
def scripts_name_the_right_resource(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """cfn-init reads the metadata of the resource that it is given, cfn-signal reports to that resource: the first has
    to have AWS::CloudFormation::Init, the second a CreationPolicy or an UpdatePolicy."""
    for path, command, options in _commands(rendering):
        resource = options.get("resource", options.get("r"))
        if resource is None or not re.fullmatch("[A-Za-z0-9]+", resource):
            continue
        if resource not in section(rendering.template, "Resources"):
            yield Fault(path, f"cfn-{command} names the resource {resource}, which is not in the template.")
        elif resource not in rendering.resources:
            continue
        elif command == "init" and INIT not in mapping(rendering.resources[resource].get("Metadata")):
            yield Fault(path, f"cfn-init reads the metadata of {resource}, which has no {INIT}.")
        elif command == "signal" and not {"CreationPolicy", "UpdatePolicy"} & set(rendering.resources[resource]):
            yield Fault(path, f"cfn-signal reports to {resource}, which waits for no signal.")


@rule(
    "W17",
    "cfn-init fails on the instance, or leaves out what it should do.",
    f"{REFERENCE}/aws-resource-init.html",
)
def init_has_known_sections(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """cfn-init knows seven sections in a config and nine keys of a file; it silently passes over any other."""
    for name, resource in rendering.resources.items():
        init = mapping(mapping(resource).get("Metadata")).get(INIT)
        for config, sections in mapping(init).items():
            if config == "configSets":
                continue
            path: Path = ("Resources", name, "Metadata", INIT, config)
            for key, value in mapping(sections).items():
                if key not in SECTIONS:
                    yield Fault((*path, key), f"cfn-init has no section {key}; it knows {', '.join(SECTIONS)}.")
                for file, settings in mapping(value).items() if key == "files" else ():
                    for setting in set(mapping(settings)) - FILE_KEYS:
                        yield Fault((*path, key, file, setting), f"A file of cfn-init has no setting {setting}.")


SECTIONS = ("packages", "groups", "users", "sources", "files", "commands", "services")
FILE_KEYS = {"content", "source", "encoding", "group", "owner", "mode", "authentication", "context"}


@rule("W18", "cfn-init fails on the instance, and so does the launch.", f"{REFERENCE}/aws-resource-init.html")
def configsets_exist(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """cfn-init runs the configsets that it is given, or the one called default, or the config called config; a
    configset lists configs and other configsets."""
    for path, command, options in _commands(rendering):
        resource = options.get("resource", options.get("r", ""))
        init = mapping(mapping(mapping(rendering.resources.get(resource)).get("Metadata")).get(INIT))
        if command != "init" or not init:
            continue
        sets = mapping(init.get("configSets"))
        asked = options.get("configsets", options.get("c", "default" if sets else ""))
        for each in filter(None, asked.split(",")):
            if each not in sets and re.fullmatch("[A-Za-z0-9_-]+", each):
                yield Fault(path, f"cfn-init asks for the configset {each}, which {resource} doesn't define.")
        if not asked and "config" not in init:
            yield Fault(path, f"cfn-init is given no configset, and {resource} has no config called config.")
    for name, declared in rendering.resources.items():
        init = mapping(mapping(mapping(declared).get("Metadata")).get(INIT))
        sets = mapping(init.get("configSets"))
        for configset, entries in sets.items():
            for entry in entries if isinstance(entries, list) else [entries]:
                place: Path = ("Resources", name, "Metadata", INIT, "configSets", configset)
                nested = mapping(entry).get("ConfigSet")
                if nested is not None and nested not in sets:
                    yield Fault(place, f"The configset {configset} includes {nested}, which doesn't exist.")
                if isinstance(entry, str) and entry not in init:
                    yield Fault(place, f"The configset {configset} includes the config {entry}, which doesn't exist.")
