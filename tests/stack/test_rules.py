"""Combinations that could not work are refused with a sentence before anything is created."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.facts.availability import regions
from quilt_cfn.cloudformation.facts.regional_gaps import (
    DB_INSTANCE_FAMILIES_MISSING,
    INSTANCE_FAMILIES_MISSING,
    REGIONS_WITH_SES_SMTP,
    REGIONS_WITHOUT_IMAGES,
)
from quilt_cfn.cloudformation.template.walk import entries
from quilt_cfn.stack.choices import DB_INSTANCE_CLASSES, INSTANCE_TYPES
from tests.launches import DOCUMENTED, ValidationError, launch_stack


def test_one_host_name_for_both_is_refused(template):
    with pytest.raises(ValidationError, match="two different host names"):
        launch_stack(template, DOCUMENTED | {"RegistryHost": DOCUMENTED["CatalogHost"]})


@pytest.mark.parametrize(
    ("parameter", "value", "region"),
    [
        ("InstanceType", "t2.small", "eu-north-1"),
        ("InstanceType", "t2.small", "us-gov-east-1"),
        ("InstanceType", "m5.large", "mx-central-1"),
        ("InstanceType", "m6i.xlarge", "eu-south-2"),
        ("DBInstanceType", "db.m5.large", "ca-west-1"),
    ],
)
def test_a_size_that_the_region_lacks_is_refused_with_one_that_it_has(template, parameter, value, region):
    with pytest.raises(
        ValidationError, match=r"This Region does not offer .*: choose another type, for example (db\.)?\w+\.\w+"
    ) as refused:
        launch_stack(template, DOCUMENTED | {parameter: value, "SmtpHost": "smtp.example.com"}, region)
    substitute = str(refused.value).rstrip(".").rsplit(" ", 1)[1]
    launch_stack(template, DOCUMENTED | {parameter: substitute, "SmtpHost": "smtp.example.com"}, region)


@pytest.mark.parametrize("value", INSTANCE_TYPES)
def test_instance_types_are_refused_exactly_where_they_are_missing(template, value):
    missing = INSTANCE_FAMILIES_MISSING.get(value.partition(".")[0], ())
    assert refusing_regions(template, "InstanceType", value) == set(missing)


@pytest.mark.parametrize("value", DB_INSTANCE_CLASSES)
def test_database_classes_are_refused_exactly_where_they_are_missing(template, value):
    missing = DB_INSTANCE_FAMILIES_MISSING.get(value.rpartition(".")[0], ())
    assert refusing_regions(template, "DBInstanceType", value) == set(missing)


def refusing_regions(template, parameter, value):
    """The Regions, of all that any fact knows, in which a value is refused."""
    known = {"us-east-1", "eu-west-1", "ap-southeast-2"}
    for facts in (INSTANCE_FAMILIES_MISSING, DB_INSTANCE_FAMILIES_MISSING):
        known |= {region for regions in facts.values() for region in regions}
    refusing = set()
    for region in known:
        try:
            launch_stack(template, DOCUMENTED | {parameter: value, "SmtpHost": "smtp.example.com"}, region)
        except ValidationError:
            refusing.add(region)
    return refusing


@pytest.mark.parametrize("region", [each for each in regions() if each not in REGIONS_WITHOUT_IMAGES])
def test_where_ses_takes_no_mail_by_smtp_and_only_there_an_smtp_host_is_required(template, region):
    launch_stack(template, DOCUMENTED | {"SmtpHost": "smtp.example.com"}, region)
    if region in REGIONS_WITH_SES_SMTP:
        launch_stack(template, DOCUMENTED, region)
        return
    with pytest.raises(ValidationError, match="Amazon SES takes no mail by SMTP in this Region: fill in the"):
        launch_stack(template, DOCUMENTED, region)


@pytest.mark.parametrize("region", REGIONS_WITHOUT_IMAGES)
def test_a_region_that_cannot_have_the_images_is_refused(edition, template, region):
    """What the boot would download there, or what the instance is launched from."""
    what = {
        "registry": r"container images are on Docker Hub, which can't be reached from this Region: choose another",
        "marketplace": r"machine image is not offered in this Region: choose another",
    }
    with pytest.raises(ValidationError, match=what[edition]):
        launch_stack(template, DOCUMENTED | {"SmtpHost": "smtp.example.com"}, region)


def test_the_bucket_to_create_is_not_the_one_that_exists(template):
    with pytest.raises(ValidationError, match=r"The bucket to create can't be the one that exists already"):
        launch_stack(template, DOCUMENTED | {"ExistingBucket": DOCUMENTED["PackageBucket"]})
    launch_stack(template, DOCUMENTED | {"ExistingBucket": f"{DOCUMENTED['PackageBucket']}-2"})


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ("us-east-1b", "", "fill in both, or none"),
        ("", "us-east-1b", "fill in both, or none"),
        ("us-east-1b", "us-east-1b", "have to be different ones"),
        ("us-east-1b", "us-east-1a", None),
        ("", "", None),
    ],
)
def test_two_different_zones_are_given_or_none(template, first, second, sentence):
    values = DOCUMENTED | {"AvailabilityZone1": first, "AvailabilityZone2": second}
    if sentence is None:
        launch_stack(template, values)
        return
    with pytest.raises(ValidationError, match=sentence):
        launch_stack(template, values)


KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("region", "key", "sentence"),
    [
        ("eu-west-1", "", "fill in both, or none for no copy"),
        ("", KEY, "fill in both, or none for no copy"),
        ("us-east-1", KEY, "another Region than this one"),
        ("eu-west-1", KEY, None),
        ("", "", None),
    ],
)
def test_a_copy_of_the_backups_goes_to_another_region_under_a_key_of_it(template, region, key, sentence):
    values = DOCUMENTED | {"BackupRegion": region, "BackupKeyId": key}
    if sentence is None:
        launch_stack(template, values)
        return
    with pytest.raises(ValidationError, match=sentence):
        launch_stack(template, values)


def test_rules_have_no_function_that_works_only_elsewhere(template):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html"""
    used = {str(path[-1]) for path, _ in entries(template["Rules"]) if str(path[-1]).startswith("Fn::")}
    assert used <= {"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Contains"}


def test_every_rule_says_what_to_do(template):
    for rule in template["Rules"].values():
        for assertion in rule["Assertions"]:
            assert assertion["AssertDescription"].endswith(".")
