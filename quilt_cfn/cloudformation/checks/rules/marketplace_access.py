"""AWS Marketplace: which credentials a template may ask for or create, and which access it may give."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from quilt_cfn.cloudformation.analysis.instances import instances, is_complete
from quilt_cfn.cloudformation.analysis.network import address_block, security_group_entries
from quilt_cfn.cloudformation.analysis.parameter_use import (
    declaration,
    declared_parameters,
    parameter_behind,
    parameter_uses,
)
from quilt_cfn.cloudformation.analysis.policy_documents import IDENTITY, policy_documents
from quilt_cfn.cloudformation.analysis.regex import lengths
from quilt_cfn.cloudformation.checks.rules.marketplace import GUIDE, POLICIES, REFUSED
from quilt_cfn.cloudformation.checks.rules.rule import Violation, property_path, rule
from quilt_cfn.cloudformation.facts.package_data import file_of
from quilt_cfn.cloudformation.launch import Contract, Launch, Origin, is_known, origins_of
from quilt_cfn.cloudformation.launch.parameter_values import constraint_violation, matches, number_in
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty


@rule("M08", "error", REFUSED, POLICIES)
def no_access_keys(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds access keys that the template creates, resources that use their secret, and parameters whose name asks for
    an access key.

    Why it is bad: an access key doesn't expire, and whoever has read it can use it until it is deleted. AWS Marketplace
    lists nothing that asks for long-lived AWS credentials or creates them.

    Use instead: a role; for an instance, the role of its instance profile.
    """
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
def instances_have_a_role(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds instances without an instance profile, in a template that creates a user or an instance profile, so that
    something needs access to AWS, and that gives no instance a profile.

    Why it is bad: what runs on an instance may get access to AWS only by the role of its instance profile.

    Use instead: IamInstanceProfile, in the instance or in its launch template.
    """
    identities = [*launch.of_type("AWS::IAM::InstanceProfile"), *launch.of_type("AWS::IAM::User")]
    all_instances = [*instances(launch)]
    if identities and not any("IamInstanceProfile" in instance.settings for instance in all_instances):
        for instance in filter(is_complete, all_instances):
            path = ("Resources", instance.sources[-1])
            yield (path, f"{instance.name} has no instance profile, though the template has {identities[0]}.")


@rule("M10", "error", REFUSED, GUIDE, once=True)
def secrets_are_declared_as_such(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameters for a secret without NoEcho, without a strict pattern, without a minimum length, or with a
    default. A parameter is for a secret if it has NoEcho, if its name ends in password or passphrase, or if a property
    such as MasterUserPassword takes it. An empty default means no secret, and needs no length.

    Why it is bad: without NoEcho the console shows the secret; a short one is guessed; a default is the same for every
    customer; and without a pattern that names the accepted characters, the secret may break what it is passed to.

    Use instead: ``NoEcho: true``, an AllowedPattern of named characters, MinLength, and no Default.

        DatabasePassword:
          Type: String
          NoEcho: true
          MinLength: 12
          MaxLength: 128
          AllowedPattern: '[A-Za-z0-9_+=-]*'
          ConstraintDescription: 12 to 128 letters, digits and the characters _ + = -
    """
    becoming = {name for path, name in parameter_uses(launch) if re.search("(Password|AuthToken)$", str(path[-1]))}
    for name, declared in declared_parameters(launch):
        hidden = as_text(declared.get("NoEcho", "false")).lower() == "true"
        secret = hidden or name in becoming or re.search("(?i)(password|passphrase)$", name)
        if not secret or declared.get("Type") != "String" or "AllowedValues" in declared:
            continue
        pattern, default = as_text(declared.get("AllowedPattern", ".*")), as_text(declared.get("Default", ""))
        least = max(number_in(declared.get("MinLength")) or 0, (lengths(pattern) or (1, None))[0])
        wrong = [
            "has no NoEcho" * (not hidden),
            "has no strict pattern" * matches(pattern, "\u00e9" * 16),
            "has no minimum length" * (least < 1 and "Default" not in declared),
            "has a default" * bool(default),
        ]
        if any(wrong):
            yield (("Parameters", name), f"{name} is for a secret and {' and '.join(filter(None, wrong))}.")


REMOTE = (22, 3389)
DATABASES = (1433, 1521, 3306, 5432, 5439, 6379, 11211, 27017)
EVERYWHERE = {"CidrIp": "0.0.0.0/0", "CidrIpv6": "::/0"}


@rule("M11", "error", "A launch with the defaults opens the instance or the database to the whole internet.", GUIDE)
def default_range_is_not_everywhere(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameters for the addresses that may use SSH, remote desktop or a database whose default is every address,
    and security groups that open the port of a database to every address.

    Why it is bad: most customers keep a default, and such a port is attacked within minutes.

    Use instead: a parameter for the range without a default; for a database, the security group of its clients.
    """
    for path, entry in security_group_entries(launch, inbound=True):
        for key in [each for each in EVERYWHERE if each in entry]:
            name = parameter_behind(launch, entry[key])
            default = declaration(launch, name).get("Default")
            if name and _covers(entry, *REMOTE, *DATABASES) and _is_everywhere(default):
                yield (("Parameters", name, "Default"), f"The default of {name} is every address: {default}.")
            elif not name and _covers(entry, *DATABASES) and not _covers(entry, *REMOTE) and _is_everywhere(entry[key]):
                yield (path, f"{path[1]} opens the port of a database to {as_text(entry[key])}.")


@rule("M12", "error", "Everybody on the internet may try to log in to the instance.", GUIDE)
def remote_access_is_restricted(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds security groups that open port 22 (SSH) or 3389 (remote desktop) to every address: by a rule, by one for
    every protocol or a range that contains these ports, or by a parameter that accepts 0.0.0.0/0 or ::/0. A default
    that does it is reported by M11.

    Why it is bad: such a port is attacked within minutes.

    Use instead: a parameter whose AllowedPattern accepts neither 0.0.0.0/0 nor ::/0; or no open port, and Session
    Manager.
    """
    for path, entry in security_group_entries(launch, inbound=True):
        for key in [each for each in EVERYWHERE if each in entry and _covers(entry, *REMOTE)]:
            name = parameter_behind(launch, entry[key])
            declared = declaration(launch, name)
            if name is None and _is_everywhere(entry[key]):
                yield (path, f"{path[1]} opens port 22 or 3389 to {as_text(entry[key])}.")
            reported_by_m11 = _is_everywhere(declared.get("Default"))
            if name and not reported_by_m11 and not constraint_violation(name, declared, EVERYWHERE[key]):
                sentence = f"{name} accepts {EVERYWHERE[key]}, which opens port 22 or 3389 to everybody."
                yield (("Parameters", name), sentence)


@rule("M13", "error", "Whoever gets the role's credentials can do far more than the product needs.", GUIDE)
def permissions_are_narrow(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds policies of users, groups and roles that allow the action ``*`` or ``service:*``, or use NotAction; managed
    policies such as AdministratorAccess; and the resource ``*`` with an action that can name its resource and does more
    than list. Where a contract names the calls, P03 checks resources instead. Statements that deny, and permissions
    boundaries, may be wide.

    Why it is bad: AWS Marketplace requires least privilege, so that stolen credentials do little harm.

    Use instead: the actions that are called, on the ARNs of the resources that they are called on.
    """
    identities = launch.of_type("AWS::IAM::Group", "AWS::IAM::Role", "AWS::IAM::User")
    boundaries = {launch.referenced_resource(each.get("PermissionsBoundary")) for each in identities.values()}
    for document in policy_documents(launch):
        for path, statement in document.statements:
            if document.policy_type != IDENTITY or path[1] in boundaries or statement.get("Effect") != "Allow":
                continue
            actions = [as_text(action) for action in as_list(statement.get("Action")) if is_known(action)]
            wide = [action for action in actions if action == "*" or action.endswith(":*")]
            everything = "*" in as_list(statement.get("Resource")) and "Condition" not in statement
            checked = actions if everything and not contract.calls else []
            narrower = [action for action in checked if action.lower() in _actions_on_resources()]
            if "NotAction" in statement:
                yield (path, f"A policy of {path[1]} allows every action that its NotAction doesn't name.")
            elif wide:
                yield (path, f"A policy of {path[1]} allows {', '.join(wide)}.")
            elif narrower:
                yield (path, f"A policy of {path[1]} allows {', '.join(narrower)} on every resource.")
    for name, properties in identities.items():
        for arn in as_list(properties.get("ManagedPolicyArns")):
            if re.search("/(AdministratorAccess|PowerUserAccess|[A-Za-z0-9-]*FullAccess)$", as_text(arn)):
                path = property_path(name, "ManagedPolicyArns")
                yield (path, f"{name} has the managed policy {as_text(arn).rpartition('/')[2]}.")


@lru_cache(maxsize=1)
def _actions_on_resources() -> frozenset[str]:
    """Every action, in lower case, that requires a resource and does more than list: parliament's extract of
    https://docs.aws.amazon.com/service-authorization/latest/reference/, where a star marks a required resource."""
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
    """Finds instances whose metadata service answers requests without a token (IMDSv1).

    Why it is bad: version 1 of the service answers every request, also one that an attacker makes a server on the
    instance send, and gives it the credentials of the instance's role.

    Use instead: ``MetadataOptions: {HttpTokens: required}``.
    """
    for instance in filter(is_complete, instances(launch)):
        options = dict_or_empty(instance.settings.get("MetadataOptions"))
        tokens = options.get("HttpTokens", "optional")
        if is_known(tokens) and tokens != "required" and options.get("HttpEndpoint") != "disabled":
            path = ("Resources", instance.sources[-1])
            yield (path, f"{instance.name} answers requests for metadata without a token.")


@rule("M20", "error", "The launch runs code from the seller's bucket, and fails when the bucket is deleted.", GUIDE)
def code_is_not_in_the_sellers_bucket(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds Lambda functions and layers whose code comes from a bucket that the template names.

    Why it is bad: that bucket is the seller's. Its contents can change after AWS Marketplace has reviewed the product,
    and launches fail without it.

    Use instead: ``ZipFile`` in the template, or the bucket in the parameter MPS3BucketName.
    """
    places = {"AWS::Lambda::Function": "Code", "AWS::Lambda::LayerVersion": "Content"}
    for name, properties in launch.of_type(*places).items():
        key = places[launch.type_of(name)]
        bucket = dict_or_empty(properties.get(key)).get("S3Bucket")
        if bucket is not None and is_known(bucket) and not origins_of(bucket):
            path = property_path(name, key, "S3Bucket")
            yield (path, f"The code of {name} comes from the bucket {as_text(bucket)}.")


def _covers(entry: dict[str, Any], *ports: int) -> bool:
    protocol = as_text(entry.get("IpProtocol", "-1")).lower()
    first, last = (as_text(entry.get(key, "")) for key in ("FromPort", "ToPort"))
    if protocol == "-1" or (protocol in ("tcp", "6") and "-1" in (first, last)):
        return True
    known = protocol in ("tcp", "6") and first.isdecimal() and last.isdecimal()
    return known and any(int(first) <= port <= int(last) for port in ports)


def _is_everywhere(value: Any) -> bool:
    block = address_block(value)
    return block is not None and block.prefixlen == 0
