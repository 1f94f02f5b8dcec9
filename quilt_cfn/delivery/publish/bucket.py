"""Checks whether customers can read what is published from a bucket. Everything is read and nothing is changed.

``check_bucket`` asks S3 for the bucket's settings and policy, and reads ``latest.json`` without credentials, as
customers do. A setting that the credentials may not read is a finding, too. The docstring of a rule is its page for
docs/rules.md and ``quilt-cfn check --explain``: what happens to customers, and after an empty line why, and what to do.
"""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn import aws
from quilt_cfn.delivery.publish.bucket_policy import (
    DELETE,
    OVERWRITE,
    READ,
    PolicyDocument,
    combined,
    missing_statements,
    policy,
    published_prefix,
    read_policy,
)
from quilt_cfn.delivery.publish.plan import latest_key
from quilt_cfn.delivery.publish.stores.s3 import Bucket
from quilt_cfn.finding import QUILT_CFN, Explanation, Family, Finding, Severity, counted
from quilt_cfn.text import shown

_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
_PUBLIC_ACCESS = f"{_S3}access-control-block-public-access.html"
_ACCESS_DENIED = f"{_S3}troubleshoot-403-errors.html"
_KMS = "https://repost.aws/knowledge-center/s3-kms-signature-version-error"
_NOT_SET = {
    "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchLifecycleConfiguration",
    "NoSuchBucketPolicy",
}
"""The codes of S3's errors for a setting that the bucket does not have."""

Violation = tuple[str, str]
"""What is so, and what to do about it: two sentences without their full stops."""


Find = Callable[[Mapping[str, Any], Bucket], Iterator[Violation]]
"""Takes S3's answer about a setting, which is empty for one that is not set; ``Policy`` in it is a document."""


class Setting(NamedTuple):
    """A setting of a bucket, the method of boto3's client that reads it, and the permission which that takes."""

    name: str
    operation: str
    permission: str


class Rule(NamedTuple):
    """What a setting has to be; ``_rule`` makes one of a function."""

    id: str
    severity: Severity
    setting: Setting
    link: str
    find: Find

    @property
    def explanation(self) -> Explanation:
        sentence, _, more = (inspect.getdoc(self.find) or "").partition("\n\n")
        return Explanation(self.id, sentence, more, self.link)


class BucketCheck(NamedTuple):
    """What is wrong with a bucket, and the policy that it should have."""

    findings: tuple[Finding, ...]
    policy: PolicyDocument
    """The bucket's own if nothing is missing from it; otherwise ours with the owner's other statements."""
    own_is_known: bool = True
    """Whether the bucket's own policy could be read; otherwise ``policy`` lacks the owner's other statements."""


