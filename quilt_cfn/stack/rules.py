"""The template's ``Rules``: combinations of parameter values that CloudFormation refuses before it creates anything.

A launch that would fail, or end in a registry that can't send mail, for a reason that the parameter values and the
Region show, is refused here with a sentence that says what to choose instead.
"""

from __future__ import annotations

from typing import Any

from troposphere import And, Equals, Not, Or, Ref, Template

from quilt_cfn.cloudformation.facts.regional_gaps import (
    DB_INSTANCE_FAMILIES_MISSING,
    INSTANCE_FAMILIES_MISSING,
    REGIONS_WITH_SES_SMTP,
    REGIONS_WITHOUT_IMAGES,
)
from quilt_cfn.editions import Edition, MachineImage
from quilt_cfn.stack.parameters import (
    AVAILABILITY_ZONE_1,
    AVAILABILITY_ZONE_2,
    BACKUP_KEY_ID,
    BACKUP_REGION,
    CATALOG_HOST,
    DB_INSTANCE_TYPE,
    EXISTING_BUCKET,
    INSTANCE_TYPE,
    PACKAGE_BUCKET,
    REGISTRY_HOST,
    SMTP_HOST,
    Field,
)

_IMAGES = {
    MachineImage.AMAZON_LINUX: (
        "ImagesReachable",
        "The container images are on Docker Hub, which can't be reached from this Region: choose another Region.",
    ),
    MachineImage.BAKED: (
        "ImageOffered",
        "The product's machine image is not offered in this Region: choose another Region.",
    ),
}
"""What an instance is launched from -> name and sentence of the rule for Regions in which it can't be had, or not what
its boot downloads."""


def add_rules(t: Template, edition: Edition) -> None:
    """Every rule of the template; CloudFormation allows only a few functions in them.

    That a zone is one of this Region can't be said with them: EC2 refuses another one with the first subnet.
    """
    region = Ref("AWS::Region")
    _refuse(t, *_IMAGES[edition.machine_image], _contains(REGIONS_WITHOUT_IMAGES, region))
    _refuse(
        t,
        "HostNamesDiffer",
        "The catalog and the registry need two different host names.",
        Equals(CATALOG_HOST.ref, REGISTRY_HOST.ref),
    )
    _refuse(
        t,
        "BucketsDiffer",
        "The bucket to create can't be the one that exists already: give it another name.",
        Equals(PACKAGE_BUCKET.ref, EXISTING_BUCKET.ref),
    )
    _refuse_one_alone(
        t,
        "ZonesTogether",
        "One Availability Zone is given without the other: fill in both, or none for the Region's first two.",
        AVAILABILITY_ZONE_1,
        AVAILABILITY_ZONE_2,
    )
    _refuse(
        t,
        "ZonesDiffer",
        "The two Availability Zones have to be different ones.",
        Equals(AVAILABILITY_ZONE_1.ref, AVAILABILITY_ZONE_2.ref),
        where=Not(Equals(AVAILABILITY_ZONE_1.ref, "")),
    )
    _refuse_one_alone(
        t,
        "BackupRegionWithKey",
        "A copy of the backups needs a Region and a key in that Region: fill in both, or none for no copy.",
        BACKUP_REGION,
        BACKUP_KEY_ID,
    )
    _refuse(
        t,
        "BackupRegionDiffers",
        "The copy of the backups has to go to another Region than this one.",
        Equals(BACKUP_REGION.ref, region),
    )
    for family, regions in INSTANCE_FAMILIES_MISSING.items():
        _refuse_family(t, "InstanceTypeOffered", INSTANCE_TYPE, family, regions)
    for family, regions in DB_INSTANCE_FAMILIES_MISSING.items():
        _refuse_family(t, "DBInstanceTypeOffered", DB_INSTANCE_TYPE, family, regions)
    _refuse(
        t,
        "MailHostKnown",
        "Amazon SES takes no mail by SMTP in this Region: fill in the mail server of another service.",
        Equals(SMTP_HOST.ref, ""),
        where=Not(_contains(REGIONS_WITH_SES_SMTP, region)),
    )


def _refuse_family(t: Template, name: str, field: Field, family: str, regions: tuple[str, ...]) -> None:
    values = [str(value) for value in field.values]
    types = tuple(value for value in values if value.startswith(f"{family}."))
    size = types[0].rpartition(".")[2]
    substitute = next(value for value in values if value.endswith(size) and value not in types)
    _refuse(
        t,
        name + family.rpartition(".")[2].upper(),
        f"This Region does not offer {family}: choose another type, for example {substitute}.",
        _contains(regions, Ref("AWS::Region")),
        where=_contains(types, field.ref),
    )


def _refuse_one_alone(t: Template, name: str, sentence: str, first: Field, second: Field) -> None:
    no_first, no_second = (Equals(field.ref, "") for field in (first, second))
    _refuse(t, name, sentence, Or(And(no_first, Not(no_second)), And(no_second, Not(no_first))))


def _refuse(t: Template, name: str, sentence: str, situation: Any, where: Any = None) -> None:
    """Refuse a situation, or refuse it only where the condition ``where`` holds."""
    condition = {"RuleCondition": where} if where else {}
    t.add_rule(name, {**condition, "Assertions": [{"Assert": Not(situation), "AssertDescription": sentence}]})


def _contains(values: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {"Fn::Contains": [list(values), value]}
