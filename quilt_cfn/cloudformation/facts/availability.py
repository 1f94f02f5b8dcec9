"""What AWS offers where: instance types and database classes, as cfn-lint's data of the Regions has them.

The rule: a fact that the data doesn't have is no answer (None), and nobody is told anything then.
"""

from __future__ import annotations

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
    """Every Region that cfn-lint knows, those of other partitions included."""
    schemas = file_of("cfnlint", "data/schemas/providers").glob("*-*.json")
    return tuple(sorted({*(each.stem for each in schemas), *_data("aws_ec2_instance/instancetype_enum.json")}))


@cache
def instance_types(region: str) -> frozenset[str] | None:
    """The EC2 instance types that a Region offers."""
    schema = _data("aws_ec2_instance/instancetype_enum.json").get(region)
    return frozenset(schema["enum"]) if schema else None


@cache
def database_classes(region: str, engine: str) -> frozenset[str] | None:
    """The instance classes that RDS offers in a Region for an engine."""
    schema = _data("aws_rds_dbinstance/dbinstanceclass_enum.json").get(region)
    if not schema:
        return None
    offered: set[str] = set()
    for each in schema["allOf"]:
        if each["if"]["properties"].get("Engine") == {"const": engine}:
            offered |= set(each["then"]["properties"]["DBInstanceClass"]["enum"])
    return frozenset(offered) or None


@cache
def load_balancer_attributes(shape: str) -> frozenset[str]:
    """The attributes that ELB knows, by the documentation of a shape in botocore's model of elbv2.

    ``shape`` is ``LoadBalancerAttribute`` or ``TargetGroupAttribute``.
    """
    from botocore.session import Session  # late: 0.4 s with the model

    model = Session().get_service_model("elbv2").shape_for(shape)
    return frozenset(re.findall(r"<code>([a-z0-9_.]+)</code>", model.members["Key"].documentation))
