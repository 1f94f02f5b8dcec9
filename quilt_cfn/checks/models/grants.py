"""What policies allow: the statements that hold for a user or role, and which actions and resources one covers.

The rule: in doubt a statement allows. Conditions are taken as met where they allow and as unmet where they deny, and
who has a policy that the template doesn't contain may do anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.checks.models.actions import arns_of, glob
from quilt_cfn.checks.models.documents import IDENTITY, TRUST, documents, mistakes
from quilt_cfn.evaluation import Rendering
from quilt_cfn.evaluation.texts import Path, as_text, is_known, origins_of, several

NAMES = {"AWS::IAM::Group": "GroupName", "AWS::IAM::Role": "RoleName", "AWS::IAM::User": "UserName"}
"""Who can have policies -> the property with a name of one's own."""


class Grant(NamedTuple):
    """A statement of a policy, and for whom it holds."""

    path: Path
    holders: frozenset[str]
    """Logical IDs of users and roles; empty for the policy of a resource, which may speak of anybody."""
    statement: dict[str, Any]
    sound: bool
    """Whether nothing is wrong with the document."""

    def speaks_of(self, action: str) -> bool:
        """Whether the statement is about an action, on some resource."""
        if "NotAction" in self.statement:
            return not any(matches(each, action) for each in several(self.statement["NotAction"]))
        return any(matches(each, action) for each in several(self.statement.get("Action")))

    def allows(self, rendering: Rendering, action: str, targets: tuple[str, ...]) -> bool:
        """Whether it allows an action on one of these resources, or on any if there are none."""
        if self.statement.get("Effect") != "Allow" or not self.speaks_of(action):
            return False
        patterns = several(self.statement.get("Resource", "*"))
        return not targets or any(covers(rendering, each, action, target) for each in patterns for target in targets)

    def denies(self, rendering: Rendering, action: str, targets: tuple[str, ...]) -> bool:
        """Whether it denies an action on all of these resources whatever else is true."""
        if self.statement.get("Effect") != "Deny" or self.statement.keys() & {"Condition", "NotAction", "NotResource"}:
            return False
        patterns = [*map(as_text, several(self.statement.get("Resource")))]
        everywhere = "*" in patterns or (
            bool(targets) and all(any(glob(each).fullmatch(target) for each in patterns) for target in targets)
        )
        return everywhere and self.speaks_of(action)


def matches(pattern: Any, action: str) -> bool:
    """Whether an action is one that a pattern in Action or NotAction means; case does not count."""
    return not is_known(pattern) or glob(as_text(pattern), ignore_case=True).fullmatch(action) is not None


@lru_cache(maxsize=1)
def grants(rendering: Rendering) -> tuple[Grant, ...]:
    """Every statement of every policy but trust policies."""
    found: list[Grant] = []
    for document in documents(rendering):
        if document.kind != TRUST:
            owned = _holders(rendering, str(document.path[1])) if document.kind == IDENTITY else ()
            holders, sound = frozenset(owned), not any(mistakes(document))
            found += [Grant(path, holders, statement, sound) for path, statement in document.statements]
    return tuple(found)


def is_open(rendering: Rendering, holder: str) -> bool:
    """Whether a user or role has permissions that the template doesn't show, through a managed policy or a group."""
    ours = ("AWS::IAM::Group", "AWS::IAM::ManagedPolicy")
    attached = several(rendering.properties(holder).get("Groups"))
    for owner in (holder, *(group for group, user in _members(rendering) if user == holder)):
        attached = [*attached, *several(rendering.properties(owner).get("ManagedPolicyArns"))]
    return any(rendering.type_of(rendering.named(each) or "") not in ours for each in attached)


def identity(rendering: Rendering, value: Any) -> str | None:
    """The logical ID of the user, group or role that a value refers to, or that has this value for a name."""
    name = rendering.named(value)
    if name or not value:
        return name if rendering.type_of(name or "") in NAMES else None
    named = (name for name, it in rendering.of_type(*NAMES).items() if it.get(NAMES[rendering.type_of(name)]) == value)
    return next(named, None)


def _holders(rendering: Rendering, owner: str) -> Iterator[str]:
    """The users and roles for whom the policy in a resource holds: it is theirs or their group's, or attached."""
    properties = rendering.properties(owner)
    keys = ("Users", "Groups", "Roles", "UserName", "GroupName", "RoleName")
    direct = {identity(rendering, each) for key in keys for each in several(properties.get(key))}
    if rendering.type_of(owner) in NAMES:
        direct = {owner}
    for name, other in rendering.of_type(*NAMES).items():
        if any(rendering.named(each) == owner for each in several(other.get("ManagedPolicyArns"))):
            direct.add(name)
    yield from filter(None, direct)
    yield from (user for group, user in _members(rendering) if group in direct)


@lru_cache(maxsize=1)
def _members(rendering: Rendering) -> tuple[tuple[str, str], ...]:
    """(group, user) of each membership that the template declares."""
    found: list[tuple[str | None, str | None]] = []
    for user, properties in rendering.of_type("AWS::IAM::User").items():
        found += [(identity(rendering, group), user) for group in several(properties.get("Groups"))]
    for addition in rendering.of_type("AWS::IAM::UserToGroupAddition").values():
        group = identity(rendering, addition.get("GroupName"))
        found += [(group, identity(rendering, user)) for user in several(addition.get("Users"))]
    return tuple((group, user) for group, user in found if group and user)


def covers(rendering: Rendering, pattern: Any, action: str, target: str) -> bool:
    """Whether a pattern in a statement's Resource covers a target: an ARN, or what stands for a resource."""
    if glob(as_text(pattern)).fullmatch(target) or target == "*":
        return True
    if not is_known(pattern):
        mine = {origin.name for origin in origins_of(pattern) if origin.kind in ("resource", "attribute")}
        if not mine:
            return True  # a parameter without a value, another stack's export
        return rendering.named(target) in mine
    name = rendering.named(target)
    return name is not None and any(glob(as_text(pattern)).fullmatch(arn) for arn in _arns(rendering, name, action))


def _arns(rendering: Rendering, name: str, action: str) -> Iterator[str]:
    """The ARNs that a resource can have: with a name that it is given, or one that AWS makes of its logical ID."""
    given = [as_text(each) for key, each in rendering.properties(name).items() if key.endswith(("Name", "Identifier"))]
    partition, account, stack = (
        rendering.compute({"Ref": f"AWS::{each}"}) for each in ("Partition", "AccountId", "StackName")
    )
    for physical in (*given, f"{stack}-{name}-0123456789AB", f"{name}-0123456789AB"):
        for _, arn in arns_of(action) or ():
            _, _, service, region, owner, named = arn.split(":", 5)
            place = (region and rendering.region, owner and account)
            yield ":".join(("arn", partition, service, *place, physical.join(named.rsplit("*", 1))))
