"""What an instance needs to boot: user data, cfn-init, signals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from quilt_cfn.cloudformation.analysis.groups import GROUP, LONGEST_WAIT, ROLLING, group, seconds
from quilt_cfn.cloudformation.analysis.instances import (
    INIT,
    cfn_init,
    decoded_user_data,
    instances,
    is_complete,
    scripts,
    user_data,
)
from quilt_cfn.cloudformation.checks.rules.rule import REFERENCE, USER_GUIDE, Violation, property_path, rule
from quilt_cfn.cloudformation.launch import Contract, Launch, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path


@rule("W14", "error", "The instance starts and does nothing.", f"{REFERENCE}/aws-resource-ec2-instance.html")
def user_data_is_encoded(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds user data that is not in base64.

    Why it is bad: EC2 takes user data in base64 only. Plain text is refused, or decoded to something that nothing runs.

    Use instead: ``Fn::Base64`` around the script.
    """
    for path, data in user_data(launch):
        if isinstance(data, str) and decoded_user_data(data) is None and (is_known(data) or "\n" in data):
            yield (path, f"The user data of {path[1]} is not in base64: put Fn::Base64 around it.")


@rule(
    "W15",
    "error",
    "The launch fails when CloudFormation reads the timeout.",
    f"{REFERENCE}/aws-attribute-creationpolicy.html",
)
def timeouts_are_valid(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds timeouts of a CreationPolicy or a wait condition that CloudFormation refuses.

    Why it is bad: CloudFormation waits for signals at most twelve hours. A CreationPolicy takes an ISO 8601 duration, a
    wait condition a number of seconds.

    Use instead: a duration up to ``PT12H``, such as ``PT30M``; for a wait condition up to ``43200``.
    """
    for name, resource in launch.resources.items():
        timeout = map_at(resource, "CreationPolicy", "ResourceSignal").get("Timeout", "PT5M")
        length = seconds(timeout)
        if is_known(timeout) and (length is None or not 0 < length <= LONGEST_WAIT):
            path: Path = ("Resources", name, "CreationPolicy", "ResourceSignal", "Timeout")
            yield (path, f"{name} has the timeout {timeout}; CloudFormation takes an ISO 8601 duration up to PT12H.")
    for name, properties in launch.of_type("AWS::CloudFormation::WaitCondition").items():
        timeout = properties.get("Timeout", "1")
        number = int(timeout) if re.fullmatch("[0-9]+", as_text(timeout)) else 0
        if is_known(timeout) and not 0 < number <= LONGEST_WAIT:
            sentence = f"{name} has the timeout {timeout}; CloudFormation takes 1 to 43200 seconds."
            yield (property_path(name, "Timeout"), sentence)


COMMAND = re.compile(r"\bcfn-(init|signal)(?:\.exe)?\b((?:\\\r?\n|[^\n|;&])*)")
OPTION = re.compile(r"(?<!\S)--?([a-z-]+)(?:\s+|=)[\"']?([^\s\"'\\-][^\s\"'\\]*)")


@lru_cache(maxsize=1)
def _commands(launch: Launch) -> tuple[tuple[Path, str, str, str | None], ...]:
    """(path, "init" or "signal", --resource, --configsets) of every call of cfn-init and cfn-signal in scripts."""
    found = []
    for path, text in scripts(launch, *launch.resources):
        for command, rest in COMMAND.findall(text) if "cfn-" in text else ():
            options = dict(OPTION.findall(rest))
            resource, configsets = (options.get(key, options.get(key[0])) for key in ("resource", "configsets"))
            found.append((path, command, resource or "", configsets))
    return tuple(found)


@rule(
    "W16",
    "error",
    "The instance sets nothing up, or its signal reaches no waiting resource: the launch fails after a long wait.",
    f"{USER_GUIDE}/cfn-helper-scripts-reference.html",
)
def scripts_name_the_right_resource(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds calls of cfn-init and cfn-signal whose ``--resource`` doesn't fit.

    Why it is bad: cfn-init reads AWS::CloudFormation::Init in the metadata of that resource, and does nothing where
    there is none. cfn-signal signals that resource, and CloudFormation waits only if the resource has a CreationPolicy
    or an UpdatePolicy.

    Use instead: for cfn-init the logical ID of the resource with the metadata, often a launch template; for cfn-signal
    that of the instance or the Auto Scaling group.
    """
    for path, command, resource, _ in _commands(launch):
        if not re.fullmatch("[A-Za-z0-9]+", resource):
            continue
        if resource not in map_at(launch.template, "Resources"):
            yield (path, f"cfn-{command} names the resource {resource}, which is not in the template.")
        elif resource not in launch.resources:
            continue
        elif command == "init" and INIT not in map_at(launch.resources[resource], "Metadata"):
            yield (path, f"cfn-init reads the metadata of {resource}, which has no {INIT}.")
        elif command == "signal" and not {"CreationPolicy", "UpdatePolicy"} & set(launch.resources[resource]):
            yield (path, f"cfn-signal signals {resource}, which has neither a CreationPolicy nor an UpdatePolicy.")


@rule(
    "W17",
    "error",
    "cfn-init fails on the instance, or ignores a part of its configuration.",
    f"{REFERENCE}/aws-resource-init.html",
)
def init_has_known_sections(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds sections and settings of files in AWS::CloudFormation::Init that cfn-init doesn't know.

    Why it is bad: cfn-init silently ignores them.

    Use instead: the sections packages, groups, users, sources, files, commands and services; in a file the settings
    content, source, encoding, group, owner, mode, authentication and context.
    """
    for name in launch.resources:
        for config, sections in cfn_init(launch, name).items():
            if config == "configSets":
                continue
            path: Path = ("Resources", name, "Metadata", INIT, config)
            for key in dict_or_empty(sections):
                if key not in SECTIONS:
                    yield ((*path, key), f"cfn-init has no section {key}, only {', '.join(SECTIONS)}.")
            for file, settings in map_at(sections, "files").items():
                for setting in set(dict_or_empty(settings)) - FILE_KEYS:
                    yield ((*path, "files", file, setting), f"A file of cfn-init has no setting {setting}.")


SECTIONS = ("packages", "groups", "users", "sources", "files", "commands", "services")
FILE_KEYS = {"content", "source", "encoding", "group", "owner", "mode", "authentication", "context"}


@rule("W18", "error", "cfn-init fails on the instance, and so does the launch.", f"{REFERENCE}/aws-resource-init.html")
def configsets_exist(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds configsets and configs that cfn-init is to run and that the metadata doesn't define.

    Why it is bad: cfn-init runs the configsets in its option ``--configsets``, else the configset ``default``, else the
    config ``config``, and fails if it doesn't exist. The same holds for what a configset includes.

    Use instead: the name of a configset that the metadata of the resource defines.
    """
    for path, command, resource, configsets in _commands(launch):
        init = cfn_init(launch, resource)
        if command != "init" or not init:
            continue
        sets = map_at(init, "configSets")
        chosen = configsets or ("default" if sets else "")
        for each in filter(None, chosen.split(",")):
            if each not in sets and re.fullmatch("[A-Za-z0-9_-]+", each):
                yield (path, f"cfn-init is to run the configset {each}, which {resource} doesn't define.")
        if not chosen and "config" not in init:
            yield (path, f"cfn-init has no --configsets, and {resource} defines no config with the name config.")
    for name in launch.resources:
        init = cfn_init(launch, name)
        sets = map_at(init, "configSets")
        for configset, included in sets.items():
            place: Path = ("Resources", name, "Metadata", INIT, "configSets", configset)
            for entry in as_list(included):
                nested = dict_or_empty(entry).get("ConfigSet")
                if nested is not None and nested not in sets:
                    yield (place, f"The configset {configset} includes {nested}, which doesn't exist.")
                if isinstance(entry, str) and entry not in init:
                    yield (place, f"The configset {configset} includes the config {entry}, which doesn't exist.")


SIGNALS = re.compile(r"(?i)cfn[-_]?signal|signal[-_]?resource")


@rule(
    "W23",
    "error",
    "The launch or the update fails after a long wait: nothing sends the signal that CloudFormation waits for.",
    f"{REFERENCE}/aws-attribute-creationpolicy.html",
)
def somebody_signals(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds instances and Auto Scaling groups with a CreationPolicy or WaitOnResourceSignals whose scripts send no
    signal. Instances without user data, and those whose scripts pass the stack's name on to another program, are not
    reported: what that does is not in the template.

    Why it is bad: CloudFormation waits until the timeout, and rolls back.

    Use instead: cfn-signal at the end of the user data, whether the boot succeeded or not.

        #!/bin/bash
        /opt/quilt/boot
        /opt/aws/bin/cfn-signal --exit-code $? --stack ${AWS::StackName} --resource Server --region ${AWS::Region}
    """
    stack = [as_text(launch.compute({"Ref": f"AWS::Stack{each}"})) for each in ("Name", "Id")]
    for instance in filter(is_complete, instances(launch)):
        path = _waiting_for_signals(launch, instance.name)
        data = [decoded_user_data(each) for where, each in user_data(launch) if where[1] in instance.sources]
        texts = [text for where, text in scripts(launch, *instance.sources) if "cfn-hup" not in str(where)]
        if not path or not data or None in data or any(map(SIGNALS.search, texts)):
            continue
        if not any(name in COMMAND.sub("", text) for text in texts for name in stack):
            yield (path, f"CloudFormation waits for a signal of {instance.name}, and no script of it sends one.")


def _waiting_for_signals(launch: Launch, name: str) -> Path | None:
    """The place in a resource that makes CloudFormation wait for signals."""
    signal = map_at(launch.resources[name], "CreationPolicy", "ResourceSignal")
    if signal and as_text(signal.get("Count", 1)) != "0":
        return ("Resources", name, "CreationPolicy")
    if launch.type_of(name) == GROUP and (update := group(launch, name).update) and update.waits:
        return ("Resources", name, *ROLLING)
    return None
