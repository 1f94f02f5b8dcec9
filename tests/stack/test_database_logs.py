"""The logs that RDS keeps of the database expire when the others do."""

from __future__ import annotations

import pytest

from tests.launches import DOCUMENTED, launch_stack

SDK = "arn:aws:states:::aws-sdk:cloudwatchlogs:"
FOUND = "$.Database.StackResourceDetail.PhysicalResourceId"


@pytest.fixture
def states(stack):
    return stack.properties("DatabaseLogs")["Definition"]["States"]


def in_order(stack):
    definition = stack.properties("DatabaseLogs")["Definition"]
    name = definition["StartAt"]
    while name:
        state = definition["States"][name]
        yield state
        name = state.get("Next")
    assert state["End"] is True


def test_each_log_that_rds_writes_gets_a_group_and_then_an_expiry(stack):
    exported = stack.properties("Database")["EnableCloudwatchLogsExports"]
    first, *calls = in_order(stack)
    assert first["Parameters"]["LogicalResourceId"] == "Database"
    assert [(state["Resource"], state["Parameters"]["LogGroupName.$"]) for state in calls] == [
        (SDK + operation, f"States.Format('/aws/rds/instance/{{}}/{log}', {FOUND})")
        for log in exported
        for operation in ("createLogGroup", "putRetentionPolicy")
    ]


def test_they_are_kept_as_long_as_the_registrys_own(template):
    stack = launch_stack(template, DOCUMENTED | {"LogRetentionDays": 365})
    expiring = [state for state in in_order(stack) if state["Resource"] == SDK + "putRetentionPolicy"]
    assert {state["Parameters"]["RetentionInDays.$"] for state in expiring} == {"States.MathAdd(365, 0)"}
    assert stack.properties("RegistryLogs")["RetentionInDays"] == "365"


def test_a_group_that_is_there_already_is_no_failure_and_no_wait(states):
    for state in states.values():
        if state["Resource"] == SDK + "createLogGroup":
            assert state["Retry"][0]["ErrorEquals"] == ["CloudWatchLogs.ResourceAlreadyExistsException"]
            assert state["Retry"][0]["MaxAttempts"] == 0
            (caught,) = state["Catch"]
            assert (caught["ErrorEquals"], caught["Next"]) == (["States.ALL"], state["Next"])


def test_an_expiry_that_could_not_be_set_fails_so_that_the_alarm_sees_it(states):
    for state in states.values():
        assert state["Retry"][-1]["ErrorEquals"] == ["States.ALL"]
        assert state["Retry"][-1]["MaxAttempts"] >= 4
        assert "Catch" not in state or state["Resource"] == SDK + "createLogGroup"


def test_no_state_overwrites_what_a_later_one_needs(states):
    paths = [state["ResultPath"] for state in states.values()]
    caught = [each["ResultPath"] for state in states.values() for each in state.get("Catch", ())]
    assert [path for path in (*paths, *caught) if FOUND.startswith(path)] == ["$.Database"]


def test_its_role_may_touch_these_groups_and_no_other(stack):
    ((_, (looking_up,)),) = stack.permissions("DatabaseLogsRole").items()
    assert looking_up[0] == "cloudformation:DescribeStackResource"
    policy = stack.properties("DatabaseLogsPolicy")
    assert policy["Roles"] == ["<DatabaseLogsRole>"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["logs:CreateLogGroup", "logs:PutRetentionPolicy"]
    group = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/rds/instance/<Database>"
    assert statement["Resource"] == [f"{group}/postgresql:*", f"{group}/upgrade:*"]
