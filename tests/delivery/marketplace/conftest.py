"""A Catalog API, a product, and a version to submit to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from quilt_cfn.delivery.marketplace.catalog import Catalog
from quilt_cfn.delivery.marketplace.submission import Submission
from quilt_cfn.delivery.marketplace.submit import Wait
from tests.delivery.marketplace.stand_in import PRODUCT, StandIn
from tests.delivery.publish.conftest import aws_environment, bucket, s3, s3_server

__all__ = ["aws_environment", "bucket", "s3", "s3_server"]  # the fixtures of publishing serve here as well

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
"""The secret key of AWS's own examples; it is on no account."""

TEMPLATE = b"""\
Parameters:
  AmiId: {Type: "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", Default: /aws/service/x}
  Size: {Type: Number, Default: 3}
Resources:
  Server:
    Type: AWS::EC2::Instance
    Properties: {ImageId: !Ref AmiId, Tags: [{Key: a, Value: b}], Monitoring: true}
"""
CLUSTER = TEMPLATE.replace(b"Server:", b"Fleet:")


@pytest.fixture(scope="session")
def served() -> Iterator[StandIn]:
    """One API for all tests of a worker."""
    with StandIn() as stand_in, pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "*")  # nothing here is for a developer's proxy
        environment.setenv("no_proxy", "*")
        yield stand_in


@pytest.fixture(scope="session")
def client(served: StandIn) -> Iterator[Any]:
    """Its client; nothing is tried twice, so that every fault is seen."""
    session = boto3.session.Session("AKIAIOSFODNN7EXAMPLE", SECRET, region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=5)
    client = session.client("marketplace-catalog", endpoint_url=served.url, config=config)
    yield client
    client.close()


@pytest.fixture
def stand_in(served: StandIn) -> Iterator[StandIn]:
    """An API that nobody has called yet; every request that it gets is one that AWS's model allows."""
    served.restart()
    yield served
    assert not served.broken


@pytest.fixture
def catalog(client: Any, stand_in: StandIn) -> Catalog:
    return Catalog(client)


@pytest.fixture
def submission() -> Submission:
    return made()


def made(**texts: Any) -> Submission:
    """A version with two delivery options, with other texts where some are given."""
    return Submission(
        PRODUCT,
        "1.0.0",
        {
            "Version": {"VersionTitle": "1.0.0", "ReleaseNotes": "The first.", **texts},
            "DeliveryOptions": [
                option("One machine", "https://example.org/quilt-registry/1.0.0/one.yaml"),
                option("A cluster", "https://example.org/quilt-registry/1.0.0/cluster.yaml"),
            ],
        },
        {
            "https://example.org/quilt-registry/1.0.0/one.yaml": TEMPLATE,
            "https://example.org/quilt-registry/1.0.0/cluster.yaml": CLUSTER,
        },
    )


def option(title: str, url: str) -> dict[str, Any]:
    return {
        "DeliveryOptionTitle": title,
        "Details": {
            "DeploymentTemplateDeliveryOptionDetails": {
                "ShortDescription": f"{title}, in short.",
                "LongDescription": f"{title}, at length.",
                "UsageInstructions": "Launch it.",
                "RecommendedInstanceType": "t3.small",
                "ArchitectureDiagram": "https://example.org/quilt-registry/1.0.0/diagram.png",
                "Template": url,
                "TemplateSources": [
                    {
                        "ParameterName": "AmiId",
                        "AmiSource": {
                            "AmiId": "ami-0123456789abcdef0",
                            "AccessRoleArn": "arn:aws:iam::123456789012:role/AwsMarketplaceAmiIngestion",
                            "UserName": "ec2-user",
                            "OperatingSystemName": "AMAZONLINUX",
                            "OperatingSystemVersion": "2023",
                        },
                    }
                ],
            }
        },
    }


class Patience:
    """Waits no time, and remembers for how long it would have waited and what was said meanwhile."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.said: list[str] = []
        self.at: dict[int, Callable[[], None]] = {}
        """Number of a pause, from 0 -> what happens meanwhile."""
        self.wait = Wait(pause=self._pause, say=self.said.append)

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.at.get(len(self.pauses) - 1, lambda: None)()


@pytest.fixture
def patience() -> Patience:
    return Patience()
