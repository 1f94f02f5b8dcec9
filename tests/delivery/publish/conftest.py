"""An S3 for every worker, a bucket and a proxy for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config

from tests.delivery.publish.proxy import Proxy, serve_proxy
from tests.delivery.publish.servers import client, enter, serve_s3
from tests.delivery.publish.web import make_certificate


@pytest.fixture(scope="session", autouse=True)
def nothing_reaches_aws() -> Iterator[None]:
    """A client without an endpoint connects to a port on which nothing listens."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        enter("http://127.0.0.1:9", monkeypatch)
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of an S3 on this machine, one for all tests of a worker."""
    with serve_s3() as url:
        yield url


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the web servers, and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "certificate.pem")


@pytest.fixture(scope="session")
def s3(s3_server: str) -> Iterator[Any]:
    """A boto3 client that talks to the S3 itself, past every proxy, and reads what is there whatever its checksum."""
    direct = client("s3", s3_server, config=Config(response_checksum_validation="when_required"))
    yield direct
    direct.close()


@pytest.fixture
def bucket(s3: Any) -> str:
    """A bucket of the test's own."""
    name = f"bucket-{uuid4()}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def proxy(s3_server: str) -> Iterator[Proxy]:
    """A proxy before the S3, without faults until the test says which."""
    with serve_proxy(s3_server) as proxy:
        yield proxy


@pytest.fixture
def aws_environment(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 and the AWS CLI, in this process and in those it starts, talk to the S3."""
    enter(s3_server, monkeypatch)


@pytest.fixture
def proxied_environment(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 and the AWS CLI, in this process and in those it starts, talk to the proxy."""
    enter(proxy.url, monkeypatch)
