"""AWS Marketplace: which credentials and which access a template may give."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from quilt_cfn.cloudformation.analysis.instances import instances, is_complete
from quilt_cfn.cloudformation.analysis.parameter_use import (
    declaration,
    declared_parameters,
    parameter_behind,
    parameter_uses,
    whole_number,
)
from quilt_cfn.cloudformation.analysis.policy_documents import IDENTITY, policy_documents
from quilt_cfn.cloudformation.analysis.regex import lengths
from quilt_cfn.cloudformation.checks.rules.marketplace import GUIDE, POLICIES, REFUSED
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.facts.package_data import file_of
from quilt_cfn.cloudformation.launch import Launch, Origin
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.launch.parameter_values import constraint_violation, matches
from quilt_cfn.cloudformation.launch.values import is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path


@rule("M08", "error", REFUSED, POLICIES)
def no_access_keys(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """AWS Marketplace lists nothing that asks for long-lived AWS credentials or makes them: an access key doesn't
    expire, and whoever reads it has it for good. Each access key that the template makes is told, each resource that
    uses its secret, and each parameter whose name asks for one."""
    for name, declared in declared_parameters(launch):
        free = declared.get("Type") == "String" and "AllowedValues" not in declared
        if free and re.search("(?i)access_?key|aws_?secret", name):
            yield (("Parameters", name), f"{name} asks the customer for an AWS access key.")
    for key in launch.of_type("AWS::IAM::AccessKey"):
        yield (("Resources", key), f"{key} is an access key.")
        for name, before in launch.dependencies.items():
            secret = Origin("attribute", key, "SecretAccessKey")
            if key in before and secret in origins_of(launch.resources[name]):
                yield (("Resources", name), f"{name} uses the secret of the access key {key}.")


@rule("M09", "error", REFUSED, POLICIES)
def machines_have_a_role(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """What runs on an instance gets its access to AWS from the role of an instance profile, and from nothing else. Told
    where the template makes a user or an instance profile, so that something wants access, and no instance has one."""
    wanting = [*launch.of_type("AWS::IAM::InstanceProfile"), *launch.of_type("AWS::IAM::User")]
    all_machines = [*instances(launch)]
    if wanting and not any("IamInstanceProfile" in machine.settings for machine in all_machines):
        for machine in filter(is_complete, all_machines):
            path = ("Resources", machine.sources[-1])
            yield (path, f"{machine.name} has no instance profile, though there is {wanting[0]}.")


@rule("M10", "error", REFUSED, GUIDE, once=True)
def secrets_are_declared_as_such(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A parameter for a secret has NoEcho, so that nobody reads it in the console; a strict pattern and a least length,
    so that it isn't guessed; and no default, which would be the same for every customer. A secret is what has NoEcho,
    is called a password, or becomes one. An empty default stands for no secret, and needs no length."""
    becoming = {name for path, name in parameter_uses(launch) if re.search("(Password|AuthToken)$", str(path[-1]))}
    for name, declared in declared_parameters(launch):
        hidden = as_text(declared.get("NoEcho", "false")).lower() == "true"
        secret = hidden or name in becoming or re.search("(?i)(password|passphrase)$", name)
        if not secret or declared.get("Type") != "String" or "AllowedValues" in declared:
            continue
        pattern, default = as_text(declared.get("AllowedPattern", ".*")), as_text(declared.get("Default", ""))
        least = max(whole_number(declared.get("MinLength")), (lengths(pattern) or (1, None))[0])
        wrong = [
            "has no NoEcho" * (not hidden),
            "has no strict pattern" * matches(pattern, "\u00e9" * 16),
            "has no least length" * (least < 1 and "Default" not in declared),
            "has a default" * bool(default),
        ]
        if any(wrong):
            yield (("Parameters", name), f"{name} is a secret and {' and '.join(filter(None, wrong))}.")


REMOTE = (22, 3389)
DATABASES = (1433, 1521, 3306, 5432, 5439, 6379, 11211, 27017)
EVERYWHERE = {"CidrIp": "0.0.0.0/0", "CidrIpv6": "::/0"}


