"""A bucket is read within limits, and as customers read it, who may not list it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish.plan import version_key
from quilt_cfn.delivery.publish.stores.protocols import CHUNK
from quilt_cfn.delivery.publish.stores.s3 import Bucket, open_bucket, open_public
from quilt_cfn.delivery.publish.verify import verify
from quilt_cfn.delivery.release.artifact import (
    sha256,
)
from quilt_cfn.errors import UserError
from tests.delivery.publish.artifacts import POOL, artifact, published
from tests.delivery.publish.proxy import Answer, Proxy
from tests.delivery.publish.servers import Reply, aws_variables
from tests.delivery.publish.web import Endless, WebServer

OURS = artifact(big=600)
KEY = version_key("1.0.0", "launch.html")


@pytest.fixture
def store(bucket: str, aws_environment: None) -> Bucket:
    return open_bucket(bucket, "")


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1])
def test_an_object_that_is_as_large_as_it_may_be_is_read_to_its_end(store, size):
    content = bytes(size)
    store.create(KEY, content)
    stored = store.read(KEY, size)
    assert stored == (content, stored.tag, True)
    assert store.digest(KEY, size) == (size, sha256(content), stored.tag, True)


def test_of_a_larger_one_a_byte_more_is_read_than_it_may_have(store):
    store.create(KEY, bytes(CHUNK * 3))
    digest = store.digest(KEY, CHUNK)
    assert (digest.size, digest.sha256, digest.intact) == (CHUNK + 1, sha256(bytes(CHUNK + 1)), True)
    with pytest.raises(UserError) as error:
        store.read(KEY, CHUNK)
    assert error.value.what == f"{store.name}/{KEY} is larger than {CHUNK:,} bytes."


def test_a_version_is_verified_without_credentials_and_without_the_permission_to_list(
    s3: Any, bucket: str, proxied_environment: None, proxy: Proxy
):
    for key, content in published(OURS).items():
        s3.put_object(Bucket=bucket, Key=key, Body=content, ACL="public-read")
    proxy.faults = lambda request: Answer(403, "AccessDenied") if "list-type" in request.path else None
    store = open_public(bucket, "", "us-east-1")
    assert store.names(PRODUCT) is None
    assert verify(store, None, None, POOL).findings == ()
    assert not any("authorization" in request.headers for request in proxy.requests)
    with pytest.raises(UserError, match="could not be listed: AWS refused access"):
        open_bucket(bucket, "").names(PRODUCT)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """A server that this process takes for S3."""
    with WebServer(None, lambda path: None) as server:
        for name, value in aws_variables(server.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield server


def test_of_a_list_that_never_ends_one_page_is_read(stand_in):
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>"
    stand_in.reply = lambda path: Reply(200, [], f"<ListBucketResult>{more}</ListBucketResult>".encode())
    with pytest.raises(UserError, match="has more than 1,000 files and folders"):
        open_public("artifacts", "", "us-east-1").names(PRODUCT)
    assert len(stand_in.paths) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, [("Content-Length", "1000")], b"x" * 10),
        Reply(200, [("Content-Length", "many")], b"x" * 10),
        Reply(200, [("Transfer-Encoding", "chunked")], b"not a number\r\n"),
        Reply(200, [("Content-Length", "5"), ("x-amz-checksum-sha256", "x")], b"12345"),
        Endless(b"HTTP/1.1 200 OK\r\n", b"X-Again: and again\r\n"),
    ],
    ids=["length", "no length", "chunks", "checksum", "headers"],
)
def test_a_reply_that_is_none_of_s3_is_a_sentence(stand_in, reply):
    stand_in.reply = lambda path: reply
    store = open_public("artifacts", "", "us-east-1")
    for call in (lambda: store.read(KEY, 100), lambda: store.digest(KEY, 100)):
        with pytest.raises(UserError, match=f"^s3://artifacts/{KEY} could not be read: "):
            call()
