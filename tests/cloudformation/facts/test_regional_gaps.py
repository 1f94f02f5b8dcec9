"""Our facts about Regions are AWS's own, as cfn-lint and botocore carry them; a new Region shows as a failure here."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import boto3
import pytest

from quilt_cfn.cloudformation.facts.regional_gaps import (
    DB_INSTANCE_FAMILIES_MISSING,
    INSTANCE_FAMILIES_MISSING,
    REGIONS_WITHOUT_SES,
)
from quilt_cfn.stack.sizes import DB_INSTANCE_CLASSES, INSTANCE_TYPES


@cache
def cfn_lint_data(path):
    data = json.loads((files("cfnlint.data.schemas.extensions") / path).read_text())
    return {name: value for name, value in data.items() if name not in ("all", "description")}


def regions_without_instance_type(value):
    regions = cfn_lint_data("aws_ec2_instance/instancetype_enum.json")
    return {region for region, schema in regions.items() if value not in schema["enum"]}


def regions_without_postgres_class(value):
    without = set()
    for region, schema in cfn_lint_data("aws_rds_dbinstance/dbinstanceclass_enum.json").items():
        offered = set()
        for rule in schema["allOf"]:
            if rule["if"]["properties"].get("Engine") == {"const": "postgres"}:
                offered |= set(rule["then"]["properties"]["DBInstanceClass"]["enum"])
        if value not in offered:
            without.add(region)
    return without


@pytest.mark.parametrize("value", INSTANCE_TYPES)
def test_instance_types(value):
    stated = INSTANCE_FAMILIES_MISSING.get(value.partition(".")[0], ())
    assert set(stated) == regions_without_instance_type(value)


@pytest.mark.parametrize("value", DB_INSTANCE_CLASSES)
def test_database_classes(value):
    stated = DB_INSTANCE_FAMILIES_MISSING.get(value.rpartition(".")[0], ())
    assert set(stated) == regions_without_postgres_class(value)


def test_regions_without_ses():
    session = boto3.Session()
    without = set()
    for partition in session.get_available_partitions():
        if "iso" not in partition:
            regions = set(session.get_available_regions("ec2", partition))
            without |= regions - set(session.get_available_regions("ses", partition))
    assert set(REGIONS_WITHOUT_SES) == without


def test_the_defaults_exist_everywhere():
    assert not regions_without_instance_type(INSTANCE_TYPES[0])
    assert not regions_without_postgres_class(DB_INSTANCE_CLASSES[0])


def test_every_region_offers_something_large():
    large = [value for value in INSTANCE_TYPES if value.endswith("xlarge")]
    assert not set.intersection(*(regions_without_instance_type(value) for value in large))
    large = [value for value in DB_INSTANCE_CLASSES if value.endswith("xlarge")]
    assert not set.intersection(*(regions_without_postgres_class(value) for value in large))
