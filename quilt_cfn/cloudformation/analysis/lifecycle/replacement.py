"""Replacement: which changes make a new resource beside the old one, and what becomes of the old one.

CloudFormation creates the new one first. It deletes the old one when everything else of the update has succeeded, and
the new one when the update is rolled back.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.groups import GROUP, group
from quilt_cfn.cloudformation.analysis.lifecycle.losses import HOLDS_DATA
from quilt_cfn.cloudformation.analysis.lifecycle.names import explicit_name
from quilt_cfn.cloudformation.facts.replacement import CLEARED_IN_PLACE, IN_PLACE, create_only
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_text

ALSO = {"AWS::EC2::EIP": ("Domain",)}
"""Type -> properties that replace a resource by AWS's documentation, and not by cfn-lint's schema."""


class Replacing(NamedTuple):
    """The properties of a resource, of those that the template sets, whose change replaces it."""

    certain: tuple[str, ...]
    possible: tuple[str, ...]
    """Those that replace it in some cases, by the schema of its type."""


def replacing(launch: Launch, name: str) -> Replacing:
    """Which changes of a resource replace it; none for a type without a schema, such as a custom resource."""
    resource_type, properties = launch.type_of(name), launch.properties(name)
    schema = create_only(resource_type)
    if schema is None:
        return Replacing((), ())
    is_group = resource_type == GROUP  # its UpdatePolicy decides
    in_place = is_group and not group(launch, name).is_replaced
    certain = {*schema.always, *ALSO.get(resource_type, ()), *(schema.conditionally if is_group else ())}
    possible = {each for each in schema.conditionally if (resource_type, each) not in IN_PLACE} - certain
    certain -= schema.conditionally if in_place else frozenset()
    return Replacing(*(tuple(each for each in properties if each in _names(kind)) for kind in (certain, possible)))


def _names(paths: Iterable[str]) -> set[str]:
    """The properties at the top level of which a part can't be changed in place."""
    return {each.partition("/")[0] for each in paths}


def replaced_by_rollback(launch: Launch, changed: Collection[str]) -> Iterator[Fact]:
    """What the rollback of an update does with the new ones of resources that it had replaced."""
    for name in changed:
        properties = sum(replacing(launch, name), ())
        policy = _policy(launch, name, "DeletionPolicy")
        if properties and policy == "Retain":
            sentence = "Perhaps the new one, if it was replaced: its deletion policy is Retain."
            yield Fact(name, "retained-new-one", sentence, ("DeletionPolicy",))
        elif properties and policy == "Snapshot":
            sentence = "Perhaps a final snapshot of the new one, if it was replaced."
            yield Fact(name, "snapshot-of-new-one", sentence, ("DeletionPolicy",))


def taken_names(launch: Launch, changed: Collection[str]) -> Iterator[Fact]:
    """Resources that can't be replaced as long as they keep the name that the template gives them."""
    for name in changed:
        named = explicit_name(launch, name)
        others = [each for each in replacing(launch, name).certain if not named or each != named.property]
        if named and others:
            sentence = f"A change of {_or(others)} fails at once: the new one can't have the name of the old one."
            yield Fact(name, "taken-name", sentence, ("Properties", named.property))


def replaced_by_success(launch: Launch, changed: Collection[str]) -> Iterator[Fact]:
    """What becomes of the old ones of resources that an update has replaced, once it has succeeded."""
    for name in changed:
        properties = sum(replacing(launch, name), ())
        policy = _policy(launch, name, "UpdateReplacePolicy")
        if not properties:
            continue
        cleared = [each for each in properties if (launch.type_of(name), each) in CLEARED_IN_PLACE]
        named = [f"{each} (but not clearing it)" if each in cleared else each for each in properties]
        change = f"A change of {_or(named)} replaces it"
        if policy == "Snapshot":
            sentence = f"{change} by a new one; a final snapshot of the old one remains."
            yield Fact(name, "snapshot-of-old-one", sentence, ("UpdateReplacePolicy",))
        elif policy.startswith("Retain"):
            sentence = f"{change} by a new one; the old one remains, outside of the stack."
            yield Fact(name, "retained-old-one", sentence, ("UpdateReplacePolicy",))
        elif launch.type_of(name) in HOLDS_DATA:
            sentence = f"{change} by an empty one; the old one is deleted, without a copy."
            yield Fact(name, "deleted-old-one", sentence)


def _policy(launch: Launch, name: str, kind: str) -> str:
    """The default for databases, Snapshot, is one of DeletionPolicy only:
    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1180."""
    return as_text(launch.resources[name].get(kind, "Delete"))


def _or(names: Collection[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
