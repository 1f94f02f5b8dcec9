"""What AWS Marketplace would refuse about a submission, found before anything is sent.

The rule: everything that is wrong is said at once, each in a sentence that names the rule and the field; what is judged
is what would be sent. Not asked here, because it doesn't show offline: whether the AMI lies in us-east-1 in the
seller's account, is HVM, unencrypted and younger than two years (M26), and whether the product has a version of this
title (M27). ``Intent=VALIDATE`` asks AWS both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import LAUNCHED, instances
from quilt_cfn.cloudformation.analysis.parameter_use import declaration, parameter_behind
from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.launch import Launch, evaluate
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty
from quilt_cfn.delivery.marketplace import texts
from quilt_cfn.inputs.listing import DeliveryOption, Listing

RECOMMENDABLE = re.compile(r"[a-z]+[0-9]+[a-z]*\.[0-9]*[a-z]+")
MOST_OPTIONS = 3
PNG = b"\x89PNG\r\n\x1a\n"
ELSEWHERE = {"registry": "It is launched from its own S3 URL."}
"""Editions that are not for AWS Marketplace -> how one gets them instead."""


class Refusal(NamedTuple):
    """A reason not to submit: the rule that says so, where a rule does, and a sentence."""

    rule: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}" if self.rule else self.sentence


class Draft(NamedTuple):
    """A submission as it would be sent, complete or not, and what it was made of."""

    listing: Listing
    version: str
    ami: str | None
    details: dict[str, Any]
    """The DetailsDocument; what the vendor has not supplied is an empty text."""
    templates: Mapping[str, Mapping[str, Any]]
    """Edition -> its template, of every released one."""
    released: Mapping[str, bytes]
    """URL of a delivery option's template -> the bytes behind it."""
    diagram: bytes | None


def refusals(draft: Draft) -> list[Refusal]:
    """Everything that keeps a draft from being submitted."""
    found = [*_inputs(draft), *_options(draft), *_texts(draft), *_urls(draft), *_diagram(draft)]
    for option in draft.listing.delivery_options:
        template = draft.templates.get(option.edition)
        if template is not None:
            found += _template(draft.listing, option, template)
    return found


def _inputs(draft: Draft) -> Iterator[Refusal]:
    listing = draft.listing
    if not draft.ami:
        yield Refusal(
            "M26", "marketplace/release.yaml has no ami.id: it is the product's AMI in us-east-1, the vendor's input."
        )
    if not listing.product:
        yield Refusal("", "marketplace/listing.yaml has no product: it is the AMI product's identifier, prod-...")
    if not listing.access_role:
        yield Refusal("", "marketplace/listing.yaml has no ami.access_role: with it AWS Marketplace copies the AMI.")
    for field, value in (("published", listing.published), ("region", listing.region)):
        if not value:
            yield Refusal("M22", f"marketplace/listing.yaml has no {field}: it says where the release is published.")


def _options(draft: Draft) -> Iterator[Refusal]:
    options = draft.listing.delivery_options
    if len(options) > MOST_OPTIONS:
        yield Refusal("M23", f"There are {len(options)} delivery options, and a version takes at most {MOST_OPTIONS}.")
    for field, values in (("title", [it.title for it in options]), ("edition", [it.edition for it in options])):
        for value, number in Counter(values).items():
            if number > 1:
                yield Refusal("M23", f"{number} delivery options have the {field} {value}.")
    for option in options:
        if option.edition not in draft.templates:
            known = ", ".join(sorted(draft.templates))
            yield Refusal("M22", f"Release {draft.version} has no edition {option.edition}; it has: {known or 'none'}.")


def _texts(draft: Draft) -> Iterator[Refusal]:
    version = draft.details["Version"]
    yield from _text("M27", "The version title", version["VersionTitle"], texts.VERSION_TITLE)
    if version["ReleaseNotes"]:
        yield from _text("M27", "The text of the release notes", version["ReleaseNotes"], texts.RELEASE_NOTES)
    else:
        heading = f'"## {draft.version} (YYYY-MM-DD)"'
        yield Refusal("M27", f"CHANGELOG.md says nothing about {draft.version}: release notes stand under {heading}.")
    for number, option in enumerate(draft.details["DeliveryOptions"], 1):
        details = option["Details"]["DeploymentTemplateDeliveryOptionDetails"]
        of = f"of delivery option {number}"
        yield from _text("M27", f"The title {of}", option["DeliveryOptionTitle"], texts.OPTION_TITLE)
        yield from _text("M27", f"The short description {of}", details["ShortDescription"], texts.SHORT_DESCRIPTION)
        yield from _text("M27", f"The long description {of}", details["LongDescription"], texts.LONG_DESCRIPTION)
        # An edition that was not released has no usage instructions, and is refused for that.
        if details["UsageInstructions"]:
            usage = details["UsageInstructions"]
            yield from _text("M25", f"The text of the usage instructions {of}", usage, texts.USAGE_INSTRUCTIONS)


