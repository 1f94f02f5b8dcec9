"""Our lists of what is not available where are those of cfn-lint and botocore; a new Region shows as a failure here."""

from __future__ import annotations

import boto3
import pytest

from quilt_cfn.cloudformation.facts import availability
from quilt_cfn.cloudformation.facts.regional_gaps import (
    DB_INSTANCE_FAMILIES_MISSING,
    INSTANCE_FAMILIES_MISSING,
    REGIONS_WITH_SES_SMTP,
    REGIONS_WITHOUT_IMAGES,
)
from quilt_cfn.stack.choices import DB_INSTANCE_CLASSES, INSTANCE_TYPES


def regions_without_instance_type(value: str) -> set[str]:
    known = {region: availability.instance_types(region) for region in availability.regions()}
    return {region for region, types in known.items() if types is not None and value not in types}


def regions_without_postgres_class(value: str) -> set[str]:
    known = {region: availability.database_classes(region, "postgres") for region in availability.regions()}
    return {region for region, classes in known.items() if classes is not None and value not in classes}


@pytest.mark.parametrize("value", INSTANCE_TYPES)
def test_instance_types(value: str) -> None:
    stated = INSTANCE_FAMILIES_MISSING.get(value.partition(".")[0], ())
    assert set(stated) == regions_without_instance_type(value)


@pytest.mark.parametrize("value", DB_INSTANCE_CLASSES)
def test_database_classes(value: str) -> None:
    stated = DB_INSTANCE_FAMILIES_MISSING.get(value.rpartition(".")[0], ())
    assert set(stated) == regions_without_postgres_class(value)


def test_only_isolated_and_sovereign_regions_are_unknown() -> None:
    for region in availability.regions():
        known = not region.startswith(("us-iso", "eu-isoe", "eusc"))
        assert (availability.instance_types(region) is not None) == known, region
        assert (availability.database_classes(region, "postgres") is not None) == known, region


def test_every_region_with_ses_has_a_known_smtp_endpoint_or_is_known_to_have_none() -> None:
    """A new Region of SES fails here: https://docs.aws.amazon.com/general/latest/gr/ses.html says which it is."""
    # fmt: off
    without_smtp = {
        "af-south-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6",
        "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "eusc-de-east-1", "il-central-1",
        "me-central-1", "me-south-1", "mx-central-1",
    }
    # fmt: on
    session = boto3.Session()
    ses = {
        region
        for partition in session.get_available_partitions()
        if "iso" not in partition
        for region in session.get_available_regions("ses", partition)
    }
    assert ses == {*REGIONS_WITH_SES_SMTP, *without_smtp}
    assert not without_smtp & {*REGIONS_WITH_SES_SMTP}


def test_regions_without_images_are_those_of_china_and_of_the_isolated_partitions() -> None:
    session = boto3.Session()
    partitions = [each for each in session.get_available_partitions() if each == "aws-cn" or "iso" in each]
    assert len(partitions) == 5
    assert {*REGIONS_WITHOUT_IMAGES} == {
        region for partition in partitions for region in session.get_available_regions("ec2", partition)
    }


def test_the_defaults_are_available_everywhere() -> None:
    assert not regions_without_instance_type(INSTANCE_TYPES[0])
    assert not regions_without_postgres_class(DB_INSTANCE_CLASSES[0])


def test_something_large_is_available_everywhere() -> None:
    large = [value for value in INSTANCE_TYPES if value.endswith("xlarge")]
    assert not set.intersection(*(regions_without_instance_type(value) for value in large))
    large = [value for value in DB_INSTANCE_CLASSES if value.endswith("xlarge")]
    assert not set.intersection(*(regions_without_postgres_class(value) for value in large))
