"""Pins the images of a release file by the digests that their registries have, and compares the two.

The digest is that of the platform's own manifest, never that of an index: what is pulled is then the same, and has one
name, whatever else is added to the index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.delivery.images.edit import line_of, with_digests
from quilt_cfn.delivery.images.references import read_reference
from quilt_cfn.delivery.images.registries import platform_digest
from quilt_cfn.delivery.publish.readers import Readers, deadline
from quilt_cfn.errors import UserError
from quilt_cfn.files import write_atomically
from quilt_cfn.finding import QUILT_CFN, Finding, counted
from quilt_cfn.inputs.release import IN_CHECKOUT, Image, Release, read_release

SECONDS = 60
"""How long all registries together may take."""


class Comparison(NamedTuple):
    """What a release file says about its images, and what their registries say."""

    findings: tuple[Finding, ...]
    """How the two differ."""
    failed: Mapping[str, UserError]
    """What is not known, by the names of the images: their registries did not answer."""


def resolve(root: Path) -> Iterator[str]:
    """Write the digests of the images into the release file of a checkout; yields a line about each.

    An image that nobody has confirmed, or whose name moves, is left as it is, and so is one about which its registry
    gives no answer. Raises ``UserError`` about these when the others are written.
    """
    file = root / IN_CHECKOUT
    content = _read(file)
    release = read_release(file)
    found, failed = _ask(release)
    changed = {name: digest for name, digest in found.items() if digest != release.images[name].digest}
    if changed:
        new = with_digests(content, changed)
        if _read(file) != content:
            raise UserError(
                f"{file} was changed while the registries were asked, and is left as it is now.",
                "Run the command again.",
            )
        write_atomically(file, new)
    for name, digest in found.items():
        image = release.images[name]
        before = (
            f"was {image.digest or 'without a digest'}, is {digest}" if name in changed else f"is unchanged, {digest}"
        )
        yield f"{name}: {image.name} for {release.platform} {before}"
    if changed:
        yield f"{file} has {counted(len(changed), 'new digest')}. Next: quilt-cfn build, and commit what changed"
    refuse(failed, "could not be pinned")


def compare(root: Path) -> Comparison:
    """How the digests in the release file of a checkout differ from what the registries have; writes nothing."""
    file = root / IN_CHECKOUT
    content = _read(file)
    release = read_release(file)
    found, failed = _ask(release)
    findings = []
    for name, image in release.images.items():
        if error := undecided(name, image):
            del failed[name]
            rule, what = "C03", error.what
        elif name not in found or found[name] == image.digest:
            continue
        elif image.digest:
            rule, what = "C01", f"{image.name} is {found[name]} now, and not {image.digest}."
        else:
            rule, what = "C02", f"{image.name} has no digest here, and is {found[name]} now."
        line = line_of(content, name)
        findings.append(Finding(str(IN_CHECKOUT), line, QUILT_CFN, rule, "error", f"images.{name}", what))
    return Comparison(tuple(findings), failed)


def refuse(failed: Mapping[str, UserError], what: str) -> None:
    """Raises ``UserError`` with a line for each of these images, if there are any."""
    if failed:
        lines = "".join(f"\n  {name}: {error}" for name, error in failed.items())
        raise UserError(f"{counted(len(failed), 'image')} {what}:{lines}", "Fix that and run the command again.")


def undecided(name: str, image: Image) -> UserError | None:
    """Why an image can't be pinned, whatever its registry has; None where it can."""
    decide = f"Give {IN_CHECKOUT} the image and the tag that the vendor built"
    if image.unconfirmed:
        return UserError(
            f"Nobody has confirmed {image.name}: {image.unconfirmed}",
            f"{decide}, remove images.{name}.unconfirmed, and run quilt-cfn images resolve.",
        )
    if image.moves:
        return UserError(
            f"{image.name} names another image after every build: its tag is {image.tag or 'missing'}.",
            f"{decide}, and run quilt-cfn images resolve.",
        )
    return None


def _ask(release: Release) -> tuple[dict[str, str], dict[str, UserError]]:
    """Name of an image -> its digest, as its registry has it; and name -> why that is not known."""
    found: dict[str, str] = {}
    failed: dict[str, UserError] = {}
    with Readers(len(release.images)) as readers:
        waiting = {}
        for name, image in release.images.items():
            if error := undecided(name, image):
                failed[name] = error
            else:
                reference = read_reference(image)
                limit = deadline(f"The registry {reference.server}", SECONDS, "Run the command again later.")
                waiting[name] = limit, readers.submit(platform_digest, reference, release.platform)
        for name, (limit, future) in waiting.items():
            try:
                found[name] = limit.result(future)
            except UserError as error:
                failed[name] = error
    return found, failed


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} could not be read: {error.strerror}.", "Make it a file that you may read.") from None
