"""What buyers get from AWS Marketplace, compared with what was released.

The rule: everything is compared but the AMI parameter, which Marketplace rewrites for each Region; each difference is a
sentence that begins with its place.

What the entity of an AMI product looks like, AWS publishes as types
(https://github.com/awslabs/aws-marketplace-catalog-api-shapes-for-python, amiproduct_1_0_entitytype) and as an example
(https://github.com/aws-samples/aws-marketplace-api-samples, catalog-api/products/ami/describe-entity):

    Versions[]              Id, VersionTitle, ReleaseNotes, UpgradeInstructions, CreationDate
      Sources[]             Id, Type, and for CloudFormationTemplate: Template (the URL of Marketplace's own copy),
                            NestedDocuments, ConsumedSources, ArchitectureDiagram
      DeliveryOptions[]     Id, Type, SourceId, Title, ShortDescription, LongDescription, Visibility,
                            Instructions.Usage, Recommendations.InstanceType

A product's document need not have any of it, so what isn't there is not compared; but an option without a copy is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import Any

from quilt_cfn.cloudformation.facts.quotas import TEMPLATE_AT_A_URL
from quilt_cfn.cloudformation.template.read import parse_template
from quilt_cfn.delivery.marketplace.catalog import Catalog
from quilt_cfn.delivery.marketplace.submission import Submission
from quilt_cfn.errors import UserError

TEMPLATE = "CloudFormationTemplate"
"""The type of the source that is a template."""

Fetch = Callable[[str], bytes]
"""From a URL to what is there; raises ``UserError``."""

_LONGEST = 80
_TEXTS = {
    "ShortDescription": ("ShortDescription",),
    "LongDescription": ("LongDescription",),
    "UsageInstructions": ("Instructions", "Usage"),
    "RecommendedInstanceType": ("Recommendations", "InstanceType"),
}
"""What a delivery option is submitted with -> where the entity has it."""


def fetch(url: str) -> bytes:
    """What a web server has at an https URL, at most as much as a template may have; raises ``UserError``."""
    from quilt_cfn.delivery.publish.stores.https import Web

    if not url.startswith("https://"):
        raise UserError(f"{url} is not an https URL, and nothing else is read.", "Ask AWS Marketplace what it is.")
    folder, _, name = url.rpartition("/")
    stored = Web(folder).read(name)
    if stored is None:
        raise UserError(f"Nothing can be read at {url}.", "Open it in a browser; Marketplace's copies are public.")
    if len(stored.content) > TEMPLATE_AT_A_URL:
        raise UserError(f"What is at {url} is larger than a template may be.", "Open it in a browser.")
    return stored.content


def drift(catalog: Catalog, submission: Submission, fetch: Fetch = fetch) -> list[str]:
    """In what the version that buyers get differs from what was released: a sentence each; none when it doesn't.

    Raises ``UserError`` when the product, or a copy that it names, can't be read.
    """
    version = find_version(catalog.entity(submission.product).document, submission.title)
    if version is None:
        return [
            f"Versions: the product {submission.product} has no version “{submission.title}”; it was not submitted, or "
            "is not through yet."
        ]
    return [*texts(version, submission.details), *_templates(version, submission, fetch)]


def versions(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The versions in the document of a product."""
    return _maps(document.get("Versions"))


def find_version(document: Mapping[str, Any], title: str) -> Mapping[str, Any] | None:
    """The version of this title in the document of a product."""
    return next((each for each in versions(document) if each.get("VersionTitle") == title), None)


def texts(version: Mapping[str, Any], details: Mapping[str, Any]) -> list[str]:
    """In what a version's words and options differ from those that were submitted."""
    released = details["Version"]
    found = [*_text("ReleaseNotes", version.get("ReleaseNotes"), released.get("ReleaseNotes"))]
    options = _options(version)
    for title, submitted in _submitted(details).items():
        option = options.pop(title, None)
        if option is None:
            found.append(f"DeliveryOptions: Marketplace has no option “{title}”, which we released.")
            continue
        for name, path in _TEXTS.items():
            found += _text(f"DeliveryOptions.{title}.{name}", _at(option, path), submitted.get(name))
    found += [f"DeliveryOptions: Marketplace has an option “{title}”, which we didn't release." for title in options]
    return found


