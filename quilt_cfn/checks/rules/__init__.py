"""All the rules, family by family; a family is a module, and its letter begins the ids of its rules."""

from __future__ import annotations

from quilt_cfn.checks.rule import Rule
from quilt_cfn.checks.rules import (
    lifecycle,
    marketplace,
    parameters,
    permissions,
    reachability,
    secrets,
    wiring,
)

FAMILIES = {
    "M": marketplace,
    "R": reachability,
    "S": secrets,
    "L": lifecycle,
    "P": permissions,
    "W": wiring,
    "F": parameters,
}

RULES: dict[str, Rule] = {
    each.id: each for family in FAMILIES.values() for each in vars(family).values() if isinstance(each, Rule)
}
"""Every rule by its id."""