@rule("M11", "error", "Whoever leaves the field as it is opens the machine to the whole internet.", GUIDE)
def default_range_is_not_everywhere(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A range of addresses that may use SSH, remote desktop or a database has no default that means everybody; a
    database is not open to everybody at all."""
    for path, entry in _inbound(launch):
        for key in [each for each in EVERYWHERE if each in entry]:
            name = parameter_behind(launch, entry[key])
            default = declaration(launch, name).get("Default")
            if name and _covers(entry, *REMOTE, *DATABASES) and _is_everywhere(default):
                yield (("Parameters", name, "Default"), f"The default of {name}, {default}, lets everybody in.")
            elif not name and _covers(entry, *DATABASES) and not _covers(entry, *REMOTE) and _is_everywhere(entry[key]):
                yield (path, f"{path[1]} lets everybody reach a database.")


@rule("M12", "error", "Everybody on the internet may try to log in to the machine.", GUIDE)
def remote_access_is_for_some(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The ports 22 and 3389 are never open to 0.0.0.0/0 or ::/0: not by a rule, not by one for all protocols or a range
    of ports that contains them, and not by what a customer may fill in. (A default that does it is M11's.)"""
    for path, entry in _inbound(launch):
        for key in [each for each in EVERYWHERE if each in entry and _covers(entry, *REMOTE)]:
            name = parameter_behind(launch, entry[key])
            declared = declaration(launch, name)
            if name is None and _is_everywhere(entry[key]):
                yield (path, f"{path[1]} lets everybody log in.")
            elif (
                name
                and not _is_everywhere(declared.get("Default"))
                and not constraint_violation(name, declared, EVERYWHERE[key])
            ):
                yield (("Parameters", name), f"{name} takes {EVERYWHERE[key]}, which lets everybody log in.")


@rule("M13", "error", "Whoever gets hold of the role can do far more than the product needs.", GUIDE)
def permissions_are_narrow(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """AWS Marketplace wants least privilege of users, groups and roles: no action ``*`` or ``service:*``, no NotAction
    that allows, no managed policy such as AdministratorAccess, and the resource ``*`` only for actions that needn't
    name a resource, or only list. Where a contract tells what is called, the rule P03 judges resources, by that.
    Statements that deny, and permissions boundaries, may be as wide as they like."""
    holders = launch.of_type("AWS::IAM::Group", "AWS::IAM::Role", "AWS::IAM::User")
    boundaries = {launch.referenced_resource(properties.get("PermissionsBoundary")) for properties in holders.values()}
    for document in policy_documents(launch):
        for path, statement in document.statements:
            if document.policy_type != IDENTITY or path[1] in boundaries or statement.get("Effect") != "Allow":
                continue
            actions = [as_text(action) for action in as_list(statement.get("Action")) if is_known(action)]
            wide = [action for action in actions if action == "*" or action.endswith(":*")]
            everything = "*" in as_list(statement.get("Resource")) and "Condition" not in statement
            asked = everything and not contract.calls
            narrower = [action for action in actions if asked and action.lower() in _of_a_resource()]
            if "NotAction" in statement:
                yield (path, f"A policy of {path[1]} allows whatever its NotAction doesn't name.")
            elif wide:
                yield (path, f"A policy of {path[1]} allows {', '.join(wide)}.")
            elif narrower:
                yield (path, f"A policy of {path[1]} allows {', '.join(narrower)} on every resource.")
    for name, properties in holders.items():
        for arn in as_list(properties.get("ManagedPolicyArns")):
            if re.search("/(AdministratorAccess|PowerUserAccess|[A-Za-z0-9-]*FullAccess)$", as_text(arn)):
                path = ("Resources", name, "Properties", "ManagedPolicyArns")
                yield (path, f"{name} has the managed policy {as_text(arn).rpartition('/')[2]}.")


@lru_cache(maxsize=1)
def _of_a_resource() -> frozenset[str]:
    """Every action, in lower case, that is performed on a resource and does more than list: parliament's extract of
    https://docs.aws.amazon.com/service-authorization/latest/reference/, where a star marks what has to be named."""
    text = file_of("parliament", "iam_definition.json").read_text(encoding="utf-8")
    return frozenset(
        f"{service['prefix']}:{action['privilege']}".lower()
        for service in json.loads(text)
        for action in service["privileges"]
        if action["access_level"] != "List"
        and any(each["resource_type"][-1:] == "*" for each in action["resource_types"])
    )


@rule("M19", "error", REFUSED, POLICIES)
def metadata_needs_a_token(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Version 1 of the instance metadata service answers every request, also one that a server on the instance was
    tricked into: MetadataOptions has to say HttpTokens: required."""
    for machine in filter(is_complete, instances(launch)):
        options = dict_or_empty(machine.settings.get("MetadataOptions"))
        tokens = options.get("HttpTokens", "optional")
        if is_known(tokens) and tokens != "required" and options.get("HttpEndpoint") != "disabled":
            yield (("Resources", machine.sources[-1]), f"{machine.name} answers requests for metadata without a token.")


@rule(
    "M20", "error", "The launch fails when the seller's bucket is gone, and runs whatever is in it until then.", GUIDE
)
def code_is_not_the_sellers(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The code of a Lambda function comes from a bucket that the template names outright, and so from the seller's. It
    has to be in the template, or where MPS3BucketName says."""
    places = {"AWS::Lambda::Function": "Code", "AWS::Lambda::LayerVersion": "Content"}
    for name, properties in launch.of_type(*places).items():
        key = places[launch.type_of(name)]
        bucket = dict_or_empty(properties.get(key)).get("S3Bucket")
        if bucket is not None and is_known(bucket) and not origins_of(bucket):
            path = ("Resources", name, "Properties", key, "S3Bucket")
            yield (path, f"The code of {name} comes from the bucket {as_text(bucket)}.")


def _inbound(launch: Launch) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every inbound rule of a security group."""
    for name, properties in launch.of_type("AWS::EC2::SecurityGroup").items():
        for index, entry in enumerate(as_list(properties.get("SecurityGroupIngress"))):
            yield ("Resources", name, "Properties", "SecurityGroupIngress", index), dict_or_empty(entry)
    for name, properties in launch.of_type("AWS::EC2::SecurityGroupIngress").items():
        yield ("Resources", name), properties


def _covers(entry: dict[str, Any], *ports: int) -> bool:
    protocol = as_text(entry.get("IpProtocol", "-1")).lower()
    first, last = (as_text(entry.get(key, "")) for key in ("FromPort", "ToPort"))
    if protocol == "-1" or (protocol in ("tcp", "6") and "-1" in (first, last)):
        return True
    known = protocol in ("tcp", "6") and first.isdecimal() and last.isdecimal()
    return known and any(int(first) <= port <= int(last) for port in ports)


def _is_everywhere(text: Any) -> bool:
    try:
        return ipaddress.ip_network(as_text(text), strict=False).prefixlen == 0
    except ValueError:
        return False
