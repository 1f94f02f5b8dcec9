"""Watching: alarms that see nothing, see the wrong thing, or tell nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.analysis.fact import enumerated
from quilt_cfn.cloudformation.analysis.grants import matches_action
from quilt_cfn.cloudformation.analysis.groups import number
from quilt_cfn.cloudformation.analysis.instances import scripts
from quilt_cfn.cloudformation.analysis.keys import referenced_key
from quilt_cfn.cloudformation.analysis.metrics import ALARM, Watched, published, watched
from quilt_cfn.cloudformation.checks.rules.rule import Violation, property_path, rule
from quilt_cfn.cloudformation.facts.metrics import (
    LONGEST_EVALUATION,
    LONGEST_EVALUATION_BY_HOURS,
    NAMESPACES,
    Namespace,
    bad_values,
    misspelt,
    value_range,
)
from quilt_cfn.cloudformation.launch import Contract, Launch, Value, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path, references

_GUIDE = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring"
_API = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference"


@rule(
    "W24",
    "error",
    "The alarm never fires: it watches a metric that doesn't exist.",
    f"{_GUIDE}/aws-services-cloudwatch-metrics.html",
)
def metric_exists(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds alarms and dashboards with a metric that does not exist: its name, its namespace or a dimension is
    misspelt, a dimension is missing that all of its data have, or the value of a dimension is another resource, or
    another attribute than the one by which CloudWatch knows the resource. A metric of the template's own is reported if
    a metric filter publishes it under another name or with other dimensions; with a contract, also if nothing in the
    template does. AWS adds metrics, so a name that we don't know is reported only where a known one is almost the same.

    Why it is bad: CloudWatch takes any name, and waits for data that never come.

    Use instead: namespace, name and dimensions as the page of the service has them.

        Namespace: AWS/NetworkELB
        MetricName: HealthyHostCount
        Dimensions:
          - {Name: LoadBalancer, Value: !GetAtt LoadBalancer.LoadBalancerFullName}
          - {Name: TargetGroup, Value: !GetAtt TargetGroup.TargetGroupFullName}
    """
    for each in watched(launch):
        if not each.is_known:
            continue
        place = f"{each.path[1]} watches {each.namespace} {each.name}"
        known = NAMESPACES.get(each.namespace)
        faults = _faults_of_aws(launch, each, known) if known else _faults_of_own(launch, each, contract)
        yield from ((each.path, f"{place}: {fault}.") for fault in faults)


def _faults_of_aws(launch: Launch, metric: Watched, namespace: Namespace) -> Iterator[str]:
    """What is wrong with a metric of one of AWS's namespaces."""
    unknown = [name for name in metric.dimensions if name not in namespace.dimensions]
    elsewhere = _elsewhere(launch, metric) if metric.name not in namespace.units else None
    meant = misspelt(metric.name, namespace.units)
    if elsewhere or meant:
        yield f"that metric is in {elsewhere}" if elsewhere else f"its name is {meant}"
        return
    for name in unknown:
        type_ = launch.type_of(launch.referenced_resource(metric.dimensions[name]))
        right = next((key for key, it in namespace.dimensions.items() if it and type_ in it.types), None)
        right = right or misspelt(name, namespace.dimensions)
        if right:
            yield f"it has no dimension {name}, only {right}"
            return
    missing = [name for name in namespace.required_of(metric.name) if name not in metric.dimensions]
    if missing and metric.name in namespace.units:
        yield f"all of its data have the dimension{'s' if len(missing) > 1 else ''} {enumerated(missing)}"
    for name, value in metric.dimensions.items():
        fault = _fault_of_value(launch, metric.namespace, name, value)
        if fault:
            yield f"the dimension {name} is {fault}"


def _elsewhere(launch: Launch, metric: Watched) -> str | None:
    """Another namespace that has the metric: one whose dimensions it has, or that of a metric filter."""
    dimensions = metric.dimensions.keys()
    found = [each.namespace for each in published(launch) if each.name == metric.name and each.dimensions == dimensions]
    if not dimensions <= NAMESPACES[metric.namespace].dimensions.keys():
        found += [
            name for name, it in NAMESPACES.items() if metric.name in it.units and dimensions <= it.dimensions.keys()
        ]
    return next(iter(found), None)


