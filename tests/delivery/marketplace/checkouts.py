"""A checkout with a released version, and example values for everything that the vendor has to supply."""

from __future__ import annotations

import functools
import shutil
import zlib
from pathlib import Path
from typing import Any

import yaml

from quilt_cfn.delivery.release.artifact import compose
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.release import read_release

TOP = Path(__file__).resolve().parents[3]
VERSION = read_release().version
"""The version that this checkout builds."""
VENDOR = {
    "product": "prod-exampleexampl",
    "published": "s3://example-artifacts/quilt",
    "region": "eu-central-1",
    "ami.access_role": "arn:aws:iam::111122223333:role/AwsMarketplaceAmiIngestion",
}
AMI = "ami-0123456789abcdef0"


@functools.cache
def png(width: int = 1100, height: int = 700) -> bytes:
    """A black PNG of that size."""
    lines = zlib.compress(bytes((width + 1) * height))
    return png_header(width, height) + _chunk(b"IDAT", lines) + _chunk(b"IEND", b"")


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG of that size, in shades of grey."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size + b"\x08\x00\x00\x00\x00")


def _chunk(kind: bytes, data: bytes) -> bytes:
    """https://www.w3.org/TR/png-3/#5Chunk-layout"""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def listing_document() -> dict[str, Any]:
    """The listing of this checkout with the vendor's inputs in it."""
    document: dict[str, Any] = yaml.load((TOP / "marketplace/listing.yaml").read_text(), Loader=yaml.BaseLoader)
    for field, value in VENDOR.items():
        put(document, field, value)
    return document


def put(document: Any, field: str, value: Any) -> None:
    """Set a field such as ami.access_role or delivery_options.0.title; None removes it."""
    *parents, last = field.split(".")
    for parent in parents:
        document = document[int(parent) if parent.isdigit() else parent]
    if value is None:
        del document[last]
    else:
        document[last] = value


def change(root: Path, file: str, field: str, value: Any) -> None:
    """Set or remove a field in a YAML file of a checkout's marketplace folder."""
    document = yaml.safe_load((root / "marketplace" / file).read_text())
    put(document, field, value)
    write(root / "marketplace" / file, document)


def checkout(root: Path) -> Path:
    """A checkout in a folder, with a release of this checkout's templates, in which nothing is missing."""
    write_release(root, contents(), "diagram.png")
    shutil.copy(TOP / "CHANGELOG.md", root / "CHANGELOG.md")
    (root / "marketplace").mkdir()
    write(root / "marketplace/listing.yaml", listing_document())
    release = yaml.safe_load((TOP / "marketplace/release.yaml").read_text())
    release["ami"]["id"] = AMI
    write(root / "marketplace/release.yaml", release)
    return root


def contents() -> dict[str, bytes]:
    """The files of a release."""
    files = {"diagram.png": png()}
    for edition in EDITIONS.values():
        files[edition.file] = (TOP / "templates" / edition.file).read_bytes()
        files[edition.file.replace(".yaml", ".json")] = b"{}"
    return files


def write_release(root: Path, contents: dict[str, bytes], diagram: str | None) -> None:
    """The released version, as quilt-cfn release writes it."""
    editions = {
        name: {"yaml": edition.file, "json": edition.file.replace(".yaml", ".json")}
        for name, edition in EDITIONS.items()
    }
    facts = {"version": VERSION, "released": "2026-11-30", "commit": "0123456789abcdef0123456789abcdef01234567"}
    artifact = compose({**facts, "editions": editions, "diagram": diagram}, contents)
    folder = root / "templates/releases" / VERSION
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in artifact.everything.items():
        (folder / name).write_bytes(content)


def write(path: Path, document: Any) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
