"""The editions and every other template that ``quilt-cfn build`` writes: the only place that spells their names and
files.

An edition is a small value that says in which way the products differ. It has no code of its own, and a module asks it
only the question that the module is about.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

LARGEST_TEMPLATE = 200_000
"""Bytes of a template that we build. CloudFormation takes 1 MB from S3; more than this nobody reads any more."""


class Signer(enum.Enum):
    """Whose credentials sign the URLs with which clients read and write packages."""

    USER = "an IAM user with an access key; its URLs live as long as the key"
    ROLE = "the instance's role; its URLs live as long as a session, six hours at most"


class MachineImage(enum.Enum):
    """What an edition's instances are launched from."""

    AMAZON_LINUX = "the newest Amazon Linux 2023, by AWS's public parameter; the boot downloads what that lacks"
    BAKED = "the release's own image, which the image factory bakes; the boot downloads nothing"


class Edition(NamedTuple):
    """One of the products: ``name`` on the command line, ``file`` among the templates, and what sets it apart."""

    name: str
    file: str
    title: str
    signer: Signer
    machine_image: MachineImage
    outside_marketplace: str | None
    """How customers get it where AWS Marketplace does not carry it: a sentence."""


class OtherTemplate(NamedTuple):
    """A template that is no edition: customers never launch it."""

    name: str
    file: str
    title: str


REGISTRY = Edition(
    name="registry",
    file="quilt-registry.yaml",
    title="a private registry and web catalog for data packages, on one EC2 instance",
    signer=Signer.USER,
    machine_image=MachineImage.AMAZON_LINUX,
    outside_marketplace="It is launched from its own S3 URL.",
)
MARKETPLACE = Edition(
    name="marketplace",
    file="quilt-registry-marketplace.yaml",
    title="a private registry and web catalog for data packages, on one EC2 instance, as sold in AWS Marketplace",
    signer=Signer.ROLE,
    machine_image=MachineImage.BAKED,
    outside_marketplace=None,
)
IMAGE_FACTORY = OtherTemplate(
    name="image-factory",
    file="quilt-image-factory.yaml",
    title="the image factory, which bakes the machine image of the marketplace edition",
)
EDITIONS = {edition.name: edition for edition in (REGISTRY, MARKETPLACE)}

TEMPLATE_FILES = {**{name: edition.file for name, edition in EDITIONS.items()}, IMAGE_FACTORY.name: IMAGE_FACTORY.file}
"""Name on the command line -> file in templates/. ``quilt_cfn.stack.BUILDERS`` has what builds it."""


def nearest(name: str) -> str:
    """What to say about a name that no template has: the next step of an error."""
    import difflib  # late: only for a mistake

    near = difflib.get_close_matches(name, TEMPLATE_FILES, n=1)
    guess = f"Did you mean {near[0]}? " if near else ""
    *others, last = TEMPLATE_FILES
    return f"{guess}The names are {', '.join(others)} and {last}."
