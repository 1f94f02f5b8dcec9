"""Stack and database are protected from deletion by a state machine, and never before the first success."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.launch.evaluator import STACK


@pytest.fixture
def states(stack):
    return stack.properties("Protection")["Definition"]["States"]


def test_the_stack_is_protected_first_and_the_database_even_if_that_fails(stack, states):
    assert stack.properties("Protection")["Definition"]["StartAt"] == "ProtectStack"
    first = states["ProtectStack"]
    assert first["Resource"] == "arn:aws:states:::aws-sdk:cloudformation:updateTerminationProtection"
    assert first["Parameters"] == {"StackName": STACK, "EnableTerminationProtection": True}
    (caught,) = first["Catch"]
    assert (caught["ErrorEquals"], caught["Next"]) == (["States.ALL"], first["Next"])
    assert states[states[first["Next"]]["Next"]]["Resource"] == "arn:aws:states:::aws-sdk:rds:modifyDBInstance"


def test_the_database_is_this_stacks(states):
    assert states["FindDatabase"]["Parameters"] == {"StackName": STACK, "LogicalResourceId": "Database"}
    found = states["FindDatabase"]["ResultPath"] + ".StackResourceDetail.PhysicalResourceId"
    assert states["ProtectDatabase"]["Parameters"] == {"DbInstanceIdentifier.$": found, "DeletionProtection": True}


def test_an_execution_that_could_not_protect_the_stack_fails_so_that_the_alarm_sees_it(states):
    error = states["ProtectStack"]["Catch"][0]["ResultPath"]
    (choice,) = states["IsStackProtected"]["Choices"]
    assert (choice["Variable"], choice["IsPresent"]) == (error, True)
    assert states[choice["Next"]]["Type"] == "Fail"
    assert states[states["IsStackProtected"]["Default"]]["Type"] == "Succeed"
    assert states["ProtectDatabase"]["Next"] == "IsStackProtected"
    paths = {state.get("ResultPath", "$") for state in states.values() if state["Type"] == "Task"}
    assert not paths & {error, "$"}, "nothing overwrites the error"


def test_its_role_may_do_this_on_exact_arns(stack):
    (of_stack,) = stack.permissions("ProtectionRole").values()
    assert {action for action, _ in of_stack} == {
        "cloudformation:UpdateTerminationProtection",
        "cloudformation:DescribeStackResource",
    }
    assert len({arn for _, arn in of_stack}) == 1
    assert all(f":stack/{STACK}/" in arn and "*" not in arn for _, arn in of_stack)
    policy = stack.properties("ProtectionPolicy")
    (of_database,) = policy["PolicyDocument"]["Statement"]
    assert policy["Roles"] == ["<ProtectionRole>"]
    assert (of_database["Action"], of_database["Resource"]) == (["rds:ModifyDBInstance"], ["<Database.DBInstanceArn>"])


def test_nothing_is_protected_while_a_launch_may_still_roll_back(stack):
    assert "DeletionProtection" not in stack.properties("Database")
