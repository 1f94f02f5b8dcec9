"""All the rules, family by family; the ids of a family's rules begin with its letter."""

from __future__ import annotations

from quilt_cfn.cloudformation.checks.rules import (
    boot,
    buckets,
    compatibility,
    cors,
    embedded,
    events,
    keys,
    lifecycle,
    marketplace,
    marketplace_access,
    parameter_constraints,
    permissions,
    reachability,
    secrets,
    template,
    updates,
    watching,
    wiring,
)
from quilt_cfn.cloudformation.checks.rules.rule import Rule
from quilt_cfn.finding import Family

_FAMILIES = {
    "T": ("The template itself: what CloudFormation refuses outright, and what of it was not checked", (template,)),
    "M": ("AWS Marketplace: what a template needs to be listed", (marketplace, marketplace_access)),
    "R": ("Reachability: which network connections are needed, possible and allowed", (reachability,)),
    "S": ("Secrets and free text: where they must not end", (secrets,)),
    "L": ("Lifecycle: what a creation, a retry, an update and a deletion run into", (lifecycle, updates, buckets)),
    "P": ("Permissions: what IAM policies allow, and which calls are made", (permissions, keys)),
    "W": (
        "Wiring: values that are valid by their schema and fail in a launch or at boot",
        (wiring, boot, compatibility, embedded, events, cors, watching),
    ),
    "F": ("Parameters: which values they accept", (parameter_constraints,)),
}
"""Letter -> the title of the family, and the modules with its rules."""

RULES: dict[str, Rule] = {
    each.id: each
    for _, modules in _FAMILIES.values()
    for each in sorted(each for module in modules for each in vars(module).values() if isinstance(each, Rule))
}
"""Every rule by its id, in order."""

FAMILIES = tuple(
    Family(f"{letter}: {title}", tuple(rule.explanation for rule in RULES.values() if rule.id.startswith(letter)))
    for letter, (title, _) in _FAMILIES.items()
)
