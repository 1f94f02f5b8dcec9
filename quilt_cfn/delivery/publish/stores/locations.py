"""How a location is spelled: ``s3://bucket/prefix``, and the https URL of an object."""

from __future__ import annotations

import re
from urllib.parse import quote

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.errors import UserError

_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9][A-Za-z0-9._-]*)*)/?")


def bucket_and_prefix(location: str) -> tuple[str, str]:
    """What ``s3://bucket/prefix`` names, the prefix without slashes around it; raises ``UserError``."""
    match = _S3.fullmatch(location)
    if not match:
        raise UserError(
            f"{location} is not a place in S3.",
            "Write s3://BUCKET or s3://BUCKET/PREFIX; a prefix has letters, digits, dots, dashes and slashes.",
        )
    return match[1], match[2].strip("/")


def object_url(bucket: str, region: str, key: str) -> str:
    """The https URL of an object, as browsers and CloudFormation read it.

    The bucket is part of the host name, but for one with dots, which S3's certificate doesn't cover: it is part of the
    path (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html).
    """
    host = f"s3.{region}.{partitions.url_suffix(region)}"
    path = quote(key)
    return f"https://{host}/{bucket}/{path}" if "." in bucket else f"https://{bucket}.{host}/{path}"
