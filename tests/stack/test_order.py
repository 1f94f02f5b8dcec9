"""When a launch fails, the database is not in the making: RDS takes no last snapshot then, and refuses to delete it."""

from __future__ import annotations

from quilt_cfn.stack.order import after_the_rest
from tests.launches import DOCUMENTED, after, evaluate_edition

WATCHES_THE_INSTANCES = {"UnhealthyAlarm", "RefreshAlarm", "InstanceStatusAlarm", "CpuCreditsAlarm", "Dashboard"}
"""It refers to the group, or would be an alarm while there is no instance. A permission that somebody lacks is noticed
earlier, but for that to make dashboards: other alarms are created before."""


def test_everything_else_is_created_before_the_database_or_after_it(template):
    stack = evaluate_edition(template, DOCUMENTED | {"AlarmEmail": "a@example.com", "HostedZoneId": "Z0123456789"})
    either = stack.before("Database") | after(stack, "Database")
    assert either == set(stack.resources) - {"Database"}


def test_after_the_database_there_is_little_that_can_fail(template):
    stack = evaluate_edition(template, DOCUMENTED)
    assert after(stack, "Database") == {
        "ServerTemplate",
        "ServerGroup",
        "ProtectionPolicy",
        "DatabaseLogsPolicy",
        "DatabaseCpuAlarm",
        "DatabaseMemoryAlarm",
        "DatabaseConnectionsAlarm",
        "DatabaseStorageAlarm",
        *WATCHES_THE_INSTANCES,
    }


def test_the_instances_come_last_but_for_what_watches_them(template):
    """Nothing that fails beside them makes a rollback replace an instance that works."""
    stack = evaluate_edition(template, DOCUMENTED | {"AlarmEmail": "a@example.com", "HostedZoneId": "Z0123456789"})
    assert after(stack, "ServerGroup") == WATCHES_THE_INSTANCES
    assert stack.before("ServerGroup") == set(stack.resources) - {"ServerGroup"} - WATCHES_THE_INSTANCES


def test_what_may_not_exist_is_waited_for_by_a_reference_where_it_exists():
    """CloudFormation and its linters refuse a DependsOn of it."""
    resources = {
        "Sometimes": {"Condition": "Wanted", "Properties": {"A": {"Ref": "Always"}}},
        "Always": {},
        "Database": {},
    }
    database = after_the_rest({"Resources": resources}, "Database")["Resources"]["Database"]
    assert database["DependsOn"] == ["Always"]
    assert database["Metadata"]["CreatedAfter"] == [
        {"Fn::If": ["Wanted", {"Ref": "Sometimes"}, {"Ref": "AWS::NoValue"}]}
    ]


def test_it_waits_for_no_more_than_the_last_of_each_chain():
    resources = {
        "First": {},
        "Second": {"Properties": {"A": {"Ref": "First"}}},
        "Alone": {"DependsOn": "First"},
        "Database": {"Properties": {"A": {"Fn::GetAtt": ["First", "Arn"]}}},
        "After": {"DependsOn": ["Database"]},
    }
    ordered = after_the_rest({"Resources": resources}, "Database")["Resources"]
    assert ordered["Database"]["DependsOn"] == ["Alone", "Second"]
    assert {name: each for name, each in ordered.items() if name != "Database"} == {
        name: each for name, each in resources.items() if name != "Database"
    }


def test_ordering_twice_changes_nothing(template):
    assert after_the_rest(template, "Database") == template