def _fault_of_value(launch: Launch, namespace: str, dimension: str, value: Any) -> str | None:
    """What is wrong with the value of a dimension, if it refers to a resource of the template."""
    source = NAMESPACES[namespace].dimensions.get(dimension)
    origin = value.stands_for if isinstance(value, Value) else None
    type_ = launch.type_of(launch.referenced_resource(value))
    if not source or not origin or not type_:
        return None
    if type_ not in source.types:
        return f"{origin.name}, which is no {source.types[0]}" if type_ in _NAMED_BY_DIMENSIONS else None
    kind = launch.properties(origin.name).get("Type", "application")
    if dimension == "LoadBalancer" and is_known(kind) and kind != _BALANCERS.get(namespace, kind):
        return f"{origin.name}, whose metrics are in another namespace"
    if origin.attribute not in (*source.attributes, dimension):
        what = f"{origin.name}.{origin.attribute}" if origin.attribute else f"Ref of {origin.name}"
        right = source.attributes[0]
        return f"{what} instead of {f'{origin.name}.{right}' if right else f'Ref of {origin.name}'}"
    return None


_BALANCERS = {"AWS/ApplicationELB": "application", "AWS/NetworkELB": "network"}
_NAMED_BY_DIMENSIONS = frozenset(
    type_
    for namespace in NAMESPACES.values()
    for source in namespace.dimensions.values()
    for type_ in (source.types if source else ())
) | {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::SecurityGroup", "AWS::EC2::LaunchTemplate", "AWS::IAM::Role"}
"""Types whose references stand for nothing but such a resource."""


def _faults_of_own(launch: Launch, metric: Watched, contract: Contract) -> Iterator[str]:
    """What is wrong with a metric that is not AWS's, or of which we have no list."""
    meant = misspelt(metric.namespace, NAMESPACES)
    if meant:
        yield f"the namespace is {meant}"
    if meant or metric.namespace.startswith("AWS/"):
        return
    made = published(launch)
    same = [each for each in made if (each.namespace, each.name) == (metric.namespace, metric.name)]
    if any(each.dimensions == metric.dimensions.keys() for each in same):
        return
    renamed = [each for each in made if each.name == metric.name and is_known(each.namespace)]
    close = misspelt(metric.name, [each.name for each in made if each.namespace == metric.namespace])
    if same:
        dimensions = enumerated(sorted(same[0].dimensions)) if same[0].dimensions else "no dimensions"
        yield f"the metric filter publishes it with {dimensions}"
    elif close:
        yield f"the metric filter publishes {close}"
    elif renamed and not _is_written(launch, metric.namespace):
        yield f"the metric filter publishes it in {renamed[0].namespace}"
    elif contract.calls and not _is_written(launch, metric.namespace):
        yield "nothing in the template publishes it"


def _is_written(launch: Launch, namespace: str) -> bool:
    """Whether something else than alarms, dashboards and metric filters names a namespace: a script, or a policy."""
    watching = {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Logs::MetricFilter"}
    texts = [text for text, path in launch.property_strings if launch.type_of(str(path[1])) not in watching]
    return any(namespace in text for text in (*texts, *(text for _, text in scripts(launch, *launch.resources))))


@rule(
    "W25",
    "error",
    "The alarm can never fire, or fires when all is well.",
    f"{_API}/API_PutMetricAlarm.html",
)
def alarm_can_fire_and_clear(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds alarms with a unit that the metric is not published with; with a comparison that is turned round, such as
    HealthyHostCount above a threshold; with a threshold that no value of the metric can be beyond, or that every value
    is; with more datapoints than periods; and with an evaluation that is longer than CloudWatch takes. Alarms that
    scale something are not asked about their direction.

    Why it is bad: data of another unit are not counted, so that the alarm waits for data for ever. With a turned
    comparison it tells that all is well, and is silent when it isn't. What is too long is refused in the launch.

    Use instead: no Unit, or the one on the page of the service; ``LessThanThreshold`` for what is bad when it is low;
    Period times EvaluationPeriods of a day at most, or of seven days with periods of an hour or more.
    """
    units = {each.path: each for each in watched(launch)}
    for name, alarm in launch.of_type(ALARM).items():
        for path, metric in units.items():
            if path[1] == name and (published_unit := _wrong_unit(launch, metric)):
                sentence = f"{name} counts {metric.unit}, and {metric.name} is published in {published_unit}."
                yield (path, sentence)
        yield from _faults_of_comparison(launch, name, alarm)
        yield from _faults_of_periods(name, alarm)


def _wrong_unit(launch: Launch, metric: Watched) -> str | None:
    """The unit with which a metric is published, if an alarm asks for another."""
    if metric.unit is None or not is_known(metric.unit) or not metric.is_known:
        return None
    known = NAMESPACES.get(metric.namespace)
    made = [each.unit for each in published(launch) if (each.namespace, each.name) == (metric.namespace, metric.name)]
    units = [known.units.get(metric.name, "")] if known else made
    return None if metric.unit in units or not is_known(units) or not all(units) or not units else as_text(units[0])


def _faults_of_comparison(launch: Launch, name: str, alarm: Mapping[str, Any]) -> Iterator[Violation]:
    namespace, metric = as_text(alarm.get("Namespace")), as_text(alarm.get("MetricName"))
    operator, threshold = as_text(alarm.get("ComparisonOperator")), _decimal(alarm.get("Threshold"))
    statistic = as_text(alarm.get("Statistic", alarm.get("ExtendedStatistic", "")))
    statistics = ("Average", "Minimum", "Maximum", "Sum")
    if threshold is None or operator not in _BEYOND or not (statistic in statistics or statistic.startswith("p")):
        return
    low = operator.startswith("Less")
    limits = value_range(namespace, metric)
    if limits:
        least, most = limits[0], limits[1] if statistic != "Sum" else float("inf")
        values = f"{metric} is {least:g} or more" if most == float("inf") else f"{metric} is {least:g} to {most:g}"
        outcome = _outcome(operator, threshold, least, most)
        if outcome:
            yield (property_path(name, "Threshold"), f"{name} {outcome}: {values}, and the threshold {threshold:g}.")
            return
    bad = bad_values(namespace, metric)
    if bad and low != (bad == "low") and "AlarmActions" in alarm and not _scales(launch, name, alarm):
        sentence = f"{name} fires when {metric} is {'low' if low else 'high'}, and what is bad is that it is {bad}."
        yield (property_path(name, "ComparisonOperator"), sentence)


_BEYOND = (
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "GreaterThanOrEqualToThreshold",
)


def _outcome(operator: str, threshold: float, least: float, most: float) -> str | None:
    """What a comparison with all of the values from ``least`` to ``most`` comes to, if it is always the same.

    A comparison that a metric's least value meets is left alone: a count may be published only when it isn't zero.
    """
    equal = "OrEqual" in operator
    if operator.startswith("Less"):
        never = threshold < least or (threshold == least and not equal)
        always = threshold > most or (threshold == most and equal)
    else:
        never = threshold > most or (threshold == most and not equal)
        always = threshold < least
    return "never fires" if never else "always fires" if always else None


def _decimal(value: Any) -> float | None:
    text = as_text(value)
    return float(text) if is_known(value) and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) else None


def _scales(launch: Launch, name: str, alarm: Mapping[str, Any]) -> bool:
    """Whether an alarm may have another purpose than to tell somebody: one of its actions is no topic of the template,
    or another resource refers to it."""
    actions = [launch.type_of(launch.referenced_resource(each)) for each in as_list(alarm.get("AlarmActions"))]
    return any(each != "AWS::SNS::Topic" for each in actions) or _is_used(launch, name)


def _is_used(launch: Launch, name: str) -> bool:
    """Whether another resource than a dashboard, or an output, refers to an alarm."""
    others = {
        key: each
        for key, each in map_at(launch.template, "Resources").items()
        if key != name and dict_or_empty(each).get("Type") != "AWS::CloudWatch::Dashboard"
    }
    return any(each.name == name for each in references([others, map_at(launch.template, "Outputs")]))


def _faults_of_periods(name: str, alarm: Mapping[str, Any]) -> Iterator[Violation]:
    period, periods = number(alarm.get("Period")), number(alarm.get("EvaluationPeriods"))
    needed = number(alarm.get("DatapointsToAlarm"))
    if periods and needed and needed > periods:
        sentence = f"{name} wants {needed} datapoints of {periods} periods."
        yield (property_path(name, "DatapointsToAlarm"), sentence)
    longest = LONGEST_EVALUATION if (period or 0) < 3600 else LONGEST_EVALUATION_BY_HOURS
    if period and periods and period * periods > longest:
        sentence = f"{name} evaluates {period * periods} seconds; CloudWatch takes {longest} at most."
        yield (property_path(name, "EvaluationPeriods"), sentence)


@rule(
    "W26",
    "warning",
    "Something goes wrong, the alarm sees it, and nobody is told.",
    f"{_GUIDE}/Notify_Users_Alarm_Changes.html",
)
def somebody_is_told(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds alarms without any action, whatever the parameters are, to which nothing else in the template refers, and
    those whose actions are switched off; and topics that CloudWatch can't publish to: encrypted with the key
    ``alias/aws/sns``, or with a key or under a topic policy of the template that doesn't let
    ``cloudwatch.amazonaws.com``.

    Why it is bad: CloudWatch writes into the alarm's history that the action failed, where nobody looks.

    Use instead: AlarmActions with a topic; a key of your own whose policy allows ``kms:Decrypt`` and
    ``kms:GenerateDataKey*`` to cloudwatch.amazonaws.com, or none; ``sns:Publish`` for it in the topic's policy.
    https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger
    """
    topics: dict[str, str] = {}
    for name, alarm in launch.of_type(ALARM).items():
        declared = map_at(launch.template, "Resources", name, "Properties")
        if not any(declared.get(key) for key in _ACTIONS) and not _is_used(launch, name):
            yield (("Resources", name), f"{name} has no action.")
        elif as_text(alarm.get("ActionsEnabled", True)) == "false":
            yield (property_path(name, "ActionsEnabled"), f"The actions of {name} are switched off.")
        for action in (each for key in _ACTIONS for each in as_list(alarm.get(key))):
            topic = launch.referenced_resource(action)
            if topic and launch.type_of(topic) == "AWS::SNS::Topic":
                topics.setdefault(topic, name)
    for topic, name in topics.items():
        yield from _faults_of_topic(launch, topic, name)


_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def _faults_of_topic(launch: Launch, topic: str, alarm: str) -> Iterator[Violation]:
    key = launch.properties(topic).get("KmsMasterKeyId")
    path: Path = property_path(topic, "KmsMasterKeyId")
    if isinstance(key, str) and is_known(key) and key.endswith("alias/aws/sns"):
        yield (path, f"{alarm} can't publish to {topic}: the policy of {key} doesn't let CloudWatch use it.")
    own = referenced_key(launch, key)
    if own:
        statements = _statements(launch.properties(own).get("KeyPolicy"))
        missing = [each for each in ("kms:Decrypt", "kms:GenerateDataKey") if not _lets_cloudwatch(statements, each)]
        if statements and missing:
            sentence = (
                f"{alarm} can't publish to {topic}: the policy of {own} doesn't let CloudWatch call {missing[0]}."
            )
            yield (property_path(own, "KeyPolicy"), sentence)
    for policy, properties in launch.of_type("AWS::SNS::TopicPolicy").items():
        if topic in map(launch.referenced_resource, as_list(properties.get("Topics"))):
            statements = _statements(properties.get("PolicyDocument"))
            if statements and not _lets_cloudwatch(statements, "sns:Publish"):
                sentence = f"{alarm} can't publish to {topic}: {policy} doesn't let CloudWatch."
                yield (property_path(policy, "PolicyDocument"), sentence)


def _statements(document: Any) -> list[dict[str, Any]]:
    return [dict_or_empty(each) for each in as_list(dict_or_empty(document).get("Statement"))]


def _lets_cloudwatch(statements: list[dict[str, Any]], action: str) -> bool:
    """Whether a statement allows an action to CloudWatch; any condition and any unknown principal may be met."""
    return any(
        each.get("Effect") == "Allow"
        and any(matches_action(it, action) for it in as_list(each.get("Action")))
        and ("NotPrincipal" in each or _names_cloudwatch(each.get("Principal")))
        for each in statements
    )


def _names_cloudwatch(principal: Any) -> bool:
    if not isinstance(principal, dict):
        return principal == "*" or not is_known(principal)
    services = as_list(principal.get("Service"))
    everybody = "*" in as_list(principal.get("AWS")) or "*" in services
    named = any(as_text(each).startswith("cloudwatch.") for each in services)
    return everybody or named or not is_known(services)
