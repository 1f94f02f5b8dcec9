"""Checks whether customers can read what is published from a bucket. Everything is read and nothing is changed.

``check_bucket`` asks S3 for the bucket's settings and policy, and reads ``latest.json`` without credentials, as
customers do. A setting that the credentials may not read is a finding, too. ``explanations`` explains the ids.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn import aws
from quilt_cfn.delivery.publish import explanations
from quilt_cfn.delivery.publish.bucket_policy import (
    DELETE,
    OVERWRITE,
    READ,
    PolicyDocument,
    combined,
    missing_statements,
    policy,
    published_prefix,
)
from quilt_cfn.delivery.publish.plan import latest_key
from quilt_cfn.delivery.publish.stores.s3 import Bucket
from quilt_cfn.finding import QUILT_CFN, Finding, Severity, counted

_CONSEQUENCES = {each.id: each.sentence for each in explanations.BUCKET.explanations}
_NOT_SET = {
    "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchLifecycleConfiguration",
    "NoSuchBucketPolicy",
}
"""The codes of S3's errors for a setting that the bucket does not have."""


class BucketCheck(NamedTuple):
    """What is wrong with a bucket, and the policy that it should have."""

    findings: tuple[Finding, ...]
    policy: PolicyDocument
    """The bucket's own if nothing is missing from it; otherwise ours with the owner's other statements."""


