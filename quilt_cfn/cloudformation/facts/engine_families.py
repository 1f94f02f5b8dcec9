"""Which family of parameter groups a version of a database or cache takes: ``postgres16`` for PostgreSQL 16.4.

A family is an engine with a major version, and every engine counts major versions in its own way.

RDS: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html lists the engines,
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEngineDefaultParameters.html families, and
https://github.com/crossplane-contrib/provider-aws/issues/1273 has families of SQL Server and Oracle.
ElastiCache: https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateCacheParameterGroup.html
"""

from __future__ import annotations

import re

_ENGINE = re.compile(
    r"postgres|aurora-postgresql|mysql|mariadb|aurora|aurora-mysql|redis|valkey|memcached"
    r"|oracle-(ee|se2)(-cdb)?|oracle-se1?|sqlserver-(ee|ex|se|web)|db2-(ae|se)"
)
_FAMILY = re.compile(rf"(?P<engine>{_ENGINE.pattern})-?(?P<version>[0-9][0-9.]*x?)")


def engine_of(family: str) -> str | None:
    """The engine that a family is for; None for what isn't known as one."""
    found = _FAMILY.fullmatch(family)
    return found["engine"] if found else None


def is_engine(name: str) -> bool:
    """Whether this is an engine whose families are known."""
    return bool(_ENGINE.fullmatch(name))


def major_version(engine: str, version: str) -> str | None:
    """The major version of an engine's version, as families spell it: ``8.0`` of MySQL's 8.0.35.

    None for an engine that isn't known, and for a version that leaves the major version open.
    """
    numbers = re.fullmatch(r"([0-9]+)(?:\.([0-9]+)(?:[.-].*)?|\.x)?", version)
    if not numbers or not is_engine(engine):
        return None
    first, second = int(numbers[1]), numbers[2]
    # PostgreSQL 9.6, Oracle 12.1 and Redis 5.0 were major versions; later the first number alone is one.
    name = engine.removeprefix("aurora-").partition("-")[0]
    if first >= {"postgres": 10, "postgresql": 10, "oracle": 18, "redis": 7, "valkey": 7}.get(name, first + 1):
        return str(first)
    if (name, first) == ("redis", 6):
        return "6.x"
    # SQL Server's 15.00.4073.23.v1 is of the family 15.0.
    return f"{first}.{int(second)}" if second else None


def family(engine: str, version: str) -> str | None:
    """The family of parameter groups for an engine and its version; None where that isn't known."""
    major = major_version(engine, version)
    hyphen = "-" if engine.startswith(("oracle-", "sqlserver-", "db2-")) else ""
    return None if major is None else f"{engine}{hyphen}{major}"
