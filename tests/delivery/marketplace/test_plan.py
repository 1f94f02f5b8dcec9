"""A checkout becomes a submission, or everything is told that AWS Marketplace would refuse about it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.marketplace.notes import release_notes
from quilt_cfn.delivery.marketplace.plan import as_json, plan_submission, published_url
from quilt_cfn.delivery.marketplace.refusals import png_size
from quilt_cfn.delivery.marketplace.usage import usage_instructions
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.listing import read_listing
from tests.delivery.marketplace import checkouts
from tests.delivery.marketplace.checkouts import (
    AMI,
    TOP,
    VENDOR,
    VERSION,
    checkout,
    put,
    template_text,
    write,
    write_release,
)

URL = "https://example-artifacts.s3.eu-central-1.amazonaws.com/quilt/quilt-registry/1.0.0/"


@pytest.fixture
def root(tmp_path):
    """A checkout in which nothing is missing."""
    return checkout(tmp_path)


def change(root, file, field, value):
    """Change a field of a YAML file; digits in its name are places in a list."""
    path = root / "marketplace" / file
    document = yaml.safe_load(path.read_text())
    place = document
    *parents, last = field.split(".")
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    put(place, last, value)
    write(path, document)


def options(root, *changes):
    """One delivery option for each of these changes of the first one."""
    path = root / "marketplace/listing.yaml"
    document = yaml.safe_load(path.read_text())
    document["delivery_options"] = [{**document["delivery_options"][0], **each} for each in changes]
    write(path, document)


def released(root, edition, old, new):
    """Let an edition be released with another text in its template."""
    text = template_text(edition)
    assert old in text
    checkouts_of = {name: template_text(name).encode() for name in checkouts.EDITIONS}
    checkouts_of[edition] = text.replace(old, new).encode()
    contents = {f"{stem}.yaml": checkouts_of[name] for name, stem in checkouts.EDITIONS.items()}
    contents |= {f"{stem}.json": b"{}" for stem in checkouts.EDITIONS.values()} | {"diagram.png": checkouts.png()}
    write_release(root, contents, "diagram.png")


def refusals(root):
    with pytest.raises(UserError) as trouble:
        plan_submission(root)
    first, *lines = trouble.value.what.splitlines()
    assert first == "Release 1.0.0 can't be submitted to AWS Marketplace:"
    assert trouble.value.next_step.endswith("nothing was sent.")
    return [line.strip() for line in lines]


def test_a_complete_checkout_becomes_a_submission(root):
    submission = plan_submission(root)
    assert (submission.product, submission.version, submission.title) == (VENDOR["product"], VERSION, VERSION)
    (option,) = submission.details["DeliveryOptions"]
    assert option["DeliveryOptionTitle"] == "Registry and catalog on one EC2 instance"
    details = option["Details"]["DeploymentTemplateDeliveryOptionDetails"]
    assert details["Template"] == f"{URL}quilt-registry-marketplace.yaml"
    assert details["ArchitectureDiagram"] == f"{URL}diagram.png"
    assert details["RecommendedInstanceType"] == "t3.small"
    assert details["TemplateSources"] == [
        {
            "ParameterName": "AmiId",
            "AmiSource": {
                "AmiId": AMI,
                "AccessRoleArn": VENDOR["ami.access_role"],
                "UserName": "ec2-user",
                "OperatingSystemName": "AMAZONLINUX",
                "OperatingSystemVersion": "Amazon Linux 2023",
            },
        }
    ]


def test_texts_come_from_the_released_template_and_from_the_changelog(root):
    submission = plan_submission(root)
    (option,) = submission.details["DeliveryOptions"]
    usage = option["Details"]["DeploymentTemplateDeliveryOptionDetails"]["UsageInstructions"]
    assert usage == usage_instructions(checkouts.template("marketplace"))
    changelog = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    assert submission.details["Version"] == {"VersionTitle": "1.0.0", "ReleaseNotes": release_notes(changelog, "1.0.0")}
    released(root, "marketplace", "HealthCheckPath: /healthcheck", "HealthCheckPath: /alive")
    (option,) = plan_submission(root).details["DeliveryOptions"]
    assert "/alive answers" in option["Details"]["DeploymentTemplateDeliveryOptionDetails"]["UsageInstructions"]


def test_behind_the_url_of_a_template_are_the_released_bytes(root):
    name = "quilt-registry-marketplace.yaml"
    assert plan_submission(root).templates == {f"{URL}{name}": (root / "templates/releases/1.0.0" / name).read_bytes()}


def test_the_same_checkout_gives_the_same_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (as_json(plan_submission(checkout(tmp_path / name))) for name in "ab")
    assert first == second
    assert first.encode().isascii()


def test_the_plan_is_what_the_aws_command_line_takes(root):
    (root / "plan.json").write_text(as_json(plan_submission(root)))
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


def test_the_plan_that_is_printed_only_rehearses_and_locks_nothing(root):
    request = json.loads(as_json(plan_submission(root)))
    assert request["Intent"] == "VALIDATE"
    assert request["ChangeSet"][0]["Entity"] == {"Type": "AmiProduct@1.0", "Identifier": VENDOR["product"]}


def test_the_checkout_as_it_is_lacks_what_only_the_vendor_knows(root):
    for file in ("listing.yaml", "release.yaml"):
        (root / "marketplace" / file).write_bytes((TOP / "marketplace" / file).read_bytes())
    assert refusals(root) == [
        "M26: marketplace/release.yaml has no ami.id: it is the product's AMI in us-east-1, the vendor's input.",
        "marketplace/listing.yaml has no product: it is the AMI product's identifier, prod-...",
        "marketplace/listing.yaml has no ami.access_role: with it AWS Marketplace copies the AMI.",
        "M22: marketplace/listing.yaml has no published: it says where the release is published.",
        "M22: marketplace/listing.yaml has no region: it says where the release is published.",
    ]


@pytest.mark.parametrize(
    ("file", "field", "sentence"),
    [
        ("release.yaml", "ami.id", "M26: marketplace/release.yaml has no ami.id: "),
        ("listing.yaml", "product", "marketplace/listing.yaml has no product: "),
        ("listing.yaml", "ami.access_role", "marketplace/listing.yaml has no ami.access_role: "),
        ("listing.yaml", "published", "M22: marketplace/listing.yaml has no published: "),
        ("listing.yaml", "region", "M22: marketplace/listing.yaml has no region: "),
    ],
)
def test_each_input_of_the_vendor_is_asked_for(root, file, field, sentence):
    change(root, file, field, None)
    (told,) = refusals(root)
    assert told.startswith(sentence)


def test_the_edition_with_an_access_key_is_refused_with_the_reason(root):
    options(root, {"edition": "registry"})
    assert refusals(root) == [
        "M08: Edition registry: RegistryUserKey is an access key. It is launched from its own S3 URL.",
        "M08: Edition registry: RegistryUserKeySecret uses the secret of the access key RegistryUserKey. "
        "It is launched from its own S3 URL.",
    ]


def test_an_edition_that_was_not_released_is_refused(root):
    options(root, {"edition": "cluster"})
    assert refusals(root) == ["M22: Release 1.0.0 has no edition cluster; it has: marketplace, registry."]


def test_a_version_has_at_most_three_delivery_options(root):
    editions = [{"title": f"Option {number}", "edition": "x" * number} for number in range(1, 5)]
    options(root, *editions)
    assert refusals(root)[0] == "M23: There are 4 delivery options, and a version takes at most 3."
    options(root, *editions[:3])
    assert not any(each.startswith("M23") for each in refusals(root))


def test_no_two_delivery_options_are_alike(root):
    options(root, {}, {})
    assert refusals(root) == [
        "M23: 2 delivery options have the title Registry and catalog on one EC2 instance.",
        "M23: 2 delivery options have the edition marketplace.",
    ]


@pytest.mark.parametrize(
    ("field", "length", "subject"),
    [
        ("title", 50, "M27: The title of delivery option 1"),
        ("short_description", 200, "M27: The short description of delivery option 1"),
        ("long_description", 2_000, "M27: The long description of delivery option 1"),
    ],
)
def test_a_text_is_as_long_as_it_may_be_and_no_longer(root, field, length, subject):
    options(root, {field: "x" * length})
    plan_submission(root)
    options(root, {field: "x" * (length + 1)})
    assert refusals(root) == [f"{subject} has {length + 1:,} characters, 1 more than the {length:,} that are safe."]
    options(root, {field: " \u00e9"})
    assert refusals(root) == [
        f"{subject} has characters other than printable ASCII and line ends: U+00E9.",
        f"{subject} begins or ends with a space or an empty line.",
    ]


def test_usage_instructions_that_are_too_long_are_refused(root):
    description = "Description: " + "x" * 400
    released(root, "marketplace", "Description: Address to SSH to as ec2-user;", f"{description};")
    (told,) = refusals(root)
    assert re.fullmatch(r"M25: The text of the usage instructions of delivery option 1 has 4,\d+ characters, .*", told)


def test_release_notes_that_are_too_long_are_refused(root):
    (root / "CHANGELOG.md").write_text("## 1.0.0 (2026-11-23)\n\n" + "x" * 30_000)
    (told,) = refusals(root)
    assert told.startswith("M27: The text of the release notes has 30,")


@pytest.mark.parametrize("text", ["", "## 1.1.0 (2026-11-23)\n\nNew.\n", "## 1.0.0 (2026-11-23)\n", None])
def test_a_version_without_a_changelog_entry_is_refused(root, text):
    (root / "CHANGELOG.md").write_text(text or "")
    if text is None:
        (root / "CHANGELOG.md").unlink()
    assert refusals(root) == [
        'M27: CHANGELOG.md says nothing about 1.0.0: release notes stand under "## 1.0.0 (YYYY-MM-DD)".'
    ]


def test_a_changelog_that_is_no_text_is_said(root):
    (root / "CHANGELOG.md").write_bytes(b"\xff")
    with pytest.raises(UserError, match="is not UTF-8"):
        plan_submission(root)


@pytest.mark.parametrize("place", ["s3://example-artifacts/latest", "s3://latest-artifacts/quilt", "s3://a-b/Latest/x"])
def test_an_address_that_says_latest_is_refused(root, place):
    change(root, "listing.yaml", "published", place)
    told = refusals(root)
    assert len(told) == 2
    assert all(each.endswith("says latest: it has to be the address of one version for ever.") for each in told)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/1.0.0/t.yaml", "is no https address."),
        ("https://example.com/t.yaml", "has no folder 1.0.0 in its path."),
        ("https://example.com/11.0.0/t.yaml", "has no folder 1.0.0 in its path."),
        ("https://example.com/t-1.0.0.yaml", "has no folder 1.0.0 in its path."),
    ],
)
def test_an_address_is_https_and_has_the_version_in_its_path(root, url, said):
    assert [str(each) for each in checkouts.judged(root, "Template", url)] == [f"M22: {url} {said}"]


def test_a_title_of_a_version_may_not_be_too_long(root):
    assert [str(each) for each in checkouts.judged(root, "VersionTitle", "x" * 65)] == [
        "M27: The version title has 65 characters, 1 more than the 64 that are safe."
    ]
    assert not checkouts.judged(root, "VersionTitle", "x" * 64)


def test_a_release_without_a_diagram_is_refused(root):
    contents = {}
    for name, stem in checkouts.EDITIONS.items():
        contents |= {f"{stem}.yaml": template_text(name).encode(), f"{stem}.json": b"{}"}
    write_release(root, contents, None)
    assert refusals(root) == ["M24: Release 1.0.0 has no architecture diagram."]


@pytest.mark.parametrize(
    ("diagram", "said"),
    [
        (checkouts.png(1560, 878), "M24: The architecture diagram has 1560 x 878 pixels, not 1100 x 700."),
        (checkouts.png(700, 1100), "M24: The architecture diagram has 700 x 1100 pixels, not 1100 x 700."),
        (b"<svg/>", "M24: The architecture diagram is no PNG."),
    ],
)
def test_a_diagram_that_is_not_as_it_should_be_is_refused(tmp_path, diagram, said):
    assert refusals(checkout(tmp_path, diagram=diagram)) == [said]


def test_the_size_of_the_diagram_is_the_listings(tmp_path):
    root = checkout(tmp_path, diagram=checkouts.png(1560, 878))
    change(root, "listing.yaml", "diagram", "1560x878")
    plan_submission(root)


def test_a_parameter_that_the_template_has_not_is_refused(root):
    change(root, "listing.yaml", "ami.parameter", "ImageId")
    assert refusals(root) == ["M04: Edition marketplace has no parameter ImageId, which is to take the AMI."]


def test_the_parameter_is_the_one_that_the_machine_is_launched_from(root):
    change(root, "listing.yaml", "ami.parameter", "TeamId")
    assert refusals(root) == ["M04: Edition marketplace: the ImageId of ServerTemplate is not TeamId."]


def test_an_image_that_is_no_parameter_is_refused(root):
    released(root, "marketplace", "ImageId: !Ref AmiId", "ImageId: ami-0123456789abcdef0")
    assert {each[:4] for each in refusals(root)} == {"M02:", "M04:"}


def test_whatever_a_rule_finds_in_the_released_template_is_refused(root):
    released(root, "marketplace", "HttpTokens: required", "HttpTokens: optional")
    assert refusals(root) == ["M19: Edition marketplace: Server answers requests for metadata without a token."]


@pytest.mark.parametrize("recommended", ["c7i-flex.large", "u-6tb1.metal", "m5.metal-24xl"])
def test_a_type_that_cannot_be_recommended_is_refused(root, recommended):
    options(root, {"instance_type": recommended})
    assert refusals(root) == [
        f"M28: {recommended} can't be recommended: AWS Marketplace takes types such as m5.large there.",
        f"M28: Edition marketplace does not offer {recommended}, which is to be recommended.",
    ]


def test_a_recommended_type_that_the_template_does_not_offer_is_refused(root):
    options(root, {"instance_type": "m7i.large"})
    assert refusals(root) == ["M28: Edition marketplace does not offer m7i.large, which is to be recommended."]


def test_a_type_that_is_not_enabled_for_the_product_is_refused(root):
    change(root, "listing.yaml", "instance_types", ["t3.small", "t3.medium", "t3.large", "t2.small"])
    assert refusals(root) == [
        "M28: Edition marketplace offers m5.large, m5.xlarge, m6i.large, m6i.xlarge, not among instance_types of the "
        "listing."
    ]


def test_a_template_that_takes_any_type_is_refused(root):
    released(
        root,
        "marketplace",
        "    AllowedValues: [t3.small, t3.medium, t3.large, t2.small, m5.large, m5.xlarge, m6i.large, m6i.xlarge]\n",
        "",
    )
    assert refusals(root) == ["M28: Edition marketplace does not say which instance types Server may have."]


def test_everything_is_told_at_once(root):
    change(root, "release.yaml", "ami.id", None)
    change(root, "listing.yaml", "ami.parameter", "ImageId")
    options(root, {"title": "x" * 51, "instance_type": "m7i.large"})
    assert [each[:3] for each in refusals(root)] == ["M26", "M27", "M04", "M28"]


def test_a_version_that_was_not_released_or_was_edited_is_told(root):
    template = root / "templates/releases/1.0.0/quilt-registry.yaml"
    template.write_text("Resources: {}")
    with pytest.raises(UserError, match="is not as it was released"):
        plan_submission(root)
    change(root, "release.yaml", "version", "1.0.1")
    with pytest.raises(UserError, match=r"1\.0\.1.* could not be read"):
        plan_submission(root)


@given(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1), st.binary(max_size=20))
def test_the_size_of_a_png_is_in_its_header(width, height, rest):
    assert png_size(checkouts.png(width, height)[:24] + rest) == (width, height)


@given(st.binary(max_size=40))
def test_any_other_bytes_have_no_size(content):
    assert png_size(content) is None


@given(st.integers(0, 23), st.integers(0, 15), st.integers(1, 255))
def test_a_header_that_is_cut_or_damaged_has_no_size(length, place, change):
    header = bytearray(checkouts.png()[:24])
    assert png_size(bytes(header[:length])) is None
    header[place] ^= change
    assert png_size(bytes(header)) is None


def test_a_png_without_pixels_has_no_size():
    assert png_size(checkouts.png(0, 700)) is None
    assert png_size(checkouts.png(1100, 0)) is None


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


@pytest.mark.parametrize("field", ["published", "region"])
def test_nothing_has_a_url_as_long_as_the_listing_does_not_say_where(field):
    listing = read_listing()._replace(published="s3://example", region="eu-central-1")
    assert published_url(listing._replace(**{field: None}), "1.0.0/a.yaml") == ""
