"""What a version submits to AWS Marketplace, as a value that depends on nothing but the release and the listing.

What differs from run to run, such as the revision of the product, is an argument of the request, and no part of the
name and the token by which one submission is told from another.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

NAME = "Quilt Teams Registry"


class Submission(NamedTuple):
    """A version as it is submitted to AWS Marketplace."""

    product: str
    """Entity identifier of the AMI product, prod-…"""
    version: str
    """Of the release."""
    details: dict[str, Any]
    """The DetailsDocument of AddDeliveryOptions: Version and DeliveryOptions."""
    templates: dict[str, bytes]
    """URL of each delivery option's template -> its released bytes."""

    @property
    def title(self) -> str:
        """What buyers see as the name of the version; unique among the product's versions."""
        title: str = self.details["Version"]["VersionTitle"]
        return title

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the product and the details, as 64 hexadecimal digits. The details have the templates' URLs, and
        what is at the URL of a version never changes."""
        return _sha256({"Product": self.product, "Details": self.details})

    @property
    def name(self) -> str:
        """The beginning of its change sets' names: readable, and another one for any other content."""
        return f"{NAME} {self.version} {self.fingerprint[:12]}"

    def change_set_name(self, intent: str) -> str:
        """The name of the change sets with this content and intent."""
        return f"{self.name} {intent.lower()}"

    def request(self, intent: str, revision: str, retry_of: str = "") -> dict[str, Any]:
        """The arguments of StartChangeSet.

        ``intent`` is VALIDATE or APPLY. ``revision`` is that of the product's entity, or empty: AWS refuses the request
        if the product has another revision by then. ``retry_of`` is the ID of the last change set of the same name if
        that failed. The token depends on the content and on ``retry_of``, but not on the revision: AWS answers a
        repeated request with the change set that it has, and a retry after a failure starts a new one.
        https://docs.aws.amazon.com/marketplace/latest/APIReference/API_StartChangeSet.html
        """
        change = {
            "ChangeType": "AddDeliveryOptions",
            "Entity": {"Type": "AmiProduct@1.0", "Identifier": self.product},
            "DetailsDocument": self.details,
        }
        content = {
            "Catalog": "AWSMarketplace",
            "ChangeSet": [change],
            "ChangeSetName": self.change_set_name(intent),
            "Intent": intent,
        }
        identifier = f"{self.product}@{revision}" if revision else self.product
        locked = {**change, "Entity": {"Type": "AmiProduct@1.0", "Identifier": identifier}}
        return {**content, "ChangeSet": [locked], "ClientRequestToken": _sha256({**content, "RetryOf": retry_of})}


def _sha256(value: Any) -> str:
    """SHA-256 of a value as canonical JSON (https://www.rfc-editor.org/rfc/rfc8785 for ASCII strings)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
