"""What EventBridge rules start, and whether the policies of the targets let EventBridge do it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.grants import grants
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


def is_expanded(launch: Launch) -> bool:
    """Whether every resource is in the template as it is: no transform and no loop adds any."""
    loops = any(as_text(each).startswith("Fn::") for each in dict_or_empty(launch.template.get("Resources")))
    return not launch.template.get("Transform") and not loops


def may_be_invoked(launch: Launch, target: EventTarget) -> bool:
    """Whether a permission lets a rule invoke its target, a function of the template."""
    function = _function(launch, target.resource)
    for permission in launch.of_type("AWS::Lambda::Permission").values():
        named, principal = _function(launch, permission.get("FunctionName")), permission.get("Principal")
        admitted = principal in (EVENTS, "*") or not is_known(principal)
        if admitted and named in (function, None) and _may_be_arn(launch, permission.get("SourceArn"), target.rule):
            return True
    return False


def _may_be_arn(launch: Launch, source: Any, rule: str) -> bool:
    """Whether a SourceArn may be the ARN of a rule: it can't if it refers to others only, or has another name."""
    rules = {each.name for each in origins_of(source) if launch.type_of(each.name) == "AWS::Events::Rule"}
    name = launch.properties(rule).get("Name")
    if rules or source is None or name is None or not is_known([source, name]):
        return not rules or rule in rules
    return "*" in as_text(source) or as_text(source).endswith(f"/{as_text(name)}")


def _function(launch: Launch, value: Any) -> str | None:
    """The function behind a function's, alias's or version's logical ID, reference, or own name; None if unknown."""
    name = value if value in launch.resources else launch.referenced_resource(value)
    if name is None:
        by_origin = [each.name for each in origins_of(value) if launch.type_of(each.name) in FUNCTIONS]
        functions = launch.of_type("AWS::Lambda::Function").items()
        by_name = [each for each, it in functions if value is not None and it.get("FunctionName") == value]
        name = next(iter([*by_origin, *by_name]), None)
    if launch.type_of(name) in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
        return _function(launch, launch.properties(name).get("FunctionName"))
    return name if launch.type_of(name) == "AWS::Lambda::Function" else None


def may_be_sent_to(launch: Launch, target: EventTarget) -> bool:
    """Whether a policy of the template lets EventBridge send to a topic or a queue."""
    policy_type, key, action = WITH_POLICY[launch.type_of(target.resource)]
    for policy, properties in launch.of_type(policy_type).items():
        named = [launch.referenced_resource(each) for each in as_list(properties.get(key))]
        if target.resource not in named and None not in named:
            continue
        own = [each for each in grants(launch) if each.path[1] == policy]
        if any(_admits_events(each.statement, action) for each in own) or not own:
            return True
    return False


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