def check_bucket(store: Bucket) -> BucketCheck:
    """Check everything about a bucket that publishing depends on; raises ``UserError`` when S3 does not answer at all.

    The public-access blocks of the account and of the organization are not read, which would take the account's ID and
    permissions beyond the bucket; the read without credentials shows what they do.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # late: boto3 costs 0.2 s

    findings: list[Finding] = []
    existing: PolicyDocument = {}
    for name, operation, permission, check in _SETTINGS:
        try:
            answer = getattr(store.client, operation)(Bucket=store.bucket)
        except (ClientError, BotoCoreError) as error:
            if aws.code(error) in aws.DENIED:
                findings.append(_unknown(store, name, permission))
                continue
            if aws.code(error) not in _NOT_SET:
                raise aws.user_error(error, f"{store.name} could not be checked") from error
            answer = {}
        existing = json.loads(answer.get("Policy", "{}")) or existing
        findings += check(answer, store)
    findings += _read_anonymously(store)
    return BucketCheck(tuple(findings), combined(existing, policy(store.bucket, store.prefix, store.region)))


def report(store: Bucket, result: BucketCheck) -> list[str]:
    """The lines to print: the findings, what was not checked, and the policy, which is the last line."""
    return [
        *map(str, result.findings),
        f"{store.name}: {counted(len(result.findings), 'finding')} about publishing from this bucket.",
        "Not checked, although they count as well: the public-access blocks of the account and the organization, and "
        "what other statements of the policy allow or deny.",
        "The policy that the bucket needs; save it as policy.json and put it in place of the present one:",
        f"aws s3api put-bucket-policy --bucket {store.bucket} --policy file://policy.json",
        json.dumps(result.policy, indent=2),
    ]


def _finding(store: Bucket, rule: str, severity: Severity, fact: str, remedy: str) -> Finding:
    """A finding that says what is so, what that does to customers, and what to do about it."""
    return Finding(store.name, 0, QUILT_CFN, rule, severity, "", f"{fact}. {_CONSEQUENCES[rule]} {remedy}.")


def _unknown(store: Bucket, name: str, permission: str) -> Finding:
    remedy = f"Let the credentials that check the bucket have {permission}"
    return _finding(store, "B16", "warning", f"{name} could not be read", remedy)


def _check_versioning(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    if answer.get("Status") != "Enabled":
        setting = f"--bucket {store.bucket} --versioning-configuration Status=Enabled"
        remedy = f"Enable it: aws s3api put-bucket-versioning {setting}"
        yield _finding(store, "B01", "warning", "Versioning is not enabled", remedy)


_BLOCK: dict[str, tuple[bool, str, Severity]] = {
    "BlockPublicPolicy": (False, "B02", "error"),
    "RestrictPublicBuckets": (False, "B03", "error"),
    "BlockPublicAcls": (True, "B04", "warning"),
    "IgnorePublicAcls": (True, "B05", "warning"),
}
"""Setting of the public-access block -> its right value, and the finding for the other value."""


def _check_public_access(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    settings = answer.get("PublicAccessBlockConfiguration", {})
    for name, (right, rule, severity) in _BLOCK.items():
        if settings.get(name, False) != right:
            state, other = ("off", "on") if right else ("on", "off")
            remedy = f"Turn it {other} in the bucket's public-access block"
            yield _finding(store, rule, severity, f"{name} is {state}", remedy)


def _check_ownership(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    rules = answer.get("OwnershipControls", {}).get("Rules", [])
    if [rule.get("ObjectOwnership") for rule in rules] != ["BucketOwnerEnforced"]:
        fact = "Object ownership is not BucketOwnerEnforced"
        yield _finding(store, "B06", "warning", fact, "Set it, which also turns ACLs off")


def _check_encryption(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    for rule in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", []):
        algorithm = rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "AES256")
        if algorithm != "AES256":
            fact = f"Default encryption is {algorithm}, and S3 decrypts with a key of KMS only for signed requests"
            yield _finding(store, "B07", "error", fact, "Set it to AES256 (SSE-S3)")


def _check_payer(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    if answer.get("Payer") == "Requester":
        remedy = "Turn Requester Pays off, so that the bucket's owner pays"
        yield _finding(store, "B08", "error", "The requester pays", remedy)


def _check_lifecycle(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    published = published_prefix(store.prefix)
    for rule in answer.get("Rules", []):
        selection = rule.get("Filter", {})
        selection = selection.get("And", selection)
        prefix = selection.get("Prefix", rule.get("Prefix", ""))
        # Published objects have no tags, and customers read their current versions.
        if rule.get("Status") != "Enabled" or selection.get("Tag") or selection.get("Tags"):
            continue
        if not (prefix.startswith(published) or published.startswith(prefix)):
            continue
        archives = {each.get("StorageClass") for each in rule.get("Transitions", [])} & {"GLACIER", "DEEP_ARCHIVE"}
        expires = rule.get("Expiration", {}).keys() & {"Days", "Date"}
        if expires or archives:
            what = "expires" if expires else "archives"
            fact = f"The lifecycle rule {rule.get('ID', 'without an ID')} {what} objects below {published}"
            yield _finding(store, "B09", "error", fact, "Limit it to other prefixes")


_STATEMENTS: dict[str, tuple[str, Severity]] = {
    READ: ("B11", "error"),
    OVERWRITE: ("B12", "warning"),
    DELETE: ("B13", "warning"),
}
"""Sid -> the finding for a policy without the statement."""


def _check_policy(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    remedy = "Put the policy printed here"
    if not answer:
        yield _finding(store, "B10", "error", "The bucket has no policy", remedy)
        return
    existing = json.loads(answer["Policy"])
    for statement in missing_statements(existing, policy(store.bucket, store.prefix, store.region)):
        rule, severity = _STATEMENTS[statement["Sid"]]
        yield _finding(store, rule, severity, f"The policy lacks the statement {statement['Sid']}", remedy)


def _read_anonymously(store: Bucket) -> Iterator[Finding]:
    """Read latest.json without credentials. S3 answers 403 to that for a missing key as well as for a forbidden one."""
    from botocore.exceptions import BotoCoreError, ClientError

    key, url = store.key(latest_key()), store.url(latest_key())
    try:
        with contextlib.closing(aws.client("s3", store.region, anonymous=True)) as client:
            client.get_object(Bucket=store.bucket, Key=key)["Body"].close()
        return
    except (ClientError, BotoCoreError) as error:
        refusal = aws.code(error)
        if not refusal or refusal in aws.BUSY:
            raise aws.user_error(error, f"{url} could not be read") from error
    try:
        store.client.head_object(Bucket=store.bucket, Key=key)
    except (ClientError, BotoCoreError) as error:
        if aws.code(error) in aws.DENIED:
            yield _unknown(store, "Whether anything is published", "s3:GetObject and s3:ListBucket")
            return
        if aws.code(error) != "404":
            raise aws.user_error(error, f"{url} could not be read") from error
        remedy = "Run this check again after the first publication"
        yield _finding(store, "B15", "information", f"Nothing is published yet: {url} is not there", remedy)
        return
    remedy = (
        "See the other findings, the Deny statements of the policy, and the public-access block of the account and the "
        "organization"
    )
    yield _finding(store, "B14", "error", f"{url} can't be read without credentials ({refusal})", remedy)


_SETTINGS = (
    ("Versioning", "get_bucket_versioning", "s3:GetBucketVersioning", _check_versioning),
    ("The public-access block", "get_public_access_block", "s3:GetBucketPublicAccessBlock", _check_public_access),
    ("Object ownership", "get_bucket_ownership_controls", "s3:GetBucketOwnershipControls", _check_ownership),
    ("Default encryption", "get_bucket_encryption", "s3:GetEncryptionConfiguration", _check_encryption),
    ("Who pays", "get_bucket_request_payment", "s3:GetBucketRequestPayment", _check_payer),
    (
        "The lifecycle configuration",
        "get_bucket_lifecycle_configuration",
        "s3:GetLifecycleConfiguration",
        _check_lifecycle,
    ),
    ("The policy", "get_bucket_policy", "s3:GetBucketPolicy", _check_policy),
)
"""Each setting of a bucket, the method of boto3's client that reads it, the permission for that, and what checks it."""
