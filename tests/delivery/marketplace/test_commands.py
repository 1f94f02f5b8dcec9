"""``quilt-cfn marketplace`` as the vendor types it: published to a real S3 endpoint, submitted to the stand-in."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

from quilt_cfn.cli import main
from quilt_cfn.delivery.publish.bucket_policy import policy
from quilt_cfn.delivery.release.artifact import MANIFEST, RELEASES, compose, read_artifact, read_released
from quilt_cfn.editions import MARKETPLACE, REGISTRY
from tests.delivery.marketplace.checkouts import VERSION, change, checkout, contents, write_release
from tests.delivery.marketplace.stand_in import PRODUCT

EVERY = ("--every", "0.01")


@pytest.fixture
def root(tmp_path, monkeypatch, catalog, aws_environment, bucket):
    """A checkout whose release can be submitted once it is published."""
    checkout(tmp_path)
    for field, value in (("product", PRODUCT), ("published", f"s3://{bucket}/quilt"), ("region", "us-east-1")):
        change(tmp_path, "listing.yaml", field, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("quilt_cfn.delivery.marketplace.catalog.connect", lambda: catalog)
    return tmp_path


@pytest.fixture
def published(root, s3, bucket, capsys):
    assert main(["publish", f"s3://{bucket}/quilt"]) == 0
    open_to_everybody(s3, bucket)
    capsys.readouterr()


def open_to_everybody(s3, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy(bucket, "quilt", "us-east-1")))


@pytest.fixture
def run(root, capsys):
    def run(*arguments):
        code = main(["marketplace", *arguments])
        out, err = capsys.readouterr()
        assert os.environ["AWS_SECRET_ACCESS_KEY"] not in out + err
        return code, out, err

    return run


def intents(stand_in):
    return [request.arguments["Intent"] for request in stand_in.requests if request.operation == "StartChangeSet"]


def test_a_plan_is_the_request_as_json_and_calls_nobody(run, stand_in):
    code, out, err = run("plan")
    assert (code, err) == (0, "")
    (change,) = json.loads(out)["ChangeSet"]
    assert change["Entity"] == {"Type": "AmiProduct@1.0", "Identifier": PRODUCT}
    (option,) = change["DetailsDocument"]["DeliveryOptions"]
    details = option["Details"]["DeploymentTemplateDeliveryOptionDetails"]
    assert details["Template"].endswith(f"/quilt/quilt-registry/{VERSION}/{MARKETPLACE.file}")
    assert not stand_in.requests


def test_a_published_version_is_validated_then_applied_and_its_status_and_drift_are_shown(run, published, stand_in):
    code, out, _ = run("validate", *EVERY)
    assert code == 0
    assert "AWS found nothing to refuse" in out
    assert intents(stand_in) == ["VALIDATE"]
    for _ in range(2):  # a second run starts nothing
        code, out, _ = run("submit", *EVERY)
        assert code == 0
        assert out.splitlines()[-1].startswith(f"The product {PRODUCT} has version “{VERSION}”")
        assert intents(stand_in) == ["VALIDATE", "APPLY"]
    assert f"versions: {VERSION}" in run("status")[1]
    del stand_in.document["Versions"][0]["Sources"][1]["Template"]
    code, out, _ = run("drift")
    assert code == 1
    assert out.startswith(f"{PRODUCT}: warning D04 [quilt-cfn] AWS Marketplace names no copy of the template")


def test_a_version_that_not_everybody_can_read_as_it_was_released_is_not_submitted(
    run, root, published, stand_in, s3, bucket
):
    key = f"quilt/quilt-registry/{VERSION}/{MARKETPLACE.file}"
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.delete_bucket_policy(Bucket=bucket)
    code, _, err = run("submit", *EVERY)
    assert code == 2
    assert f"{VERSION} is not published at s3://{bucket}/quilt, or not everybody can read it there." in err
    s3.put_object(Bucket=bucket, Key=key, Body=b"Resources: {}")
    open_to_everybody(s3, bucket)
    assert f"{MARKETPLACE.file} is not what was released." in run("submit", *EVERY)[2]
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    open_to_everybody(s3, bucket)
    write_release(root, {**read_artifact(root / RELEASES / VERSION).contents, "instance.md": b"another"}, "diagram.png")
    assert "Its manifest is not the one in this checkout." in run("submit", *EVERY)[2]
    assert not stand_in.requests


@pytest.mark.parametrize("step", ["plan", "validate", "submit", "drift"])
def test_what_would_be_refused_is_listed_before_any_call(run, root, stand_in, step):
    change(root, "listing.yaml", "product", None)
    change(root, "listing.yaml", "diagram", "1560 x 878")
    change(root, "listing.yaml", "delivery_options.0.edition", REGISTRY.name)
    code, out, err = run(step)
    assert (code, out) == (2, "")
    assert "marketplace/listing.yaml has no product." in run("status")[2]
    assert "\n  marketplace/listing.yaml: error M29 [quilt-cfn] There is no product" in err
    assert "M24 [quilt-cfn] The architecture diagram has 1100 x 700 pixels, not the 1560 x 878 of " in err
    assert f"M08 [quilt-cfn] RegistryUserKey: RegistryUserKey is an access key. {REGISTRY.outside_marketplace}" in err
    assert not stand_in.requests


@pytest.mark.parametrize("named", [VERSION, f"{VERSION}-draft.1"])
def test_no_step_takes_a_draft(run, root, stand_in, named):
    released, draft = root / RELEASES / VERSION, root / RELEASES / f"{VERSION}-draft.1"
    manifest = json.loads((released / MANIFEST).read_text())
    for file in released.iterdir():
        file.unlink()
    released.rename(draft)
    artifact = compose({**manifest, "version": draft.name, "draft": True}, contents())
    for name, content in artifact.everything.items():
        (draft / name).write_bytes(content)
    assert read_released(root, draft.name).manifest.draft
    change(root, "release.yaml", "version", named)
    for step in ("plan", "validate", "submit", "drift"):
        code, out, err = run(step)
        assert (code, out) == (2, "")
        assert "draft" in err
    assert not stand_in.requests


def test_an_interval_that_is_not_one_is_refused_in_a_sentence(run, stand_in):
    for seconds in ("0", "-1", "abc", "1e9", "nan", "inf", "-inf", "\x1b[2J"):
        for step in ("validate", "submit", "status"):
            code, out, err = run(step, f"--every={seconds}")
            assert (code, out) == (2, "")
            shown = seconds.replace("\x1b", r"\x1b")
            assert f"Argument --every: {shown} is not a number of seconds above 0 and up to 3600.\n" in err
            assert err.endswith(f"See: quilt-cfn marketplace {step} --help\n")
    assert not stand_in.requests


def test_an_endpoint_that_answers_something_else_is_a_sentence(run, published, stand_in):
    for body in (b"<html>\x1b[2J", b"", b"[]"):
        stand_in.spoil = lambda operation, document, body=body: body
        for step in (("validate", *EVERY), ("submit", *EVERY), ("status",), ("status", PRODUCT), ("drift",)):
            code, out, err = run(*step)
            assert (code, out) == (2, "")
            first, second = err.splitlines()
            assert first.startswith(f"quilt-cfn: The product {PRODUCT} could not be read: the answer is not a ")
            assert second.startswith("Check the endpoint and the proxy")
    assert stand_in.change_sets == {}


def test_a_terminal_is_told_what_a_step_waits_for(run, stand_in, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    shown = []

    def look(operation, document):
        shown.append(terminal.getvalue())
        return document

    stand_in.spoil = look
    run("status")
    assert f"Reading the product {PRODUCT} and its change sets …" in shown[0]
    assert terminal.getvalue().endswith("\r")  # the line is gone
