"""What is available in which Region: instance types and database classes, from the data in cfn-lint's package.

A function returns None where that data says nothing; nothing is reported then.
"""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from typing import Any

from quilt_cfn.cloudformation.facts.package_data import file_of


@cache
def _data(path: str) -> dict[str, Any]:
    data = json.loads(file_of("cfnlint", f"data/schemas/extensions/{path}").read_text(encoding="utf-8"))
    return {region: schema for region, schema in data.items() if region not in ("all", "description")}


@cache
def regions() -> tuple[str, ...]:
    """Every Region in cfn-lint's data, of all partitions, sorted."""
    schemas = file_of("cfnlint", "data/schemas/providers").glob("*-*.json")
    return tuple(sorted({*(each.stem for each in schemas), *_data("aws_ec2_instance/instancetype_enum.json")}))


@cache
def region_names() -> dict[str, str]:
    """Region -> what people call it, such as Europe (Ireland), as far as botocore knows it."""
    endpoints = json.loads(file_of("botocore", "data/endpoints.json").read_text(encoding="utf-8"))
    return {region: each["description"] for part in endpoints["partitions"] for region, each in part["regions"].items()}


@cache
def instance_types(region: str) -> frozenset[str] | None:
    """The EC2 instance types that are available in a Region; None if unknown."""
    schema = _data("aws_ec2_instance/instancetype_enum.json").get(region)
    return frozenset(schema["enum"]) if schema else None


@cache
def database_classes(region: str, engine: str) -> frozenset[str] | None:
    """The instance classes that are available in a Region for an engine of RDS; None if unknown."""
    schema = _data("aws_rds_dbinstance/dbinstanceclass_enum.json").get(region)
    if not schema:
        return None
    available: set[str] = set()
    for each in schema["allOf"]:
        if each["if"]["properties"].get("Engine") == {"const": engine}:
            available |= set(each["then"]["properties"]["DBInstanceClass"]["enum"])
    return frozenset(available) or None


@cache
def load_balancer_attributes(shape: str) -> frozenset[str]:
    """The names of a load balancer's or target group's attributes, from botocore's documentation of elbv2.

    ``shape`` is ``LoadBalancerAttribute`` or ``TargetGroupAttribute``.
    """
    # Read without botocore, which takes 0.4 s: every process of a check needs it.
    file = file_of("botocore", "data/elbv2/2015-12-01/service-2.json.gz")
    key = json.loads(gzip.decompress(file.read_bytes()))["shapes"][shape]["members"]["Key"]
    return frozenset(re.findall(r"<code>([a-z0-9_.]+)</code>", key["documentation"]))
