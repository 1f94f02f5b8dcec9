"""What a version submits to AWS Marketplace, as a value.

The rule: it is content, the same for every run. What differs from run to run, such as the revision of the product that
was read a moment ago, is an argument of the request and no part of what tells one submission from another.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

NAME = "Quilt Teams Registry"


class Submission(NamedTuple):
    """What a version submits to AWS Marketplace: content only, the same for every run."""

    product: str
    """Entity identifier of the AMI product, prod-…"""
    version: str
    """Of the release."""
    details: dict[str, Any]
    """The DetailsDocument of AddDeliveryOptions: Version and DeliveryOptions."""
    templates: dict[str, bytes]
    """URL of each delivery option's template -> the released bytes behind it."""

    @property
    def title(self) -> str:
        """What buyers see of the version; unique among the product's versions."""
        title: str = self.details["Version"]["VersionTitle"]
        return title

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits that stand for the product and the details. (The templates' URLs are in the details,
        and what is behind the URL of a version never changes.)"""
        return _digest({"Product": self.product, "Details": self.details})

    @property
    def name(self) -> str:
        """What the change sets of this content are called: readable, and never that of another content."""
        return f"{NAME} {self.version} {self.fingerprint[:12]}"

    def request(self, intent: str, revision: str, after: str = "") -> dict[str, Any]:
        """The arguments of StartChangeSet: ``intent`` is VALIDATE or APPLY, ``revision`` that of the product's entity.

        AWS refuses it when the product has another revision by then; without a revision nothing is locked. The token is
        that of the content: AWS answers a repeated call with the change set that it has. ``after`` is the ID of the
        last change set of the same name that failed: with it, a retry is a new attempt, while a repeated retry is not.
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
            "ChangeSetName": f"{self.name} {intent.lower()}",
            "Intent": intent,
        }
        identifier = f"{self.product}@{revision}" if revision else self.product
        locked = {**change, "Entity": {"Type": "AmiProduct@1.0", "Identifier": identifier}}
        return {**content, "ChangeSet": [locked], "ClientRequestToken": _digest({**content, "After": after})}


def _digest(value: Any) -> str:
    """SHA-256 of the one way to write a value as JSON (https://www.rfc-editor.org/rfc/rfc8785 for ASCII texts)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
