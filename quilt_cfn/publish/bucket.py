"""Whether a bucket is fit to publish from, and the policy that makes it so.

The rule: everything is read and nothing is changed. A policy is judged by what it does to requests, not by its text,
and what could not be told is a finding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from quilt_cfn import aws
from quilt_cfn.checks.models.actions import glob
from quilt_cfn.evaluation import places
from quilt_cfn.publish.artifact import PRODUCT
from quilt_cfn.publish.stores.s3 import Bucket

READ = "s3:GetObject"
"""All that a stranger may do."""

Document = dict[str, Any]


class Check(NamedTuple):
    """What came of looking at a bucket."""

    findings: list[str]
    """A sentence each: what is wrong, what happens to a customer, what to do. Empty when all is well."""
    policy: Document
    """The policy that the bucket should have: its own, when nothing is wrong with that."""


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
    objects = _objects(bucket, prefix, region) + "*"
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


def check(store: Bucket) -> Check:
    """Ask a bucket about everything that publishing depends on; raises ``Trouble`` when it can't be asked at all.

    What the credentials may not ask is a finding. The public-access blocks of the account and of the organization are
    not asked for: they take the account's id and permissions beyond the bucket; ``report`` says so.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # late: boto3 costs 0.2 s

    findings: list[str] = []
    answers: dict[str, dict[str, Any]] = {}
    for question in _QUESTIONS:
        try:
            answer = getattr(store.client, question.operation)(Bucket=store.bucket)
        except ClientError as error:
            if aws.code(error) in ("AccessDenied", "403"):
                findings.append(
                    f"{question.about} could not be told, so nobody knows what a customer gets: "
                    f"let the credentials that check have {question.permission}."
                )
                continue
            if aws.code(error) != question.unset:
                raise aws.trouble(error, f"{store.name} could not be checked") from error
            answer = {}
        except BotoCoreError as error:
            raise aws.trouble(error, f"{store.name} could not be checked") from error
        answers[question.operation] = answer
        findings += question.judge(answer, store)
    there = json.loads(answers.get("get_bucket_policy", {}).get("Policy", "{}"))
    return Check(findings, _mended(there, store))


def report(store: Bucket, result: Check) -> list[str]:
    """The lines for a person: what is wrong, what was not looked at, and the policy, which is the last line."""
    number = len(result.findings)
    return [
        *(f"- {finding}" for finding in result.findings),
        f"{store.name}: {number} finding{'' if number == 1 else 's'} about publishing from this bucket.",
        "The public-access blocks of the account and the organization were not looked at; they count as well.",
        "The policy it needs; as policy.json it takes the place of the one that is there:",
        f"aws s3api put-bucket-policy --bucket {store.bucket} --policy file://policy.json",
        json.dumps(result.policy, indent=2),
    ]


def _versioning(answer: Mapping[str, Any], store: Bucket) -> Iterator[str]:
    if answer.get("Status") != "Enabled":
        yield (
            "Versioning is not enabled, so a published file that is damaged or replaced is lost for customers: "
            f"aws s3api put-bucket-versioning --bucket {store.bucket} --versioning-configuration Status=Enabled."
        )


_PUBLIC = {
    "BlockPublicPolicy": (False, "S3 refuses the policy that lets customers read"),
    "RestrictPublicBuckets": (False, "customers get 403 for every template, whatever the policy says"),
    "BlockPublicAcls": (True, "an upload with a public ACL can show strangers more than what is published"),
    "IgnorePublicAcls": (True, "ACLs that are there can show strangers more than what is published"),
}
"""Public-access setting -> what it should be, and what happens otherwise."""


def _public_access(answer: Mapping[str, Any], _: Bucket) -> Iterator[str]:
    settings = answer.get("PublicAccessBlockConfiguration", {})
    for name, (wanted, otherwise) in _PUBLIC.items():
        if settings.get(name, False) != wanted:
            state, turn = ("off", "on") if wanted else ("on", "off")
            yield f"{name} is {state}, so {otherwise}: turn it {turn} in the bucket's public-access block."


def _ownership(answer: Mapping[str, Any], _: Bucket) -> Iterator[str]:
    rules = answer.get("OwnershipControls", {}).get("Rules", [])
    if [rule.get("ObjectOwnership") for rule in rules] != ["BucketOwnerEnforced"]:
        yield (
            "Object ownership is not BucketOwnerEnforced, so a file that another account uploads is not covered by the "
            "policy and gives customers 403: set it, which also turns ACLs off."
        )


