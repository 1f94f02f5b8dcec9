"""What the wildcards of a policy cover beyond the calls that are made."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.api_calls import INTERFACE, ApiCall
from quilt_cfn.cloudformation.facts.iam_actions import actions_matching, arns_of, glob
from quilt_cfn.cloudformation.launch import Launch, is_known, origins_of
from quilt_cfn.cloudformation.launch.values import placeholder
from quilt_cfn.cloudformation.template.coerce import as_text

ANOTHER = "another-0123"
"""What stands for a wildcard in the name of a resource that isn't meant."""


def uncalled_actions(pattern: Any, calls: Collection[ApiCall]) -> list[str]:
    """The actions that a pattern with a wildcard matches and that none of these calls is; none for a whole service."""
    if not is_known(pattern) or not re.search("[*?]", as_text(pattern)) or as_text(pattern).endswith(":*"):
        return []
    called = {call.action.lower() for call in calls}
    return [each for each in actions_matching(as_text(pattern)) if each.lower() not in called]


def covers_others(launch: Launch, pattern: Any, calls: Collection[ApiCall], has_condition: bool) -> bool:
    """Whether a pattern in a statement's Resource covers resources of the same kind that none of these calls is about.

    A wildcard for what the calls themselves leave open is right: the objects of a bucket, the streams of a log group,
    and resources whose IDs nobody knows before the launch, if they can't be told apart by a condition or are.
    """
    text = as_text(pattern)
    if text == "*" or not re.search("[*?]", text) or any("*" in call.targets for call in calls):
        return False
    another = _without_place(re.sub(r"[*?]+", ANOTHER, text))
    return not any(
        glob(_without_place(each)).fullmatch(another)
        for call in calls
        for target in call.targets
        for each in _meant(launch, call.action, target, pattern, has_condition)
    )


def _without_place(arn: str) -> str:
    """An ARN without partition, Region and account: a wildcard in these covers no other resource of the stack."""
    return re.sub("^arn:[^:]*:([^:]*):[^:]*:[^:]*:", r"arn:\1:", arn)


def _meant(launch: Launch, action: str, target: str, pattern: Any, has_condition: bool) -> Iterator[str]:
    """What a pattern may spell for a call on a target: the target and what is below it."""
    prefix = target.rpartition("/")[0]
    if re.search(r"/[a-z]+-0123456789abcdef0$", target):  # any one of its kind, see ``INSTANCE``
        if has_condition or target.endswith(INTERFACE):
            yield f"{prefix}/*"
        return
    yield from (target, f"{target.partition(':log-stream:')[0]}:*")
    if ":stack/" in target:
        yield f"{prefix}/*"  # AWS makes the ID after a stack's name
    name = launch.referenced_resource(target)
    if name:
        spelt = {f"<{name}>", *(placeholder(each) for each in origins_of(pattern) if each.name == name)}
        yield from (f"{each}{end}" for each in spelt for end in (":*", "/*"))
        yield from _arns(launch, name, action, spelt)


def _arns(launch: Launch, name: str, action: str, spelt: set[str]) -> Iterator[str]:
    """Patterns for the ARN of a resource, and for what is below it, with the names that the resource can have."""
    stack = as_text(launch.compute({"Ref": "AWS::StackName"}))
    own = [as_text(each) for key, each in launch.properties(name).items() if key.endswith(("Name", "Identifier"))]
    names = [*own, *spelt, f"{stack}-{name}-*", f"{name}-*"]
    if action.startswith("secretsmanager:"):
        names += [f"{each}-*" for each in (*own, *spelt)]  # six characters of AWS's follow the name of a secret
    for _, arn in arns_of(action) or ():
        service, resource = arn.split(":", 5)[2::3]
        kind, star, rest = resource.partition("*")
        for each in names if star else ():
            yield from (f"arn:*:{service}:*:*:{kind}{each}{end}" for end in (rest, ":*"))
