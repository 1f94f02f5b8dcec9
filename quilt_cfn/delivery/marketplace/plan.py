"""The plan of a submission: released files, listing, changelog and AMI become one value, without asking anybody.

The rule: the same checkout gives the same bytes, and whatever can be refused is refused here, all of it at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from quilt_cfn.cloudformation.template.read import parse_template
from quilt_cfn.delivery.marketplace.notes import release_notes
from quilt_cfn.delivery.marketplace.refusals import Draft, Refusal, refusals
from quilt_cfn.delivery.marketplace.submission import Submission
from quilt_cfn.delivery.marketplace.usage import usage_instructions
from quilt_cfn.delivery.publish.stores.locations import bucket_and_prefix, object_url
from quilt_cfn.delivery.release.artifact import PRODUCT, RELEASES, read_artifact
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.listing import LISTING, DeliveryOption, Listing, read_listing
from quilt_cfn.inputs.release import IN_CHECKOUT, read_release

CHANGELOG = Path("CHANGELOG.md")
NEXT = "Mend what is listed and run the command again; nothing was sent."


def plan_submission(root: Path) -> Submission:
    """What the checkout at ``root`` submits; raises ``UserError`` that lists everything in its way."""
    made = draft(root)
    found = refusals(made)
    if found:
        raise refused(made.version, found)
    return Submission(made.listing.product or "", made.version, made.details, dict(made.released))


def draft(root: Path) -> Draft:
    """What the checkout would submit, complete or not; raises ``UserError`` for files that can't be read."""
    listing = read_listing(root / LISTING)
    release = read_release(root / IN_CHECKOUT)
    artifact = read_artifact(root / RELEASES / release.version)
    files = {edition: formats["yaml"] for edition, formats in artifact.manifest.editions.items()}
    templates = {edition: parse_template(artifact.contents[name], name).data for edition, name in files.items()}
    diagram = artifact.manifest.diagram
    url = {name: published_url(listing, f"{PRODUCT}/{release.version}/{name}") for name in artifact.contents}
    source = {
        "AmiId": release.ami_id or "",
        "AccessRoleArn": listing.access_role or "",
        "UserName": listing.user_name,
        "OperatingSystemName": listing.operating_system,
        "OperatingSystemVersion": listing.operating_system_version,
    }
    details = {
        "Version": {"VersionTitle": release.version, "ReleaseNotes": _notes(root, release.version, listing)},
        "DeliveryOptions": [
            _delivery_option(
                option,
                usage=usage_instructions(templates[option.edition]) if option.edition in templates else "",
                template=url.get(files.get(option.edition, ""), ""),
                diagram=url.get(diagram or "", ""),
                source={"ParameterName": listing.parameter, "AmiSource": source},
            )
            for option in listing.delivery_options
        ],
    }
    editions = [option.edition for option in listing.delivery_options if option.edition in files]
    return Draft(
        listing=listing,
        version=release.version,
        ami=release.ami_id,
        details=details,
        templates=templates,
        released={url[files[edition]]: artifact.contents[files[edition]] for edition in editions},
        diagram=artifact.contents[diagram] if diagram else None,
    )


def published_url(listing: Listing, path: str) -> str:
    """The https URL of a published file; empty as long as the listing does not say where versions are published."""
    if not listing.published or not listing.region:
        return ""
    bucket, prefix = bucket_and_prefix(listing.published)
    return object_url(bucket, listing.region, f"{prefix}/{path}" if prefix else path)


def refused(version: str, found: Iterable[Refusal]) -> UserError:
    """What is told about a version that AWS Marketplace would refuse: everything that is in the way, a line each."""
    lines = "".join(f"\n  {refusal}" for refusal in found)
    return UserError(f"Release {version} can't be submitted to AWS Marketplace:{lines}", NEXT)


def as_json(submission: Submission) -> str:
    """The request as the AWS CLI takes it: aws marketplace-catalog start-change-set --cli-input-json file://plan.json.

    It is the rehearsal, ``Intent=VALIDATE``, and locks no revision, because that is known only when it is sent.
    """
    return json.dumps(submission.request("VALIDATE", ""), indent=2) + "\n"


def _notes(root: Path, version: str, listing: Listing) -> str:
    """The release notes; empty if there is nothing to make them of."""
    try:
        changelog = (root / CHANGELOG).read_text(encoding="utf-8")
    except OSError:
        return ""
    except UnicodeDecodeError as error:
        raise UserError(f"{root / CHANGELOG} is not UTF-8.", "Save it as UTF-8.") from error
    return release_notes(changelog, version, listing.parameter) or ""


def _delivery_option(
    option: DeliveryOption, usage: str, template: str, diagram: str, source: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "DeliveryOptionTitle": option.title,
        "Details": {
            "DeploymentTemplateDeliveryOptionDetails": {
                "ShortDescription": option.short_description,
                "LongDescription": option.long_description,
                "UsageInstructions": usage,
                "RecommendedInstanceType": option.instance_type,
                "ArchitectureDiagram": diagram,
                "Template": template,
                "TemplateSources": [source],
            }
        },
    }
