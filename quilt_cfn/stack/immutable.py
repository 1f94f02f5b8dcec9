"""What must never change in any later release: each property is declared where its resource is made."""

from __future__ import annotations

from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.inputs.release import Release
from quilt_cfn.stack import (
    address,
    database,
    identity,
    instance,
    load_balancer,
    logs,
    network,
    secrets,
    security_groups,
    storage,
)


def immutable_properties(release: Release) -> tuple[ImmutableProperty, ...]:
    """What must never change in a later release, each declared where its resource is made; docs/guide/decisions.md."""
    return (
        *database.immutable_properties(release),
        *storage.IMMUTABLE,
        *secrets.IMMUTABLE,
        *load_balancer.IMMUTABLE,
        *instance.IMMUTABLE,
        *address.IMMUTABLE,
        *network.IMMUTABLE,
        *security_groups.IMMUTABLE,
        *logs.IMMUTABLE,
        *identity.IMMUTABLE,
    )
