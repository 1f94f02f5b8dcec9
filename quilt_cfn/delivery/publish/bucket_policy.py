"""The policy of a bucket to publish from: what it should be, and what any policy does to readers and writers.

The rule: a policy is judged by what it does to requests, not by its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.cloudformation.facts.iam_actions import glob
from quilt_cfn.delivery.release.artifact import PRODUCT

READ = "s3:GetObject"
"""All that a stranger may do."""

Document = dict[str, Any]


class Request(NamedTuple):
    """What somebody asks of any published object: an action, and the values of the condition keys that matter."""

    action: str
    context: Mapping[str, str]


def _request(action: str, **headers: str) -> Request:
    keys = {f"s3:{name.replace('_', '-')}": value for name, value in headers.items()}
    # What AWS's own clients speak at least, https://docs.aws.amazon.com/AmazonS3/latest/userguide/network-isolation.html.
    return Request(action, {"aws:securetransport": "true", "s3:tlsversion": "1.2", **keys})


_READING = _request(READ)
_OVERWRITING = _request("s3:PutObject", objectcreationoperation="true")
_CREATING = _request("s3:PutObject", objectcreationoperation="true", if_none_match="*")
_REPLACING = _request("s3:PutObject", objectcreationoperation="true", if_match='"0"')
_DELETING = (_request("s3:DeleteObject"), _request("s3:DeleteObjectVersion"))


def policy(bucket: str, prefix: str, region: str) -> Document:
    """The bucket policy that publishing below ``prefix`` (may be empty) takes: everybody reads, nobody takes back.

    - Readers: ``s3:GetObject`` of ``<prefix>/quilt-registry/*`` and no more, by https only: who could change a template
      on its way would own the customer's account. (It is a condition of the permission, not one more Deny, so that it
      says nothing about the rest of the bucket.)
    - Writers, however powerful: no upload without If-None-Match or If-Match. Both have to be let through: a file is
      created with the first, while ``latest.json`` is moved and a damaged file mended with the second, which only
      somebody can send who has read what is there. The parts of a multipart upload can't carry either and make no
      object; completing it does (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html).
    - Deleting: nobody. Versioning would keep the bytes, but customers would get 403 from then on, and behind a delete
      marker If-None-Match holds again: other bytes could take the name. An administrator who has to delete takes the
      statement out first, which is as deliberate as it should be.
    """
    objects = published_objects(bucket, prefix, region) + "*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "EverybodyReadsWhatIsPublished",
                "Effect": "Allow",
                "Principal": "*",
                "Action": READ,
                "Resource": objects,
                "Condition": {"Bool": {"aws:SecureTransport": "true"}},
            },
            {
                "Sid": "NobodyOverwritesWithoutLooking",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": objects,
                "Condition": {
                    "Null": {"s3:if-none-match": "true", "s3:if-match": "true"},
                    "Bool": {"s3:ObjectCreationOperation": "true"},
                },
            },
            {
                "Sid": "NobodyDeletesWhatIsPublished",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
                "Resource": objects,
            },
        ],
    }


def judge(document: Mapping[str, Any], objects: str) -> Iterator[str]:
    """What a bucket policy does wrong to those who read and write ``objects``: an ARN up to its last slash.

    Only statements about everybody count: what single users may do in their bucket is their business.
    """
    statements = _several(document.get("Statement"))
    allowing = [each for each in statements if each.get("Effect") == "Allow"]
    denying = [each for each in statements if each.get("Effect") == "Deny"]
    mend = "give the bucket the policy printed here"
    if not any(_applies(each, _READING, objects) for each in allowing):
        yield f"The policy does not let everybody read {objects}*, so customers get 403 for the template: {mend}."
    for each in denying:
        if _may_apply(each, _READING, objects):
            yield f"The policy may refuse readers ({_named(each)}), so customers get 403 for the template: {mend}."
        if any(_may_apply(each, request, objects) for request in (_CREATING, _REPLACING)):
            yield (
                f"The policy may refuse uploads with If-None-Match or If-Match ({_named(each)}), "
                f"so that nothing can be published for customers: {mend}."
            )
    if not any(_applies(each, _OVERWRITING, objects) for each in denying):
        yield (
            "The policy lets an upload without If-None-Match overwrite what is published, "
            f"so that customers get other bytes under an old version: {mend}."
        )
    if not all(any(_applies(each, request, objects) for each in denying) for request in _DELETING):
        yield (
            "The policy lets what is published be deleted, so that customers get 403 for its URL, "
            f"or other bytes under an old version: {mend}."
        )
    for each in allowing:
        if (_is_everybody(each) or "NotPrincipal" in each) and not _is_about_few(each):
            excess = _excess(each, objects)
            if excess:
                yield (
                    f"The policy lets everybody do more than read what is published ({_named(each)}: {excess}), "
                    f"so that customers' templates and your other files are in strangers' hands: {mend}."
                )


def mended(there: Mapping[str, Any], bucket: str, prefix: str, region: str) -> Document:
    """A policy in which nothing is wrong: the one that is there, or ours with whatever of it does no harm."""
    objects = published_objects(bucket, prefix, region)
    if not any(judge(there, objects)):
        return dict(there)
    ours = policy(bucket, prefix, region)
    names = [each["Sid"] for each in ours["Statement"]]
    kept = [
        each
        for each in _several(there.get("Statement"))
        if each.get("Sid") not in names and not any(judge({"Statement": [each, *ours["Statement"]]}, objects))
    ]
    return {**ours, "Statement": [*ours["Statement"], *kept]}


def published_prefix(prefix: str) -> str:
    return f"{prefix}/{PRODUCT}/" if prefix else f"{PRODUCT}/"


def published_objects(bucket: str, prefix: str, region: str) -> str:
    """What the ARN of everything that is published begins with."""
    return f"arn:{partitions.partition(region)}:s3:::{bucket}/{published_prefix(prefix)}"


# How a statement is evaluated: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html


def _applies(statement: Mapping[str, Any], request: Request, objects: str) -> bool:
    """Whether a statement is about this request, whoever makes it, of each of the objects."""
    named = [_covers(pattern, objects) for pattern in _several(statement.get("Resource"))]
    excepted = [_touches(pattern, objects) for pattern in _several(statement.get("NotResource"))]
    resource = any(named) or (bool(excepted) and not any(excepted))
    return _is_everybody(statement) and resource and _acts(statement, request) and _holds(statement, request) is True


def _may_apply(statement: Mapping[str, Any], request: Request, objects: str) -> bool:
    """Whether a statement may be about this request of one of the objects, by somebody whom it doesn't name."""
    named = [_touches(pattern, objects) for pattern in _several(statement.get("Resource"))]
    excepted = [_covers(pattern, objects) for pattern in _several(statement.get("NotResource"))]
    resource = any(named) or (bool(excepted) and not any(excepted))
    somebody = _is_everybody(statement) or "NotPrincipal" in statement
    return somebody and resource and _acts(statement, request) and _holds(statement, request) is not False


def _excess(statement: Mapping[str, Any], objects: str) -> str:
    """What a statement allows beyond reading the objects."""
    actions = [each for each in _several(statement.get("Action")) if each.lower() != READ.lower()]
    resources = [each for each in _several(statement.get("Resource")) if not _literal(each).startswith(objects)]
    negations = [key for key in ("NotPrincipal", "NotAction", "NotResource") if key in statement]
    return ", ".join([*negations, *actions, *resources])


def _is_everybody(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    return "*" in _several(principal.get("AWS") if isinstance(principal, Mapping) else principal)


_FEW = {"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount"}
_FEW |= {"aws:sourcearn", "aws:sourceip", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce", "aws:userid"}
_FEW |= {"s3:dataaccesspointaccount", "s3:dataaccesspointarn"}


def _is_about_few(statement: Mapping[str, Any]) -> bool:
    """Whether a condition names who may ask, as S3 itself tells public policies from others.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    return any(
        operator in ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "IpAddress")
        and key.lower() in _FEW
        and not any("*" in value or "?" in value or value.endswith("/0") for value in map(str, _several(values)))
        for operator, tests in statement.get("Condition", {}).items()
        for key, values in tests.items()
    )


def _acts(statement: Mapping[str, Any], request: Request) -> bool:
    def among(patterns: object) -> bool:
        return any(glob(pattern, True).fullmatch(request.action) for pattern in _several(patterns))

    return among(statement.get("Action")) or ("NotAction" in statement and not among(statement["NotAction"]))


_OPERATORS: Mapping[str, Callable[[str | None, list[str]], bool]] = {
    "Null": lambda given, values: (given is None) == ("true" in values),
    "Bool": lambda given, values: given in values,
    "BoolIfExists": lambda given, values: given is None or given in values,
    "NumericLessThan": lambda given, values: given is not None and any(given < value for value in values),
}
_KEYS = {*_OVERWRITING.context, *_CREATING.context, *_REPLACING.context}


def _holds(statement: Mapping[str, Any], request: Request) -> bool | None:
    """Whether a statement's condition holds for a request; None when that depends on something else, too."""
    answers = [
        _OPERATORS[operator](request.context.get(key.lower()), [str(value).lower() for value in _several(values)])
        if operator in _OPERATORS and key.lower() in _KEYS
        else None
        for operator, tests in statement.get("Condition", {}).items()
        for key, values in tests.items()
    ]
    return False if False in answers else None if None in answers else True


def _covers(pattern: str, objects: str) -> bool:
    """Whether every one of the objects matches a pattern."""
    return pattern.endswith("*") and glob(pattern).fullmatch(objects) is not None


def _touches(pattern: str, objects: str) -> bool:
    """Whether an object may match a pattern; false only if none can."""
    literal = _literal(pattern)
    return literal.startswith(objects) or (literal != pattern and objects.startswith(literal))


def _literal(pattern: str) -> str:
    """What every match begins with: up to the first wildcard or variable."""
    return re.split(r"[*?$]", pattern, maxsplit=1)[0]


def _named(statement: Mapping[str, Any]) -> str:
    return f"statement {statement['Sid']}" if statement.get("Sid") else f"a statement of {statement.get('Effect')}"


def _several(value: Any) -> Sequence[Any]:
    """A list where IAM also takes what would be its only member."""
    return [] if value is None else value if isinstance(value, list) else [value]
