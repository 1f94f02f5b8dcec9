"""A prefix of an S3 bucket to publish to.

Every PutObject has a condition and a SHA-256. S3 refuses the write when the condition does not hold
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html), and when the bytes that arrive are not
those that were sent.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from quilt_cfn import aws
from quilt_cfn.delivery.publish.stores.locations import object_url
from quilt_cfn.delivery.publish.stores.protocols import PreconditionFailed, Stored
from quilt_cfn.delivery.release.artifact import LATEST
from quilt_cfn.errors import UserError

ATTEMPTS = 5
"""How often a request is made whose failure botocore does not retry."""
# Two conditional writes at the same time, or bytes that were damaged on the way: botocore does not retry either.
_RETRIED = {"ConditionalRequestConflict", "OperationAborted", "BadDigest"}
_CONDITION_FAILED = {"PreconditionFailed", "NoSuchKey"}
_NOT_FOUND = {"NoSuchKey", "404"}

_TYPES = {
    "yaml": "application/yaml",  # RFC 9512
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "png": "image/png",
    "sig": "application/octet-stream",
}


class Bucket(NamedTuple):
    """A bucket in ``region``; keys are below ``prefix``, which may be empty."""

    client: Any
    bucket: str
    prefix: str
    region: str
    anonymous: bool = False
    """Whether requests are unsigned. S3 then answers 403 for a missing key, which counts as missing."""

    @property
    def name(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def read(self, key: str) -> Stored | None:
        from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

        what = f"{self.name}/{key} could not be read"
        failure: Exception = OSError()
        for _ in range(ATTEMPTS):
            tag = ""
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=self.key(key), ChecksumMode="ENABLED")
                tag = answer["ETag"]
                # Not "with body": that gives the stream inside, which compares no checksums.
                with contextlib.closing(answer["Body"]) as body:
                    return Stored(body.read(), tag)
            except ClientError as error:
                if aws.code(error) in _NOT_FOUND or (self.anonymous and aws.code(error) in aws.DENIED):
                    return None
                raise self._user_error(error, what) from error
            except (BotoCoreError, OSError) as error:
                if not tag:  # botocore has retried by itself, which it does only until an answer begins
                    raise aws.user_error(error, what) from error
                failure = error  # in S3, or only on the way: the next attempt shows which
        if isinstance(failure, FlexibleChecksumError):
            return Stored(b"", tag, intact=False)
        raise aws.user_error(failure, what)

    def names(self, folder: str) -> Sequence[str]:
        from botocore.exceptions import BotoCoreError, ClientError

        above = self.key(folder) + "/"
        found: list[str] = []
        try:
            pages = self.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=above, Delimiter="/"):
                found += [item["Key"] for item in page.get("Contents", [])]
                found += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
        except (ClientError, BotoCoreError) as error:
            raise self._user_error(error, f"{self.name}/{folder} could not be listed") from error
        return sorted(key.removeprefix(above).rstrip("/") for key in found)

    def create(self, key: str, content: bytes) -> None:
        self._put(key, content, IfNoneMatch="*")

    def replace(self, key: str, content: bytes, tag: str) -> None:
        self._put(key, content, IfMatch=tag)

    def url(self, key: str) -> str:
        """The https URL of a key, for customers and CloudFormation."""
        return object_url(self.bucket, self.region, self.key(key))

    def key(self, key: str) -> str:
        """The object's key in the bucket."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def _put(self, key: str, content: bytes, **condition: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        what = f"{self.name}/{key} could not be written"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.client.put_object(
                    Bucket=self.bucket,
                    Key=self.key(key),
                    Body=content,
                    ChecksumAlgorithm="SHA256",
                    ContentType=_TYPES.get(key.rpartition(".")[2], "text/plain; charset=utf-8"),
                    # The files of a version never change; latest.json does.
                    CacheControl="no-cache" if key.endswith(LATEST) else "public, max-age=31536000, immutable",
                    **condition,
                )
                return
            except ClientError as error:
                if aws.code(error) in _CONDITION_FAILED:
                    raise PreconditionFailed from error
                if aws.code(error) not in _RETRIED or attempt == ATTEMPTS:
                    raise self._user_error(error, what) from error
                time.sleep(0.05 * 2**attempt)
            except BotoCoreError as error:
                raise self._user_error(error, what) from error

    def _user_error(self, error: Exception, what: str) -> UserError:
        answered = aws.code(error)
        if answered in ("NoSuchBucket", "404"):
            return UserError(f"There is no bucket {self.bucket}.", "Create it, or correct its name.")
        if answered in aws.DENIED:
            return UserError(
                f"{what}: AWS refused access.",
                f"Publishing takes s3:GetObject and s3:PutObject on {self.name}/*, and s3:ListBucket on the bucket, "
                "without which S3 does not report that a key is missing.",
            )
        return aws.user_error(error, what)


def open_bucket(bucket: str, prefix: str) -> Bucket:
    """A bucket that is read and written with the user's credentials; raises ``UserError`` when it can't be reached."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = aws.client("s3")
    store = Bucket(client, bucket, prefix, client.meta.region_name)
    try:
        answer = client.head_bucket(Bucket=bucket)
    except (ClientError, BotoCoreError) as error:
        raise store._user_error(error, f"{store.name} could not be reached") from error
    region = answer.get("BucketRegion") or answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
    if not region or region == store.region:
        return store
    return Bucket(aws.client("s3", region), bucket, prefix, region)


def open_public(bucket: str, prefix: str, region: str) -> Bucket:
    """A bucket that is read without credentials, as customers read it."""
    return Bucket(aws.client("s3", region, anonymous=True), bucket, prefix, region, anonymous=True)
