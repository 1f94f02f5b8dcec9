"""What AWS Marketplace would refuse about a submission, found before anything is sent.

``refusals`` checks what would be sent, and returns everything that is wrong at once; ``explanations`` explains each id.
Not checked here, because nothing offline shows it: whether the AMI is in us-east-1 in the seller's account, HVM,
unencrypted and younger than two years (M26), and whether the product has a version of this title already (M27). AWS
checks both when the submission is validated (``Intent=VALIDATE``).
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import instances
from quilt_cfn.cloudformation.analysis.parameter_use import declaration, parameter_behind
from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.launch import Launch, evaluate
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT
from quilt_cfn.cloudformation.template.coerce import as_list, as_text
from quilt_cfn.cloudformation.template.read import ParsedTemplate
from quilt_cfn.delivery.marketplace import text_limits
from quilt_cfn.delivery.marketplace.image_parameter import image_sources
from quilt_cfn.delivery.publish.stores.locations import bucket_and_prefix
from quilt_cfn.delivery.release.diagram import DIAGRAM, diagram_fault
from quilt_cfn.editions import EDITIONS
from quilt_cfn.finding import QUILT_CFN, Finding
from quilt_cfn.inputs.changelog import CHANGELOG
from quilt_cfn.inputs.listing import LISTING, DeliveryOption, Listing
from quilt_cfn.inputs.release import IN_CHECKOUT

RECOMMENDABLE = re.compile(r"[a-z]+[0-9]+[a-z]*\.[0-9]*[a-z]+")
"""AWS's pattern of RecommendedInstanceType."""
MOST_OPTIONS = 3


class Draft(NamedTuple):
    """A submission as it would be sent, complete or not, and what it was made of."""

    listing: Listing
    version: str
    ami: str | None
    details: dict[str, Any]
    """The DetailsDocument; what the vendor has not supplied is an empty string."""
    templates: Mapping[str, ParsedTemplate]
    """Edition -> its template, of every edition in the release."""
    released: Mapping[str, bytes]
    """URL of a delivery option's template -> its released bytes."""
    diagram: bytes | None
    """The PNG of the release."""


def refusals(draft: Draft) -> list[Finding]:
    """Everything that keeps a draft from being submitted. The file of a finding is the one to edit."""
    found = [*_vendor_inputs(draft), *_options(draft), *_texts(draft), *_urls(draft), *_diagram(draft)]
    found += _image_parameters(draft)
    for option in draft.listing.delivery_options:
        template = draft.templates.get(option.edition)
        if template is not None:
            found += _template(draft.listing, option, template)
    return found


def _refusal(rule: str, file: object, message: str, line: int = 0) -> Finding:
    return Finding(str(file), line, QUILT_CFN, rule, "error", "", message)


def _vendor_inputs(draft: Draft) -> Iterator[Finding]:
    """What only the vendor can supply, each with the command that makes or shows it."""
    listing = draft.listing
    bucket = bucket_and_prefix(listing.published)[0] if listing.published else "BUCKET"
    for value, rule, file, missing in (
        (
            draft.ami,
            "M26",
            IN_CHECKOUT,
            "ami.id, the ID of the product's AMI in us-east-1. The image factory makes one: "
            "aws imagebuilder start-image-pipeline-execution; the version has to be released with it.",
        ),
        (
            listing.product,
            "M29",
            LISTING,
            "product, the ID of the AMI product, prod-... The AWS Marketplace Management Portal makes it, once, and "
            "this shows it: aws marketplace-catalog list-entities --catalog AWSMarketplace --entity-type AmiProduct "
            "--region us-east-1",
        ),
        (
            listing.access_role,
            "M30",
            LISTING,
            "ami.access_role, the role with which AWS Marketplace copies the AMI. The image factory's stack makes it, "
            "and lists it among its outputs: aws cloudformation describe-stacks --stack-name quilt-image-factory "
            "--region us-east-1",
        ),
        (
            listing.published,
            "M22",
            LISTING,
            "published, the place where the release is published, as it was given to: quilt-cfn publish s3://BUCKET/PREFIX",
        ),
        (
            listing.region,
            "M22",
            LISTING,
            f"region, the Region of the bucket, which this shows: aws s3api head-bucket --bucket {bucket}",
        ),
    ):
        if not value:
            yield _refusal(rule, file, f"There is no {missing}")


def _options(draft: Draft) -> Iterator[Finding]:
    options = draft.listing.delivery_options
    if len(options) > MOST_OPTIONS:
        message = f"There are {len(options)} delivery options, and a version takes at most {MOST_OPTIONS}."
        yield _refusal("M23", LISTING, message)
    for field, values in (("title", [it.title for it in options]), ("edition", [it.edition for it in options])):
        for value, number in Counter(values).items():
            if number > 1:
                yield _refusal("M23", LISTING, f"{number} delivery options have the {field} {value}.")
    for option in options:
        if option.edition not in draft.templates:
            released = ", ".join(sorted(draft.templates)) or "none"
            message = f"Release {draft.version} has no edition {option.edition}; its editions: {released}."
            yield _refusal("M22", LISTING, message)


