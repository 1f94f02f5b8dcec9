"""The policies of a role with which CloudFormation launches, updates and deletes the stack of a template.

A service role: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html. It may call
what the handlers of the template's types call, and nothing else. IAM's own actions are confined to names that begin
with the stack's, because CloudFormation makes them so; most other services give new resources names of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.analysis.parameter_use import ref_target
from quilt_cfn.cloudformation.facts.handler_permissions import permissions
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
    "AWS::AutoScaling::AutoScalingGroup": "autoscaling.amazonaws.com",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "elasticloadbalancing.amazonaws.com",
    "AWS::ImageBuilder::ImagePipeline": "imagebuilder.amazonaws.com",
    "AWS::RDS::DBInstance": "rds.amazonaws.com",
}
"""Type -> the service that makes a role of its own in an account that has none:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html"""

_DATA = ("s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl")
"""What the handler of buckets names for options that copy or read objects: a role that launches needs no data."""

_PARAMETER_TYPES = {
    "AWS::SSM::Parameter::": ("ssm:GetParameters",),
    "AWS::EC2::KeyPair::": ("ec2:DescribeKeyPairs",),
    "AWS::EC2::Image::": ("ec2:DescribeImages",),
}
"""Beginning of a parameter's type -> what CloudFormation calls to validate its value:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html"""

_IAM_NAMES = (
    ("InstanceProfile", "instance-profile"),
    ("Role", "role"),
    ("AccessKey", "user"),
    ("User", "user"),
    ("LoginProfile", "user"),
)
"""What is in the name of an action of IAM -> what its resource is; the first that fits."""


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
    actions = {action for each in types for action in permissions(each) or ()} - {"iam:PassRole", _MAKE_ROLE, *_DATA}
    for declared in map_at(template, "Parameters").values():
        for beginning, more in _PARAMETER_TYPES.items():
            actions |= set(more if as_text(dict_or_empty(declared).get("Type")).startswith(beginning) else ())
    iam = {action for action in actions if action.startswith("iam:")}
    groups = {action for action in iam if "Group" in action and not action.endswith("ForUser")}
    for services in _grouped(actions - iam):
        yield {"Effect": "Allow", "Action": services, "Resource": "*"}
    confined: dict[str, list[str]] = {}
    for action in sorted(iam - groups):
        confined.setdefault(next((kind for part, kind in _IAM_NAMES if part in action), ""), []).append(action)
    for kind, names in confined.items():
        if kind and any(each.startswith("AWS::IAM::") for each in types):
            yield {"Effect": "Allow", "Action": names, "Resource": f"arn:aws:iam::*:{kind}/{stack}-*"}
    passed = sorted(_services_of_roles(template))
    if passed:
        condition = {"StringEquals": {"iam:PassedToService": passed}}
        yield _allow("iam:PassRole", f"arn:aws:iam::*:role/{stack}-*", condition)
    linked = sorted(service for each, service in _SERVICE_LINKED.items() if each in types)
    if linked:
        condition = {"StringEquals": {"iam:AWSServiceName": linked}}
        yield _allow(_MAKE_ROLE, "arn:aws:iam::*:role/aws-service-role/*", condition)


_MAKE_ROLE = "iam:CreateServiceLinkedRole"


def _allow(action: str, resource: str, condition: dict[str, Any]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": [action], "Resource": resource, "Condition": condition}


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
