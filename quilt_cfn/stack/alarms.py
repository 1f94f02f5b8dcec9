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


def add_alarms(t: Template, load_balancer: LoadBalancer, database: Database) -> None:
    """Three alarms, and the topic that mails them when there is an address."""
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
                Statistic="Minimum",
                ComparisonOperator="LessThanThreshold",
                **rule,
                AlarmActions=ALARM_EMAIL.if_set([Ref(topic)]),
            )
        )

    alarm(
        "UnhealthyAlarm",
        "The registry does not answer. SSH to the instance and run ./start.sh; the logs are in CloudWatch Logs.",
        "AWS/NetworkELB/HealthyHostCount",
        {"LoadBalancer": load_balancer.metric_name, "TargetGroup": load_balancer.sites_metric_name},
        Threshold=1,
        Period=60,
        EvaluationPeriods=5,
        TreatMissingData="breaching",
    )
    alarm(
        "DatabaseStorageAlarm",
        "The registry's database has less than 2 GiB of storage left and could not grow by itself.",
        "AWS/RDS/FreeStorageSpace",
        {"DBInstanceIdentifier": Ref(database.resource)},
        Threshold=2 * 1024**3,
        Period=300,
        EvaluationPeriods=3,
    )
    alarm(
        "CertificateAlarm",
        "The registry's certificate expires in two weeks and was not renewed. Renew it in Certificate Manager.",
        "AWS/CertificateManager/DaysToExpiry",
        {"CertificateArn": CERTIFICATE_ARN.ref},
        Threshold=14,
        Period=24 * 60 * 60,
        EvaluationPeriods=1,
    )
