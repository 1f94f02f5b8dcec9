"""The listing is read field by field, and a wrong field is named with what it should be."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from quilt_cfn.editions import MARKETPLACE
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.listing import Listing, read_listing
from tests.delivery.marketplace.checkouts import TOP, VENDOR, listing_document, put, write

DOCUMENT = listing_document()


def read(folder: Path, field: str = "", value: Any = None) -> Listing:
    """The complete listing with another value of a field."""
    document = copy.deepcopy(DOCUMENT)
    if field:
        put(document, field, value)
    write(folder / "listing.yaml", document)
    return read_listing(folder / "listing.yaml")


def test_what_only_the_vendor_knows_is_not_made_up():
    listing = read_listing(TOP / "marketplace/listing.yaml")
    assert (listing.product, listing.published, listing.region, listing.access_role) == (None,) * 4


def test_a_complete_listing_is_read_as_it_is_written(tmp_path):
    listing = read(tmp_path)
    assert listing.product == VENDOR["product"]
    assert listing.access_role == VENDOR["ami.access_role"]
    assert (listing.user_name, listing.operating_system) == ("ec2-user", "AMAZONLINUX")
    assert listing.diagram == (1100, 700)
    (option,) = listing.delivery_options
    assert (option.edition, option.instance_type) == (MARKETPLACE.name, "t3.small")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("product", "our product"),
        ("product", "prod-x@7"),
        ("published", "https://example.com/quilt"),
        ("published", "s3://example.artifacts/quilt"),
        ("published", "s3://example/a//b"),
        ("region", "Frankfurt"),
        ("region", "cn-north-1"),
        ("ami.access_role", "AwsMarketplaceAmiIngestion"),
        ("ami.access_role", "arn:aws:iam::111122223333:user/somebody"),
        ("ami.user_name", None),
        ("ami.operating_system", ""),
        ("instance_types", []),
        ("instance_types", ["t3"]),
        ("diagram", "1100"),
        ("diagram", "0 x 700"),
        ("delivery_options", []),
        ("delivery_options", ["option"]),
    ],
)
def test_a_wrong_field_is_named_with_what_it_should_be(tmp_path, field, value):
    with pytest.raises(UserError) as raised:
        read(tmp_path, field, value)
    assert field in raised.value.what
    assert raised.value.next_step.startswith("It should be ")


@pytest.mark.parametrize("field", ["edition", "title", "short_description", "long_description", "instance_type"])
def test_each_delivery_option_has_all_its_texts(tmp_path, field):
    with pytest.raises(UserError, match=f"has no delivery_options 1: {field}"):
        read(tmp_path, f"delivery_options.0.{field}", None)


def test_an_unknown_field_is_named_with_what_was_meant(tmp_path):
    with pytest.raises(UserError, match=r"unknown field: ami\.access_rol\. Did you mean ami\.access_role\?"):
        read(tmp_path, "ami.access_rol", "x")
    with pytest.raises(UserError, match=r"1: short_descripton\. Did you mean short_description\?"):
        read(tmp_path, "delivery_options.0.short_descripton", "x")
