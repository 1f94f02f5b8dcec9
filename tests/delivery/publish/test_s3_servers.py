"""Servers of S3's API that ignore the condition of a write: nothing is published to them or overwritten there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quilt_cfn import aws
from quilt_cfn.delivery.publish import publish as publishing
from quilt_cfn.delivery.publish.plan import version_key
from quilt_cfn.delivery.release.artifact import SUMS, Artifact
from quilt_cfn.errors import UserError
from tests import s3_servers
from tests.delivery.publish.artifacts import artifact, published
from tests.delivery.publish.servers import client, enter

OURS, OTHER = artifact(big=600), artifact(note="other", big=600)
IGNORED = {"s3rver": "If-None-Match", "nanio": "If-None-Match", "localbucket": "If-Match"}
"""Server -> the first condition that it does not look at."""

ACCESS_KEY = "S3RVER"
"""The only one that s3rver has (https://github.com/jamhall/s3rver#readme); the others take any."""


@pytest.fixture(scope="module", params=s3_servers.SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The name and the URL of a server."""
    if reason := s3_servers.missing(request.param):
        pytest.skip(reason)
    with s3_servers.serve(request.param, tmp_path_factory.mktemp("s3"), ACCESS_KEY, ACCESS_KEY) as url:
        yield request.param, url


@pytest.fixture
def s3(server: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the server, which this process takes for S3."""
    enter(server[1], monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
    aws._session.cache_clear()  # it has read the credentials of other tests
    s3 = client("s3", server[1], aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY)
    yield s3
    s3.close()
    aws._session.cache_clear()


@pytest.fixture
def contents(s3: Any, request: pytest.FixtureRequest) -> Callable[[], dict[str, bytes]]:
    """What the test's bucket has: key -> content."""
    bucket = bucket_of(request)
    s3.create_bucket(Bucket=bucket)

    def contents() -> dict[str, bytes]:
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    return contents


def bucket_of(request: pytest.FixtureRequest) -> str:
    return f"bucket-{abs(hash(request.node.nodeid)):x}"


def refusal(artifact: Artifact, bucket: str) -> UserError:
    with pytest.raises(UserError) as error:
        list(publishing.publish(artifact, [f"s3://{bucket}"], None, dry_run=False))
    return error.value


def test_such_a_server_is_refused_once_it_has_the_sums_and_nothing_else(server, contents, request):
    error = refusal(OURS, bucket_of(request))
    assert f"ignores the condition of a write ({IGNORED[server[0]]}):" in error.what
    assert contents() == {version_key("1.0.0", SUMS): OURS.manifest.sums}
    assert "ignores the condition" in refusal(OURS, bucket_of(request)).what
    assert contents() == {version_key("1.0.0", SUMS): OURS.manifest.sums}


def test_other_bytes_are_not_published_over_what_somebody_else_has_put_there(s3, contents, request):
    bucket = bucket_of(request)
    for key, content in published(OURS).items():
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    assert "1.0.0 is published at" in (what := refusal(OTHER, bucket).what)
    assert "with other bytes" in what
    assert contents() == published(OURS)
