"""Checks whether customers can read what is published from a bucket. Everything is read and nothing is changed.

``check_bucket`` asks S3 for the bucket's settings and policy, and reads ``latest.json`` without credentials, as
customers do. A setting that the credentials may not read is a finding, too.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
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
from quilt_cfn.finding import QUILT_CFN, Explanation, Finding, Severity, counted


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
    for setting in _SETTINGS:
        try:
            answer = getattr(store.client, setting.operation)(Bucket=store.bucket)
        except (ClientError, BotoCoreError) as error:
            if aws.code(error) in aws.DENIED:
                findings.append(_unknown(store, setting.name, setting.permission))
                continue
            if aws.code(error) != setting.absent:
                raise aws.user_error(error, f"{store.name} could not be checked") from error
            answer = {}
        existing = json.loads(answer.get("Policy", "{}")) or existing
        findings += setting.check(answer, store)
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


def _finding(store: Bucket, explanation: Explanation, severity: Severity, message: str) -> Finding:
    return Finding(store.name, 0, QUILT_CFN, explanation.id, severity, "", message)


def _unknown(store: Bucket, name: str, permission: str) -> Finding:
    message = f"{name} could not be read: let the credentials that check the bucket have {permission}."
    return _finding(store, explanations.UNKNOWN, "warning", message)


def _check_versioning(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    if answer.get("Status") != "Enabled":
        yield _finding(
            store,
            explanations.VERSIONING,
            "warning",
            "Versioning is not enabled, so a published file that is damaged or replaced is lost for customers: "
            f"aws s3api put-bucket-versioning --bucket {store.bucket} --versioning-configuration Status=Enabled.",
        )


_BLOCK: dict[str, tuple[bool, Explanation, Severity, str]] = {
    "BlockPublicPolicy": (
        False,
        explanations.BLOCK_PUBLIC_POLICY,
        "error",
        "S3 refuses the policy that lets customers read",
    ),
    "RestrictPublicBuckets": (
        False,
        explanations.RESTRICT_PUBLIC_BUCKETS,
        "error",
        "customers get 403 for every template, whatever the policy says",
    ),
    "BlockPublicAcls": (
        True,
        explanations.BLOCK_PUBLIC_ACLS,
        "warning",
        "an upload with a public ACL can let everybody read more than what is published",
    ),
    "IgnorePublicAcls": (
        True,
        explanations.IGNORE_PUBLIC_ACLS,
        "warning",
        "the ACLs of objects can let everybody read more than what is published",
    ),
}
"""Setting of the public-access block -> its right value, and the finding and its consequence for the other value."""


def _check_public_access(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    settings = answer.get("PublicAccessBlockConfiguration", {})
    for name, (right, explanation, severity, consequence) in _BLOCK.items():
        if settings.get(name, False) != right:
            state, other = ("off", "on") if right else ("on", "off")
            message = f"{name} is {state}, so {consequence}: turn it {other} in the bucket's public-access block."
            yield _finding(store, explanation, severity, message)


def _check_ownership(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    rules = answer.get("OwnershipControls", {}).get("Rules", [])
    if [rule.get("ObjectOwnership") for rule in rules] != ["BucketOwnerEnforced"]:
        yield _finding(
            store,
            explanations.OWNERSHIP,
            "warning",
            "Object ownership is not BucketOwnerEnforced, so a file that another account uploads is not covered by the "
            "policy and gives customers 403: set it, which also turns ACLs off.",
        )


def _check_encryption(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    for rule in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", []):
        algorithm = rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "AES256")
        if algorithm != "AES256":
            yield _finding(
                store,
                explanations.ENCRYPTION,
                "error",
                f"Default encryption is {algorithm}, and S3 decrypts with a key of KMS only for signed requests, so "
                "customers who read without credentials get an error: set it to AES256 (SSE-S3).",
            )


def _check_payer(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    if answer.get("Payer") == "Requester":
        yield _finding(
            store,
            explanations.PAYER,
            "error",
            "The requester pays, so customers who read without credentials get 403: turn Requester Pays off, so that "
            "the bucket's owner pays.",
        )


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
            yield _finding(
                store,
                explanations.LIFECYCLE,
                "error",
                f"The lifecycle rule {rule.get('ID', 'without an ID')} {'expires' if expires else 'archives'} objects "
                f"below {published}, so customers get 403 for a version that was published: limit it to other "
                "prefixes.",
            )


_STATEMENTS: dict[str, tuple[Explanation, Severity, str]] = {
    READ: (
        explanations.POLICY_READ,
        "error",
        "which lets everybody read what is published, so customers may get 403 for every template",
    ),
    OVERWRITE: (
        explanations.POLICY_OVERWRITE,
        "warning",
        "which refuses uploads without If-None-Match or If-Match, so customers may get other bytes under an old "
        "version",
    ),
    DELETE: (
        explanations.POLICY_DELETE,
        "warning",
        "which refuses to delete what is published, so customers may get 403 for a URL that worked before",
    ),
}
"""Sid -> the finding for a policy without the statement, what the statement does, and the consequence."""


def _check_policy(answer: Mapping[str, Any], store: Bucket) -> Iterator[Finding]:
    if not answer:
        yield _finding(
            store,
            explanations.NO_POLICY,
            "error",
            f"The bucket has no policy, so customers get 403 for every template below {published_prefix(store.prefix)}:"
            " put the policy printed here.",
        )
        return
    existing = json.loads(answer["Policy"])
    for statement in missing_statements(existing, policy(store.bucket, store.prefix, store.region)):
        explanation, severity, consequence = _STATEMENTS[statement["Sid"]]
        message = f"The policy lacks the statement {statement['Sid']}, {consequence}: put the policy printed here."
        yield _finding(store, explanation, severity, message)


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
        message = f"Nothing is published yet: {url} is not there, so reading it without credentials could not be tried."
        yield _finding(store, explanations.NOTHING_PUBLISHED, "information", message)
        return
    yield _finding(
        store,
        explanations.ANONYMOUS_READ,
        "error",
        f"{url} can't be read without credentials ({refusal}), so customers get an error for every template: see the "
        "other findings, the Deny statements of the policy, and the public-access block of the account and the "
        "organization.",
    )


class _Setting(NamedTuple):
    """A setting of a bucket, and what checks it."""

    name: str
    operation: str
    """A method of boto3's client of S3."""
    permission: str
    absent: str | None
    """The code of the error for a setting that is not set; None where S3 always has an answer."""
    check: Callable[[Mapping[str, Any], Bucket], Iterator[Finding]]


_SETTINGS = (
    _Setting("Versioning", "get_bucket_versioning", "s3:GetBucketVersioning", None, _check_versioning),
    _Setting(
        "The public-access block",
        "get_public_access_block",
        "s3:GetBucketPublicAccessBlock",
        "NoSuchPublicAccessBlockConfiguration",
        _check_public_access,
    ),
    _Setting(
        "Object ownership",
        "get_bucket_ownership_controls",
        "s3:GetBucketOwnershipControls",
        "OwnershipControlsNotFoundError",
        _check_ownership,
    ),
    _Setting(
        "Default encryption",
        "get_bucket_encryption",
        "s3:GetEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        _check_encryption,
    ),
    _Setting("Who pays", "get_bucket_request_payment", "s3:GetBucketRequestPayment", None, _check_payer),
    _Setting(
        "The lifecycle configuration",
        "get_bucket_lifecycle_configuration",
        "s3:GetLifecycleConfiguration",
        "NoSuchLifecycleConfiguration",
        _check_lifecycle,
    ),
    _Setting("The policy", "get_bucket_policy", "s3:GetBucketPolicy", "NoSuchBucketPolicy", _check_policy),
)
