"""What buyers get from AWS Marketplace, compared with what was released.

Everything is compared but the declaration of the AMI's parameter, which AWS Marketplace writes anew in its copy of a
template. ``explanations`` explains the ids of the findings.

AWS publishes what the entity of an AMI product looks like as types
(https://github.com/awslabs/aws-marketplace-catalog-api-shapes-for-python, amiproduct_1_0_entitytype) and as an example
(https://github.com/aws-samples/aws-marketplace-api-samples, catalog-api/products/ami/describe-entity):

    Versions[]              Id, VersionTitle, ReleaseNotes, UpgradeInstructions, CreationDate
      Sources[]             Id, Type, and for CloudFormationTemplate: Template (the URL of AWS Marketplace's copy),
                            NestedDocuments, ConsumedSources, ArchitectureDiagram
      DeliveryOptions[]     Id, Type, SourceId, Title, ShortDescription, LongDescription, Visibility,
                            Instructions.Usage, Recommendations.InstanceType

All of it is optional. A text that the entity does not have is not compared; an option without a copy is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import Any

from quilt_cfn.cloudformation.facts.quotas import TEMPLATE_AT_A_URL
from quilt_cfn.cloudformation.template.coerce import map_at
from quilt_cfn.cloudformation.template.read import ParsedTemplate, parse_template
from quilt_cfn.cloudformation.template.walk import Path
from quilt_cfn.delivery.marketplace.catalog import Catalog
from quilt_cfn.delivery.marketplace.submission import Submission
from quilt_cfn.delivery.progress import waiting_for
from quilt_cfn.delivery.publish.readers import Readers, deadline
from quilt_cfn.errors import UserError
from quilt_cfn.finding import QUILT_CFN, Finding, Severity
from quilt_cfn.text import printable, shown

TEMPLATE = "CloudFormationTemplate"
"""The type of a source that is a template."""

Fetch = Callable[[str], bytes]
"""Takes a URL and returns what is there; raises ``UserError``."""

SECONDS = 120
"""How long a web server may take to send a template."""
_LONGEST = 80
"""Characters of a value that are shown."""
_TEXTS = {
    "ShortDescription": ("ShortDescription",),
    "LongDescription": ("LongDescription",),
    "UsageInstructions": ("Instructions", "Usage"),
    "RecommendedInstanceType": ("Recommendations", "InstanceType"),
}
"""Field of a submitted delivery option -> where the entity has it."""


def fetch(url: str, seconds: float = SECONDS) -> bytes:
    """What a web server has at an https URL, at most as much as a template may have; raises ``UserError``.

    It has so many seconds to send it.
    """
    from quilt_cfn.delivery.publish.stores.https import Web

    named = shown(url, 2000)
    if not url.startswith("https://"):
        raise UserError(f"{named} is not an https URL, and nothing else is read.", "Ask AWS Marketplace what it is.")
    folder, _, name = url.rpartition("/")
    with waiting_for(f"Reading {named}"), Readers(1) as reader:
        end = deadline(named, seconds, "Open it in a browser, or try again later.")
        stored = end.result(reader.submit(Web(folder).read, name, TEMPLATE_AT_A_URL))
    if stored is None:
        raise UserError(
            f"Nothing can be read at {named}.", "Open it in a browser; AWS Marketplace's copies are public."
        )
    return stored.content


def drift(catalog: Catalog, submission: Submission, fetch: Fetch = fetch) -> list[Finding]:
    """How the version that buyers get differs from what was released; empty if it does not.

    Raises ``UserError`` when the product, or a copy of a template that it names, can't be read.
    """
    with waiting_for(f"Reading the product {submission.product}"):
        entity = catalog.entity(submission.product)
    version = find_version(entity.document, submission.title)
    if version is None:
        message = f"There is no version “{submission.title}”: it was not submitted, or its change set has not ended."
        return [_finding("D01", "error", submission.product, message)]
    return [*text_differences(version, submission), *_templates(version, submission, fetch)]


def versions(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The versions in the document of a product."""
    return _maps(document.get("Versions"))


def find_version(document: Mapping[str, Any], title: str) -> Mapping[str, Any] | None:
    """The version of this title in the document of a product."""
    return next((each for each in versions(document) if each.get("VersionTitle") == title), None)


def text_differences(version: Mapping[str, Any], submission: Submission) -> list[Finding]:
    """How the texts and the delivery options of a version in AWS Marketplace differ from those that were submitted."""
    product, released = submission.product, submission.details["Version"]
    found = [*_text(product, "ReleaseNotes", version.get("ReleaseNotes"), released.get("ReleaseNotes"))]
    options = _options(version)
    for title, submitted in _submitted(submission).items():
        option = options.pop(title, None)
        if option is None:
            message = f"There is no delivery option “{title}”, which was released."
            found.append(_finding("D03", "error", product, message))
            continue
        for field, path in _TEXTS.items():
            found += _text(product, f"“{title}”, {field}", _at(option, path), submitted.get(field))
    for title in options:
        message = f"There is a delivery option “{shown(title)}”, which was not released."
        found.append(_finding("D03", "error", product, message))
    return found