def check_bucket(store: Bucket) -> BucketCheck:
    """Check everything about a bucket that publishing depends on; raises ``UserError`` when S3 does not answer at all.

    The public-access blocks of the account and of the organization are not read, which would take the account's ID and
    permissions beyond the bucket; the read without credentials shows what they do.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # late: boto3 costs 0.2 s

    findings: list[Finding] = []
    existing: PolicyDocument = {}
    own_is_known = True
    for setting in dict.fromkeys(rule.setting for rule in RULES):
        try:
            answer = getattr(store.client, setting.operation)(Bucket=store.bucket)
        except (ClientError, BotoCoreError) as error:
            if aws.code(error) in aws.DENIED:
                findings.append(_unknown(store, setting.name, setting.permission))
                own_is_known &= setting != _POLICY
                continue
            if aws.code(error) not in _NOT_SET:
                raise aws.user_error(error, f"{store.name} could not be checked") from error
            answer = {}
        if setting == _POLICY and answer:
            existing = read_policy(answer["Policy"], store.bucket)
            answer = {"Policy": existing}
        for rule in RULES:
            if rule.setting == setting:
                violations = rule.find(answer, store)
                findings += (_finding(store, rule.explanation, rule.severity, *each) for each in violations)
    findings += _read_anonymously(store)
    needed = policy(store.bucket, store.prefix, store.region)
    return BucketCheck(tuple(findings), combined(existing, needed), own_is_known)


_REPLACE = "save it as policy.json and put it in place of the present one"
_ADD = "the present one could not be read, so add its statements to this one, save it as policy.json and put it"


def report(store: Bucket, result: BucketCheck) -> list[str]:
    """The lines to print: the findings, what was not checked, and the policy, which is the last line."""
    return [
        *map(str, result.findings),
        f"{store.name}: {counted(len(result.findings), 'finding')} about publishing from this bucket.",
        "Not checked, although they count as well: the public-access blocks of the account and the organization, and "
        "what other statements of the policy allow or deny.",
        f"The policy that the bucket needs; {_REPLACE if result.own_is_known else _ADD}:",
        f"aws s3api put-bucket-policy --bucket {store.bucket} --policy file://policy.json",
        json.dumps(result.policy, indent=2),
    ]


def _finding(store: Bucket, explanation: Explanation, severity: Severity, fact: str, remedy: str) -> Finding:
    message = f"{fact}. {explanation.sentence} {remedy}."
    return Finding(store.name, 0, QUILT_CFN, explanation.id, severity, "", message)


def _unknown(store: Bucket, name: str, permission: str) -> Finding:
    remedy = f"Let the credentials that check the bucket have {permission}"
    return _finding(store, UNKNOWN, "warning", f"{name} could not be read", remedy)


def _rule(id: str, severity: Severity, setting: Setting, link: str) -> Callable[[Find], Rule]:
    return lambda find: Rule(id, severity, setting, link, find)


_VERSIONING = Setting("Versioning", "get_bucket_versioning", "s3:GetBucketVersioning")
_BLOCK = Setting("The public-access block", "get_public_access_block", "s3:GetBucketPublicAccessBlock")
_OWNERSHIP = Setting("Object ownership", "get_bucket_ownership_controls", "s3:GetBucketOwnershipControls")
_ENCRYPTION = Setting("Default encryption", "get_bucket_encryption", "s3:GetEncryptionConfiguration")
_PAYER = Setting("Who pays", "get_bucket_request_payment", "s3:GetBucketRequestPayment")
_LIFECYCLE = Setting(
    "The lifecycle configuration", "get_bucket_lifecycle_configuration", "s3:GetLifecycleConfiguration"
)
_POLICY = Setting("The policy", "get_bucket_policy", "s3:GetBucketPolicy")
_PUT = "Put the policy printed here"


@_rule("B01", "warning", _VERSIONING, f"{_S3}Versioning.html")
def versioning(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """A published file that is damaged or replaced is lost for customers.

    S3 keeps the earlier versions of an object only while versioning is enabled. Enable it:
    aws s3api put-bucket-versioning --bucket BUCKET --versioning-configuration Status=Enabled.
    """
    if answer.get("Status") != "Enabled":
        setting = f"--bucket {store.bucket} --versioning-configuration Status=Enabled"
        yield "Versioning is not enabled", f"Enable it: aws s3api put-bucket-versioning {setting}"


@_rule("B02", "error", _BLOCK, _PUBLIC_ACCESS)
def public_policies_are_accepted(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Customers can't read the templates, because S3 refuses the policy that lets them.

    With BlockPublicPolicy in the bucket's public-access block, S3 refuses every policy that lets everybody read. Turn
    it off before you put the policy.
    """
    yield from _check_block(answer, "BlockPublicPolicy", right=False)


