"""The container images: the release's own, or those of a customer who built the open-source registry.

An image's name is taken apart by the functions of CloudFormation. ``Fn::Select`` of a part that is not there fails the
launch, so that there are always two: what ``Fn::Split`` looks for is appended to the text.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-select.html
"""

from __future__ import annotations

from typing import Any, NamedTuple

from troposphere import Equals, Ref, Select, Split, Sub, Template

from quilt_cfn.editions import Edition, MachineImage
from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.parameters import CATALOG_IMAGE, REGISTRY_IMAGE, Field
from quilt_cfn.stack.pseudo_parameters import arn


class OwnRepository(NamedTuple):
    """A repository in this account's ECR, in which an image may be."""

    image: str
    """The name of the field that asks for the image."""
    condition: str
    """The name of the condition that holds where the image is in the account."""
    arn: Sub


class ContainerImages(NamedTuple):
    """The three images, as ``docker run`` takes them, and in which repositories of this account they may be."""

    registry: Any
    catalog: Any
    nginx: str
    own_repositories: tuple[OwnRepository, ...]


def add_container_images(t: Template, edition: Edition, release: Release) -> ContainerImages:
    """A machine image that is made for a release has that release's images; elsewhere the form asks for two."""
    registry, catalog, nginx = (each.reference for each in (release.registry, release.catalog, release.nginx))
    if edition.machine_image is MachineImage.BAKED:
        return ContainerImages(registry, catalog, nginx, ())
    return ContainerImages(
        registry=REGISTRY_IMAGE.if_set(REGISTRY_IMAGE.ref, registry),
        catalog=CATALOG_IMAGE.if_set(CATALOG_IMAGE.ref, catalog),
        nginx=nginx,
        own_repositories=tuple(_own_repository(t, field) for field in (REGISTRY_IMAGE, CATALOG_IMAGE)),
    )


def _own_repository(t: Template, field: Field) -> OwnRepository:
    """ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG@DIGEST, in any Region of this account; see the field's pattern.

    Conditions can take a text apart as well: https://github.com/DontShaveTheYak/cloud-radar/issues/179
    """
    account, region_and_domain = _cut(field, ".dkr.ecr.")
    _, name_and_tag = _cut(field, ".amazonaws.com/")
    region = Select(0, Split(".", region_and_domain))
    name = Select(0, Split(":", Select(0, Split("@", name_and_tag))))
    return OwnRepository(
        field.name,
        t.add_condition(f"{field.name}IsInThisAccount", Equals(account, Ref("AWS::AccountId"))),
        arn("ecr:${Region}:${AWS::AccountId}:repository/${Name}", Region=region, Name=name),
    )


def _cut(field: Field, delimiter: str) -> tuple[Select, Select]:
    """What comes before a delimiter, and what comes after it up to the next one; ``-`` where there is none."""
    parts = Split(delimiter, Sub(f"${{{field.name}}}{delimiter}-"))
    return Select(0, parts), Select(1, parts)
