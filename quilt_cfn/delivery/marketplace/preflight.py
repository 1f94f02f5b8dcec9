"""Checks before a submission: which product the checkout belongs to, and whether its version is published.

What AWS Marketplace will download is read as AWS Marketplace reads it, without credentials.
"""

from __future__ import annotations

from pathlib import Path

from quilt_cfn.delivery.publish.plan import version_key
from quilt_cfn.delivery.publish.publish import READERS
from quilt_cfn.delivery.publish.readers import Readers
from quilt_cfn.delivery.publish.stores.locations import bucket_and_prefix
from quilt_cfn.delivery.publish.verify import verify
from quilt_cfn.delivery.release.artifact import LARGEST_MANIFEST, MANIFEST, read_released
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.listing import LISTING, read_listing
from quilt_cfn.inputs.release import IN_CHECKOUT, read_release


def product(root: Path) -> str:
    """The identifier of the listing's product; raises ``UserError`` if the listing has none."""
    identifier = read_listing(root / LISTING).product
    if identifier is None:
        raise UserError(f"{LISTING} has no product.", "Add the AMI product's ID, prod-…, or name an ID after status.")
    return identifier


def verify_published(root: Path) -> None:
    """Raises ``UserError`` unless everybody can read, where the listing says, exactly what was released.

    The listing has to be complete, as ``plan_submission`` requires.
    """
    from quilt_cfn.delivery.publish.stores.s3 import open_public  # late: imports boto3, 0.2 s

    listing = read_listing(root / LISTING)
    version = read_release(root / IN_CHECKOUT).version
    store = open_public(*bucket_and_prefix(listing.published or ""), listing.region or "")
    if store.digest(version_key(version, MANIFEST), LARGEST_MANIFEST) is None:
        raise UserError(
            f"{version} is not published at {listing.published}, or not everybody can read it there.",
            f"Run quilt-cfn publish {listing.published}, and the same with --check-bucket.",
        )
    with Readers(READERS) as requests:
        verification = verify(store, version, None, requests)
    findings = [*map(str, verification.findings)]
    if verification.manifest is None or verification.manifest.content != read_released(root, version).manifest.content:
        findings.append("Its manifest is not the one in this checkout.")
    if findings:
        lines = "".join(f"\n  {finding}" for finding in findings)
        raise UserError(
            f"{version} at {listing.published} is not what was released:{lines}",
            f"Run quilt-cfn verify --version {version} {listing.published}, which checks what everybody can read.",
        )
