"""The policy that a bucket needs to be published from, and how the policy that a bucket has differs from it.

Policies are compared statement by statement. What the bucket owner's other statements allow or deny is not evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.cloudformation.template.coerce import as_list, as_text
from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.errors import UserError

READ = "EverybodyReadsPublishedFiles"
OVERWRITE = "NobodyOverwritesPublishedFiles"
DELETE = "NobodyDeletesPublishedFiles"
"""The Sids of the policy's statements."""

PolicyDocument = dict[str, Any]
Statement = dict[str, Any]


def policy(bucket: str, prefix: str, region: str) -> PolicyDocument:
    """The policy for publishing below ``prefix``, which may be empty, in a bucket of a Region.

    - Everybody may read ``<prefix>/quilt-registry/*``, and nothing else, by https only: who could change a template on
      its way would own the customer's account. https is a condition of the permission and not one more Deny, so that
      the policy says nothing about the rest of the bucket.
    - Nobody, whatever else they may do, uploads without If-None-Match or If-Match. A file is created with the first;
      ``latest.json`` is moved and a damaged file repaired with the second, which takes the ETag of what is there. The
      parts of a multipart upload can't have either header and make no object; completing the upload does
      (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html).
    - Nobody deletes. Versioning would keep the bytes, but customers would get 403 from then on, and behind a delete
      marker If-None-Match holds again, so that other bytes could take the name. An administrator who has to delete
      removes the statement first.
    """
    objects = f"arn:{partitions.partition(region)}:s3:::{bucket}/{published_prefix(prefix)}*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": READ,
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": objects,
                "Condition": {"Bool": {"aws:SecureTransport": "true"}},
            },
            {
                "Sid": OVERWRITE,
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
                "Sid": DELETE,
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
                "Resource": objects,
            },
        ],
    }


def published_prefix(prefix: str) -> str:
    """What the keys of everything that is published below ``prefix`` begin with."""
    return f"{prefix}/{PRODUCT}/" if prefix else f"{PRODUCT}/"


def read_policy(text: str, bucket: str) -> PolicyDocument:
    """The policy of a bucket in S3's answer; raises ``UserError`` when that is none."""
    try:
        document = json.loads(text)
        statements = as_list(document["Statement"])
        if all(isinstance(each.get("Sid", ""), str) and _normalized(each) for each in statements):
            return dict(document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise UserError(
        f"What S3 returns as the policy of the bucket {bucket} is not a policy.",
        f"Look at it: aws s3api get-bucket-policy --bucket {bucket}",
    )


def missing_statements(existing: PolicyDocument, needed: PolicyDocument) -> list[Statement]:
    """The statements of ``needed`` that ``existing`` doesn't have, whatever their Sids are there."""
    there = [_normalized(each) for each in as_list(existing.get("Statement"))]
    return [each for each in as_list(needed.get("Statement")) if _normalized(each) not in there]


def combined(existing: PolicyDocument, needed: PolicyDocument) -> PolicyDocument:
    """``existing`` if nothing is missing from it; otherwise ``needed``, and the other statements of ``existing``.

    A statement of ``existing`` with the Sid of one of ``needed`` is replaced by that one.
    """
    if not missing_statements(existing, needed):
        return existing
    ours = needed["Statement"]
    sids = {each["Sid"] for each in ours}
    others = [each for each in missing_statements(needed, existing) if each.get("Sid") not in sids]
    return {**needed, "Statement": [*ours, *others]}


def _normalized(statement: Statement) -> dict[str, Any]:
    """A statement as it can be compared: without its Sid, and each value as a sorted list."""
    elements: dict[str, Any] = _lists({key: value for key, value in statement.items() if key != "Sid"})
    everybody = {"Principal": ["*"]} if elements.get("Principal") == {"AWS": ["*"]} else {}
    return {**elements, **everybody}


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(each) for key, each in value.items()}
    return sorted(map(as_text, as_list(value)))
