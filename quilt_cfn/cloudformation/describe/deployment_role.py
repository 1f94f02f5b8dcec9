"""The policies of a role with which CloudFormation launches, updates and deletes the stack of a template.

A service role: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html. It may call
what the handlers of the template's types call, and nothing else. IAM's own actions are confined to names that begin
with the stack's, because CloudFormation makes them so; most other services give new resources names of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.analysis.parameter_use import ref_target
from quilt_cfn.cloudformation.facts.handler_permissions import permissions
from quilt_cfn.cloudformation.facts.iam_actions import arns_of, glob
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import entries

LARGEST_POLICY = 6144
"""Characters of a managed policy, without white space:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
MOST_POLICIES = 10
"""Managed policies that a role may have, from the same page."""

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
"""Who may take the role on."""

_SERVICE_LINKED = {
    "AWS::AutoScaling::": "autoscaling.amazonaws.com",
    "AWS::EC2::FlowLog": "delivery.logs.amazonaws.com",
    "AWS::ElasticLoadBalancing": "elasticloadbalancing.amazonaws.com",
    "AWS::ImageBuilder::": "imagebuilder.amazonaws.com",
    "AWS::RDS::": "rds.amazonaws.com",
}
"""Beginning of a type -> the service that makes a role of its own in an account that has none:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/using-service-linked-roles-cwl.html"""

_DATA = ("s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl")
"""What handlers name for options that copy or read objects: a role that launches needs no data."""
_READ = {"s3:GetObject", "s3:GetObjectVersion"}
"""What it needs if a property names an object, such as the code of a function."""

_PARAMETER_TYPES = {
    "AWS::SSM::Parameter::": "ssm:GetParameters",
    "AWS::EC2::AvailabilityZone::": "ec2:DescribeAvailabilityZones",
    "AWS::EC2::Image::": "ec2:DescribeImages",
    "AWS::EC2::Instance::": "ec2:DescribeInstances",
    "AWS::EC2::KeyPair::": "ec2:DescribeKeyPairs",
    "AWS::EC2::SecurityGroup::": "ec2:DescribeSecurityGroups",
    "AWS::EC2::Subnet::": "ec2:DescribeSubnets",
    "AWS::EC2::VPC::": "ec2:DescribeVpcs",
    "AWS::EC2::Volume::": "ec2:DescribeVolumes",
    "AWS::Route53::HostedZone::": "route53:ListHostedZones",
}
"""What is in a parameter's type -> what CloudFormation calls to validate its value:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html"""

_NAMED = {
    "group": ("AWS::IAM::Group",),
    "instance-profile": ("AWS::IAM::InstanceProfile",),
    "policy": ("AWS::IAM::ManagedPolicy",),
    "role": ("AWS::IAM::Role",),
    "user": ("AWS::IAM::User",),
}
"""Kind in an ARN of IAM -> the types of it to which CloudFormation gives a name that begins with the stack's."""
_WHOLE = 25
"""Characters of a stack's name that stay in a name of 64, whatever the logical ID: half of what 13 random ones leave:
https://github.com/aws-cloudformation/cloudformation-cli-java-plugin/blob/master/src/main/java/software/amazon/cloudformation/resource/IdentifierUtils.java"""


def deployment_policies(template: Mapping[str, Any], stack: str) -> list[dict[str, Any]]:
    """The policies for the stack of this name, each small enough for a managed policy.

    What would not fit into as many as a role may have is a ``ValueError``.
    """
    policies: list[list[dict[str, Any]]] = [[]]
    for statement in _statements(template, stack):
        if _size([*policies[-1], statement]) > LARGEST_POLICY:
            policies.append([])
        policies[-1].append(statement)
    if len(policies) > MOST_POLICIES:
        raise ValueError(f"{len(policies)} policies, and a role may have {MOST_POLICIES}")
    return [_policy(statements) for statements in policies]


def unknown_types(template: Mapping[str, Any]) -> list[str]:
    """The types of which nobody says what CloudFormation calls; no policy has anything for them."""
    return sorted(each for each in _types(template) if permissions(each) is None)


def files(template: Mapping[str, Any], stack: str, prefix: str = "deployment-role") -> dict[str, str]:
    """Name -> JSON of the policies and of the trust policy."""
    documents = {f"{prefix}-{number}": each for number, each in enumerate(deployment_policies(template, stack), 1)}
    return {
        f"{name}.json": f"{json.dumps(each, indent=2)}\n"
        for name, each in {**documents, f"{prefix}-trust": TRUST}.items()
    }


def table(template: Mapping[str, Any], stack: str) -> str:
    """Markdown: which actions of which service the role may call, and on what."""
    rows: dict[tuple[str, str], list[str]] = {}
    for statement in _statements(template, stack):
        on = ", ".join(f"`{each}`" for each in as_list(statement["Resource"]))
        condition = " with a condition" if "Condition" in statement else ""
        for action in statement["Action"]:
            service, _, name = action.partition(":")
            rows.setdefault((service, ("everything" if on == "`*`" else on) + condition), []).append(name)
    lines = [f"| `{service}` | {on} | {', '.join(names)} |" for (service, on), names in rows.items()]
    return "\n".join(["| Service | On | Actions |", "|---|---|---|", *lines])


