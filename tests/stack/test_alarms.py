"""Each alarm fires when something is wrong, clears when it is over, and is silent otherwise."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from quilt_cfn import instance
from quilt_cfn.cloudformation.facts.metrics import LONGEST_EVALUATION, LONGEST_EVALUATION_BY_HOURS, NAMESPACES
from quilt_cfn.cloudformation.launch.evaluator import STACK
from tests.launches import DOCUMENTED, after, launch_stack
from tests.stack.cloudwatch import ALARM, OK, DataPoint, published, states

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60
MIB = 1024**2
OWN = f"QuiltRegistry/{STACK}"
GROUP = {"AutoScalingGroupName": "<ServerGroup>"}
DATABASE = {"DBInstanceIdentifier": "<Database>"}
SITES = {"LoadBalancer": "<LoadBalancer.LoadBalancerFullName>", "TargetGroup": "<SitesTargetGroup.TargetGroupFullName>"}


class Watched(NamedTuple):
    """What an alarm is about: who publishes the metric, and which of its values are good and bad.

    ``good`` and ``bad`` are as close to each other as it matters: values that are published one after the other, again
    and again.
    """

    namespace: str
    name: str
    dimensions: dict[str, str]
    every: int
    """Seconds between two values."""
    good: tuple[float, ...]
    bad: tuple[float, ...]
    fires: int
    """Seconds until the alarm has fired, at the longest."""
    clears: int
    """Seconds until it has cleared, at the longest."""

    @property
    def unit(self) -> str:
        """The unit with which it is published: what AWS documents, or our metric filters set."""
        own = {"DiskUsed": "Percent", "MemoryAvailable": "Percent"}
        unit = NAMESPACES[self.namespace].units[self.name] if self.namespace in NAMESPACES else own.get(self.name)
        return unit or "Count"

    def data(self, values: tuple[float, ...], begin: int, end: int) -> Iterator[DataPoint]:
        for number, second in enumerate(range(begin, end, self.every)):
            value = values[number % len(values)]
            yield DataPoint(second, self.namespace, self.name, self.dimensions, self.unit, value)


def once(namespace: str, name: str, dimensions: dict[str, str]) -> Watched:
    """A count of something that is bad when it has happened once."""
    return Watched(namespace, name, dimensions, MINUTE, (0,), (1, 0, 0, 0, 0), 5 * MINUTE, 5 * MINUTE)


WATCHED = {
    "UnhealthyAlarm": Watched("AWS/NetworkELB", "HealthyHostCount", SITES, 30, (1, 0), (0,), 5 * MINUTE, MINUTE),
    "ServerErrorsAlarm": Watched(OWN, "ServerErrors", {}, MINUTE, (4, 0, 0, 0, 0), (1,), 5 * MINUTE, 5 * MINUTE),
    "InstanceStatusAlarm": Watched("AWS/EC2", "StatusCheckFailed", GROUP, MINUTE, (0,), (1,), 5 * MINUTE, MINUTE),
    "CpuCreditsAlarm": Watched("AWS/EC2", "CPUCreditBalance", GROUP, 5 * MINUTE, (1,), (0.9,), 2 * HOUR, 5 * MINUTE),
    "DiskAlarm": Watched(OWN, "DiskUsed", {}, 2 * MINUTE, (85,), (86,), 15 * MINUTE, 5 * MINUTE),
    "MemoryAlarm": Watched(OWN, "MemoryAvailable", {}, 2 * MINUTE, (10,), (9,), 15 * MINUTE, 5 * MINUTE),
    "RefreshAlarm": Watched(
        OWN, "RefreshFailures", {}, 2 * MINUTE, (1, 0, 1, 0, 0), (1, 0, 1, 0, 1), 30 * MINUTE, 10 * MINUTE
    ),
    "DatabaseCpuAlarm": Watched("AWS/RDS", "CPUUtilization", DATABASE, MINUTE, (90,), (91,), 15 * MINUTE, 5 * MINUTE),
    "DatabaseMemoryAlarm": Watched(
        "AWS/RDS", "FreeableMemory", DATABASE, MINUTE, (128 * MIB,), (128 * MIB - 1,), 15 * MINUTE, 5 * MINUTE
    ),
    "DatabaseConnectionsAlarm": Watched(
        "AWS/RDS", "DatabaseConnections", DATABASE, MINUTE, (120,), (121,), 15 * MINUTE, 5 * MINUTE
    ),
    "DatabaseStorageAlarm": Watched(
        "AWS/RDS", "FreeStorageSpace", DATABASE, MINUTE, (2048 * MIB,), (2048 * MIB - 1,), 15 * MINUTE, 5 * MINUTE
    ),
    "CertificateAlarm": Watched(
        "AWS/CertificateManager",
        "DaysToExpiry",
        {"CertificateArn": DOCUMENTED["CertificateArn"]},
        DAY // 2,
        (14,),
        (13,),
        DAY,
        DAY,
    ),
    "ProtectionAlarm": once("AWS/States", "ExecutionsFailed", {"StateMachineArn": "<Protection>"}),
    "DatabaseLogsAlarm": once("AWS/States", "ExecutionsFailed", {"StateMachineArn": "<DatabaseLogs>"}),
    "SuccessRuleAlarm": once("AWS/Events", "FailedInvocations", {"RuleName": "<SuccessRule>"}),
}
"""Logical ID -> what it watches, in figures that nothing is derived from the template for."""

EVENTS = ("ProtectionAlarm", "DatabaseLogsAlarm", "SuccessRuleAlarm")
"""Alarms about something that happens once."""
SILENCE = ("UnhealthyAlarm", "RefreshAlarm")
"""Alarms to which no data are as bad as bad data."""


def alarms(stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.of_type("AWS::CloudWatch::Alarm")
    return found


def fires_and_clears(alarm: dict[str, Any], watched: Watched) -> bool:
    """Good values, then bad ones, then good ones: the alarm comes in time, not before, and goes in time."""
    length = max(4 * watched.fires, 4 * watched.every)
    length += -length % alarm["Period"]
    data = [
        *watched.data(watched.good, 0, length),
        *watched.data(watched.bad, length, 2 * length),
        *watched.data(watched.good, 2 * length, 3 * length),
    ]
    found = states(alarm, data, 3 * length)
    expected = {
        OK: [each for each in found if each[0] <= length or each[0] >= 2 * length + watched.clears],
        ALARM: [each for each in found if length + watched.fires <= each[0] <= 2 * length],
    }
    before = [state for second, state in found if length < second < length + watched.fires - alarm["Period"] + 1]
    return all(state == wanted for wanted, part in expected.items() for _, state in part) and ALARM not in before


def test_every_alarm_is_tested_here(stack):
    assert list(alarms(stack)) == list(WATCHED)


@pytest.mark.parametrize("name", WATCHED)
def test_an_alarm_fires_and_clears(stack, name):
    assert fires_and_clears(stack.properties(name), WATCHED[name])


@pytest.mark.parametrize("name", WATCHED)
def test_it_would_not_if_anything_about_it_were_different(stack, name):
    alarm = stack.properties(name)
    step = 0.2 if name == "RefreshAlarm" else 1
    turned = {
        "LessThanThreshold": "GreaterThanThreshold",
        "GreaterThanThreshold": "LessThanThreshold",
        "GreaterThanOrEqualToThreshold": "LessThanOrEqualToThreshold",
    }
    wrong = {
        "Threshold": (alarm["Threshold"] + step, alarm["Threshold"] - step, -alarm["Threshold"]),
        "ComparisonOperator": (turned[alarm["ComparisonOperator"]],),
        "Namespace": ("AWS/Another",),
        "MetricName": (alarm["MetricName"].lower(),),
        "Dimensions": ([{"Name": "Another", "Value": "dimension"}],),
        "Unit": ("Kilobytes",),
        "EvaluationPeriods": (alarm["EvaluationPeriods"] * 2,) if name not in EVENTS else (),
    }
    for key, values in wrong.items():
        for value in values:
            assert not fires_and_clears({**alarm, key: value}, WATCHED[name]), (key, value)


@pytest.mark.parametrize("name", WATCHED)
def test_data_that_stop_coming(stack, name):
    """Where silence means that something is down it is an alarm; what was wrong with a certificate stays wrong."""
    alarm, watched = stack.properties(name), WATCHED[name]
    length = 8 * max(watched.fires, watched.every)
    for values in (watched.good, watched.bad):
        found = states(alarm, watched.data(values, 0, length), 3 * length)
        was = next(state for second, state in reversed(found) if second <= length)
        expected = {**dict.fromkeys(SILENCE, ALARM), "CertificateAlarm": was}.get(name, OK)
        assert found[-1][1] == expected


@pytest.mark.parametrize("name", [each for each in WATCHED if each not in SILENCE])
def test_an_alarm_without_any_data_is_silent(stack, name):
    assert ALARM not in {state for _, state in states(stack.properties(name), [], 3 * DAY)}


def test_an_alarm_that_silence_fires_is_created_after_the_instance(stack):
    assert {name for name, alarm in alarms(stack).items() if alarm["TreatMissingData"] == "breaching"} == set(SILENCE)
    assert set(SILENCE) <= after(stack.launch, "ServerGroup")


def test_the_first_refreshes_of_a_new_stack_are_no_alarm(stack):
    """The group is created when the first instance has signalled, a moment after its first refresh."""
    watched = WATCHED["RefreshAlarm"]
    data = [*watched.data((0,), 29 * MINUTE, 3 * HOUR)]
    found = states(stack.properties("RefreshAlarm"), data, 3 * HOUR, created=30 * MINUTE)
    assert {state for _, state in found} == {OK}


def test_a_new_stack_whose_targets_were_unhealthy_during_the_boot_is_no_alarm(stack):
    watched = WATCHED["UnhealthyAlarm"]
    data = [*watched.data((0,), 0, 29 * MINUTE), *watched.data((1,), 29 * MINUTE, HOUR)]
    found = states(stack.properties("UnhealthyAlarm"), data, HOUR, created=30 * MINUTE)
    assert {state for _, state in found} == {OK}


def test_a_boot_in_place_of_an_instance_that_ended_is_no_failed_refresh(stack):
    watched = WATCHED["RefreshAlarm"]
    data = [*watched.data((0,), 0, 60 * MINUTE), *watched.data((0,), 80 * MINUTE, 180 * MINUTE)]
    assert {state for _, state in states(stack.properties("RefreshAlarm"), data, 3 * HOUR)} == {OK}


def test_an_instance_that_is_silent_for_an_hour_is_an_alarm(stack):
    data = WATCHED["RefreshAlarm"].data((0,), 0, 60 * MINUTE)
    found = states(stack.properties("RefreshAlarm"), data, 2 * HOUR)
    silent = next(second for second, state in found if state == ALARM)
    assert 90 * MINUTE <= silent <= 110 * MINUTE


def test_a_zone_without_an_instance_is_no_alarm(stack):
    """Each zone's node of the load balancer reports the targets of its own zone."""
    watched = WATCHED["UnhealthyAlarm"]
    data = [*watched.data((1,), 0, HOUR), *watched.data((0,), 0, HOUR)]
    assert {state for _, state in states(stack.properties("UnhealthyAlarm"), data, HOUR)} == {OK}


