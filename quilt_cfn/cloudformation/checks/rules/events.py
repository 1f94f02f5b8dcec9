"""Events: patterns that can match, and targets that EventBridge can start."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Collection, Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.event_patterns import OR, EventPattern, Leaf, event_patterns
from quilt_cfn.cloudformation.analysis.event_targets import (
    FUNCTIONS,
    WITH_POLICY,
    EventTarget,
    event_targets,
    is_expanded,
    may_be_invoked,
    may_be_sent_to,
)
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.facts import events
from quilt_cfn.cloudformation.facts.iam_actions import prefixes
from quilt_cfn.cloudformation.launch import Contract, Launch, Value, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty

USER_GUIDE = "https://docs.aws.amazon.com/eventbridge/latest/userguide"

TEXT_FILTERS = ("prefix", "suffix", "equals-ignore-case", "wildcard")
"""The filters that take a text; ``anything-but`` takes each of them, too."""

CLOUDTRAIL = "cloudtrail.amazonaws.com"

COMPARISONS = ("=", "<", "<=", ">", ">=")


@rule(
    "W32",
    "error",
    "EventBridge refuses the rule, or no event ever starts what it should start.",
    f"{USER_GUIDE}/eb-create-pattern-operators.html",
)
def pattern_that_never_matches(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds event patterns that EventBridge refuses (a value that is no list, a filter that it doesn't know or with the
    wrong operand), and values that no event has: a source that doesn't send the events of a detail type, misspelt
    sources, detail types, fields and states of well-known events, and a name where an event has an ARN.

    Why it is bad: EventBridge compares the texts exactly and tells nobody that a rule never matches.

    Use instead: the fields and values of an event of the service, such as those in
    https://docs.aws.amazon.com/eventbridge/latest/ref/events.html.

        EventPattern:
          source: [aws.cloudformation]
          detail-type: [CloudFormation Stack Status Change]
          detail:
            stack-id: [!Ref 'AWS::StackId']
            status-details: {status: [CREATE_COMPLETE]}
    """
    for pattern in event_patterns(launch):
        for leaf in pattern.leaves:
            where = ".".join(leaf.field)
            for index, sentence in _wrong_values(leaf.value):
                path = (*leaf.path, index) if index is not None else leaf.path
                yield (path, f"In the event pattern of {leaf.path[1]}, {where} {sentence}.")
        yield from _about_services(launch, pattern)


def _wrong_values(value: Any) -> Iterator[tuple[int | None, str]]:
    """(index, what is wrong) of each value of a leaf that EventBridge refuses."""
    if not isinstance(value, list):
        # An attribute or a parameter that isn't known may be a list.
        origin = value.stands_for if isinstance(value, Value) else None
        if is_known(value) or (origin and origin.source == "resource"):
            yield None, f"is {as_text(value)}, and has to be a list"
        return
    if not value:
        yield None, "is an empty list"
    for index, each in enumerate(value):
        wrong = _wrong_filter(each) if isinstance(each, dict) else None
        if wrong:
            yield index, f"has a filter {wrong}"


def _wrong_filter(found: dict[str, Any]) -> str | None:
    """What is wrong with a filter; None if it may be right."""
    if len(found) != 1:
        return "with more than one key" if found else "without a key"
    ((name, operand),) = found.items()
    if not is_known(name) or not is_known(operand):
        return None
    if name in ("prefix", "suffix") and isinstance(operand, dict):
        return _wrong_filter(operand) if [*operand] == ["equals-ignore-case"] else f"{name} whose operand is no text"
    if name in TEXT_FILTERS:
        right = isinstance(operand, str) and not (name == "wildcard" and "**" in operand)
        return None if right else f"{name} whose operand is {_shown(operand)}"
    if name == "anything-but":
        inner = dict_or_empty(operand)
        if isinstance(operand, dict):
            texts = as_list(next(iter(inner.values()), None))
            right = len(inner) == 1 and {*inner} <= {*TEXT_FILTERS} and all(isinstance(each, str) for each in texts)
            return None if right and texts else f"anything-but with the operand {_shown(operand)}"
        nested = any(isinstance(each, (dict, list)) for each in as_list(operand))
        return f"anything-but with the operand {_shown(operand)}" if nested or operand in (None, []) else None
    if name == "exists":
        return None if as_text(operand).lower() in ("true", "false") else f"exists with the operand {_shown(operand)}"
    if name == "numeric":
        return None if _is_comparison(operand) else f"numeric with the operand {_shown(operand)}"
    if name == "cidr":
        return None if _is_range(operand) else f"cidr with the operand {_shown(operand)}"
    return f"{name}, which EventBridge doesn't have"


def _shown(operand: Any) -> str:
    return as_text(operand) or "empty"


def _is_comparison(operand: Any) -> bool:
    parts = operand if isinstance(operand, list) else []
    pairs = [*zip(parts[::2], parts[1::2], strict=False)]
    numbers = all(re.fullmatch(r"-?[0-9.]+(e[+-]?[0-9]+)?", as_text(number).lower()) for _, number in pairs)
    return len(parts) in (2, 4) and numbers and all(comparison in COMPARISONS for comparison, _ in pairs)


