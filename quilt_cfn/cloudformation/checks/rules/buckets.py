"""Buckets that hold data: an object that was overwritten, deleted or moved away can be had back."""

from __future__ import annotations

from collections.abc import Iterator

from quilt_cfn.cloudformation.analysis.bucket_use import (
    data_buckets,
    is_about_everything,
    lifecycle_rules,
    versioning,
)
from quilt_cfn.cloudformation.checks.rules.rule import REFERENCE, Violation, property_path, rule
from quilt_cfn.cloudformation.launch import Contract, Launch
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty

EXPIRATION = ("ExpirationInDays", "ExpirationDate")
NONCURRENT = (
    "NoncurrentVersionExpiration",
    "NoncurrentVersionExpirationInDays",
    "NoncurrentVersionTransition",
    "NoncurrentVersionTransitions",
)
ARCHIVED = ("GLACIER", "Glacier", "DEEP_ARCHIVE")
"""Storage classes whose objects have to be restored before they can be read:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/archived-objects.html."""


@rule(
    "L18",
    "warning",
    "An object that is overwritten or deleted by mistake is lost.",
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",
)
def data_without_versions(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds buckets without versioning, or with versioning suspended, that hold data: their DeletionPolicy keeps them,
    and a user or role of the template reads and writes their objects. Buckets for logs, artifacts and websites, and
    those whose objects all expire, are not meant.

    Why it is bad: S3 keeps no copy of what a program or a person overwrites or deletes.

    Use instead: versioning, with a rule in the lifecycle if old versions need not stay for ever.

        VersioningConfiguration: {Status: Enabled}
    """
    for name in data_buckets(launch):
        status = versioning(launch, name)
        if status not in ("Enabled", None) and not any(_expires(each) for _, each in lifecycle_rules(launch, name)):
            what = "has its versioning suspended" if status else "has no versioning"
            place = ("VersioningConfiguration",) if status else ()
            yield (property_path(name, *place), f"{name} holds data and {what}.")


@rule(
    "L19",
    "warning",
    "Objects disappear or can't be read any more, or the lifecycle doesn't do what it says.",
    f"{REFERENCE}/aws-properties-s3-bucket-lifecycleconfiguration.html",
)
def lifecycle_that_takes_data(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds rules in a bucket's lifecycle that let all current objects of a bucket with versioned data expire (see L18
    for which buckets hold data), or move all of them to a storage class from which nothing can be read at once; and
    rules about noncurrent versions of another bucket that has no versions. Rules for a part of the objects are taken to
    be meant.

    Why it is bad: the product can't find or read its own objects after some days, long after every test.

    Use instead: a rule for noncurrent versions, or a storage class that is read at once, such as ``GLACIER_IR``.

        Rules:
          - {Id: old-versions, Status: Enabled, NoncurrentVersionExpiration: {NoncurrentDays: 365}}
    """
    for name in launch.of_type("AWS::S3::Bucket"):
        holds_data = name in data_buckets(launch)
        for index, each in lifecycle_rules(launch, name):
            path = property_path(name, "LifecycleConfiguration", "Rules", index)
            if holds_data and _expires(each) and versioning(launch, name) == "Enabled":
                yield (path, f"{name} holds data, and a rule of its lifecycle lets every object expire.")
            transitions = [*as_list(each.get("Transitions")), *as_list(each.get("Transition"))]
            classes = [as_text(dict_or_empty(it).get("StorageClass")) for it in transitions]
            archived = next((it for it in classes if it in ARCHIVED), None)
            if holds_data and archived and is_about_everything(each):
                what = f"moves every object to {archived}, from where it can't be read before it is restored"
                yield (path, f"{name} holds data, and a rule of its lifecycle {what}.")
            if not holds_data and versioning(launch, name) == "" and any(key in each for key in NONCURRENT):
                yield (path, f"{name} has no versioning, and a rule of its lifecycle is about noncurrent versions.")


def _expires(rule: dict[str, object]) -> bool:
    """Whether a rule of a lifecycle lets every current object expire."""
    return is_about_everything(rule) and any(key in rule for key in EXPIRATION)
