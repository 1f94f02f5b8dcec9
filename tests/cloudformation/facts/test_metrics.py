"""The list of AWS's metrics is consistent, and careful about what it doesn't know."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from quilt_cfn.cloudformation.facts.metrics import (
    NAMESPACES,
    UNITS,
    bad_values,
    misspelt,
    value_range,
)


def test_the_units_are_cloudwatchs() -> None:
    shapes = Loader().load_service_model("cloudwatch", "service-2")["shapes"]
    assert set(shapes["StandardUnit"]["enum"]) == UNITS


@pytest.mark.parametrize("name", NAMESPACES)
def test_every_unit_and_required_dimension_is_known(name: str) -> None:
    namespace = NAMESPACES[name]
    assert {*namespace.units.values()} - {""} <= UNITS
    for metric in namespace.units:
        assert {*namespace.required_of(metric)} <= namespace.dimensions.keys()


@pytest.mark.parametrize("name", NAMESPACES)
def test_every_source_of_a_value_is_a_type_with_this_attribute(name: str) -> None:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # late: it reads the schemas

    for source in filter(None, NAMESPACES[name].dimensions.values()):
        for resource_type in source.types:
            if resource_type.startswith("AWS::Serverless::"):
                continue
            schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type)
            read_only = {each.removeprefix("/properties/") for each in schema.schema.get("readOnlyProperties", [])}
            assert {*source.attributes} - {""} <= read_only | {*schema.schema["properties"]}, resource_type


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_metric_would_not_be_taken_for_misspelt_if_it_were_not_in_the_list(name: str) -> None:
    units = NAMESPACES[name].units
    taken = {metric for metric in units if misspelt(metric, [each for each in units if each != metric])}
    assert taken == set()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HealthyHostsCount", "HealthyHostCount"),
        ("healthyhostcount", "HealthyHostCount"),
        ("Healthy_Host_Count", "HealthyHostCount"),
        ("HealthyHostCont", "HealthyHostCount"),
        ("UnhealthyHostCount", "UnHealthyHostCount"),
        ("HealthyHsotCount", "HealthyHostCount"),
        ("HealthyHostCount", None),
        # These may be new: another word, other capitals of an abbreviation, another number.
        ("HealthyHostCountTotal", None),
        ("ActiveFlowCount_SCTP", None),
        ("HealthyHostCount2", None),
        ("Unknown", None),
    ],
)
def test_a_name_is_misspelt_if_it_is_almost_a_known_one(name: str, meant: str | None) -> None:
    assert misspelt(name, NAMESPACES["AWS/NetworkELB"].units) == meant


def test_what_is_bad_where_it_can_be_said() -> None:
    assert bad_values("AWS/NetworkELB", "HealthyHostCount") == "low"
    assert bad_values("AWS/NetworkELB", "UnHealthyHostCount") == "high"
    assert bad_values("AWS/EC2", "CPUUtilization") is None
    assert bad_values("AWS/Another", "HealthyHostCount") is None


def test_the_range_of_values() -> None:
    assert value_range("AWS/EC2", "CPUUtilization") == (0, 100)
    assert value_range("AWS/ECS", "CPUUtilization") == (0, float("inf"))
    assert value_range("AWS/RDS", "ReplicaLag") is None, "it may be -1"
    assert value_range("AWS/EC2", "NewMetric") is None
