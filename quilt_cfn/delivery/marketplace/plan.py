"""Plans a submission: makes one value of the released files, the listing, the changelog and the AMI's ID.

Nothing is read but the checkout, so the same checkout gives the same bytes. What AWS Marketplace would refuse is
reported here, all of it at once, before anything is sent.
"""

from __future__ import annotations

import json
from pathlib import Path

from quilt_cfn.cloudformation.template.read import parse_template
from quilt_cfn.delivery.marketplace.image_parameter import image_parameter
from quilt_cfn.delivery.marketplace.notes import release_notes
from quilt_cfn.delivery.marketplace.refusals import Draft, refusals
from quilt_cfn.delivery.marketplace.submission import Submission
from quilt_cfn.delivery.marketplace.usage import usage_instructions
from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish.stores.locations import bucket_and_prefix, object_url
from quilt_cfn.delivery.release.artifact import (
    read_released,
)
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.changelog import read_changelog
from quilt_cfn.inputs.listing import LISTING, Listing, read_listing
from quilt_cfn.inputs.release import IN_CHECKOUT, read_release


def plan_submission(root: Path) -> Submission:
    """What the checkout at ``root`` submits; raises ``UserError`` with a line for each thing that would be refused."""
    draft = make_draft(root)
    found = refusals(draft)
    if found:
        lines = "".join(f"\n  {finding}" for finding in dict.fromkeys(found))
        raise UserError(
            f"Release {draft.version} can't be submitted to AWS Marketplace:{lines}",
            "Fix what is listed and run the command again; nothing was sent. quilt-cfn check --explain ID explains "
            "each.",
        )
    return Submission(draft.listing.product or "", draft.version, draft.details, dict(draft.released))


def make_draft(root: Path) -> Draft:
    """What the checkout would submit, complete or not; raises ``UserError`` for files that can't be read."""
    listing = read_listing(root / LISTING)
    release = read_release(root / IN_CHECKOUT)
    artifact = read_released(root, release.version)
    files = {edition: formats["yaml"] for edition, formats in artifact.manifest.editions.items()}
    templates = {edition: parse_template(artifact.contents[name], name) for edition, name in files.items()}
    parameters = {edition: image_parameter(template) or "" for edition, template in templates.items()}
    diagram = artifact.manifest.diagram
    url = {name: published_url(listing, f"{PRODUCT}/{release.version}/{name}") for name in artifact.contents}
    source = {
        "AmiId": release.ami_id or "",
        "AccessRoleArn": listing.access_role or "",
        "UserName": listing.user_name,
        "OperatingSystemName": listing.operating_system,
        "OperatingSystemVersion": listing.operating_system_version,
    }
    options = []
    for option in listing.delivery_options:
        template = templates.get(option.edition)
        details = {
            "ShortDescription": option.short_description,
            "LongDescription": option.long_description,
            "UsageInstructions": usage_instructions(template.data) if template else "",
            "RecommendedInstanceType": option.instance_type,
            "ArchitectureDiagram": url.get(diagram or "", ""),
            "Template": url.get(files.get(option.edition, ""), ""),
            "TemplateSources": [{"ParameterName": parameters.get(option.edition, ""), "AmiSource": source}],
        }
        wrapped = {"DeploymentTemplateDeliveryOptionDetails": details}
        options.append({"DeliveryOptionTitle": option.title, "Details": wrapped})
    editions = [option.edition for option in listing.delivery_options if option.edition in files]
    parameter = next((parameters[edition] for edition in editions), "")  # the same for all, or M04 refuses them
    version = {
        "VersionTitle": release.version,
        "ReleaseNotes": release_notes(read_changelog(root), release.version, parameter),
    }
    return Draft(
        listing=listing,
        version=release.version,
        ami=release.ami_id,
        details={"Version": version, "DeliveryOptions": options},
        templates=templates,
        released={url[files[edition]]: artifact.contents[files[edition]] for edition in editions},
        diagram=artifact.contents[diagram] if diagram else None,
    )


def published_url(listing: Listing, path: str) -> str:
    """The https URL of a published file; empty as long as the listing does not say where releases are published."""
    if not listing.published or not listing.region:
        return ""
    bucket, prefix = bucket_and_prefix(listing.published)
    return object_url(bucket, listing.region, f"{prefix}/{path}" if prefix else path)


def as_json(submission: Submission) -> str:
    """The request as the AWS CLI takes it: aws marketplace-catalog start-change-set --cli-input-json file://plan.json.

    It only validates (``Intent=VALIDATE``), and names no revision of the product, which is read when a request is sent.
    """
    return json.dumps(submission.request("VALIDATE", ""), indent=2) + "\n"