def test_a_new_t3_without_credits_is_no_alarm(stack):
    """It starts with none, its boot takes some that it has to earn back, and it earns 24 an hour."""
    watched = WATCHED["CpuCreditsAlarm"]
    credits = (*(0,) * 12, *range(1, 25))
    data = [*watched.data(credits, 0, 3 * HOUR)]
    assert {state for _, state in states(stack.properties("CpuCreditsAlarm"), data, 3 * HOUR)} == {OK}


def test_checks_that_fail_for_four_minutes_are_no_alarm(stack):
    """EC2 has none to report in the first minutes of an instance."""
    data = WATCHED["InstanceStatusAlarm"].data((1, 1, 1, 1, 0), 0, HOUR)
    assert {state for _, state in states(stack.properties("InstanceStatusAlarm"), data, HOUR)} == {OK}


def test_an_instance_that_cannot_burst_reports_no_credits_and_is_no_alarm(stack):
    assert {state for _, state in states(stack.properties("CpuCreditsAlarm"), [], DAY)} == {OK}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_that_is_counted_only_when_it_happens_is_an_alarm_for_a_quarter_of_an_hour_at_most(stack, name):
    """EventBridge sends no zeros. CloudWatch looks at the last data for a while when no new ones come."""
    data = WATCHED[name].data((1,), HOUR, HOUR + MINUTE)
    found = [second for second, state in states(stack.properties(name), data, 3 * HOUR) if state == ALARM]
    assert HOUR + 5 * MINUTE in found
    assert max(found) <= HOUR + 15 * MINUTE


