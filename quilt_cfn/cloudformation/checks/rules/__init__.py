"""All the rules, family by family; the letter of a family begins the ids of its rules."""

from __future__ import annotations

import inspect

from quilt_cfn.cloudformation.checks.rules import (
    boot,
    lifecycle,
    marketplace,
    marketplace_access,
    parameter_constraints,
    permissions,
    reachability,
    secrets,
    wiring,
)
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.finding import Family

_MODULES = {
    "M": (marketplace, marketplace_access),
    "R": (reachability,),
    "S": (secrets,),
    "L": (lifecycle,),
    "P": (permissions,),
    "W": (wiring, boot),
    "F": (parameter_constraints,),
}
"""Letter -> the modules with the rules whose ids begin with it."""

RULES: dict[str, Rule] = {
    each.id: each
    for modules in _MODULES.values()
    for each in sorted(each for module in modules for each in vars(module).values() if isinstance(each, Rule))
}
"""Every rule by its id, in order."""

FAMILIES = tuple(
    Family(
        f"{letter}: {' '.join((inspect.getdoc(module) or '').splitlines()[0] for module in modules)}",
        tuple(rule.explanation for rule in RULES.values() if rule.id.startswith(letter)),
    )
    for letter, modules in _MODULES.items()
)