def _finding(rule: str, severity: Severity, file: object, message: str, line: int = 0, path: Path = ()) -> Finding:
    resource = str(path[1]) if len(path) > 1 else ""
    return Finding(str(file), line, QUILT_CFN, rule, severity, resource, message, path=path)


def _templates(version: Mapping[str, Any], submission: Submission, fetch: Fetch) -> Iterator[Finding]:
    """How AWS Marketplace's copies differ from the released templates, option by option."""
    sources = {str(each.get("Id")): each for each in _maps(version.get("Sources")) if each.get("Type") == TEMPLATE}
    options = _options(version)
    for title, submitted in _submitted(submission).items():
        if title not in options:
            continue  # text_differences reports that
        copy = sources.get(str(options[title].get("SourceId")), {}).get("Template")
        if not isinstance(copy, str) or not copy:
            message = f"AWS Marketplace names no copy of the template of the delivery option “{title}”."
            yield _finding("D04", "warning", submission.product, message)
            continue
        url = submitted["Template"]
        theirs = _parse(fetch(copy), copy)
        ours = _parse(submission.templates[url], url.rpartition("/")[2])
        rewritten = {source["ParameterName"] for source in submitted["TemplateSources"]}
        for path, message in differences(_without(theirs.data, rewritten), _without(ours.data, rewritten)):
            place = shown(".".join(map(str, path[2:] if len(path) > 1 else path)))
            message = f"{place}: {message}" if place else message
            yield _finding("D05", "error", ours.file, message, ours.line(path), path)
        for name in sorted(rewritten - set(map_at(theirs.data, "Parameters"))):
            path = ("Parameters", name)
            message = "AWS Marketplace's copy does not declare this parameter, which is the AMI's."
            yield _finding("D06", "error", ours.file, message, ours.line(path), path)


def differences(theirs: Any, ours: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Each place where two templates differ, and a sentence about it. Scalars are compared as JSON writes them."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            if key not in theirs:
                yield (*path, key), f"AWS Marketplace has nothing, the release has {_shown(ours[key])}."
            elif key not in ours:
                yield (*path, key), f"AWS Marketplace has {_shown(theirs[key])}, the release has nothing."
            else:
                yield from differences(theirs[key], ours[key], (*path, key))
    elif isinstance(theirs, list) and isinstance(ours, list):
        for number, (their, our) in enumerate(zip(theirs, ours, strict=False)):
            yield from differences(their, our, (*path, number))
        if len(theirs) != len(ours):
            yield path, f"AWS Marketplace has {len(theirs)} entries, the release has {len(ours)}."
    elif json.dumps(theirs) != json.dumps(ours):  # 1 and True are equal in Python, and two values of a property
        yield path, _both(theirs, ours)


def _parse(content: bytes, name: str) -> ParsedTemplate:
    """A template; raises ``UserError`` that begins with ``name``."""
    try:
        return parse_template(content, printable(name))
    except UserError as error:
        raise UserError(error.what, "Look at what is there in a browser.") from None


def _without(template: Mapping[str, Any], parameters: set[str]) -> dict[str, Any]:
    """A template without the declarations of these parameters; what refers to them stays."""
    declared = map_at(template, "Parameters")
    rest = {name: each for name, each in declared.items() if name not in parameters}
    return {**template, "Parameters": rest} if declared else dict(template)


def _submitted(submission: Submission) -> dict[str, dict[str, Any]]:
    """Title -> what was submitted, for each delivery option."""
    return {
        option["DeliveryOptionTitle"]: option["Details"]["DeploymentTemplateDeliveryOptionDetails"]
        for option in submission.details["DeliveryOptions"]
    }


def _options(version: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Title -> delivery option of a version in AWS Marketplace."""
    return {str(each.get("Title", "")): each for each in _maps(version.get("DeliveryOptions"))}


def _text(product: str, place: str, theirs: Any, ours: Any) -> Iterator[Finding]:
    """A finding if two texts differ in more than white space; none if one of them is missing."""
    if theirs is not None and ours is not None and str(theirs).split() != str(ours).split():
        yield _finding("D02", "warning", product, f"{place}: {_both(theirs, ours)}")


def _both(theirs: Any, ours: Any) -> str:
    """A sentence with two values that differ; long texts are shown from where they begin to differ."""
    if isinstance(theirs, str) and isinstance(ours, str):
        alike = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(theirs, ours, strict=False))))
        start = max(0, alike - 20)
        theirs, ours = (f"…{text[start:]}" if start else text for text in (theirs, ours))
    return f"AWS Marketplace has {_shown(theirs)}, the release has {_shown(ours)}."


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _maps(value: Any) -> list[Mapping[str, Any]]:
    """The maps in a list; empty for anything else, because AWS does not promise the shape of an entity's document."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