def _is_range(operand: Any) -> bool:
    try:
        ipaddress.ip_network(as_text(operand), strict=False)
    except ValueError:
        return False
    return "/" in as_text(operand)


def _about_services(launch: Launch, pattern: EventPattern) -> Iterator[Violation]:
    """What no event of a service of AWS has."""
    sources, types = pattern.listed("source") or [], pattern.listed("detail-type") or []
    texts = all(isinstance(each, str) and is_known(each) for each in (*sources, *types))
    for key in pattern.body if OR not in pattern.body else ():
        meant = _near(key, events.TOP_LEVEL, 0.85)
        if meant:
            yield ((*pattern.path, key), f"{_of(pattern)} has the field {key}; events have {meant}.")
    if texts:
        yield from _about_sources(pattern, sources, types)
    called = pattern.listed("detail", "eventSource") or []
    others = called and all(isinstance(each, str) and is_known(each) for each in called) and CLOUDTRAIL not in called
    if sources == ["aws.cloudtrail"] and types == [events.API_CALL] and others:
        what = f"the source aws.cloudtrail; a call of {called[0]} has that service's own source"
        yield ((*pattern.path, "source", 0), f"{_of(pattern)} has {what}.")
    if texts and len(types) == 1 and types[0] in events.DETAILS:
        fields = events.DETAILS[types[0]]
        for leaf in pattern.leaves:
            if leaf.field[0] == "detail":
                yield from _about_field(launch, pattern, leaf, fields)


def _of(pattern: EventPattern) -> str:
    return f"The event pattern of {pattern.path[1]}"


def _about_sources(pattern: EventPattern, sources: list[str], types: list[str]) -> Iterator[Violation]:
    wrong = set()
    for index, source in enumerate(sources):
        meant = _meant_source(source, types)
        if meant:
            wrong.add(source)
            yield ((*pattern.path, "source", index), f"{_of(pattern)} has the source {source}; AWS's is {meant}.")
    for index, each in enumerate(types):
        sender, path = events.SOURCE_OF.get(each), (*pattern.path, "detail-type", index)
        if sender and not wrong and sources and sender not in sources and all(map(_is_of_aws, sources)):
            named = " and ".join(sources)
            yield (path, f"{_of(pattern)} is about {each} from {named}; such an event comes from {sender}.")
        elif not sender and each != events.API_CALL:
            known = [it for source in sources for it in events.DETAIL_TYPES.get(source, ())]
            meant = _near(each, known, 0.93)
            if meant:
                yield (path, f"{_of(pattern)} has the detail type {each}; the event is called {meant}.")


def _is_of_aws(source: str) -> bool:
    """Whether a source is a service of AWS: nobody else may send events with such a source."""
    return re.fullmatch(r"aws\.[A-Za-z0-9-]+", source) is not None


def _meant_source(source: str, types: list[str]) -> str | None:
    """The source that a misspelt one stands for; None if it isn't misspelt as far as is known."""
    if source in events.DETAIL_TYPES:
        return None
    if not _is_of_aws(source):
        # Other programs may send events with any other source: only those of a service are known.
        candidates = {events.SOURCE_OF[each] for each in types if each in events.SOURCE_OF}
        return next(
            (each for each in candidates if _letters(each) in (_letters(source), f"aws{_letters(source)}")), None
        )
    name = source.removeprefix("aws.")
    known = {*prefixes(), *(each.removeprefix("aws.") for each in events.DETAIL_TYPES)}
    if name in known:
        return None
    meant = _near(name, known, 0.88)
    return f"aws.{meant}" if meant else None


def _about_field(
    launch: Launch, pattern: EventPattern, leaf: Leaf, fields: dict[str, str | tuple[str, ...]]
) -> Iterator[Violation]:
    """What is wrong with a field of ``detail`` or with its values, if the event has these fields."""
    name = ".".join(leaf.field[1:])
    if name not in fields:
        ends = [each for each in fields if each.rpartition(".")[2] == name]
        meant = _near(name, fields, 0.9) or (ends[0] if len(ends) == 1 else None)
        if meant:
            yield (leaf.path, f"{_of(pattern)} has the field detail.{name}; the event has detail.{meant}.")
        return
    holds = fields[name]
    for index, value in enumerate(leaf.value if isinstance(leaf.value, list) else ()):
        wrong = _wrong_kind(launch, value, holds) if isinstance(holds, str) else _misspelt(value, holds)
        if wrong:
            yield ((*leaf.path, index), f"{_of(pattern)} has {value} as detail.{name}; {wrong}.")


def _misspelt(value: Any, choices: tuple[str, ...]) -> str | None:
    meant = _near(value, choices, 0.8) if isinstance(value, str) and is_known(value) else None
    return f"the event has {meant}" if meant else None


