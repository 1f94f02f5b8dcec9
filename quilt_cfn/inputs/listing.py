"""Reads listing.yaml: what the vendor decided about the product in AWS Marketplace.

What only the vendor knows is None until the vendor writes it down; ``quilt-cfn marketplace`` reports what is missing,
and checks the texts together with all others that are submitted.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.fields import Fields, read_fields

LISTING = Path("marketplace/listing.yaml")
"""Where the listing of a checkout is, seen from its top folder."""

_EDITION = re.compile(r"[a-z]+")
_SIZE = re.compile(r"([1-9][0-9]{1,4}) ?x ?([1-9][0-9]{1,4})")
# Products of before 2021 have a UUID for an identifier, all others prod- and 13 characters.
_PRODUCT = re.compile(r"prod-[a-z0-9]{10,20}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A dot in a bucket's name is not covered by the certificate of S3's host names.
_PUBLISHED = re.compile(r"s3://[a-z0-9][a-z0-9-]{1,61}[a-z0-9](/[A-Za-z0-9][A-Za-z0-9_.-]*)*/?")
_REGION = re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-[0-9]")
_ROLE = re.compile(r"arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}")
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")


class DeliveryOption(NamedTuple):
    """A way to launch the product that buyers can choose: the template of an edition, and its texts."""

    edition: str
    title: str
    short_description: str
    long_description: str
    instance_type: str
    """The recommended one."""


class Listing(NamedTuple):
    """The product in AWS Marketplace; a field is None if the vendor has not supplied it yet."""

    product: str | None
    """Entity identifier."""
    published: str | None
    """Where releases are published: s3://bucket/prefix."""
    region: str | None
    """The Region of that bucket."""
    access_role: str | None
    """ARN of the role with which AWS Marketplace copies the AMI."""
    user_name: str
    operating_system: str
    operating_system_version: str
    instance_types: tuple[str, ...]
    """Those that are enabled for the product."""
    diagram: tuple[int, int]
    """Width and height of the architecture diagram in pixels."""
    delivery_options: tuple[DeliveryOption, ...]


def read_listing(path: Path = LISTING) -> Listing:
    """The listing in a YAML file; raises ``UserError`` that names the field and what it should be."""
    fields = read_fields(path, "listing")
    listing = Listing(
        product=fields.optional("product", "the product's identifier in AWS Marketplace, prod-…", _PRODUCT),
        published=fields.optional("published", "s3://bucket/prefix, without a dot in the bucket's name", _PUBLISHED),
        region=fields.optional("region", "the Region of the bucket, such as us-east-1", _REGION),
        access_role=fields.optional("ami.access_role", "the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME", _ROLE),
        user_name=fields.string("ami.user_name", "the user to log in as, such as ec2-user"),
        operating_system=fields.string("ami.operating_system", "a name such as AMAZONLINUX"),
        operating_system_version=fields.string(
            "ami.operating_system_version", "what buyers see, such as Amazon Linux 2023"
        ),
        instance_types=fields.strings("instance_types", "an EC2 instance type such as t3.small", _INSTANCE_TYPE),
        diagram=_size(fields.string("diagram", "width x height in pixels, such as 1100 x 700", _SIZE)),
        delivery_options=tuple(map(_option, fields.entries("delivery_options", "with an edition and its texts"))),
    )
    fields.refuse_others()
    return listing


def _option(fields: Fields) -> DeliveryOption:
    return DeliveryOption(
        edition=fields.string("edition", f"the name of an edition: {' or '.join(EDITIONS)}", _EDITION),
        title=fields.string("title", "the name of this way to launch the product"),
        short_description=fields.string("short_description", "a sentence about it"),
        long_description=fields.string("long_description", "what a buyer wants to know before launching it"),
        instance_type=fields.string("instance_type", "the EC2 instance type to recommend", _INSTANCE_TYPE),
    )


def _size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)