def _text(rule: str, subject: str, text: str, most: int) -> Iterator[Refusal]:
    for mistake in texts.mistakes(text, most):
        yield Refusal(rule, f"{subject} {mistake}.")


def _urls(draft: Draft) -> Iterator[Refusal]:
    """Where the templates and the diagram are, unless nobody said where they are published."""
    urls = [
        url
        for option in draft.details["DeliveryOptions"]
        for key in ("Template", "ArchitectureDiagram")
        if (url := option["Details"]["DeploymentTemplateDeliveryOptionDetails"][key])
    ]
    for url in dict.fromkeys(urls):
        if not url.startswith("https://"):
            yield Refusal("M22", f"{url} is no https address.")
        if "latest" in url.lower():
            yield Refusal("M22", f"{url} says latest: it has to be the address of one version for ever.")
        if draft.version not in url.split("/"):
            yield Refusal("M22", f"{url} has no folder {draft.version} in its path.")


def _diagram(draft: Draft) -> Iterator[Refusal]:
    if draft.diagram is None:
        yield Refusal("M24", f"Release {draft.version} has no architecture diagram.")
        return
    size = png_size(draft.diagram)
    width, height = draft.listing.diagram
    if size is None:
        yield Refusal("M24", "The architecture diagram is no PNG.")
    elif size != (width, height):
        yield Refusal("M24", f"The architecture diagram has {size[0]} x {size[1]} pixels, not {width} x {height}.")


def png_size(content: bytes) -> tuple[int, int] | None:
    """Width and height that the header of a PNG says, https://www.w3.org/TR/png-3/#5PNG-file-signature and #11IHDR.

    Only the first 24 bytes are read; None if they are no such header.
    """
    if len(content) < 24 or content[:8] != PNG or content[8:16] != b"\x00\x00\x00\rIHDR":
        return None
    width, height = (int.from_bytes(content[start : start + 4], "big") for start in (16, 20))
    return (width, height) if width and height else None


def _template(listing: Listing, option: DeliveryOption, template: Mapping[str, Any]) -> Iterator[Refusal]:
    launch = evaluate({**template, "Rules": {}}, {}, allow_missing=True)
    elsewhere = f" {ELSEWHERE[option.edition]}" if option.edition in ELSEWHERE else ""
    for rule in RULES.values():
        if rule.id.startswith("M"):
            for _, message in rule.find(launch, EMPTY_CONTRACT):
                yield Refusal(rule.id, f"Edition {option.edition}: {message}{elsewhere}")
    yield from _parameter(listing, option, launch)
    yield from _instance_types(listing, option, launch)


def _parameter(listing: Listing, option: DeliveryOption, launch: Launch) -> Iterator[Refusal]:
    if not declaration(launch, listing.parameter):
        yield Refusal(
            "M04", f"Edition {option.edition} has no parameter {listing.parameter}, which is to take the AMI."
        )
        return
    for name in launch.of_type(*LAUNCHED):
        launched = launch.properties(name)
        for key in LAUNCHED[launch.type_of(name)]:
            launched = dict_or_empty(launched.get(key))
        if "ImageId" in launched and parameter_behind(launch, launched["ImageId"]) != listing.parameter:
            yield Refusal("M04", f"Edition {option.edition}: the ImageId of {name} is not {listing.parameter}.")


def _instance_types(listing: Listing, option: DeliveryOption, launch: Launch) -> Iterator[Refusal]:
    recommended = option.instance_type
    if not RECOMMENDABLE.fullmatch(recommended):
        yield Refusal("M28", f"{recommended} can't be recommended: AWS Marketplace takes types such as m5.large there.")
    for machine in instances(launch):
        parameter = parameter_behind(launch, machine.settings.get("InstanceType"))
        allowed = [as_text(each) for each in as_list(declaration(launch, parameter).get("AllowedValues"))]
        if not allowed:
            yield Refusal("M28", f"Edition {option.edition} does not say which instance types {machine.name} may have.")
            continue
        if recommended not in allowed:
            yield Refusal("M28", f"Edition {option.edition} does not offer {recommended}, which is to be recommended.")
        others = [each for each in allowed if each not in listing.instance_types]
        if others:
            named = ", ".join(others)
            yield Refusal("M28", f"Edition {option.edition} offers {named}, not among instance_types of the listing.")
