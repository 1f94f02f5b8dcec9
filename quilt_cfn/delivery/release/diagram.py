"""The pictures of a version, drawn of its templates; AWS Marketplace wants one as PNG, of the size that it asks for.

The size is ``diagram`` in listing.yaml, because AWS's guide names different ones. Rule M24 explains it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.describe.diagram import picture
from quilt_cfn.cloudformation.launch import evaluate, values_for
from quilt_cfn.editions import EDITIONS, MARKETPLACE
from quilt_cfn.inputs.contract import read_contract
from quilt_cfn.inputs.listing import LISTING

DIAGRAM = "diagram.png"
"""The architecture diagram for AWS Marketplace, in the folder of a version."""

_PNG = b"\x89PNG\r\n\x1a\n"


def pictures(editions: Mapping[str, Mapping[str, Any]], size: tuple[int, int]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each picture of a version: name of an edition -> its template, with the documented values."""
    contract = read_contract()
    for name, template in editions.items():
        launch = evaluate(template, values_for(template, contract.parameter_sets["documented"]))
        drawn = picture(launch, contract.for_template(EDITIONS[name].file))
        yield f"diagram-{name}.svg", drawn.svg().encode()
        if name == MARKETPLACE.name:
            yield DIAGRAM, drawn.png(*size)


def diagram_fault(diagram: bytes | None, size: tuple[int, int]) -> str | None:
    """A sentence about what is wrong with a diagram, None being one that there is not; None if nothing is.

    ``size`` is the wanted one: width and height in pixels.
    """
    if diagram is None:
        return "There is no architecture diagram."
    found = png_size(diagram)
    if found is None:
        return "The architecture diagram is not a PNG."
    if found != size:
        return f"The architecture diagram has {_pixels(found)}, not the {size[0]} x {size[1]} of {LISTING}."
    return None if _is_whole(diagram) else "The architecture diagram is a damaged PNG."


def png_size(content: bytes) -> tuple[int, int] | None:
    """Width and height in pixels that the header of a PNG says; None if there is no such header.

    Only the first 24 bytes are read: https://www.w3.org/TR/png-3/#5PNG-file-signature and #11IHDR.
    """
    if len(content) < 24 or content[:8] != _PNG or content[8:16] != b"\x00\x00\x00\rIHDR":
        return None
    width, height = (int.from_bytes(content[start : start + 4], "big") for start in (16, 20))
    return (width, height) if width and height else None


def _is_whole(png: bytes) -> bool:
    """Whether every chunk of a PNG is there with its checksum, to the last: https://www.w3.org/TR/png-3/#5Chunk-layout

    What lies behind the last one is no part of the picture.
    """
    place = len(_PNG)
    while chunk := png[place : place + 8]:
        end = place + 8 + int.from_bytes(chunk[:4], "big")
        if zlib.crc32(png[place + 4 : end]).to_bytes(4, "big") != png[end : end + 4]:
            return False
        if chunk[4:] == b"IEND":
            return True
        place = end + 4
    return False


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"
