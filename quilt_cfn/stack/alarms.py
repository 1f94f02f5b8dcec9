"""CloudWatch alarms, and the SNS topic that mails them.

An alarm's description says what is happening to the customer and what to do. Every alarm is always created; AlarmEmail
decides whether anybody gets mail, when it fires and when it is over.

- Missing data is breaching where silence means that something is down. Such an alarm is created after the group of
  instances, because it would fire while a stack is being created. Everywhere else it is not: whatever clears is over.
- A unit is set where AWS documents one: data of another unit are not counted.
  https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from troposphere import Ref, Template, autoscaling, cloudwatch, sns

from quilt_cfn.stack import metrics
from quilt_cfn.stack.database import Database
from quilt_cfn.stack.load_balancer import LoadBalancer
from quilt_cfn.stack.parameters import ALARM_EMAIL, CERTIFICATE_ARN
from quilt_cfn.stack.success import AfterSuccess

_MINUTE, _DAY = 60, 24 * 60 * 60
_MIB = 1024**2

Alarms = dict[str, cloudwatch.Alarm]
"""Logical ID -> alarm, the most urgent ones first."""


def add_alarms(
    t: Template,
    load_balancer: LoadBalancer,
    database: Database,
    after_success: AfterSuccess,
    group: autoscaling.AutoScalingGroup,
) -> Alarms:
    """The alarms, and the topic that mails them when there is an address."""
    topic = t.add_resource(
        sns.Topic(
            "AlarmTopic",
            Condition=ALARM_EMAIL.is_set_condition,
            Subscription=[sns.Subscription(Protocol="email", Endpoint=ALARM_EMAIL.ref)],
        )
    )
    mail = ALARM_EMAIL.if_set([Ref(topic)])
    states = [
        *_service_alarms(load_balancer, group),
        *_instance_alarms(group),
        *_database_alarms(database),
        _certificate_alarm(),
    ]
    events = [*_success_alarms(after_success)]
    for each in states:
        each.OKActions = mail
    for each in (*states, *events):
        each.AlarmActions = mail
    return {each.title: t.add_resource(each) for each in (*states, *events)}


def _alarm(
    name: str, sentence: str, namespace: Any, metric: str, dimensions: dict[str, Any], **rule: Any
) -> cloudwatch.Alarm:
    return cloudwatch.Alarm(
        name,
        AlarmDescription=sentence,
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[cloudwatch.MetricDimension(Name=key, Value=value) for key, value in dimensions.items()],
        **rule,
    )


def _service_alarms(load_balancer: LoadBalancer, group: autoscaling.AutoScalingGroup) -> Iterator[cloudwatch.Alarm]:
    yield _alarm(
        "UnhealthyAlarm",
        "The registry does not answer. Its instance is replaced by itself within the hour; if this comes back or does "
        "not end, see the saved query on failed boots and the log group RegistryLogs.",
        "AWS/NetworkELB",
        "HealthyHostCount",
        {"LoadBalancer": load_balancer.metric_name, "TargetGroup": load_balancer.sites_metric_name},
        # Each zone's node reports its own targets, and the other zone has none: AWS recommends the maximum.
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html
        **_low(1, "Maximum", _MINUTE, 5),
        TreatMissingData="breaching",
        DependsOn=group,
    )
    yield _alarm(
        "ServerErrorsAlarm",
        "The registry failed to answer five or more requests within five minutes: people see errors. The saved queries "
        "show which requests failed and what the registry said.",
        metrics.NAMESPACE,
        metrics.SERVER_ERRORS,
        {},
        **_high(5, "Sum", 5 * _MINUTE),
        Unit="Count",
        TreatMissingData="notBreaching",
    )


def _instance_alarms(group: autoscaling.AutoScalingGroup) -> Iterator[cloudwatch.Alarm]:
    # EC2 aggregates the metrics of a group's instances, these among them, with basic monitoring as well.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/appinsights-metrics-as.html
    instances = {"AutoScalingGroupName": Ref(group)}
    yield _alarm(
        "InstanceStatusAlarm",
        "EC2 finds the registry's instance or its host impaired. The instance is replaced by itself; if this does not "
        "end within the hour, terminate the instance in the EC2 console, and the group starts another one.",
        "AWS/EC2",
        "StatusCheckFailed",
        instances,
        **_high(1, "Maximum", _MINUTE, 5),
        Unit="Count",
        TreatMissingData="notBreaching",
    )
    yield _alarm(
        "CpuCreditsAlarm",
        "The registry's instance has had no CPU credits for two hours: a t2 is slowed down, a t3 is charged extra. If "
        "this is the usual load, update the stack with a larger InstanceType.",
        "AWS/EC2",
        "CPUCreditBalance",
        instances,
        # Reported every five minutes, and for burstable types only. A t3 starts with none, and earns 24 an hour.
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-standard-mode-concepts.html
        **_low(1, "Maximum", 5 * _MINUTE, 24),
        TreatMissingData="notBreaching",
    )
    yield _alarm(
        "DiskAlarm",
        "The disk of the registry's instance is more than 85 percent full: when it is full, uploads fail. Look with "
        "'df -h' and 'sudo docker system df' on the instance; terminating it in the EC2 console starts a fresh one.",
        metrics.NAMESPACE,
        metrics.DISK_USED,
        {},
        **_above(85, "Maximum", 5 * _MINUTE, 3),
        Unit="Percent",
        TreatMissingData="notBreaching",
    )
    yield _alarm(
        "MemoryAlarm",
        "The registry's instance has had less than 10 percent of its memory available for 15 minutes: it becomes slow, "
        "and requests may fail. If this is the usual load, update the stack with a larger InstanceType.",
        metrics.NAMESPACE,
        metrics.MEMORY_AVAILABLE,
        {},
        **_low(10, "Maximum", 5 * _MINUTE, 3),
        Unit="Percent",
        TreatMissingData="notBreaching",
    )
    yield _alarm(
        "RefreshAlarm",
        "For half an hour, the instance has failed to refresh its credentials, settings or address, or has reported "
        "nothing: uploads and downloads may fail soon. Look with 'sudo journalctl -u quilt-refresh' on the instance.",
        metrics.NAMESPACE,
        metrics.REFRESH_FAILURES,
        {},
        # Five refreshes in ten minutes, of which three failed, three times; or three times ten minutes of silence. A
        # boot in place of an instance that ended is shorter.
        **_high(0.6, "Average", 10 * _MINUTE, 3),
        Unit="Count",
        TreatMissingData="breaching",
        DependsOn=group,
    )


def _database_alarms(database: Database) -> Iterator[cloudwatch.Alarm]:
    instance = {"DBInstanceIdentifier": Ref(database.resource)}
    larger = "If this is the usual load, update the stack with a larger DBInstanceType."
    yield _alarm(
        "DatabaseCpuAlarm",
        f"The registry's database has used more than 90 percent of its CPU for 15 minutes: answers are slow. {larger}",
        "AWS/RDS",
        "CPUUtilization",
        instance,
        **_above(90, "Average", 5 * _MINUTE, 3),
        Unit="Percent",
        TreatMissingData="notBreaching",
    )
    yield _alarm(
        "DatabaseMemoryAlarm",
        f"The registry's database has had less than 128 MiB of memory for 15 minutes: it may restart. {larger}",
        "AWS/RDS",
        "FreeableMemory",
        instance,
        **_low(128 * _MIB, "Average", 5 * _MINUTE, 3),
        Unit="Bytes",
        TreatMissingData="notBreaching",
    )
    yield _alarm(
        "DatabaseConnectionsAlarm",
        "The registry's database has more than 120 connections, and the smallest type takes about 180: then the "
        "registry can't log anybody in. Restart the registry with /home/ec2-user/start.sh; if this comes back, update "
        "the stack with a larger DBInstanceType.",
        "AWS/RDS",
        "DatabaseConnections",
        instance,
        **_above(120, "Average", 5 * _MINUTE, 3),
        Unit="Count",
        TreatMissingData="notBreaching",
    )
    yield _alarm(
        "DatabaseStorageAlarm",
        "The registry's database has less than 2 GiB of storage left and could not grow by itself: when it is full, "
        "the registry stops. See the events of the database in the RDS console.",
        "AWS/RDS",
        "FreeStorageSpace",
        instance,
        **_low(2 * 1024 * _MIB, "Minimum", 5 * _MINUTE, 3),
        Unit="Bytes",
        TreatMissingData="notBreaching",
    )


def _certificate_alarm() -> cloudwatch.Alarm:
    return _alarm(
        "CertificateAlarm",
        "The registry's certificate expires within two weeks and was not renewed: then nobody can reach the registry. "
        "Renew it in Certificate Manager, or import a new one to the same ARN.",
        "AWS/CertificateManager",
        "DaysToExpiry",
        {"CertificateArn": CERTIFICATE_ARN.ref},
        **_low(14, "Minimum", _DAY),
        # Once the certificate has expired, ACM reports nothing, and the alarm stays as it is.
        # https://docs.aws.amazon.com/cdk/api/v1/python/aws_cdk.aws_certificatemanager/ICertificate.html
        TreatMissingData="ignore",
    )


def _success_alarms(after_success: AfterSuccess) -> Iterator[cloudwatch.Alarm]:
    """Alarms about what starts after success. They end after five minutes, and what they say is not over by then."""
    yield _alarm(
        "ProtectionAlarm",
        "The stack or its database could not be protected from deletion. See the executions of the state machine "
        "Protection, then switch termination protection of the stack on by hand.",
        "AWS/States",
        "ExecutionsFailed",
        {"StateMachineArn": after_success.protection},
        **_ANY_IN_FIVE_MINUTES,
    )
    yield _alarm(
        "DatabaseLogsAlarm",
        "The logs of the registry's database are kept, and charged, for ever: their retention could not be set. See "
        "the executions of the state machine DatabaseLogs, then set it by hand in CloudWatch Logs.",
        "AWS/States",
        "ExecutionsFailed",
        {"StateMachineArn": after_success.database_logs},
        **_ANY_IN_FIVE_MINUTES,
    )
    yield _alarm(
        "SuccessRuleAlarm",
        "The state machines Protection and DatabaseLogs could not be started: the stack may be unprotected from "
        "deletion. Start both by hand, or switch termination protection of the stack on by hand.",
        "AWS/Events",
        "FailedInvocations",
        {"RuleName": after_success.rule},
        **_ANY_IN_FIVE_MINUTES,
        Unit="Count",
    )


def _rule(operator: str, threshold: float, statistic: str, period: int, periods: int = 1) -> dict[str, Any]:
    """In each of so many periods of so many seconds, the statistic is beyond the threshold."""
    return {
        "Statistic": statistic,
        "ComparisonOperator": operator,
        "Threshold": threshold,
        "Period": period,
        "EvaluationPeriods": periods,
    }


def _low(threshold: float, *rule: Any) -> dict[str, Any]:
    return _rule("LessThanThreshold", threshold, *rule)


def _high(threshold: float, *rule: Any) -> dict[str, Any]:
    return _rule("GreaterThanOrEqualToThreshold", threshold, *rule)


def _above(threshold: float, *rule: Any) -> dict[str, Any]:
    return _rule("GreaterThanThreshold", threshold, *rule)


_ANY_IN_FIVE_MINUTES: dict[str, Any] = {**_high(1, "Sum", 5 * _MINUTE), "TreatMissingData": "notBreaching"}
"""An event that has happened at all, and that a service counts only when it happens."""
