"""``quilt-cfn marketplace`` as the vendor types it: published to a real S3 endpoint, submitted to the stand-in."""

from __future__ import annotations

import json
import os

import pytest
import yaml

from quilt_cfn.cli import main
from quilt_cfn.delivery.publish.bucket_policy import policy
from quilt_cfn.delivery.release.artifact import RELEASES, read_artifact
from tests.delivery.marketplace.checkouts import VERSION, checkout, listing_document, put, write, write_release
from tests.delivery.marketplace.stand_in import PRODUCT

EVERY = ("--every", "0.01")


@pytest.fixture
def root(tmp_path, monkeypatch, stand_in, aws_environment, bucket):
    """A checkout whose release is nearly submitted: published nowhere yet."""
    checkout(tmp_path)
    document = listing_document()
    put(document, "product", PRODUCT)
    put(document, "published", f"s3://{bucket}/quilt")
    put(document, "region", "us-east-1")
    write(tmp_path / "marketplace/listing.yaml", document)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL_MARKETPLACE_CATALOG", stand_in.url)
    return tmp_path


@pytest.fixture
def published(root, s3, bucket, capsys):
    assert main(["publish", f"s3://{bucket}/quilt"]) == 0
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy(bucket, "quilt", "us-east-1")))
    capsys.readouterr()


@pytest.fixture
def run(root, capsys):
    def run(*arguments):
        code = main(["marketplace", *arguments])
        out, err = capsys.readouterr()
        assert os.environ["AWS_SECRET_ACCESS_KEY"] not in out + err
        return code, out, err

    return run


def change_sets(stand_in):
    return [request.arguments["Intent"] for request in stand_in.requests if request.operation == "StartChangeSet"]


def test_a_plan_is_the_request_as_json_and_asks_nobody(run, stand_in):
    code, out, err = run("plan")
    request = json.loads(out)
    assert (code, err) == (0, "")
    assert request["Catalog"] == "AWSMarketplace"
    (change,) = request["ChangeSet"]
    assert change["ChangeType"] == "AddDeliveryOptions"
    assert change["Entity"] == {"Type": "AmiProduct@1.0", "Identifier": PRODUCT}
    (option,) = change["DetailsDocument"]["DeliveryOptions"]
    details = option["Details"]["DeploymentTemplateDeliveryOptionDetails"]
    assert f"/quilt/quilt-registry/{VERSION}/quilt-registry-marketplace.yaml" in details["Template"]
    assert not stand_in.requests


def test_a_published_version_is_validated_applied_and_shown(run, published, stand_in):
    code, out, _ = run("submit", *EVERY)
    assert code == 0
    assert out.splitlines()[-1].startswith(f"The product {PRODUCT} has version “{VERSION}”")
    assert change_sets(stand_in) == ["VALIDATE", "APPLY"]
    code, out, _ = run("submit", *EVERY)
    assert code == 0
    assert change_sets(stand_in) == ["VALIDATE", "APPLY"]
    assert f"versions: {VERSION}" in run("status")[1]


def test_validate_applies_nothing(run, stand_in):
    code, out, _ = run("validate", *EVERY)
    assert code == 0
    assert "AWS found nothing to refuse" in out
    assert change_sets(stand_in) == ["VALIDATE"]


def test_a_version_that_is_not_published_is_not_submitted(run, stand_in, bucket):
    code, _, err = run("submit", *EVERY)
    assert code == 2
    assert f"{VERSION} is not published at s3://{bucket}/quilt, or not everybody can read it there." in err
    assert not stand_in.requests


def test_a_version_that_not_everybody_can_read_is_not_submitted(run, published, stand_in, s3, bucket):
    s3.delete_bucket_policy(Bucket=bucket)
    code, _, err = run("submit", *EVERY)
    assert code == 2
    assert f"{VERSION} is not published at s3://{bucket}/quilt, or not everybody can read it there." in err
    assert not stand_in.requests


def test_a_version_that_was_published_with_other_bytes_is_not_submitted(run, published, stand_in, s3, bucket):
    s3.delete_bucket_policy(Bucket=bucket)
    key = f"quilt/quilt-registry/{VERSION}/quilt-registry-marketplace.yaml"
    s3.put_object(Bucket=bucket, Key=key, Body=b"Resources: {}")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy(bucket, "quilt", "us-east-1")))
    code, _, err = run("submit", *EVERY)
    assert code == 2
    assert "quilt-registry-marketplace.yaml is not what was released." in err
    assert not stand_in.requests


def test_a_version_that_another_checkout_published_is_not_submitted(run, root, published, stand_in):
    contents = read_artifact(root / RELEASES / VERSION).contents
    write_release(root, {**contents, "instance.md": b"another"}, "diagram.png")
    code, _, err = run("submit", *EVERY)
    assert code == 2
    assert "The manifest there is another one than that of this checkout." in err
    assert not stand_in.requests


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("product", None, "marketplace/listing.yaml has no product"),
        ("ami.parameter", "ImageId", "M04: Edition marketplace has no parameter ImageId"),
        ("diagram", "1560 x 878", "M24: The architecture diagram has 1100 x 700 pixels, not 1560 x 878."),
    ],
)
@pytest.mark.parametrize("step", ["plan", "validate", "submit"])
def test_what_would_be_refused_is_refused_before_any_call(run, root, stand_in, step, field, value, sentence):
    document = yaml.safe_load((root / "marketplace/listing.yaml").read_text())
    put(document, field, value)
    write(root / "marketplace/listing.yaml", document)
    code, out, err = run(step)
    assert (code, out) == (2, "")
    assert sentence in err
    assert not stand_in.requests


def test_the_registry_edition_is_refused_with_the_reason(run, root, stand_in):
    document = yaml.safe_load((root / "marketplace/listing.yaml").read_text())
    document["delivery_options"][0]["edition"] = "registry"
    write(root / "marketplace/listing.yaml", document)
    code, _, err = run("submit")
    assert code == 2
    assert "M08: Edition registry:" in err
    assert "It is launched from its own S3 URL." in err
    assert not stand_in.requests


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "1e9"])
def test_a_wait_that_is_none_is_refused(run, seconds):
    assert run("status", "--every", seconds)[0] == 2
