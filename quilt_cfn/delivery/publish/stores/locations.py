"""Addresses of objects in S3: ``s3://bucket/prefix``, and https URLs."""

from __future__ import annotations

import re
from urllib.parse import quote

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.delivery.urls import has_user
from quilt_cfn.errors import UserError

_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9][A-Za-z0-9._-]*)*)/?")


def bucket_and_prefix(location: str) -> tuple[str, str]:
    """The bucket and the prefix of ``s3://bucket/prefix``; raises ``UserError`` if it is anything else.

    The prefix has no slashes around it, and may be empty.
    """
    match = _S3.fullmatch(location)
    if not match:
        raise UserError(
            f"{location} is not a location in S3.",
            "Write s3://BUCKET or s3://BUCKET/PREFIX; a prefix has letters, digits, dots, dashes and slashes.",
        )
    return match[1], match[2].strip("/")


def refuse_credentials(location: str) -> None:
    """Raises ``UserError``, which does not contain the location, if it is a URL with credentials in it."""
    scheme, _, rest = location.partition(":")
    if scheme.lower() in ("http", "https", "s3") and ("?" in rest or has_user(location)):
        raise UserError(
            "The location has credentials or a query in it, which would end up in logs.",
            "Name it without them: what customers read needs none, and S3's are found as every AWS tool finds them.",
        )


def object_url(bucket: str, region: str, key: str) -> str:
    """The https URL of an object, as browsers and CloudFormation read it.

    The bucket is a part of the host name. One with dots is a part of the path, because S3's certificate does not cover
    it (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html).
    """
    host = f"s3.{region}.{partitions.url_suffix(region)}"
    path = quote(key)
    return f"https://{host}/{bucket}/{path}" if "." in bucket else f"https://{bucket}.{host}/{path}"
