"""The products that are made from one composition.

The rule: an edition is a small value that says in which way the products differ. It has no code of its own, and a
module asks it only the question that the module is about.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Signer(enum.Enum):
    """Whose credentials sign the URLs with which clients read and write packages."""

    USER = "an IAM user with an access key; its URLs live as long as the key"
    ROLE = "the instance's role; its URLs live as long as a session, six hours at most"


class Edition(NamedTuple):
    """One of the products: ``name`` on the command line, ``file`` among the templates, and what sets it apart."""

    name: str
    file: str
    title: str
    signer: Signer


REGISTRY = Edition(
    name="registry",
    file="quilt-registry.yaml",
    title="a private registry and web catalog for data packages, on one EC2 instance",
    signer=Signer.USER,
)
MARKETPLACE = Edition(
    name="marketplace",
    file="quilt-registry-marketplace.yaml",
    title="a private registry and web catalog for data packages, on one EC2 instance, as sold in AWS Marketplace",
    signer=Signer.ROLE,
)
EDITIONS = {edition.name: edition for edition in (REGISTRY, MARKETPLACE)}
