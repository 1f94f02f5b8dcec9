"""IAM actions: which exist, which ARNs they apply to, and which one allows an API operation.

The list is AWS's, from the data in cfn-lint's package, which is read without importing cfn-lint (that takes 0.8 s).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from quilt_cfn.cloudformation.facts.package_data import file_of

_SERVICES = {
    "cloudwatchlogs": "logs",
    "deploy": "codedeploy",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "eventbridge": "events",
    "s3api": "s3",
    "sesv2": "ses",
    "sfn": "states",
    "stepfunctions": "states",
}
"""A service's name in the AWS CLI, the SDKs or Step Functions -> its prefix in IAM."""

_OPERATIONS = {
    ("lambda", "invoke"): "InvokeFunction",
    ("s3", "copyobject"): "PutObject",
    ("s3", "deleteobjects"): "DeleteObject",
    ("s3", "headbucket"): "ListBucket",
    ("s3", "headobject"): "GetObject",
    ("s3", "listbuckets"): "ListAllMyBuckets",
    ("s3", "listobjects"): "ListBucket",
    ("s3", "listobjectsv2"): "ListBucket",
}
"""(service, operation in lower case) -> action, where the names differ. Sources:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html and
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""


def action_of(service: str, operation: str) -> str | None:
    """The action that allows an operation such as ``put-log-events`` of ``logs``; None if there is none.

    It is always None for STS: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html needs no
    permission, and a role's trust policy says who may assume it.
    """
    service = _SERVICES.get(service, service)
    name = _OPERATIONS.get((service, re.sub("[^a-z0-9]", "", operation.lower())))
    name = name or "".join(part[:1].upper() + part[1:] for part in operation.split("-"))
    return f"{service}:{name}" if service != "sts" and arns_of(f"{service}:{name}") is not None else None


def arns_of(action: str) -> tuple[tuple[str, str], ...] | None:
    """(resource type, ARN with ``*`` for what varies) for each resource type that an action applies to.

    Empty for an action that applies to no particular resource, which only ``*`` allows; None if there is no such
    action.
    """
    service, _, name = action.lower().partition(":")
    known = _services().get(service, {"Actions": {}, "Resources": {}})
    if name not in known["Actions"]:
        return None
    return tuple(
        (resource_type, re.sub(r"\$\{[^}]*\}|\.\*", "*", arn))
        for resource_type in known["Actions"][name].get("Resources", ())
        for arn in known["Resources"].get(resource_type.lower(), {}).get("ARNFormats", ())
        if arn.count(":") >= 5
    )


def is_action(pattern: str) -> bool:
    """Whether there is an action that a pattern such as ``s3:Get*`` matches."""
    service, _, name = pattern.lower().partition(":")
    actions = _services().get(service, {"Actions": {}})["Actions"]
    return name in actions or any(map(glob(name).fullmatch, actions))


def actions_matching(pattern: str) -> list[str]:
    """Every action that a pattern such as ``s3:Get*`` matches, in lower case; none for one of all services."""
    service, _, name = pattern.lower().partition(":")
    actions = _services().get(service, {"Actions": {}})["Actions"]
    return [f"{service}:{each}" for each in actions if glob(name).fullmatch(each)]


def prefixes() -> Collection[str]:
    """The prefix of every service in IAM, such as ``ec2``."""
    return _services().keys()


@lru_cache(maxsize=4096)
def glob(pattern: str, ignore_case: bool = False) -> re.Pattern[str]:
    """The regular expression of an IAM pattern, in which ``*`` is any string and ``?`` any character."""
    wild = {"*": ".*", "?": "."}
    # Several stars in a row mean the same as one, and would make the search slower.
    expression = "".join(wild.get(each, re.escape(each)) for each in re.sub(r"\*+", "*", pattern))
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


@lru_cache(maxsize=1)
def _services() -> dict[str, Any]:
    file = file_of("cfnlint", "data/AdditionalSpecs/Policies.json")
    services: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return services
