"""What policies allow: whom each statement applies to, and which actions and resources it covers.

Where the template doesn't decide it, a statement allows: conditions count as met where they allow and as unmet where
they deny, and a user or role with a policy from outside the template may call anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.policy_documents import IDENTITY, TRUST, policy_documents, policy_errors
from quilt_cfn.cloudformation.facts.iam_actions import arns_of, glob
from quilt_cfn.cloudformation.launch import Launch, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text
from quilt_cfn.cloudformation.template.walk import Path

NAMES = {"AWS::IAM::Group": "GroupName", "AWS::IAM::Role": "RoleName", "AWS::IAM::User": "UserName"}
"""Type of an IAM identity -> the property that sets its name."""


class Grant(NamedTuple):
    """A statement of a policy, with the identities that it applies to."""

    path: Path
    identities: frozenset[str]
    """Logical IDs of users, groups and roles; empty for the policy of a resource, which may name anybody."""
    statement: dict[str, Any]
    valid: bool
    """Whether nothing is wrong with its document; see ``policy_errors``."""

    def covers_action(self, action: str) -> bool:
        """Whether the statement applies to an action, on some resource."""
        if "NotAction" in self.statement:
            return not any(matches_action(each, action) for each in as_list(self.statement["NotAction"]))
        return any(matches_action(each, action) for each in as_list(self.statement.get("Action")))

    def allows(self, launch: Launch, action: str, targets: tuple[str, ...]) -> bool:
        """Whether it allows an action on one of these resources (ARNs or placeholders), or on any if there are none."""
        if self.statement.get("Effect") != "Allow" or not self.covers_action(action):
            return False
        patterns = as_list(self.statement.get("Resource", "*"))
        return not targets or any(
            covers_resource(launch, each, action, target) for each in patterns for target in targets
        )

    def denies(self, launch: Launch, action: str, targets: tuple[str, ...]) -> bool:
        """Whether it denies an action on all of these resources, without any condition."""
        if self.statement.get("Effect") != "Deny" or self.statement.keys() & {"Condition", "NotAction", "NotResource"}:
            return False
        patterns = [*map(as_text, as_list(self.statement.get("Resource")))]
        everywhere = "*" in patterns or (
            bool(targets) and all(any(glob(each).fullmatch(target) for each in patterns) for target in targets)
        )
        return everywhere and self.covers_action(action)


def matches_action(pattern: Any, action: str) -> bool:
    """Whether a pattern in Action or NotAction matches an action, in any case; True for an unknown pattern."""
    return not is_known(pattern) or glob(as_text(pattern), ignore_case=True).fullmatch(action) is not None


@lru_cache(maxsize=1)
def grants(launch: Launch) -> tuple[Grant, ...]:
    """Every statement of every policy, except trust policies."""
    found: list[Grant] = []
    for document in policy_documents(launch):
        if document.policy_type != TRUST:
            owner = str(document.path[1])
            identities = frozenset(_identities(launch, owner) if document.policy_type == IDENTITY else ())
            valid = not any(policy_errors(document))
            found += [Grant(path, identities, statement, valid) for path, statement in document.statements]
    return tuple(found)


def grants_of(launch: Launch, resource: str) -> list[Grant]:
    """The statements in a resource, which is a policy or has one."""
    return _by_resource(launch).get(resource, [])


@lru_cache(maxsize=1)
def _by_resource(launch: Launch) -> dict[str, list[Grant]]:
    found: dict[str, list[Grant]] = {}
    for grant in grants(launch):
        found.setdefault(str(grant.path[1]), []).append(grant)
    return found


def has_outside_policies(launch: Launch, identity: str) -> bool:
    """Whether a user or role has permissions from outside the template, by a managed policy or a group."""
    ours = ("AWS::IAM::Group", "AWS::IAM::ManagedPolicy")
    attached = as_list(launch.properties(identity).get("Groups"))
    for owner in (identity, *(group for group, user in _members(launch) if user == identity)):
        attached = [*attached, *as_list(launch.properties(owner).get("ManagedPolicyArns"))]
    return any(launch.type_of(launch.referenced_resource(each)) not in ours for each in attached)


def identity_of(launch: Launch, value: Any) -> str | None:
    """The logical ID of the user, group or role that a value refers to, or that this value is the name of."""
    name = launch.referenced_resource(value)
    if name or not value:
        return name if launch.type_of(name or "") in NAMES else None
    named = (name for name, it in launch.of_type(*NAMES).items() if it.get(NAMES[launch.type_of(name)]) == value)
    return next(named, None)


def _identities(launch: Launch, owner: str) -> Iterator[str]:
    """The identities that the policies in a resource apply to: itself, members of a group, those it is attached to."""
    properties = launch.properties(owner)
    keys = ("Users", "Groups", "Roles", "UserName", "GroupName", "RoleName")
    direct = {identity_of(launch, each) for key in keys for each in as_list(properties.get(key))}
    if launch.type_of(owner) in NAMES:
        direct = {owner}
    for name, other in launch.of_type(*NAMES).items():
        if any(launch.referenced_resource(each) == owner for each in as_list(other.get("ManagedPolicyArns"))):
            direct.add(name)
    yield from filter(None, direct)
    yield from (user for group, user in _members(launch) if group in direct)


@lru_cache(maxsize=1)
def _members(launch: Launch) -> tuple[tuple[str, str], ...]:
    """(group, user) of each membership that the template declares."""
    found: list[tuple[str | None, str | None]] = []
    for user, properties in launch.of_type("AWS::IAM::User").items():
        found += [(identity_of(launch, group), user) for group in as_list(properties.get("Groups"))]
    for addition in launch.of_type("AWS::IAM::UserToGroupAddition").values():
        group = identity_of(launch, addition.get("GroupName"))
        found += [(group, identity_of(launch, user)) for user in as_list(addition.get("Users"))]
    return tuple((group, user) for group, user in found if group and user)


def covers_resource(launch: Launch, pattern: Any, action: str, target: str) -> bool:
    """Whether a pattern in a statement's Resource covers a target: an ARN, or the placeholder of a resource."""
    if glob(as_text(pattern)).fullmatch(target) or target == "*":
        return True
    if not is_known(pattern):
        referenced = {origin.name for origin in origins_of(pattern) if origin.source in ("resource", "attribute")}
        if not referenced:
            return True  # a parameter without a value, another stack's export
        return launch.referenced_resource(target) in referenced
    name = launch.referenced_resource(target)
    return name is not None and any(glob(as_text(pattern)).fullmatch(arn) for arn in _arns(launch, name, action))


def _arns(launch: Launch, name: str, action: str) -> Iterator[str]:
    """The ARNs that a resource can have: with the name in the template, or one that AWS makes of its logical ID."""
    names = [as_text(each) for key, each in launch.properties(name).items() if key.endswith(("Name", "Identifier"))]
    partition, account, stack = (
        launch.compute({"Ref": f"AWS::{each}"}) for each in ("Partition", "AccountId", "StackName")
    )
    for physical in (*names, f"{stack}-{name}-0123456789AB", f"{name}-0123456789AB"):
        for _, arn in arns_of(action) or ():
            _, _, service, region, owner, resource = arn.split(":", 5)
            place = (region and launch.region, owner and account)
            yield ":".join(("arn", partition, service, *place, physical.join(resource.rsplit("*", 1))))
