"""Combinations of values that the form refuses before anything is created.

The rule: a launch that would fail, or come up deaf, for a reason that is known when the form is sent, is refused here
with a sentence that says what to choose instead.
"""

from __future__ import annotations

from typing import Any

from troposphere import And, Equals, Not, Ref, Template

from quilt_cfn.stack.parameters import CATALOG_HOST, DB_INSTANCE_TYPE, INSTANCE_TYPE, REGISTRY_HOST, SMTP_HOST, Field
from quilt_cfn.stack.regions import (
    DB_INSTANCE_FAMILIES_MISSING,
    INSTANCE_FAMILIES_MISSING,
    REGIONS_WITHOUT_SES,
)


def add_rules(t: Template) -> None:
    """The template's ``Rules``; their functions are the few that CloudFormation allows there."""
    _refuse(
        t,
        "HostNamesDiffer",
        Equals(CATALOG_HOST.ref, REGISTRY_HOST.ref),
        "The catalog and the registry need two different host names.",
    )
    for family, regions in INSTANCE_FAMILIES_MISSING.items():
        _refuse_family(t, "InstanceTypeOffered", INSTANCE_TYPE, family, regions)
    for family, regions in DB_INSTANCE_FAMILIES_MISSING.items():
        _refuse_family(t, "DBInstanceTypeOffered", DB_INSTANCE_TYPE, family, regions)
    _refuse(
        t,
        "MailHostKnown",
        And(Equals(SMTP_HOST.ref, ""), _contains(REGIONS_WITHOUT_SES, Ref("AWS::Region"))),
        "Amazon SES does not exist in this Region: fill in the SMTP host of your mail service.",
    )


def _refuse_family(t: Template, name: str, field: Field, family: str, regions: tuple[str, ...]) -> None:
    values = [str(value) for value in field.values]
    types = tuple(value for value in values if value.startswith(f"{family}."))
    size = types[0].rpartition(".")[2]
    substitute = next(value for value in values if value.endswith(size) and value not in types)
    _refuse(
        t,
        name + family.rpartition(".")[2].upper(),
        And(_contains(types, field.ref), _contains(regions, Ref("AWS::Region"))),
        f"This Region does not offer {family}: choose another type, for example {substitute}.",
    )


def _refuse(t: Template, name: str, situation: Any, sentence: str) -> None:
    t.add_rule(name, {"Assertions": [{"Assert": Not(situation), "AssertDescription": sentence}]})


def _contains(values: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {"Fn::Contains": [list(values), value]}
