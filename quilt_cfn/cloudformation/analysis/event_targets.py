"""What EventBridge rules start, and whether the policies of the targets let EventBridge do it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.grants import grants_of
from quilt_cfn.cloudformation.launch import Launch, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path

EVENTS = "events.amazonaws.com"
"""The principal that EventBridge is in the policies of targets, in every partition."""

FUNCTIONS = ("AWS::Lambda::Alias", "AWS::Lambda::Function", "AWS::Lambda::Version")
WITH_POLICY = {
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics", "sns:Publish"),
    "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues", "sqs:SendMessage"),
}
"""Type of a target -> the type of its policy, the property that names what it is for, and the action."""


class EventTarget(NamedTuple):
    """A target of a rule."""

    rule: str
    """Logical ID of the rule."""
    path: Path
    properties: dict[str, Any]
    resource: str | None
    """Logical ID of the resource that its Arn is a reference to."""
    attribute: str
    """The attribute that its Arn is; empty for Ref, and where it is no reference."""

    @property
    def id(self) -> Any:
        return self.properties.get("Id")


def event_targets(launch: Launch) -> Iterator[EventTarget]:
    """Every target of every rule."""
    for rule, properties in launch.of_type("AWS::Events::Rule").items():
        for index, target in enumerate(as_list(properties.get("Targets"))):
            arn = dict_or_empty(target).get("Arn")
            resource = launch.referenced_resource(arn)
            attribute = next(iter(origins_of(arn))).attribute if resource else ""
            path = ("Resources", rule, "Properties", "Targets", index)
            yield EventTarget(rule, path, dict_or_empty(target), resource, attribute)


@lru_cache(maxsize=1)
def is_expanded(launch: Launch) -> bool:
    """Whether every resource is in the template as it is: no transform and no loop adds any."""
    loops = any(as_text(each).startswith("Fn::") for each in dict_or_empty(launch.template.get("Resources")))
    return not launch.template.get("Transform") and not loops


def may_be_invoked(launch: Launch, target: EventTarget) -> bool:
    """Whether a permission lets a rule invoke its target, a function of the template."""
    function = function_of(launch, target.resource)
    sources = [*_sources(launch).get(function, ()), *_sources(launch).get(None, ())]
    return any(_may_be_arn(launch, each, target.rule) for each in sources)


@lru_cache(maxsize=1)
def _sources(launch: Launch) -> dict[str | None, list[Any]]:
    """Function -> SourceArn of each permission for EventBridge to invoke it; None for functions that aren't known."""
    found: dict[str | None, list[Any]] = {}
    for permission in launch.of_type("AWS::Lambda::Permission").values():
        principal = permission.get("Principal")
        if principal in (EVENTS, "*") or not is_known(principal):
            function = function_of(launch, permission.get("FunctionName"))
            found.setdefault(function, []).append(permission.get("SourceArn"))
    return found


def _may_be_arn(launch: Launch, source: Any, rule: str) -> bool:
    """Whether a SourceArn may be the ARN of a rule: it can't if it refers to others only, or has another name."""
    rules = {each.name for each in origins_of(source) if launch.type_of(each.name) == "AWS::Events::Rule"}
    name = launch.properties(rule).get("Name")
    if rules or source is None or name is None or not is_known([source, name]):
        return not rules or rule in rules
    return "*" in as_text(source) or as_text(source).endswith(f"/{as_text(name)}")


def function_of(launch: Launch, value: Any) -> str | None:
    """The function behind the logical ID, a reference or the name of a function, alias or version, if it is known."""
    name = value if isinstance(value, str) and value in launch.resources else launch.referenced_resource(value)
    if name is None:
        by_origin = [each.name for each in origins_of(value) if launch.type_of(each.name) in FUNCTIONS]
        name = next(iter(sorted(by_origin)), None) or _names(launch).get(as_text(value))
    if launch.type_of(name) in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
        return function_of(launch, launch.properties(name).get("FunctionName"))
    return name if launch.type_of(name) == "AWS::Lambda::Function" else None


@lru_cache(maxsize=1)
def _names(launch: Launch) -> dict[str, str]:
    """The name of each function that has one in the template -> its logical ID."""
    functions = launch.of_type("AWS::Lambda::Function").items()
    return {as_text(it["FunctionName"]): name for name, it in functions if "FunctionName" in it}


def may_be_sent_to(launch: Launch, target: EventTarget) -> bool:
    """Whether a policy of the template lets EventBridge send to a topic or a queue."""
    policy_type, key, action = WITH_POLICY[launch.type_of(target.resource)]
    policies = _policies(launch, policy_type, key)
    for policy in [*policies.get(target.resource, ()), *policies.get(None, ())]:
        own = grants_of(launch, policy)
        if any(_admits_events(each.statement, action) for each in own) or not own:
            return True
    return False


@lru_cache(maxsize=2)
def _policies(launch: Launch, policy_type: str, key: str) -> dict[str | None, list[str]]:
    """Resource -> the policies of this type that name it in a property; None for what isn't known."""
    found: dict[str | None, list[str]] = {}
    for policy, properties in launch.of_type(policy_type).items():
        for each in as_list(properties.get(key)):
            found.setdefault(launch.referenced_resource(each), []).append(policy)
    return found


def _admits_events(statement: dict[str, Any], action: str) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    named = [*as_list(dict_or_empty(principal).get("Service")), *as_list(dict_or_empty(principal).get("AWS"))]
    admitted = principal == "*" or any(as_text(each).startswith(("events.", "*")) for each in named)
    actions = [as_text(each).lower() for each in as_list(statement.get("Action"))]
    service = action.partition(":")[0]
    covered = any(each in (action.lower(), "*", f"{service}:*") or "*" in each for each in actions)
    anybody = admitted or "NotPrincipal" in statement or not is_known(named)
    return anybody and (covered or "NotAction" in statement)
