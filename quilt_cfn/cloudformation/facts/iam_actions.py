"""The actions of IAM: which there are, which ARNs they apply to, and what an API operation is called among them.

The rule: the list is AWS's, as cfn-lint carries it; its package is found and not imported, which would cost 0.8 s. What
is not in the list is not judged.
"""

from __future__ import annotations

import json
import re
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
"""What the command line, the SDKs and Step Functions call a service -> what IAM calls it."""

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
"""Operations whose action has another name, from
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html and
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""


def action_of(service: str, operation: str) -> str | None:
    """The action that allows an operation, ``logs`` and ``put-log-events`` for instance; None if there is none.

    Of STS there is none: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html needs no
    permission, and assuming a role is a matter of its trust policy.
    """
    service = _SERVICES.get(service, service)
    name = _OPERATIONS.get((service, _squashed(operation)))
    name = name or "".join(part[:1].upper() + part[1:] for part in operation.split("-"))
    return f"{service}:{name}" if service != "sts" and arns_of(f"{service}:{name}") is not None else None


def arns_of(action: str) -> tuple[tuple[str, str], ...] | None:
    """(kind, ARN with ``*`` for what varies) of each kind of resource that an action applies to; None for no action.

    Empty for an action that applies to no resource in particular: only ``*`` allows it.
    """
    service, _, name = action.lower().partition(":")
    known = _services().get(service, {"Actions": {}, "Resources": {}})
    if name not in known["Actions"]:
        return None
    return tuple(
        (kind, re.sub(r"\$\{[^}]*\}|\.\*", "*", arn))
        for kind in known["Actions"][name].get("Resources", ())
        for arn in known["Resources"].get(kind, {}).get("ARNFormats", ())
        if arn.count(":") >= 5
    )


def is_action(pattern: str) -> bool:
    """Whether there is an action that a pattern such as ``s3:Get*`` matches."""
    service, _, name = pattern.lower().partition(":")
    actions = _services().get(service, {"Actions": {}})["Actions"]
    return name in actions or any(map(glob(name).fullmatch, actions))


@lru_cache(maxsize=4096)
def glob(pattern: str, ignore_case: bool = False) -> re.Pattern[str]:
    """A pattern of IAM's, in which ``*`` is any text and ``?`` any character."""
    wild = {"*": ".*", "?": "."}
    # Stars in a row are one: each more would only make the search longer.
    expression = "".join(wild.get(each, re.escape(each)) for each in re.sub(r"\*+", "*", pattern))
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _squashed(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


@lru_cache(maxsize=1)
def _services() -> dict[str, Any]:
    file = file_of("cfnlint", "data/AdditionalSpecs/Policies.json")
    services: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return services
