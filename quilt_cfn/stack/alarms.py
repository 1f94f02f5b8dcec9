"""CloudWatch alarms, and the SNS topic that mails them.

An alarm's description says what is happening to the customer and what to do. Every alarm is always created; AlarmEmail
decides whether anybody gets mail.
"""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Template, cloudwatch, sns

from quilt_cfn.stack.database import Database
from quilt_cfn.stack.load_balancer import LoadBalancer
from quilt_cfn.stack.parameters import ALARM_EMAIL, CERTIFICATE_ARN
from quilt_cfn.stack.success import AfterSuccess


def add_alarms(t: Template, load_balancer: LoadBalancer, database: Database, after_success: AfterSuccess) -> None:
    """The alarms, and the topic that mails them when there is an address."""
    topic = t.add_resource(
        sns.Topic(
            "AlarmTopic",
            Condition=ALARM_EMAIL.is_set_condition,
            Subscription=[sns.Subscription(Protocol="email", Endpoint=ALARM_EMAIL.ref)],
        )
    )

    def alarm(name: str, sentence: str, metric: str, dimensions: dict[str, Any], **rule: Any) -> None:
        namespace, _, metric_name = metric.rpartition("/")
        t.add_resource(
            cloudwatch.Alarm(
                name,
                AlarmDescription=sentence,
                Namespace=namespace,
                MetricName=metric_name,
                Dimensions=[cloudwatch.MetricDimension(Name=key, Value=value) for key, value in dimensions.items()],
                **rule,
                AlarmActions=ALARM_EMAIL.if_set([Ref(topic)]),
            )
        )

    alarm(
        "UnhealthyAlarm",
        "The registry does not answer. Its instance is replaced by itself within the hour; if this comes back, see the "
        "log group RegistryLogs.",
        "AWS/NetworkELB/HealthyHostCount",
        {"LoadBalancer": load_balancer.metric_name, "TargetGroup": load_balancer.sites_metric_name},
        **_below(1),
        Period=60,
        EvaluationPeriods=5,
        TreatMissingData="breaching",
    )
    alarm(
        "DatabaseStorageAlarm",
        "The registry's database has less than 2 GiB of storage left and could not grow by itself.",
        "AWS/RDS/FreeStorageSpace",
        {"DBInstanceIdentifier": Ref(database.resource)},
        **_below(2 * 1024**3),
        Period=300,
        EvaluationPeriods=3,
    )
    alarm(
        "CertificateAlarm",
        "The registry's certificate expires in two weeks and was not renewed. Renew it in Certificate Manager.",
        "AWS/CertificateManager/DaysToExpiry",
        {"CertificateArn": CERTIFICATE_ARN.ref},
        **_below(14),
        Period=24 * 60 * 60,
        EvaluationPeriods=1,
    )
    unprotected = (
        "The stack or its database could not be protected from deletion. See the executions of the state machine "
        "Protection, then switch termination protection of the stack on by hand."
    )
    alarm(
        "ProtectionAlarm",
        unprotected,
        "AWS/States/ExecutionsFailed",
        {"StateMachineArn": after_success.protection},
        **_ANY_IN_FIVE_MINUTES,
    )
    alarm(
        "SuccessRuleAlarm",
        unprotected,
        "AWS/Events/FailedInvocations",
        {"RuleName": after_success.rule},
        **_ANY_IN_FIVE_MINUTES,
    )


def _below(threshold: int) -> dict[str, Any]:
    return {"Statistic": "Minimum", "ComparisonOperator": "LessThanThreshold", "Threshold": threshold}


_ANY_IN_FIVE_MINUTES: dict[str, Any] = {
    "Statistic": "Sum",
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 0,
    "Period": 300,
    "EvaluationPeriods": 1,
    "TreatMissingData": "notBreaching",
}
"""An event that has happened at all, and that a service counts only when it happens."""