def _encryption(answer: Mapping[str, Any], _: Bucket) -> Iterator[str]:
    for rule in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", []):
        algorithm = rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "AES256")
        if algorithm != "AES256":
            # https://repost.aws/knowledge-center/s3-kms-signature-version-error
            yield (
                f"Default encryption is {algorithm}, and S3 decrypts with a key of KMS only for signed requests, so "
                "customers who read without credentials get an error: set it to AES256 (SSE-S3)."
            )


def _payment(answer: Mapping[str, Any], _: Bucket) -> Iterator[str]:
    if answer.get("Payer") == "Requester":
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html
        yield (
            "The requester pays, so customers who read without credentials get 403: "
            "turn Requester Pays off, so that the bucket's owner does."
        )


def _lifecycle(answer: Mapping[str, Any], store: Bucket) -> Iterator[str]:
    published = _place(store.prefix)
    for rule in answer.get("Rules", []):
        selection = rule.get("Filter", {})
        selection = selection.get("And", selection)
        prefix = selection.get("Prefix", rule.get("Prefix", ""))
        # What is published has no tags, and its current versions are what customers read.
        if rule.get("Status") != "Enabled" or selection.get("Tag") or selection.get("Tags"):
            continue
        if not (prefix.startswith(published) or published.startswith(prefix)):
            continue
        archived = {each.get("StorageClass") for each in rule.get("Transitions", [])} & {"GLACIER", "DEEP_ARCHIVE"}
        expired = rule.get("Expiration", {}).keys() & {"Days", "Date"}
        if expired or archived:
            yield (
                f"The lifecycle rule {rule.get('ID', 'without an ID')} {'expires' if expired else 'archives'} objects "
                f"below {published}, so customers get 403 for a version that was published: limit it to other prefixes."
            )


def _policy(answer: Mapping[str, Any], store: Bucket) -> Iterator[str]:
    if not answer:
        yield (
            f"The bucket has no policy, so customers get 403 for every template below {_place(store.prefix)}: "
            "give it the policy printed here."
        )
        return
    yield from judge(json.loads(answer["Policy"]), _objects(store.bucket, store.prefix, store.region))


class _Question(NamedTuple):
    about: str
    operation: str
    """A method of boto3's client of S3."""
    permission: str
    unset: str
    """The code of the error that says that nothing is set."""
    judge: Callable[[Mapping[str, Any], Bucket], Iterator[str]]


_QUESTIONS = (
    _Question("Versioning", "get_bucket_versioning", "s3:GetBucketVersioning", "", _versioning),
    _Question(
        "The public-access block",
        "get_public_access_block",
        "s3:GetBucketPublicAccessBlock",
        "NoSuchPublicAccessBlockConfiguration",
        _public_access,
    ),
    _Question(
        "Object ownership",
        "get_bucket_ownership_controls",
        "s3:GetBucketOwnershipControls",
        "OwnershipControlsNotFoundError",
        _ownership,
    ),
    _Question(
        "Default encryption",
        "get_bucket_encryption",
        "s3:GetEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        _encryption,
    ),
    _Question("Who pays", "get_bucket_request_payment", "s3:GetBucketRequestPayment", "", _payment),
    _Question(
        "The lifecycle configuration",
        "get_bucket_lifecycle_configuration",
        "s3:GetLifecycleConfiguration",
        "NoSuchLifecycleConfiguration",
        _lifecycle,
    ),
    _Question("The policy", "get_bucket_policy", "s3:GetBucketPolicy", "NoSuchBucketPolicy", _policy),
)


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


def _mended(there: Mapping[str, Any], store: Bucket) -> Document:
    """A policy in which nothing is wrong: the one that is there, or ours with whatever of it does no harm."""
    objects = _objects(store.bucket, store.prefix, store.region)
    if not any(judge(there, objects)):
        return dict(there)
    ours = policy(store.bucket, store.prefix, store.region)
    names = [each["Sid"] for each in ours["Statement"]]
    kept = [
        each
        for each in _several(there.get("Statement"))
        if each.get("Sid") not in names and not any(judge({"Statement": [each, *ours["Statement"]]}, objects))
    ]
    return {**ours, "Statement": [*ours["Statement"], *kept]}


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


def _place(prefix: str) -> str:
    return f"{prefix}/{PRODUCT}/" if prefix else f"{PRODUCT}/"


def _objects(bucket: str, prefix: str, region: str) -> str:
    """What the ARN of everything that is published begins with."""
    return f"arn:{places.partition(region)}:s3:::{bucket}/{_place(prefix)}"