def _wrong_kind(launch: Launch, value: Any, holds: str) -> str | None:
    """Why a value isn't what a field holds; None if it may be."""
    if not isinstance(value, str):
        return None
    origin = value.stands_for if isinstance(value, Value) else None
    is_arn = value.startswith("arn:") if is_known(value) else None
    if origin and origin.source == "attribute":
        is_arn = True if origin.attribute.endswith("Arn") else None
    is_instance = re.fullmatch("i-[0-9a-f]+", value) is not None if is_known(value) else None
    right = {events.ARN: is_arn, events.NAME: not is_arn, events.INSTANCE_ID: is_instance}[holds]
    return f"the event has {holds} there" if right is False else None


def _letters(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())


def _near(text: str, choices: Collection[str], likeness: float) -> str | None:
    """The one of these texts that another one is a misspelling of; None if it is one of them, or like none."""
    if text in choices or not is_known(text):
        return None
    same = [each for each in choices if _letters(each) == _letters(text)]
    return next(iter([*same, *difflib.get_close_matches(text, choices, 1, likeness)]), None)


@rule(
    "W33",
    "error",
    "The launch fails when the rule is created, or the rule matches and starts nothing.",
    f"{USER_GUIDE}/eb-targets.html",
)
def target_that_cannot_be_started(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds targets of EventBridge rules that refer to a resource which is no target, or to its name instead of its
    ARN; targets without the RoleArn or the parameters that their type needs; two targets with one Id; functions, topics
    and queues whose policies don't let ``events.amazonaws.com`` use them; and topics and queues that are encrypted with
    an AWS managed key, which EventBridge may not use.

    Why it is bad: EventBridge refuses the target, or its invocations fail, which only its metric FailedInvocations
    shows.

    Use instead: the ARN of the target, and a role or a policy by which EventBridge may start it.

        Targets:
          - Id: work
            Arn: !GetAtt StateMachine.Arn
            RoleArn: !GetAtt StarterRole.Arn
    """
    seen: set[tuple[str, str]] = set()
    for target in event_targets(launch):
        if isinstance(target.id, str) and is_known(target.id):
            if (target.rule, target.id) in seen:
                yield ((*target.path, "Id"), f"{target.rule} has two targets with the Id {target.id}.")
            seen.add((target.rule, target.id))
        place = f"The target {as_text(target.id)} of {target.rule}"
        wrong = next(_faults(launch, target), None)
        if wrong:
            key, sentence = wrong
            yield ((*target.path, key) if key else target.path, f"{place} {sentence}.")


def _faults(launch: Launch, target: EventTarget) -> Iterator[tuple[str, str]]:
    """(property, what is wrong with it) of each fault of a target; the property is empty for one that is missing."""
    arn, resource = target.properties.get("Arn"), target.resource
    found = launch.type_of(resource)
    service = arn.split(":")[2] if isinstance(arn, str) and arn.startswith("arn:") and arn.count(":") > 4 else ""
    if found.startswith(events.NO_TARGETS):
        yield "Arn", f"is {resource}, an {found}, which no rule can start"
    elif service in events.SERVICES_WITHOUT_TARGETS:
        yield "Arn", f"is {arn}, which no rule can start"
    if isinstance(arn, str) and is_known(arn) and not arn.startswith("arn:"):
        yield "Arn", f"has the Arn {arn}, which is no ARN"
    target_type = events.TARGETS.get(found)
    if target_type and target.attribute not in target_type.arns:
        gives = f"{target.attribute} of {resource}" if target.attribute else f"Ref of {resource}"
        instead = next(filter(None, reversed(target_type.arns)), "")
        if not target.attribute or target.attribute.endswith(("Name", "Id", "Url", "URL")):
            yield "Arn", f"has {gives} as its Arn, which is no ARN{f': use {instead}' if instead else ''}"
    if target.properties.get("RoleArn") is None:
        if target_type.role if target_type else service in events.SERVICES_WITH_ROLE:
            yield "", "has no RoleArn, and EventBridge needs a role for it"
        yield from _refused(launch, target)
    if target_type and target_type.needs and target.properties.get(target_type.needs) is None:
        yield "", f"has no {target_type.needs}, which EventBridge needs for it"


def _refused(launch: Launch, target: EventTarget) -> Iterator[tuple[str, str]]:
    """Why EventBridge may not use a target without a role, whose own policy has to allow it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html; the key is explained in
    https://github.com/aws-solutions/quota-monitor-for-aws/issues/38.
    """
    found, complete = launch.type_of(target.resource), is_expanded(launch)
    if found in FUNCTIONS and complete and not may_be_invoked(launch, target):
        yield "", f"is {target.resource}, and no AWS::Lambda::Permission lets this rule invoke it"
    if found in WITH_POLICY:
        key = launch.properties(target.resource).get("KmsMasterKeyId")
        if as_text(key).rpartition(":")[2] in ("alias/aws/sns", "alias/aws/sqs"):
            yield "", f"is {target.resource}, encrypted with {key}, which EventBridge may not use"
        if complete and not may_be_sent_to(launch, target):
            policy, _, action = WITH_POLICY[found]
            yield "", f"is {target.resource}, and no {policy} lets events.amazonaws.com call {action}"