# What the instance's log says.


def nginx_line(**values: str) -> str:
    """A line of nginx's access log, as its configuration has it."""
    parts = re.search(r"log_format main escape=json ((?:\s*'[^']*')+);", instance.read("nginx.conf"))
    assert parts
    line = "".join(re.findall(r"'([^']*)'", parts[1]))
    for name in re.findall(r"\$(\w+)", line):
        line = line.replace(f"${name}", values.get(name, "0"), 1)
    return line


def watch_line(**values: float) -> str:
    usual = {"disk_used_percent": 41, "memory_available_percent": 63, "swap_used_percent": 0, "refresh_failed": 0}
    return json.dumps({"watch": "instance", **usual, **values})


def log_data(stack, lines: list[tuple[int, str]]) -> list[DataPoint]:
    filters = stack.of_type("AWS::Logs::MetricFilter").values()
    return [*published(filters, "<RegistryLogs>", lines)]


def test_the_instance_reports_in_such_lines():
    program = "import json, watch; print(json.dumps(watch.line(1)))"
    folder = Path(instance.__file__).parent
    run = subprocess.run([sys.executable, "-Bc", program], cwd=folder, check=True, capture_output=True, text=True)
    reported = json.loads(run.stdout)
    expected = json.loads(watch_line(refresh_failed=1))
    assert [(name, type(value)) for name, value in reported.items()] == [(n, type(v)) for n, v in expected.items()]
    assert (reported["watch"], reported["refresh_failed"]) == ("instance", 1)