def _texts(draft: Draft) -> Iterator[Finding]:
    version = draft.details["Version"]
    yield from _text("M27", IN_CHECKOUT, "The version title", version["VersionTitle"], text_limits.VERSION_TITLE)
    notes = version["ReleaseNotes"]
    if notes:
        yield from _text("M27", CHANGELOG, "The text of the release notes", notes, text_limits.RELEASE_NOTES)
    else:
        heading = f'"## {draft.version} (YYYY-MM-DD)"'
        yield _refusal("M27", CHANGELOG, f"There are no release notes: nothing stands under a heading {heading}.")
    for number, option in enumerate(draft.details["DeliveryOptions"], 1):
        details = option["Details"]["DeploymentTemplateDeliveryOptionDetails"]
        for name, text, most in (
            ("title", option["DeliveryOptionTitle"], text_limits.OPTION_TITLE),
            ("short description", details["ShortDescription"], text_limits.SHORT_DESCRIPTION),
            ("long description", details["LongDescription"], text_limits.LONG_DESCRIPTION),
        ):
            yield from _text("M27", LISTING, f"The {name} of delivery option {number}", text, most)
        # An edition that the release does not have has no usage instructions, and is refused for that already.
        usage = details["UsageInstructions"]
        template = draft.templates.get(draft.listing.delivery_options[number - 1].edition)
        if usage and template:
            subject = f"The text of the usage instructions of delivery option {number}"
            yield from _text("M25", template.file, subject, usage, text_limits.USAGE_INSTRUCTIONS)


def _text(rule: str, file: object, subject: str, text: str, most: int) -> Iterator[Finding]:
    for violation in text_limits.violations(text, most):
        yield _refusal(rule, file, f"{subject} {violation}.")


def _urls(draft: Draft) -> Iterator[Finding]:
    """URLs of templates and diagrams; they are empty as long as nobody said where the release is published."""
    options = [each["Details"]["DeploymentTemplateDeliveryOptionDetails"] for each in draft.details["DeliveryOptions"]]
    urls = dict.fromkeys(option[key] for option in options for key in ("Template", "ArchitectureDiagram"))
    for url in filter(None, urls):
        if not url.startswith("https://"):
            yield _refusal("M22", LISTING, f"{url} is not an https URL.")
        if "latest" in url.lower():
            yield _refusal("M22", LISTING, f"{url} says latest, but has to be the URL of this one version for ever.")
        if draft.version not in url.split("/"):
            yield _refusal("M22", LISTING, f"{url} has no folder {draft.version} in its path.")


def _diagram(draft: Draft) -> Iterator[Finding]:
    fault = diagram_fault(draft.diagram, draft.listing.diagram)
    if fault:
        yield _refusal("M24", DIAGRAM, f"{fault} Make the next version, which draws one: quilt-cfn release.")


def _template(listing: Listing, option: DeliveryOption, template: ParsedTemplate) -> Iterator[Finding]:
    """What the rules about AWS Marketplace find in a template, and how it disagrees with the listing."""
    launch = evaluate({**template.data, "Rules": {}}, {}, allow_missing=True)
    edition = EDITIONS.get(option.edition)
    outside = f" {edition.outside_marketplace}" if edition and edition.outside_marketplace else ""
    rules = [rule for rule in RULES.values() if rule.id.startswith("M")]
    for finding in run_rules(template, [launch], EMPTY_CONTRACT, rules):
        yield dataclasses.replace(finding, message=f"{finding.message}{outside}", regions=())
    yield from _instance_types(listing, option, template, launch)


def _image_parameters(draft: Draft) -> Iterator[Finding]:
    """Templates that take their image from no parameter or from several, and options that differ about it."""
    found = []
    for option in draft.listing.delivery_options:
        template = draft.templates.get(option.edition)
        if template is None:
            continue
        sources = image_sources(template)
        for path, parameter in sources:
            if parameter is None:
                message = f"The ImageId of {path[1]} is no parameter, into which AWS Marketplace could write its copy."
                yield _refusal("M04", template.file, message, template.line(path))
        named = [*dict.fromkeys(parameter for _, parameter in sources if parameter)]
        if len(named) > 1:
            message = f"Instances take their image from several parameters: {', '.join(named)}."
            yield _refusal("M04", template.file, message, template.line(("Parameters", named[1])))
        if not sources:
            yield _refusal("M04", template.file, "Nothing in it is launched from an image.")
        found += named[:1]
    if len(set(found)) > 1:
        message = f"Delivery options take their image from different parameters: {', '.join(dict.fromkeys(found))}."
        yield _refusal("M04", LISTING, message)


def _instance_types(
    listing: Listing, option: DeliveryOption, template: ParsedTemplate, launch: Launch
) -> Iterator[Finding]:
    recommended = option.instance_type
    if not RECOMMENDABLE.fullmatch(recommended):
        message = f"{recommended} can't be recommended: AWS Marketplace takes types such as m5.large there."
        yield _refusal("M28", LISTING, message)
    for instance in instances(launch):
        parameter = parameter_behind(launch, instance.settings.get("InstanceType"))
        allowed = [as_text(each) for each in as_list(declaration(launch, parameter).get("AllowedValues"))]
        if not allowed:
            line = template.line(("Parameters", parameter) if parameter else ("Resources", instance.name))
            message = f"Nothing lists the instance types that {instance.name} may have."
            yield _refusal("M31", template.file, message, line)
            continue
        if recommended not in allowed:
            message = f"{recommended} is recommended, and {template.file} does not allow it."
            yield _refusal("M31", LISTING, message)
        others = [each for each in allowed if each not in listing.instance_types]
        if others:
            message = f"{template.file} allows {', '.join(others)}, which instance_types does not list."
            yield _refusal("M31", LISTING, message)
