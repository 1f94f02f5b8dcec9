"""Asks the registries for the container images with which a rehearsal's stacks run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from quilt_cfn.delivery.images.references import read_reference
from quilt_cfn.delivery.images.registries import platform_digest
from quilt_cfn.inputs.release import DIGEST, Image, Release

_ECR = re.compile(r"[0-9]{12}\.dkr\.ecr\.")


def ask_registries(release: Release, values: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each image that its registry has for the release's platform; raises ``UserError`` for any other.

    ``values`` are those of the template's parameters, which may name other images than the release's.
    """
    chosen = {"registry": values.get("RegistryImage"), "catalog": values.get("CatalogImage")}
    for name, image in release.images.items():
        other = chosen.get(name)
        if other and _ECR.match(other):
            yield f"{other} is in Amazon ECR, and only the instance's role is meant to pull it: the launch tries that."
            continue
        yield _found(_image(other) if other else image, release.platform)


def _found(image: Image, platform: str) -> str:
    reference = read_reference(image)
    if image.digest:
        platform_digest(reference._replace(tag=image.digest), platform)  # which compares the bytes with the digest
        return f"{reference.place} has {image.digest}, for {platform}."
    digest = platform_digest(reference, platform)
    return f"{reference.place}:{reference.tag} is {digest} now, for {platform}; the release names no digest."


def _image(name: str) -> Image:
    place, _, digest = name.partition("@")
    return Image(place, digest if DIGEST.fullmatch(digest) else None)
