"""The template's ``Rules``: combinations of parameter values that CloudFormation refuses before it creates anything.

A launch that would fail, or end in a registry that can't send mail, for a reason that the parameter values and the
Region show, is refused here with a sentence that says what to choose instead.
"""

from __future__ import annotations

from typing import Any

from troposphere import Equals, Not, Ref, Template

from quilt_cfn.cloudformation.facts.regional_gaps import (
    DB_INSTANCE_FAMILIES_MISSING,
    INSTANCE_FAMILIES_MISSING,
    REGIONS_WITHOUT_SES,
)
from quilt_cfn.stack.parameters import CATALOG_HOST, DB_INSTANCE_TYPE, INSTANCE_TYPE, REGISTRY_HOST, SMTP_HOST, Field


def add_rules(t: Template) -> None:
    """Every rule of the template; CloudFormation allows only a few functions in them."""
    _refuse(
        t,
        "HostNamesDiffer",
        "The catalog and the registry need two different host names.",
        Equals(CATALOG_HOST.ref, REGISTRY_HOST.ref),
    )
    for family, regions in INSTANCE_FAMILIES_MISSING.items():
        _refuse_family(t, "InstanceTypeOffered", INSTANCE_TYPE, family, regions)
    for family, regions in DB_INSTANCE_FAMILIES_MISSING.items():
        _refuse_family(t, "DBInstanceTypeOffered", DB_INSTANCE_TYPE, family, regions)
    _refuse(
        t,
        "MailHostKnown",
        "Amazon SES does not exist in this Region: fill in the SMTP host of your mail service.",
        _contains(REGIONS_WITHOUT_SES, Ref("AWS::Region")),
        where=Equals(SMTP_HOST.ref, ""),
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


def _refuse(t: Template, name: str, sentence: str, situation: Any, where: Any = None) -> None:
    """Refuse a situation, or refuse it only where the condition ``where`` holds."""
    condition = {"RuleCondition": where} if where else {}
    t.add_rule(name, {**condition, "Assertions": [{"Assert": Not(situation), "AssertDescription": sentence}]})


def _contains(values: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {"Fn::Contains": [list(values), value]}
