"""Every version of RDS's engines in cfn-lint's data has a family that exists."""

from __future__ import annotations

import json

import pytest

from quilt_cfn.cloudformation.facts.engine_families import engine_of, family, is_engine, major_version
from quilt_cfn.cloudformation.facts.package_data import file_of

MAJORS = {
    "aurora-mysql": "5.7 8.0 8.4",
    "aurora-postgresql": "9.6 10 11 12 13 14 15 16 17 18",
    "db2-ae": "11.5 12.1",
    "mariadb": "10.0 10.1 10.2 10.3 10.4 10.5 10.6 10.11 11.4 11.8 12.3",
    "mysql": "5.5 5.6 5.7 8.0 8.4",
    "postgres": "9.3 9.4 9.5 9.6 10 11 12 13 14 15 16 17 18",
    "sqlserver-se": "11.0 12.0 13.0 14.0 15.0 16.0 17.0",
}


@pytest.fixture(scope="module")
def versions():
    """Engine -> its versions in cfn-lint's data."""
    file = file_of("cfnlint", "data/schemas/extensions/aws_rds_dbinstance/engine_version.json")
    cases = [(each["if"]["properties"], each["then"]["properties"]) for each in json.loads(file.read_text())["allOf"]]
    return {given["Engine"]["const"]: then["EngineVersion"]["enum"] for given, then in cases if "EngineVersion" in then}


@pytest.mark.parametrize("engine", MAJORS)
def test_every_version_belongs_to_a_major_version(versions, engine):
    """PostgreSQL 9 leaves open which one."""
    majors = {each: major_version(engine, each) for each in versions[engine] if each != "9"}
    assert set(majors.values()) == set(MAJORS[engine].split())
    assert {engine_of(family(engine, each) or "") for each in majors} == {engine}


@pytest.mark.parametrize(
    ("engine", "version", "expected"),
    [
        ("aurora", "5.6.mysql_aurora.1.22.2", "aurora5.6"),
        ("oracle-se2", "12.1.0.2.v1", "oracle-se2-12.1"),
        ("oracle-ee-cdb", "19.0.0.0.ru-2024-01.rur-2024-01.r1", "oracle-ee-cdb-19"),
        ("redis", "5.0.6", "redis5.0"),
        ("redis", "6.x", "redis6.x"),
        ("valkey", "7.2", "valkey7"),
        ("memcached", "1.6.22", "memcached1.6"),
        ("mysql", "8", None),
        ("postgres", "9", None),
        ("postgres", "latest", None),
        ("neptune", "1.3", None),
    ],
)
def test_a_version_has_a_family(engine, version, expected):
    assert family(engine, version) == expected


def test_what_is_not_known_has_no_engine():
    assert engine_of("docdb5.0") is None
    assert engine_of("default.postgres16") is None
    assert not is_engine("custom-oracle-ee")
