"""What CloudWatch counts in the registry's log: metrics that AWS has none for.

The instance writes one line of JSON at each refresh, every two minutes, and nginx one for each request. Metric filters
make metrics of both, so that the instance needs no permission beyond writing its log. Lines that are no JSON match
none of the patterns.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Sub, Template
from troposphere.logs import LogGroup, MetricFilter, MetricTransformation

NAMESPACE = Sub("QuiltRegistry/${AWS::StackName}")
DISK_USED = "DiskUsed"
MEMORY_AVAILABLE = "MemoryAvailable"
REFRESH_FAILURES = "RefreshFailures"
SERVER_ERRORS = "ServerErrors"


def add_metrics(t: Template, logs: LogGroup) -> None:
    """The metric filters of the registry's log group."""

    def metric(name: str, pattern: str, value: str, unit: str, **more: Any) -> None:
        transformation = MetricTransformation(
            MetricNamespace=NAMESPACE, MetricName=name, MetricValue=value, Unit=unit, **more
        )
        t.add_resource(
            MetricFilter(
                f"{name}Metric", LogGroupName=Ref(logs), FilterPattern=pattern, MetricTransformations=[transformation]
            )
        )

    # Without a default value there are no data when the instance is silent.
    instance = '{ $.watch = "instance" }'
    metric(DISK_USED, instance, "$.disk_used_percent", "Percent")
    metric(MEMORY_AVAILABLE, instance, "$.memory_available_percent", "Percent")
    metric(REFRESH_FAILURES, instance, "$.refresh_failed", "Count")
    # 503 is nginx's answer while the registry is starting.
    metric(SERVER_ERRORS, "{ ($.status >= 500) && ($.status != 503) }", "1", "Count", DefaultValue=0)