@_rule("B03", "error", _BLOCK, _PUBLIC_ACCESS)
def public_policies_hold(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Customers get 403 for every template, whatever the policy says.

    With RestrictPublicBuckets in the bucket's public-access block, only AWS services and the bucket owner's account can
    use a bucket with a public policy. Turn it off.
    """
    yield from _check_block(answer, "RestrictPublicBuckets", right=False)


@_rule("B04", "warning", _BLOCK, _PUBLIC_ACCESS)
def public_acls_are_refused(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """An upload can make files public that were not meant to be.

    Without BlockPublicAcls in the bucket's public-access block, S3 takes uploads with an ACL that lets everybody read.
    Publishing uses no ACLs: turn it on.
    """
    yield from _check_block(answer, "BlockPublicAcls", right=True)


@_rule("B05", "warning", _BLOCK, _PUBLIC_ACCESS)
def public_acls_are_ignored(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Files with an old ACL can be public that were not meant to be.

    Without IgnorePublicAcls in the bucket's public-access block, S3 follows the ACLs that objects have. Publishing uses
    no ACLs: turn it on.
    """
    yield from _check_block(answer, "IgnorePublicAcls", right=True)


def _check_block(answer: Mapping[str, Any], name: str, *, right: bool) -> Iterator[Violation]:
    """A violation unless a setting of the public-access block has this value."""
    if answer.get("PublicAccessBlockConfiguration", {}).get(name, False) != right:
        state, other = ("off", "on") if right else ("on", "off")
        yield f"{name} is {state}", f"Turn it {other} in the bucket's public-access block"


@_rule("B06", "warning", _OWNERSHIP, f"{_S3}about-object-ownership.html")
def ownership(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Customers get 403 for a file that another account uploaded.

    Without the object ownership BucketOwnerEnforced, an object belongs to the account that uploaded it, and the
    bucket's policy does not apply to objects of other accounts. Set it, which also turns ACLs off.
    """
    rules = answer.get("OwnershipControls", {}).get("Rules", [])
    if [rule.get("ObjectOwnership") for rule in rules] != ["BucketOwnerEnforced"]:
        yield "Object ownership is not BucketOwnerEnforced", "Set it, which also turns ACLs off"


@_rule("B07", "error", _ENCRYPTION, _KMS)
def encryption(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Customers get an error for every template.

    Customers, and CloudFormation for them, read without credentials, and S3 decrypts with a key of AWS KMS only for
    signed requests. Set the bucket's default encryption to AES256 (SSE-S3), and publish again to another prefix.
    """
    for rule in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", []):
        algorithm = rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "AES256")
        if algorithm != "AES256":
            fact = (
                f"Default encryption is {shown(algorithm)}, and S3 decrypts with a key of KMS only for signed requests"
            )
            yield fact, "Set it to AES256 (SSE-S3)"


@_rule("B08", "error", _PAYER, f"{_S3}RequesterPaysBuckets.html")
def payer(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Customers get 403 for every template.

    In a Requester Pays bucket S3 refuses requests without credentials, because nobody could be charged. Turn Requester
    Pays off.
    """
    if answer.get("Payer") == "Requester":
        yield "The requester pays", "Turn Requester Pays off, so that the bucket's owner pays"


@_rule("B09", "error", _LIFECYCLE, f"{_S3}intro-lifecycle-rules.html")
def lifecycle(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Customers get 403 for a version that was published.

    A lifecycle rule that applies to published objects deletes them, or moves them to a storage class from which they
    have to be restored before anybody can read them. Limit the rule to other prefixes.
    """
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
            name = shown(rule.get("ID", "without an ID"))
            yield f"The lifecycle rule {name} {what} objects below {published}", "Limit it to other prefixes"


@_rule("B10", "error", _POLICY, _ACCESS_DENIED)
def a_policy(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Customers get 403 for every template.

    Without a bucket policy only the owner's account can read. Put the policy that --check-bucket prints.
    """
    if not answer:
        yield "The bucket has no policy", _PUT


@_rule("B11", "error", _POLICY, _ACCESS_DENIED)
def the_policy_lets_everybody_read(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Customers may get 403 for every template.

    The bucket's policy has no statement that lets everybody read what is published, and nothing else, by https.
    Policies are compared statement by statement, without their Sids: a statement of yours that does the same in other
    words is not recognized. Put the policy that --check-bucket prints; it keeps your other statements.
    """
    yield from _check_statement(answer, store, READ)


@_rule("B12", "warning", _POLICY, f"{_S3}conditional-writes-enforce.html")
def the_policy_refuses_to_overwrite(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Customers may get other bytes under a version that they know.

    The bucket's policy has no statement that refuses uploads without If-None-Match or If-Match, so another tool or
    person can overwrite what is published. Put the policy that --check-bucket prints; it keeps your other statements.
    """
    yield from _check_statement(answer, store, OVERWRITE)


@_rule("B13", "warning", _POLICY, f"{_S3}DeletingObjects.html")
def the_policy_refuses_to_delete(answer: Mapping[str, Any], store: Bucket) -> Iterator[Violation]:
    """Customers may get 403 for a URL that worked before.

    The bucket's policy has no statement that refuses to delete what is published. Put the policy that --check-bucket
    prints; it keeps your other statements. Whoever has to delete something removes the statement first.
    """
    yield from _check_statement(answer, store, DELETE)


def _check_statement(answer: Mapping[str, Any], store: Bucket, sid: str) -> Iterator[Violation]:
    """A violation if the bucket has a policy without this statement of ours."""
    needed = policy(store.bucket, store.prefix, store.region)
    missing = missing_statements(answer["Policy"], needed) if answer else []
    if sid in [statement["Sid"] for statement in missing]:
        yield f"The policy lacks the statement {sid}", _PUT


RULES = tuple(each for each in [*vars().values()] if isinstance(each, Rule))
"""The rules about settings, in the order of their ids."""

ANONYMOUS_READ = Explanation(
    "B14",
    "Customers get an error for every template.",
    "latest.json is published, and a request without credentials, such as CloudFormation's when a customer launches a "
    "stack, could not read it. The cause is one of the other findings, a Deny in the bucket's policy, or the "
    "public-access block of the account or the organization.",
    _ACCESS_DENIED,
)
NOTHING_PUBLISHED = Explanation(
    "B15",
    "It is not known yet whether customers can read what will be published.",
    "Nothing is published below the prefix, so there was nothing to read without credentials. Run --check-bucket again "
    "after the first publication.",
    "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
)
UNKNOWN = Explanation(
    "B16",
    "It is not known what customers get.",
    "The credentials may not read one of the bucket's settings. Give them the permission that the finding names, and "
    "run --check-bucket again.",
    f"{_S3}security_iam_service-with-iam.html",
)

FAMILY = Family(
    "B: Whether customers can read what is published from a bucket",
    (*(rule.explanation for rule in RULES), ANONYMOUS_READ, NOTHING_PUBLISHED, UNKNOWN),
)


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
        yield _finding(store, NOTHING_PUBLISHED, "information", f"Nothing is published yet: {url} is not there", remedy)
        return
    remedy = (
        "See the other findings, the Deny statements of the policy, and the public-access block of the account and the "
        "organization"
    )
    yield _finding(
        store, ANONYMOUS_READ, "error", f"{url} can't be read without credentials ({aws.words(refusal)})", remedy
    )
