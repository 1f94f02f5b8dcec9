"""Which buckets of a launch hold data that nobody can make again, as far as the template shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from quilt_cfn.cloudformation.analysis.grants import grants, grants_of
from quilt_cfn.cloudformation.analysis.keys import principals
from quilt_cfn.cloudformation.launch import Launch, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, is_true, map_at

KEPT = ("Retain", "RetainExceptOnCreate")

PASSING = re.compile(
    r"(?:\b|_)(?:archive|artifact|asset|build|cache|deploy|log|output|result|scratch|site|stag|te?mp|trail|web)|logs?\b"
)
"""In the names of buckets whose content is made again or kept somewhere else, with their words apart."""

OWN = (
    "AWS::AutoScaling::",
    "AWS::CloudFormation::",
    "AWS::EC2::",
    "AWS::ECS::",
    "AWS::IAM::",
    "AWS::Lambda::",
    "AWS::S3::BucketPolicy",
    "AWS::SSM::",
    "AWS::SecretsManager::",
)
"""How the types begin that refer to a bucket on behalf of a program. What else refers to it is a service that writes
logs, artifacts or results to it, or serves its content."""


@lru_cache(maxsize=1)
def data_buckets(launch: Launch) -> tuple[str, ...]:
    """The buckets whose objects a user or role of the template reads and writes, and which outlive the stack.

    Left out are those that a service uses, that anybody may read, or that are called after something passing.
    """
    return tuple(_data_buckets(launch))


def _data_buckets(launch: Launch) -> Iterator[str]:
    used = _users_of_objects(launch, "s3:GetObject") & _users_of_objects(launch, "s3:PutObject")
    for name in sorted({bucket for bucket, _ in used}):
        properties = launch.properties(name)
        words = re.sub("(?<=[a-z0-9])(?=[A-Z])", " ", f"{name} {as_text(properties.get('BucketName'))}").lower()
        public = (
            "WebsiteConfiguration" in properties or as_text(properties.get("AccessControl", "Private")) != "Private"
        )
        kept = launch.resources[name].get("DeletionPolicy") in KEPT
        if kept and not public and not PASSING.search(words) and not _serves_others(launch, name):
            yield name


def _users_of_objects(launch: Launch, action: str) -> set[tuple[str, str]]:
    """(bucket, user or role) of each statement that allows an action on a bucket of the template, which it names."""
    buckets = launch.of_type("AWS::S3::Bucket")
    by_name = {as_text(it["BucketName"]): name for name, it in buckets.items() if "BucketName" in it}
    found: set[tuple[str, str]] = set()
    for grant in grants(launch) if buckets else ():
        if grant.identities and grant.statement.get("Effect") == "Allow" and grant.covers_action(action):
            for resource in as_list(grant.statement.get("Resource")):
                named = {origin.name for origin in origins_of(resource) if origin.source in ("resource", "attribute")}
                named.add(by_name.get(as_text(resource).partition(":::")[2].split("/")[0], ""))
                found |= {(bucket, identity) for bucket in named & buckets.keys() for identity in grant.identities}
    return found


def _serves_others(launch: Launch, bucket: str) -> bool:
    """Whether a service uses a bucket, or its policy admits a service or anybody."""
    for name in launch.resources:
        refers = name != bucket and any(origin.name == bucket for origin in origins_of(launch.properties(name)))
        resource_type = launch.type_of(name)
        if refers and resource_type.startswith("AWS::") and not resource_type.startswith(OWN):
            return True
        if refers and resource_type == "AWS::S3::BucketPolicy":
            for grant in grants_of(launch, name):
                service = map_at(grant.statement, "Principal").get("Service")
                if grant.statement.get("Effect") == "Allow" and ("*" in principals(grant.statement) or service):
                    return True
    return False


def versioning(launch: Launch, bucket: str) -> str | None:
    """``Enabled``, ``Suspended``, or empty if versioning was never on; None if it isn't known."""
    properties = launch.properties(bucket)
    if is_true(properties.get("ObjectLockEnabled")):
        return "Enabled"  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
    status = map_at(properties, "VersioningConfiguration").get("Status", "")
    return as_text(status) if is_known(status) else None


def lifecycle_rules(launch: Launch, bucket: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(index, rule) of each rule of a bucket's lifecycle that is enabled."""
    rules = as_list(map_at(launch.properties(bucket), "LifecycleConfiguration").get("Rules"))
    for index, each in enumerate(rules):
        if isinstance(each, dict) and each.get("Status") == "Enabled":
            yield index, each


def is_about_everything(rule: dict[str, Any]) -> bool:
    """Whether a rule of a lifecycle is for every object of its bucket."""
    filters = {"TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan"}
    return rule.get("Prefix", "") == "" and not filters & rule.keys()
