"""All the rules, family by family; the letter of a family begins the ids of its rules."""

from __future__ import annotations

from quilt_cfn.checks.rule import Rule
from quilt_cfn.checks.rules import (
    booting,
    lifecycle,
    marketplace,
    marketplace_access,
    parameters,
    permissions,
    reachability,
    secrets,
    wiring,
)

FAMILIES = {
    "M": (marketplace, marketplace_access),
    "R": (reachability,),
    "S": (secrets,),
    "L": (lifecycle,),
    "P": (permissions,),
    "W": (wiring, booting),
    "F": (parameters,),
}

RULES: dict[str, Rule] = {
    each.id: each
    for modules in FAMILIES.values()
    for each in sorted(each for module in modules for each in vars(module).values() if isinstance(each, Rule))
}
"""Every rule by its id, in order."""