def _templates(version: Mapping[str, Any], submission: Submission, fetch: Fetch) -> Iterator[str]:
    """In what Marketplace's copies differ from the released templates, option by option."""
    sources = {str(each.get("Id")): each for each in _maps(version.get("Sources")) if each.get("Type") == TEMPLATE}
    options = _options(version)
    for title, submitted in _submitted(submission.details).items():
        if title not in options:
            continue  # which was told with the texts
        copy = sources.get(str(options[title].get("SourceId")), {}).get("Template")
        if not isinstance(copy, str) or not copy:
            yield f"DeliveryOptions.{title}: Marketplace names no copy of our template."
            continue
        theirs = _read(fetch(copy), copy)
        url = submitted["Template"]
        ours = _read(submission.templates[url], url)
        rewritten = {source["ParameterName"] for source in submitted["TemplateSources"]}
        for sentence in differences(_without(theirs, rewritten), _without(ours, rewritten)):
            yield f"{title}: {sentence}"
        for name in sorted(rewritten - set(_parameters(theirs))):
            yield f"{title}: Parameters.{name}: Marketplace has no such parameter, which is the AMI's."


def differences(theirs: Any, ours: Any, place: str = "") -> Iterator[str]:
    """A sentence for each place where two templates differ. Numbers, texts and booleans are what JSON says they are."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            inner = f"{place}.{key}" if place else str(key)
            if key not in theirs:
                yield f"{inner}: Marketplace has nothing, we released {_shown(ours[key])}."
            elif key not in ours:
                yield f"{inner}: Marketplace has {_shown(theirs[key])}, we released nothing."
            else:
                yield from differences(theirs[key], ours[key], inner)
    elif isinstance(theirs, list) and isinstance(ours, list):
        for number, (their, our) in enumerate(zip(theirs, ours, strict=False)):
            yield from differences(their, our, f"{place}.{number}")
        if len(theirs) != len(ours):
            yield f"{place}: Marketplace has {len(theirs)} entries, we released {len(ours)}."
    elif json.dumps(theirs) != json.dumps(ours):  # 1 and True are equal in Python, and two values of a property
        yield f"{place}: {_both(theirs, ours)}"


def _read(content: bytes, url: str) -> dict[str, Any]:
    """A template, or ``UserError`` that names its URL."""
    try:
        return parse_template(content, url).data
    except UserError as trouble:
        raise UserError(trouble.what, "Look at what is there in a browser.") from None


def _without(template: Mapping[str, Any], parameters: set[str]) -> dict[str, Any]:
    """A template without the declarations of these parameters; what refers to them stays."""
    rest = {name: each for name, each in _parameters(template).items() if name not in parameters}
    return {**template, "Parameters": rest} if _parameters(template) else dict(template)


def _parameters(template: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> declaration of the parameters of a template, which may be anybody's."""
    declared = template.get("Parameters")
    return declared if isinstance(declared, dict) else {}


def _submitted(details: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Title -> what was submitted, for each delivery option that is a template."""
    return {
        option["DeliveryOptionTitle"]: option["Details"]["DeploymentTemplateDeliveryOptionDetails"]
        for option in details["DeliveryOptions"]
    }


def _options(version: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Title -> delivery option of a version in Marketplace."""
    return {str(each.get("Title", "")): each for each in _maps(version.get("DeliveryOptions"))}


def _text(place: str, theirs: Any, ours: Any) -> Iterator[str]:
    """A difference between two texts but for their white space, if Marketplace tells its own."""
    if theirs is None or ours is None or str(theirs).split() == str(ours).split():
        return
    yield f"{place}: {_both(theirs, ours)}"


def _both(theirs: Any, ours: Any) -> str:
    """Two values that differ; of long texts what is around the place where they begin to."""
    if isinstance(theirs, str) and isinstance(ours, str):
        alike = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(theirs, ours, strict=False))))
        start = max(0, alike - 20)
        theirs, ours = (f"…{text[start:]}" if start else text for text in (theirs, ours))
    return f"Marketplace has {_shown(theirs)}, we released {_shown(ours)}."


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _maps(value: Any) -> list[Mapping[str, Any]]:
    """The maps in a list, and nothing else: nobody promised what an entity's document is."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
