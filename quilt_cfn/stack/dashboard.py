"""The CloudWatch dashboard: what an administrator looks at first, on one page.

It is laid out in rows on CloudWatch's grid of 24 columns: the alarms, requests, the instance, the database, the load
balancer, the log. A line in a graph is the threshold of its alarm.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html

The name is generated: dashboards belong to an account and not to a Region, and PutDashboard overwrites another stack's.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from troposphere import GetAtt, Ref, Sub, Template, autoscaling, cloudwatch, encode_to_dict
from troposphere.logs import LogGroup

from quilt_cfn.cloudformation.template.walk import references
from quilt_cfn.stack import metrics
from quilt_cfn.stack.alarms import Alarms
from quilt_cfn.stack.database import Database
from quilt_cfn.stack.load_balancer import LoadBalancer
from quilt_cfn.stack.queries import FAILED_REQUESTS

_COLUMNS = 24
_FIRST = """\
## What to do first
1. **An alarm is red**: open it. Its description says what is happening, and what to do.
2. **People report errors**: look at the failed requests below, then run the saved queries of the folder \
${AWS::StackName} in CloudWatch Logs Insights.
3. **Nothing answers**: a new instance needs up to ten minutes to start. If none becomes healthy, the saved query on \
failed boots says which step failed.
"""


class _Widget(NamedTuple):
    """A widget without its place; its height is that of its row."""

    type: str
    width: int
    properties: dict[str, Any]


def add_dashboard(
    t: Template,
    alarms: Alarms,
    load_balancer: LoadBalancer,
    database: Database,
    group: autoscaling.AutoScalingGroup,
    logs: LogGroup,
) -> Ref:
    """The dashboard; gives its name."""
    instance = ("AWS/EC2", {"AutoScalingGroupName": Ref(group)})
    rds = ("AWS/RDS", {"DBInstanceIdentifier": Ref(database.resource)})
    balancer = ("AWS/NetworkELB", {"LoadBalancer": load_balancer.metric_name})
    sites = ("AWS/NetworkELB", {**balancer[1], "TargetGroup": load_balancer.sites_metric_name})
    own: _Source = (metrics.NAMESPACE, {})
    states = {"title": "Alarms", "alarms": [GetAtt(each, "Arn") for each in alarms.values()]}
    failed = {"title": "Requests that failed", "region": Ref("AWS::Region"), "view": "table"}
    rows = [
        (6, [_Widget("alarm", 14, states), _Widget("text", 10, {"markdown": Sub(_FIRST)})]),
        (
            6,
            [
                _graph(
                    "Requests that failed (5xx)", 8, own, [metrics.SERVER_ERRORS], "Sum", alarms["ServerErrorsAlarm"]
                ),
                _graph("New connections", 8, balancer, ["NewFlowCount_TLS"], "Sum"),
                _graph("Healthy instances", 8, sites, ["HealthyHostCount"], "Maximum", alarms["UnhealthyAlarm"], 60),
            ],
        ),
        (
            6,
            [
                _graph("Instance: CPU (%)", 6, instance, ["CPUUtilization"], "Average", most=100),
                _graph("Instance: CPU credits", 6, instance, ["CPUCreditBalance"], "Maximum"),
                _graph(
                    "Instance: memory available (%)",
                    6,
                    own,
                    [metrics.MEMORY_AVAILABLE],
                    "Minimum",
                    alarms["MemoryAlarm"],
                    most=100,
                ),
                _graph(
                    "Instance: disk used (%)", 6, own, [metrics.DISK_USED], "Maximum", alarms["DiskAlarm"], most=100
                ),
            ],
        ),
        (
            6,
            [
                _graph(
                    "Database: CPU (%)", 6, rds, ["CPUUtilization"], "Average", alarms["DatabaseCpuAlarm"], most=100
                ),
                _graph("Database: memory", 6, rds, ["FreeableMemory"], "Average", alarms["DatabaseMemoryAlarm"]),
                _graph(
                    "Database: connections",
                    6,
                    rds,
                    ["DatabaseConnections"],
                    "Average",
                    alarms["DatabaseConnectionsAlarm"],
                ),
                _graph(
                    "Database: storage free", 6, rds, ["FreeStorageSpace"], "Minimum", alarms["DatabaseStorageAlarm"]
                ),
            ],
        ),
        (
            6,
            [
                _graph("Load balancer: bytes", 8, balancer, ["ProcessedBytes"], "Sum"),
                _graph(
                    "Load balancer: connections that failed",
                    8,
                    balancer,
                    ["ClientTLSNegotiationErrorCount", "TCP_ELB_Reset_Count", "TCP_Target_Reset_Count"],
                    "Sum",
                ),
                _graph(
                    "Refreshes that failed (share)",
                    8,
                    own,
                    [metrics.REFRESH_FAILURES],
                    "Average",
                    alarms["RefreshAlarm"],
                    600,
                    most=1,
                ),
            ],
        ),
        (9, [_Widget("log", _COLUMNS, {**failed, "query": Sub(f"SOURCE '${{{logs.title}}}' | {FAILED_REQUESTS}")})]),
    ]
    body = _text({"widgets": _placed(rows)})
    return Ref(t.add_resource(cloudwatch.Dashboard("Dashboard", DashboardBody=Sub(body))))


_Source = tuple[Any, dict[str, Any]]
"""Namespace and dimensions."""


def _graph(
    title: str,
    width: int,
    source: _Source,
    names: list[str],
    statistic: str,
    alarm: cloudwatch.Alarm | None = None,
    period: int = 300,
    most: int | None = None,
) -> _Widget:
    """Metrics of one source over time; ``most`` is the end of the scale."""
    namespace, dimensions = source
    pairs = [each for pair in dimensions.items() for each in pair]
    properties: dict[str, Any] = {
        "title": title,
        "region": Ref("AWS::Region"),
        "view": "timeSeries",
        "stat": statistic,
        "period": period,
        "metrics": [[namespace, name, *pairs] for name in names],
        "yAxis": {"left": {"min": 0, "showUnits": False} | ({"max": most} if most else {})},
    }
    if alarm:
        properties["annotations"] = {"horizontal": [{"label": "Alarm", "value": alarm.Threshold}]}
    return _Widget("metric", width, properties)


def _placed(rows: list[tuple[int, list[_Widget]]]) -> list[dict[str, Any]]:
    """The widgets with their places, from (height, widgets) of each row."""
    placed = []
    y = 0
    for height, widgets in rows:
        x = 0
        for each in widgets:
            place = {"type": each.type, "x": x, "y": y, "width": each.width, "height": height}
            placed.append({**place, "properties": each.properties})
            x += each.width
        y += height
    return placed


def _text(body: dict[str, Any]) -> str:
    """A dashboard's body as JSON for ``Fn::Sub``, with a widget on each line."""
    widgets = ",\n".join(json.dumps(_spelt(encode_to_dict(each))) for each in body["widgets"])
    return f'{{"widgets": [\n{widgets}\n]}}\n'


def _spelt(value: Any) -> Any:
    """A value with its references spelled as in ``Fn::Sub``."""
    if isinstance(value, list):
        return [_spelt(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        return value["Fn::Sub"]
    if value.keys() & {"Ref", "Fn::GetAtt"}:
        return f"${{{references(value)[0]}}}"
    return {key: _spelt(each) for key, each in value.items()}
