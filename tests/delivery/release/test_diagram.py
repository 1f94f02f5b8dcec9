"""A release draws its pictures; the one for AWS Marketplace is a PNG of the size that the listing says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.release.diagram import diagram_fault, pictures, png_size
from tests.delivery.marketplace.checkouts import png, png_header


@pytest.mark.parametrize("size", [(1100, 700), (1560, 878)])
def test_a_version_has_a_picture_of_each_edition_and_one_in_the_size_of_the_listing(templates, size):
    drawn = dict(pictures(templates, size))
    assert drawn.keys() == {"diagram.png", *(f"diagram-{name}.svg" for name in templates)}
    assert diagram_fault(drawn["diagram.png"], size) is None


@pytest.mark.parametrize(
    ("diagram", "fault"),
    [
        (None, "There is no architecture diagram."),
        (b"", "The architecture diagram is not a PNG."),
        (
            png(700, 1100),
            "The architecture diagram has 700 x 1100 pixels, not the 1100 x 700 of marketplace/listing.yaml.",
        ),
        (png(1100, 700), None),
    ],
)
def test_a_diagram_is_a_png_of_one_size(diagram, fault):
    assert diagram_fault(diagram, (1100, 700)) == fault


@given(st.integers(33, len(png()) - 1), st.integers(1, 255))
def test_a_picture_that_is_cut_or_damaged_is_not_taken(place, change):
    damaged = bytearray(png())
    assert diagram_fault(bytes(damaged[:place]), (1100, 700)) == "The architecture diagram is a damaged PNG."
    damaged[place] ^= change
    assert diagram_fault(bytes(damaged), (1100, 700)) == "The architecture diagram is a damaged PNG."
    assert diagram_fault(png() + b"more", (1100, 700)) is None


@given(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1), st.binary(max_size=20))
def test_the_size_of_a_png_is_in_its_header(width, height, rest):
    assert png_size(png_header(width, height)[:24] + rest) == (width, height)


@given(st.integers(0, 23), st.integers(0, 15), st.integers(1, 255))
def test_a_header_that_is_cut_or_damaged_has_no_size(length, place, change):
    header = bytearray(png()[:24])
    assert png_size(bytes(header[:length])) is None
    header[place] ^= change
    assert png_size(bytes(header)) is None
    assert png_size(png_header(0, 700)) is None
