"""A Catalog API, and a version to submit to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from quilt_cfn import aws
from quilt_cfn.delivery.marketplace.catalog import Catalog
from quilt_cfn.delivery.marketplace.submission import Submission
from quilt_cfn.delivery.marketplace.submit import Polling
from tests.delivery.marketplace.stand_in import PRODUCT, StandIn
from tests.delivery.publish.conftest import aws_environment, bucket, s3, s3_server

__all__ = ["aws_environment", "bucket", "s3", "s3_server"]  # the fixtures of publishing serve here as well

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
"""The secret key of AWS's own examples, which belongs to no account."""

TEMPLATE = b"""\
Parameters:
  AmiId: {Type: "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", Default: /aws/service/x}
  Size: {Type: Number, Default: 3}
Resources:
  Server:
    Type: AWS::EC2::Instance
    Properties: {ImageId: !Ref AmiId, Tags: [{Key: a, Value: b}], Monitoring: true}
"""
TEMPLATES = {"one": TEMPLATE, "cluster": TEMPLATE.replace(b"Server:", b"Fleet:")}
"""Name of the file, and title of the delivery option -> template."""


@pytest.fixture(scope="session")
def client() -> Any:
    """A client of the Catalog API that tries nothing twice."""
    session = boto3.session.Session("AKIAIOSFODNN7EXAMPLE", SECRET, region_name="us-east-1")
    return aws.checked(session.client("marketplace-catalog", config=Config(retries={"total_max_attempts": 1})))


@pytest.fixture(scope="session")
def served(client: Any) -> StandIn:
    stand_in = StandIn()
    stand_in.connect(client)
    return stand_in


@pytest.fixture
def stand_in(served: StandIn) -> StandIn:
    """An API that nobody has called yet."""
    served.restart()
    return served


@pytest.fixture
def catalog(client: Any, stand_in: StandIn) -> Catalog:
    return Catalog(client)


@pytest.fixture
def submission() -> Submission:
    return made()


def made(**version: Any) -> Submission:
    """A version with two delivery options; ``version`` replaces its texts."""
    url = "https://example.org/quilt-registry/1.0.0"
    return Submission(
        PRODUCT,
        "1.0.0",
        {
            "Version": {"VersionTitle": "1.0.0", "ReleaseNotes": "The first.", **version},
            "DeliveryOptions": [option(name, f"{url}/{name}.yaml") for name in TEMPLATES],
        },
        {f"{url}/{name}.yaml": template for name, template in TEMPLATES.items()},
    )


def option(title: str, url: str) -> dict[str, Any]:
    details = {
        "ShortDescription": f"{title}, in short.",
        "LongDescription": f"{title}, at length.",
        "UsageInstructions": "Launch it.",
        "RecommendedInstanceType": "t3.small",
        "Template": url,
        "TemplateSources": [{"ParameterName": "AmiId", "AmiSource": {"AmiId": "ami-0123456789abcdef0"}}],
    }
    return {"DeliveryOptionTitle": title, "Details": {"DeploymentTemplateDeliveryOptionDetails": details}}


class Waiting:
    """Waits no time, and records for how long it would have waited and what was reported meanwhile."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.reported: list[str] = []
        self.during: dict[int, Callable[[], None]] = {}
        """Number of a pause, from 0 -> what happens meanwhile."""
        self.polling = Polling(sleep=self._sleep, report=self.reported.append)

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.during.get(len(self.pauses) - 1, lambda: None)()


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()
