"""The listing is read field by field, and says of a wrong one what it should be."""

from __future__ import annotations

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.errors import UserError
from quilt_cfn.inputs.listing import DeliveryOption, read_listing
from tests.delivery.marketplace.checkouts import TOP, VENDOR, listing_document, put, write

OURS = TOP / "marketplace/listing.yaml"
DOCUMENT = listing_document()


def read(tmp_path, document):
    write(tmp_path / "listing.yaml", document)
    return read_listing(tmp_path / "listing.yaml")


def changed(field, value):
    document = copy.deepcopy(DOCUMENT)
    put(document, field, value)
    return document


def test_the_vendors_inputs_are_nobodys_invention():
    listing = read_listing(OURS)
    assert (listing.product, listing.published, listing.region, listing.access_role) == (None,) * 4


def test_a_complete_listing_is_read_as_it_is_written(tmp_path):
    listing = read(tmp_path, DOCUMENT)
    assert listing.product == VENDOR["product"]
    assert listing.access_role == VENDOR["ami.access_role"]
    assert (listing.user_name, listing.operating_system) == ("ec2-user", "AMAZONLINUX")
    assert listing.diagram == (1100, 700)
    (option,) = listing.delivery_options
    assert isinstance(option, DeliveryOption)
    assert (option.edition, option.instance_type) == ("marketplace", "t3.small")


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
        ("ami.parameter", "Ami-Id"),
        ("ami.user_name", None),
        ("ami.operating_system", ""),
        ("instance_types", []),
        ("instance_types", ["t3"]),
        ("diagram", "1100"),
        ("diagram", "0 x 700"),
        ("delivery_options", []),
        ("delivery_options", ["marketplace"]),
    ],
)
def test_a_wrong_field_is_named_with_what_it_should_be(tmp_path, field, value):
    with pytest.raises(UserError) as trouble:
        read(tmp_path, changed(field, value))
    assert field in trouble.value.what
    assert trouble.value.next_step.startswith("It should be ")


@pytest.mark.parametrize("field", ["edition", "title", "short_description", "long_description", "instance_type"])
def test_each_delivery_option_has_all_its_texts(tmp_path, field):
    document = copy.deepcopy(DOCUMENT)
    del document["delivery_options"][0][field]
    with pytest.raises(UserError, match=f"has no delivery_options 1: {field}"):
        read(tmp_path, document)


def test_a_misspelt_field_is_told_with_what_was_meant(tmp_path):
    with pytest.raises(UserError, match=r"nothing reads: ami\.access_rol\. Did you mean ami\.access_role\?"):
        read(tmp_path, changed("ami.access_rol", "x"))
    document = copy.deepcopy(DOCUMENT)
    document["delivery_options"][0]["short_descripton"] = "x"
    with pytest.raises(UserError, match=r"1: short_descripton\. Did you mean short_description\?"):
        read(tmp_path, document)


PLACES = [
    *DOCUMENT,
    *(f"ami.{key}" for key in DOCUMENT["ami"]),
    *(f"delivery_options.0.{key}" for key in DOCUMENT["delivery_options"][0]),
]
VALUES = st.recursive(
    st.none() | st.text(max_size=8) | st.integers() | st.booleans() | st.floats() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(place=st.sampled_from(PLACES), value=VALUES)
def test_any_damage_is_a_listing_still_or_is_told_in_sentences(tmp_path_factory, place, value):
    document = copy.deepcopy(DOCUMENT)
    parent = document
    *parents, last = place.split(".")
    for key in parents:
        parent = parent[int(key) if key.isdigit() else key]
    parent[last] = value
    said(tmp_path_factory, yaml.safe_dump(document, sort_keys=False).encode())


@given(st.one_of(VALUES.map(lambda value: yaml.safe_dump(value).encode()), st.binary(max_size=50)))
def test_whatever_the_file_holds_the_answer_is_a_sentence(tmp_path_factory, content):
    said(tmp_path_factory, content)


@given(start=st.integers(0, 4000), length=st.integers(0, 200), put_in=st.binary(max_size=4))
def test_a_file_that_lost_a_piece_is_a_listing_still_or_is_told(tmp_path_factory, start, length, put_in):
    content = OURS.read_bytes()
    said(tmp_path_factory, content[:start] + put_in + content[start + length :])


def said(factory, content):
    path = factory.getbasetemp() / "damaged.yaml"
    path.write_bytes(content)
    trouble = None
    try:
        read_listing(path)
    except UserError as raised:
        trouble = raised
    if trouble:
        assert trouble.what.startswith("The listing ")
        assert trouble.what.endswith(".")
        assert trouble.next_step.endswith((".", "?"))
