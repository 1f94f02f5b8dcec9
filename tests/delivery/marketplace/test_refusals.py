"""What AWS Marketplace would refuse about a submission, each with the id of its rule and the file to edit."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.template.read import parse_template
from quilt_cfn.cloudformation.template.walk import entries
from quilt_cfn.delivery.marketplace.explanations import SUBMISSION
from quilt_cfn.delivery.marketplace.image_parameter import image_parameter
from quilt_cfn.delivery.marketplace.plan import make_draft
from quilt_cfn.delivery.marketplace.refusals import Draft, refusals
from quilt_cfn.editions import MARKETPLACE, REGISTRY
from tests.delivery.marketplace.checkouts import VERSION, checkout, png

LISTING = "marketplace/listing.yaml"
RELEASE = "marketplace/release.yaml"


@pytest.fixture(scope="module")
def draft(tmp_path_factory):
    """A submission about which nothing is refused."""
    draft = make_draft(checkout(tmp_path_factory.mktemp("checkout")))
    assert refused(draft) == []
    return draft


def refused(draft: Draft) -> list[tuple[str, str, str]]:
    found = refusals(draft)
    assert {each.rule for each in found} <= {*RULES, *(each.id for each in SUBMISSION.explanations)}
    return [(each.rule, each.file, each.message) for each in found]


def with_listing(draft: Draft, **fields: Any) -> Draft:
    return draft._replace(listing=draft.listing._replace(**fields))


def with_options(draft: Draft, *changes: dict[str, Any]) -> Draft:
    """A delivery option for each of these changes of the first one, in the listing."""
    (option,) = draft.listing.delivery_options
    return with_listing(draft, delivery_options=tuple(option._replace(**each) for each in changes))


def with_field(draft: Draft, field: str, value: str) -> Draft:
    """Another value of a field of the details, wherever it is."""
    details = copy.deepcopy(draft.details)
    for path, _ in list(entries(details)):
        if path[-1] == field:
            place: Any = details
            for key in path[:-1]:
                place = place[key]
            place[field] = value
    return draft._replace(details=details)


def with_template(draft: Draft, old: str, new: str) -> Draft:
    """Another text in the template of the edition for AWS Marketplace."""
    (content,) = draft.released.values()
    assert old in content.decode()
    template = parse_template(content.decode().replace(old, new).encode(), MARKETPLACE.file)
    return draft._replace(templates={**draft.templates, MARKETPLACE.name: template})


@pytest.mark.parametrize(
    ("field", "rule", "command"),
    [
        ("product", "M29", "aws marketplace-catalog list-entities --catalog AWSMarketplace --entity-type AmiProduct"),
        ("access_role", "M30", "aws cloudformation describe-stacks --stack-name"),
        ("published", "M22", "quilt-cfn publish s3://"),
        ("region", "M22", "aws s3api head-bucket --bucket example-artifacts"),
    ],
)
def test_each_input_of_the_vendor_is_needed_and_the_command_for_it_is_named(draft, field, rule, command):
    ((found, file, message),) = refused(with_listing(draft, **{field: None}))
    assert (found, file) == (rule, LISTING)
    assert field in message
    assert command in message
    (explanation,) = [each for each in SUBMISSION.explanations if each.id == rule]
    assert " ".join(command.split()[:3]) in explanation.explanation


def test_the_ami_is_needed_and_the_command_for_it_is_named(draft):
    ((rule, file, message),) = refused(draft._replace(ami=None))
    assert (rule, file) == ("M26", RELEASE)
    assert "aws imagebuilder start-image-pipeline-execution" in message
    (explanation,) = [each for each in SUBMISSION.explanations if each.id == rule]
    assert "aws imagebuilder start-image-pipeline-execution" in explanation.explanation


def test_the_edition_with_an_access_key_is_refused_with_how_to_get_it_instead(draft):
    (first, second) = refusals(with_options(draft, {"edition": REGISTRY.name}))
    assert (first.rule, first.file, first.resource) == ("M08", REGISTRY.file, "RegistryUserKey")
    assert first.line == draft.templates[REGISTRY.name].line(("Resources", "RegistryUserKey"))
    assert second.resource == "RegistryUserKeySecret"
    assert all(each.message.endswith(f". {REGISTRY.outside_marketplace}") for each in (first, second))


def test_an_edition_that_was_not_released_is_refused(draft):
    names = f"{MARKETPLACE.name}, {REGISTRY.name}"
    assert refused(with_options(draft, {"edition": "cluster"})) == [
        ("M22", LISTING, f"Release {VERSION} has no edition cluster; its editions: {names}.")
    ]


def test_a_version_has_at_most_three_delivery_options(draft):
    options = [{"title": f"Option {number}", "edition": "x" * number} for number in range(1, 5)]
    message = "There are 4 delivery options, and a version takes at most 3."
    assert refused(with_options(draft, *options))[0] == ("M23", LISTING, message)
    assert "M23" not in {each[0] for each in refused(with_options(draft, *options[:3]))}


def test_two_delivery_options_have_different_titles_and_editions(draft):
    assert refused(with_options(draft, {}, {})) == [
        ("M23", LISTING, "2 delivery options have the title Registry and catalog on one EC2 instance."),
        ("M23", LISTING, f"2 delivery options have the edition {MARKETPLACE.name}."),
    ]


@pytest.mark.parametrize(
    ("field", "length", "rule", "file", "subject"),
    [
        ("VersionTitle", 64, "M27", RELEASE, "The version title"),
        ("ReleaseNotes", 30_000, "M27", "CHANGELOG.md", "The text of the release notes"),
        ("DeliveryOptionTitle", 50, "M27", LISTING, "The title of delivery option 1"),
        ("ShortDescription", 200, "M27", LISTING, "The short description of delivery option 1"),
        ("LongDescription", 2_000, "M27", LISTING, "The long description of delivery option 1"),
        (
            "UsageInstructions",
            4_000,
            "M25",
            MARKETPLACE.file,
            "The text of the usage instructions of delivery option 1",
        ),
    ],
)
def test_a_text_is_ascii_and_no_longer_than_it_may_be(draft, field, length, rule, file, subject):
    assert refused(with_field(draft, field, "x" * length)) == []
    longer = f"{subject} has {length + 1:,} characters, 1 more than the {length:,} that are safe."
    assert refused(with_field(draft, field, "x" * (length + 1))) == [(rule, file, longer)]
    foreign = f"{subject} has characters other than printable ASCII and line ends: U+00E9."
    assert refused(with_field(draft, field, "\u00e9")) == [(rule, file, foreign)]


@pytest.mark.parametrize("field", ["Template", "ArchitectureDiagram"])
@pytest.mark.parametrize(
    ("url", "violation"),
    [
        (f"http://example.com/{VERSION}/t.yaml", "is not an https URL."),
        ("https://example.com/t.yaml", f"has no folder {VERSION} in its path."),
        (f"https://example.com/1{VERSION}/t.yaml", f"has no folder {VERSION} in its path."),
        (f"https://example.com/t-{VERSION}.yaml", f"has no folder {VERSION} in its path."),
        (f"https://example.com/Latest/{VERSION}/x", "says latest, but has to be the URL of this one version for ever."),
    ],
)
def test_a_url_is_https_and_that_of_one_version(draft, field, url, violation):
    assert refused(with_field(draft, field, url)) == [("M22", LISTING, f"{url} {violation}")]


@pytest.mark.parametrize(
    ("diagram", "fault"),
    [
        (None, "There is no architecture diagram."),
        (png(1560, 878), f"The architecture diagram has 1560 x 878 pixels, not the 1100 x 700 of {LISTING}."),
        (b"<svg/>", "The architecture diagram is not a PNG."),
    ],
)
def test_the_diagram_is_a_png_of_the_size_in_the_listing(draft, diagram, fault):
    ((rule, file, message),) = refused(draft._replace(diagram=diagram))
    assert (rule, file) == ("M24", "diagram.png")
    assert message.startswith(f"{fault} Make the next version, which draws one")
    assert message.endswith(": quilt-cfn release.")
    assert refused(with_listing(draft._replace(diagram=png(1560, 878)), diagram=(1560, 878))) == []


def test_the_image_is_that_of_one_parameter(draft):
    parameter = image_parameter(draft.templates[MARKETPLACE.name])
    written = f"ImageId: !Ref {parameter}"
    fixed = refusals(with_template(draft, written, "ImageId: ami-0123456789abcdef0"))
    assert [each.rule for each in fixed] == ["M04", "M02"]
    assert (
        fixed[0].message
        == "The ImageId of ServerTemplate is no parameter, into which AWS Marketplace could write its copy."
    )
    path = ("Resources", "ServerTemplate", "Properties", "LaunchTemplateData", "ImageId")
    assert fixed[0].line == draft.templates[MARKETPLACE.name].line(path)
    none = with_template(draft, f"        {written}\n", "")
    assert ("M04", MARKETPLACE.file, "Nothing in it is launched from an image.") in refused(none)


def test_a_template_that_takes_its_image_from_several_parameters_is_refused(draft):
    parameter = image_parameter(draft.templates[MARKETPLACE.name])
    second = "\nResources:\n  Other: {Type: AWS::EC2::Instance, Properties: {ImageId: !Ref TeamId}}\n"
    found = refused(with_template(draft, "\nResources:\n", second))
    message = f"Instances take their image from several parameters: TeamId, {parameter}."
    assert ("M04", MARKETPLACE.file, message) in found


def test_the_delivery_options_take_the_same_image(draft):
    """The edition of Amazon Linux, refused for its key as well, takes its image from another parameter."""
    names = [image_parameter(draft.templates[each.name]) for each in (MARKETPLACE, REGISTRY)]
    both = with_options(draft, {}, {"edition": REGISTRY.name, "title": "Another"})
    message = f"Delivery options take their image from different parameters: {', '.join(map(str, names))}."
    assert ("M04", LISTING, message) in refused(both)


def test_whatever_a_rule_about_aws_marketplace_finds_in_the_template_is_refused(draft):
    (found,) = refusals(with_template(draft, "HttpTokens: required", "HttpTokens: optional"))
    assert (found.rule, found.file, found.resource) == ("M19", MARKETPLACE.file, "ServerTemplate")


@pytest.mark.parametrize("recommended", ["c7i-flex.large", "u-6tb1.metal", "m5.metal-24xl"])
def test_the_recommended_type_fits_the_pattern_of_aws(draft, recommended):
    assert refused(with_options(draft, {"instance_type": recommended}))[0] == (
        "M28",
        LISTING,
        f"{recommended} can't be recommended: AWS Marketplace takes types such as m5.large there.",
    )


def test_template_and_listing_agree_about_the_instance_types(draft):
    assert refused(with_options(draft, {"instance_type": "m7i.large"})) == [
        ("M31", LISTING, f"m7i.large is recommended, and {MARKETPLACE.file} does not allow it.")
    ]
    enabled = tuple(each for each in draft.listing.instance_types if not each.startswith("m6i"))
    assert refused(with_listing(draft, instance_types=enabled)) == [
        ("M31", LISTING, f"{MARKETPLACE.file} allows m6i.large, m6i.xlarge, which instance_types does not list.")
    ]
    allowed = (
        "    AllowedValues: [t3.small, t3.medium, t3.large, t2.small, m5.large, m5.xlarge, m6i.large, m6i.xlarge]\n"
    )
    assert refused(with_template(draft, allowed, "")) == [
        ("M31", MARKETPLACE.file, "Nothing lists the instance types that ServerGroup may have.")
    ]


def test_everything_is_listed_at_once(draft):
    several = with_options(draft._replace(ami=None, diagram=None), {"instance_type": "m7i.large"})
    found = refused(with_field(several, "DeliveryOptionTitle", "x" * 51))
    assert [each[0] for each in found] == ["M26", "M27", "M24", "M31"]
