"""A checkout with a released version, and everything that the vendor has to supply: made up, of course."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import yaml

from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.cloudformation.template.walk import entries
from quilt_cfn.delivery.marketplace.plan import draft
from quilt_cfn.delivery.marketplace.refusals import Refusal, refusals
from quilt_cfn.delivery.release.artifact import compose

TOP = Path(__file__).resolve().parents[3]
VERSION = "1.0.0"
EDITIONS = {"registry": "quilt-registry", "marketplace": "quilt-registry-marketplace"}
VENDOR = {
    "product": "prod-exampleexampl",
    "published": "s3://example-artifacts/quilt",
    "region": "eu-central-1",
    "ami.access_role": "arn:aws:iam::111122223333:role/AwsMarketplaceAmiIngestion",
}
AMI = "ami-0123456789abcdef0"


def png(width: int = 1100, height: int = 700) -> bytes:
    """The beginning of a PNG of that size, which is all that anybody here reads."""
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"and so on"


def template_text(edition: str) -> str:
    return (TOP / "templates" / f"{EDITIONS[edition]}.yaml").read_text()


def template(edition: str) -> dict[str, Any]:
    return read_template(TOP / "templates" / f"{EDITIONS[edition]}.yaml").data


def judged(root: Path, field: str, value: str) -> list[Refusal]:
    """What is refused when a field of what would be sent, wherever it stands, has another value."""
    made = draft(root)
    details = copy.deepcopy(made.details)
    for path, _ in entries(details, ()):
        if path[-1] == field:
            place = details
            for key in path[:-1]:
                place = place[key]
            place[field] = value
    return refusals(made._replace(details=details))


def listing_document() -> dict[str, Any]:
    """The listing of this checkout with the vendor's inputs in it."""
    document: dict[str, Any] = yaml.load((TOP / "marketplace/listing.yaml").read_text(), Loader=yaml.BaseLoader)
    for field, value in VENDOR.items():
        put(document, field, value)
    return document


def put(document: dict[str, Any], field: str, value: Any) -> None:
    """Set a field such as ami.parameter; None removes it."""
    *parents, last = field.split(".")
    for parent in parents:
        document = document[parent]
    document[last] = value
    if value is None:
        del document[last]


def checkout(root: Path, templates: dict[str, str] | None = None, diagram: bytes | None = None) -> Path:
    """A checkout in a folder, with release 1.0.0 of these templates; by default everything in it is right."""
    contents = {}
    for edition, stem in EDITIONS.items():
        text = (templates or {}).get(edition) or template_text(edition)
        contents |= {f"{stem}.yaml": text.encode(), f"{stem}.json": b"{}"}
    contents["diagram.png"] = png() if diagram is None else diagram
    write_release(root, contents, "diagram.png")
    shutil.copy(TOP / "CHANGELOG.md", root / "CHANGELOG.md")
    (root / "marketplace").mkdir()
    write(root / "marketplace/listing.yaml", listing_document())
    release = yaml.safe_load((TOP / "marketplace/release.yaml").read_text())
    release["version"] = VERSION
    release["ami"]["id"] = AMI
    write(root / "marketplace/release.yaml", release)
    return root


def write_release(root: Path, contents: dict[str, bytes], diagram: str | None) -> None:
    """The released version, as quilt-cfn release leaves it."""
    editions = {edition: {"yaml": f"{stem}.yaml", "json": f"{stem}.json"} for edition, stem in EDITIONS.items()}
    artifact = compose({"version": VERSION, "editions": editions, "diagram": diagram}, contents)
    folder = root / "templates/releases" / VERSION
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in artifact.everything.items():
        (folder / name).write_bytes(content)


def write(path: Path, document: Any) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
