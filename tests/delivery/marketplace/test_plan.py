"""A checkout becomes a submission, or everything is listed that AWS Marketplace would refuse about it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.delivery.marketplace.image_parameter import image_parameter
from quilt_cfn.delivery.marketplace.notes import release_notes
from quilt_cfn.delivery.marketplace.plan import as_json, make_draft, plan_submission, published_url
from quilt_cfn.delivery.marketplace.usage import usage_instructions
from quilt_cfn.delivery.release.artifact import RELEASES
from quilt_cfn.editions import MARKETPLACE, REGISTRY
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.listing import read_listing
from tests.delivery.marketplace.checkouts import AMI, TOP, VENDOR, VERSION, checkout, contents, write_release

PARAMETER = image_parameter(read_template(TOP / "templates" / MARKETPLACE.file)) or ""
URL = f"https://example-artifacts.s3.eu-central-1.amazonaws.com/quilt/quilt-registry/{VERSION}/"


@pytest.fixture
def root(tmp_path):
    """A checkout in which nothing is missing."""
    return checkout(tmp_path)


def test_a_complete_checkout_becomes_the_submission_that_adddeliveryoptions_takes(root):
    """https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-single-ami-products.html"""
    submission = plan_submission(root)
    assert (submission.product, submission.version, submission.title) == (VENDOR["product"], VERSION, VERSION)
    listed = read_listing(root / "marketplace/listing.yaml").delivery_options[0]
    changelog = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    template = read_template(TOP / "templates" / MARKETPLACE.file).data
    assert submission.details == {
        "Version": {"VersionTitle": VERSION, "ReleaseNotes": release_notes(changelog, VERSION, PARAMETER)},
        "DeliveryOptions": [
            {
                "DeliveryOptionTitle": "Registry and catalog on one EC2 instance",
                "Details": {
                    "DeploymentTemplateDeliveryOptionDetails": {
                        "ShortDescription": listed.short_description,
                        "LongDescription": listed.long_description,
                        "UsageInstructions": usage_instructions(template),
                        "RecommendedInstanceType": "t3.small",
                        "ArchitectureDiagram": f"{URL}diagram.png",
                        "Template": f"{URL}{MARKETPLACE.file}",
                        "TemplateSources": [
                            {
                                "ParameterName": PARAMETER,
                                "AmiSource": {
                                    "AmiId": AMI,
                                    "AccessRoleArn": VENDOR["ami.access_role"],
                                    "UserName": "ec2-user",
                                    "OperatingSystemName": "AMAZONLINUX",
                                    "OperatingSystemVersion": "Amazon Linux 2023",
                                },
                            }
                        ],
                    }
                },
            }
        ],
    }
    released = (root / "templates/releases" / VERSION / MARKETPLACE.file).read_bytes()
    assert submission.templates == {f"{URL}{MARKETPLACE.file}": released}


def test_usage_instructions_are_those_of_the_released_template(root):
    files = contents()
    files[MARKETPLACE.file] = files[MARKETPLACE.file].replace(b"HealthCheckPath: /health", b"HealthCheckPath: /alive/")
    write_release(root, files, "diagram.png")
    (option,) = make_draft(root).details["DeliveryOptions"]
    assert "/alive/" in option["Details"]["DeploymentTemplateDeliveryOptionDetails"]["UsageInstructions"]


def test_the_parameter_for_the_image_is_the_one_of_the_released_template(root):
    files = contents()
    files[MARKETPLACE.file] = files[MARKETPLACE.file].replace(PARAMETER.encode(), b"AmiIdForRelease99x0x0")
    write_release(root, files, "diagram.png")
    details = make_draft(root).details
    (option,) = details["DeliveryOptions"]
    (source,) = option["Details"]["DeploymentTemplateDeliveryOptionDetails"]["TemplateSources"]
    assert source["ParameterName"] == "AmiIdForRelease99x0x0"
    assert "AmiIdForRelease99x0x0 is new in this template" in details["Version"]["ReleaseNotes"]


def test_the_plan_is_the_same_each_time_and_is_what_the_aws_command_line_takes(root):
    plan = as_json(plan_submission(root))
    assert plan == as_json(plan_submission(root))
    (root / "plan.json").write_text(plan)
    command = ["marketplace-catalog", "start-change-set", "--cli-input-json", f"file://{root}/plan.json"]
    # With --generate-cli-skeleton output the command checks its input and calls nobody.
    done = subprocess.run(
        [sys.executable, "-m", "awscli", *command, "--generate-cli-skeleton", "output", "--region", "us-east-1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ChangeSetId" in json.loads(done.stdout)


def test_the_plan_that_is_printed_only_validates_and_names_no_revision(root):
    request = json.loads(as_json(plan_submission(root)))
    assert request["Intent"] == "VALIDATE"
    assert request["ChangeSet"][0]["Entity"] == {"Type": "AmiProduct@1.0", "Identifier": VENDOR["product"]}


def test_the_checkout_as_it_is_lacks_what_only_the_vendor_knows_and_all_of_it_is_listed(root):
    for file in ("listing.yaml", "release.yaml"):
        (root / "marketplace" / file).write_bytes((TOP / "marketplace" / file).read_bytes())
    with pytest.raises(UserError) as raised:
        plan_submission(root)
    release, listing = (f"  marketplace/{name}.yaml: error" for name in ("release", "listing"))
    first, *lines = raised.value.what.splitlines()
    assert first == f"Release {VERSION} can't be submitted to AWS Marketplace:"
    beginnings = [
        f"{release} M26 [quilt-cfn] There is no ami.id, the ID of the product's AMI in us-east-1. The image factory",
        f"{listing} M29 [quilt-cfn] There is no product, the ID of the AMI product, prod-...",
        f"{listing} M30 [quilt-cfn] There is no ami.access_role, the role with which AWS Marketplace copies the AMI.",
        f"{listing} M22 [quilt-cfn] There is no published, the place where the release is published",
        f"{listing} M22 [quilt-cfn] There is no region, the Region of the bucket",
    ]
    for line, beginning in zip(lines, beginnings, strict=True):
        assert line.startswith(beginning)
    assert "nothing was sent" in raised.value.next_step


@pytest.mark.parametrize("text", [None, "", "## 99.0.0 (2026-11-23)\n\nNew.\n", f"## {VERSION} (2026-11-23)\n"])
def test_a_version_without_a_changelog_entry_is_refused(root, text):
    (root / "CHANGELOG.md").unlink()
    if text is not None:
        (root / "CHANGELOG.md").write_text(text)
    with pytest.raises(
        UserError, match=rf'CHANGELOG.md: error M27 .*nothing stands under a heading "## {re.escape(VERSION)} \(YYYY'
    ):
        plan_submission(root)


def test_a_changelog_that_is_not_text_is_reported(root):
    (root / "CHANGELOG.md").write_bytes(b"\xff")
    with pytest.raises(UserError, match="is not UTF-8"):
        plan_submission(root)


def test_a_version_that_was_edited_is_reported(root):
    (root / RELEASES / VERSION / REGISTRY.file).write_text("Resources: {}")
    with pytest.raises(UserError, match="is not as it was released"):
        plan_submission(root)


def test_a_version_that_was_not_released_is_reported(root):
    (root / RELEASES / VERSION).rename(root / RELEASES / "99.0.0")
    with pytest.raises(UserError, match=rf"{re.escape(VERSION)} is not a released version\. There are: 99\.0\.0\."):
        plan_submission(root)
    shutil.rmtree(root / RELEASES)
    with pytest.raises(UserError, match=r"No version has been released.*Make one with quilt-cfn release\."):
        plan_submission(root)


def test_a_version_that_was_withdrawn_is_reported(root):
    (root / "CHANGELOG.md").write_text(f"## {VERSION} (withdrawn 2026-11-27)\n\nIt was wrong.\n")
    with pytest.raises(UserError, match=rf"{re.escape(VERSION)} was withdrawn.*Release the next version\."):
        plan_submission(root)


@pytest.mark.parametrize(
    ("published", "url"),
    [
        ("s3://example", "https://example.s3.eu-central-1.amazonaws.com/1.0.0/a.yaml"),
        ("s3://example/", "https://example.s3.eu-central-1.amazonaws.com/1.0.0/a.yaml"),
        ("s3://example/a/b", "https://example.s3.eu-central-1.amazonaws.com/a/b/1.0.0/a.yaml"),
        ("s3://example/a/b/", "https://example.s3.eu-central-1.amazonaws.com/a/b/1.0.0/a.yaml"),
    ],
)
def test_a_published_file_has_an_https_url_in_its_region(published, url):
    listing = read_listing()._replace(published=published, region="eu-central-1")
    assert published_url(listing, "1.0.0/a.yaml") == url
    assert published_url(listing._replace(region=None), "1.0.0/a.yaml") == ""
    assert published_url(listing._replace(published=None), "1.0.0/a.yaml") == ""
