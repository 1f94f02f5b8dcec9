"""A prefix of an S3 bucket to publish to.

Every PutObject has a condition and a SHA-256. S3 refuses the write when the condition does not hold
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html), and when the bytes that arrive are not
those that were sent.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from quilt_cfn import aws
from quilt_cfn.delivery.publish.stores.locations import object_url
from quilt_cfn.delivery.publish.stores.protocols import (
    MOST_NAMES,
    Digest,
    PreconditionFailed,
    Stored,
    Taken,
    first_bytes,
    size_and_sha256,
    too_many_names,
    whole,
)
from quilt_cfn.delivery.release.artifact import LATEST
from quilt_cfn.errors import UserError

ATTEMPTS = 5
"""How often a request is made whose failure botocore does not retry."""
# Two conditional writes at the same time, or bytes that were damaged on the way: botocore does not retry either.
_RETRIED = {"ConditionalRequestConflict", "OperationAborted", "BadDigest"}
_CONDITION_FAILED = {"PreconditionFailed", "NoSuchKey"}
_NOT_FOUND = {"NoSuchKey", "404"}

# What people read with a browser is shown and not downloaded: of text/markdown not every browser knows that it is text.
_TYPES = {
    "html": "text/html; charset=utf-8",
    "svg": "image/svg+xml",
    "yaml": "application/yaml",  # RFC 9512
    "json": "application/json",
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

    def read(self, key: str, limit: int) -> Stored | None:
        found = self._take(key, limit, lambda chunks: whole(chunks, limit, f"{self.name}/{key}"))
        return Stored(found[0] or b"", found[1], found[0] is not None) if found else None

    def digest(self, key: str, limit: int) -> Digest | None:
        found = self._take(key, limit, size_and_sha256)
        return Digest(*(found[0] or (0, "")), found[1], found[0] is not None) if found else None

    def names(self, folder: str) -> Sequence[str] | None:
        from botocore.exceptions import BotoCoreError, ClientError

        above = self.key(folder) + "/"
        try:
            # No request for a second page: that of a server which never ends would have a third one.
            page = self.client.list_objects_v2(Bucket=self.bucket, Prefix=above, Delimiter="/", MaxKeys=MOST_NAMES)
        except (ClientError, BotoCoreError) as error:
            if self.anonymous and aws.code(error) in aws.DENIED:
                return None
            raise self._user_error(error, f"{self.name}/{folder} could not be listed") from error
        found = [item.get("Key", "") for item in page.get("Contents", [])]
        found += [item.get("Prefix", "") for item in page.get("CommonPrefixes", [])]
        if page.get("IsTruncated") or len(found) > MOST_NAMES:
            raise too_many_names(f"{self.name}/{folder}")
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

    def _take(
        self, key: str, limit: int, consume: Callable[[Iterator[bytes]], Taken]
    ) -> tuple[Taken | None, str] | None:
        """What ``consume`` makes of the first bytes at a key, and their tag; None when nothing is there.

        None of it, and the tag, when S3's checksum shows that the content is not what was written.
        """
        from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError
        from urllib3.exceptions import HTTPError  # botocore passes it on, SSLError for one, while a body is read

        what = f"{self.name}/{key} could not be read"
        failure: Exception = OSError()
        for _ in range(ATTEMPTS):
            tag = None
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=self.key(key), ChecksumMode="ENABLED")
                tag = str(answer.get("ETag", ""))
                # Not "with body": that gives the stream inside, which compares no checksums.
                with contextlib.closing(answer["Body"]) as body:
                    return consume(first_bytes(body.read, limit)), tag
            except ClientError as error:
                if aws.code(error) in _NOT_FOUND or (self.anonymous and aws.code(error) in aws.DENIED):
                    return None
                raise self._user_error(error, what) from error
            except (BotoCoreError, OSError, HTTPError, ValueError) as error:
                if tag is None:  # botocore has retried by itself, which it does only until an answer begins
                    raise aws.user_error(error, what) from error
                failure = error  # in S3, or only on the way: the next attempt shows which
        if isinstance(failure, FlexibleChecksumError):
            return None, tag or ""
        raise aws.user_error(failure, what)

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