def _types(template: Mapping[str, Any]) -> set[str]:
    resources = map(dict_or_empty, map_at(template, "Resources").values())
    return {as_text(each["Type"]) for each in resources if "Type" in each}


def _statements(template: Mapping[str, Any], stack: str) -> Iterator[dict[str, Any]]:
    types = _types(template)
    actions = {action for each in types for action in permissions(each) or ()} - {*_DATA, "iam:PassRole", _MAKE_ROLE}
    actions |= _READ if _reads_objects(template) else set()
    for declared in map_at(template, "Parameters").values():
        written = as_text(dict_or_empty(declared).get("Type"))
        actions |= {action for part, action in _PARAMETER_TYPES.items() if part in written}
    actions -= {each for pattern in actions if "*" in pattern for each in actions - {pattern} if _has(pattern, each)}
    confined: dict[str, list[str]] = {}
    for action in sorted(each for each in actions if each.startswith("iam:") and arns_of(each)):
        confined.setdefault((arns_of(action) or ())[0][0], []).append(action)
    for services in _grouped(actions.difference(*confined.values())):
        yield {"Effect": "Allow", "Action": services, "Resource": "*"}
    for kind, names in sorted(confined.items()):
        if kind not in _NAMED or types.intersection(_NAMED[kind]):
            yield {"Effect": "Allow", "Action": names, "Resource": _arn(template, kind, stack)}
    passed = sorted(_services_of_roles(template))
    if passed:
        condition: dict[str, Any] = {"StringEquals": {"iam:PassedToService": passed}}
        yield _allow("iam:PassRole", _arn(template, "role", stack), condition)
    linked = sorted({service for each in types for start, service in _SERVICE_LINKED.items() if each.startswith(start)})
    makers = {each for each in types if _MAKE_ROLE in (permissions(each) or ())}
    others = [each for each in makers if not each.startswith(tuple(_SERVICE_LINKED))]
    if linked or others:
        # A schema does not say whose role its handlers make: the ARN alone keeps it to roles of services.
        condition = {} if others else {"StringEquals": {"iam:AWSServiceName": linked}}
        yield _allow(_MAKE_ROLE, "arn:aws:iam::*:role/aws-service-role/*", condition)


def _has(pattern: str, action: str) -> bool:
    return glob(pattern, ignore_case=True).fullmatch(action) is not None


def _arn(template: Mapping[str, Any], kind: str, stack: str) -> str:
    """Of what IAM has of a kind, what the stack makes; all of it if the template gives names or paths itself."""
    of_kind = (dict_or_empty(each) for each in map_at(template, "Resources").values())
    own = [dict_or_empty(each.get("Properties")) for each in of_kind if each.get("Type") in _NAMED.get(kind, ())]
    given = any((key == "Path" and value != "/") or key.endswith("Name") for each in own for key, value in each.items())
    stack = re.sub("-+", "-", stack)
    start = f"{stack}-" if len(stack) <= _WHOLE else stack[:_WHOLE]
    return f"arn:aws:iam::*:{kind}/{'' if given or kind not in _NAMED else start}*"


def _reads_objects(template: Mapping[str, Any]) -> bool:
    """Whether a property names an object in S3 that the service reads: code, a definition, a document."""
    keys = {path[-1] for path, _ in entries(map_at(template, "Resources"), ()) if path}
    return bool(keys & {"BodyS3Location", "CodeUri", "DefinitionS3Location", "S3Bucket", "Uri"})


_MAKE_ROLE = "iam:CreateServiceLinkedRole"


def _allow(action: str, resource: str, condition: dict[str, Any]) -> dict[str, Any]:
    allowed = {"Effect": "Allow", "Action": [action], "Resource": resource}
    return {**allowed, "Condition": condition} if condition else allowed


def _grouped(actions: Iterable[str]) -> list[list[str]]:
    """Actions by service, a large service in parts that fit."""
    services: dict[str, list[str]] = {}
    for action in sorted(actions):
        services.setdefault(action.partition(":")[0], []).append(action)
    return [names[first : first + 80] for names in services.values() for first in range(0, len(names), 80)]


def _services_of_roles(template: Mapping[str, Any]) -> set[str]:
    """The services to which the template's roles are passed: those that may take them on."""
    found: set[str] = set()
    for resource in map_at(template, "Resources").values():
        document = map_at(dict_or_empty(resource), "Properties", "AssumeRolePolicyDocument")
        for path, value in entries(document, ()):
            if path and path[-1] == "Service" and not ref_target(value):
                found |= {as_text(each) for each in as_list(value) if isinstance(each, str)}
    return found


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _size(statements: list[dict[str, Any]]) -> int:
    return len(json.dumps(_policy(statements), separators=(",", ":")))