def test_what_the_instance_reports_becomes_the_metrics_that_are_watched(stack):
    line = watch_line(disk_used_percent=90, memory_available_percent=5, refresh_failed=1)
    lines = [(second, line) for second in range(0, HOUR, 2 * MINUTE)]
    for name in ("DiskAlarm", "MemoryAlarm", "RefreshAlarm"):
        assert states(stack.properties(name), log_data(stack, lines), HOUR)[-1][1] == ALARM
        usual = [(second, watch_line()) for second, _ in lines]
        assert {state for _, state in states(stack.properties(name), log_data(stack, usual), HOUR)} == {OK}


@pytest.mark.parametrize(
    ("status", "counted"), [("200", 0), ("404", 0), ("499", 0), ("500", 1), ("502", 1), ("503", 0)]
)
def test_errors_of_the_server_are_counted_and_not_that_it_is_starting(stack, status, counted):
    data = log_data(stack, [(0, nginx_line(status=status, remote_addr="203.0.113.5"))])
    assert [(each.name, each.value) for each in data] == [("ServerErrors", counted)]


def test_five_failed_requests_are_an_alarm_that_clears(stack):
    lines = [(600 + second, nginx_line(status="502")) for second in range(5)]
    lines += [(second, watch_line()) for second in range(0, 30 * MINUTE, 2 * MINUTE)]
    found = states(stack.properties("ServerErrorsAlarm"), log_data(stack, lines), 30 * MINUTE)
    assert [second for second, state in found if state == ALARM] == [15 * MINUTE]


def test_what_clients_send_cannot_be_taken_for_the_instances_report(stack):
    user_agent = '{\\"watch\\": \\"instance\\", \\"disk_used_percent\\": 100}'
    (point,) = log_data(stack, [(0, nginx_line(status="200", http_user_agent=user_agent))])
    assert point.name == "ServerErrors"


def test_an_instance_that_does_not_report_gives_no_data_whatever_else_is_logged(stack):
    data = log_data(stack, [(0, nginx_line(status="200")), (1, "a line of the registry's")])
    assert {each.name for each in data} == {"ServerErrors"}


# What is common to all.


def test_a_unit_is_the_one_that_the_metric_is_published_with(stack):
    for name, alarm in alarms(stack).items():
        aws = NAMESPACES.get(alarm["Namespace"])
        assert alarm.get("Unit", "") == (aws.units[alarm["MetricName"]] if aws else WATCHED[name].unit)


def test_an_evaluation_is_as_long_as_cloudwatch_allows(stack):
    for alarm in alarms(stack).values():
        longest = LONGEST_EVALUATION if alarm["Period"] < HOUR else LONGEST_EVALUATION_BY_HOURS
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= longest
        assert alarm["Period"] % 60 == 0


def test_without_an_address_nobody_is_mailed(stack):
    assert not stack.of_type("AWS::SNS::Topic")
    assert not any(alarm.keys() & {"AlarmActions", "OKActions"} for alarm in alarms(stack).values())


def test_with_an_address_every_alarm_is_mailed_to_it_and_that_it_is_over(template):
    stack = launch_stack(template, DOCUMENTED | {"AlarmEmail": "ops@example.com"})
    assert stack.properties("AlarmTopic")["Subscription"] == [{"Protocol": "email", "Endpoint": "ops@example.com"}]
    for name, alarm in alarms(stack).items():
        assert alarm["AlarmActions"] == ["<AlarmTopic>"]
        assert alarm.get("OKActions") == (None if name in EVENTS else ["<AlarmTopic>"])


def test_every_alarm_says_what_happens_and_what_to_do(stack):
    for alarm in alarms(stack).values():
        sentences = re.split(r"(?<=[.:;]) ", alarm["AlarmDescription"])
        assert len(sentences) >= 2
        assert alarm["AlarmDescription"].endswith(".")
        assert len(alarm["AlarmDescription"]) <= 1024
