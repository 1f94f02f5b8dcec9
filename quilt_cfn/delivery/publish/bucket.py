"""Whether a bucket is fit to publish from, asked of S3.

The rule: everything is read and nothing is changed; what could not be told is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn import aws
from quilt_cfn.delivery.publish.bucket_policy import Document, judge, mended, published_objects, published_prefix
from quilt_cfn.delivery.publish.stores.s3 import Bucket


class Check(NamedTuple):
    """What came of looking at a bucket."""

    findings: list[str]
    """A sentence each: what is wrong, what happens to a customer, what to do. Empty when all is well."""
    policy: Document
    """The policy that the bucket should have: its own, when nothing is wrong with that."""


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
    return Check(findings, mended(there, store.bucket, store.prefix, store.region))


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
    published = published_prefix(store.prefix)
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
            "The bucket has no policy, so customers get 403 for every template below "
            f"{published_prefix(store.prefix)}: give it the policy printed here."
        )
        return
    yield from judge(json.loads(answer["Policy"]), published_objects(store.bucket, store.prefix, store.region))


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
