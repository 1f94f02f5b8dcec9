"""Stack and database are protected from deletion after every success, and never before the first one."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.launch import evaluate
from quilt_cfn.cloudformation.launch.evaluator import STACK
from tests.launches import DOCUMENTED


@pytest.fixture
def states(stack):
    return stack.properties("Protection")["Definition"]["States"]


def test_success_of_this_stack_starts_the_protection(stack):
    rule = stack.properties("ProtectionRule")
    pattern = rule["EventPattern"]
    assert pattern["source"] == ["aws.cloudformation"]
    assert pattern["detail-type"] == ["CloudFormation Stack Status Change"]
    assert pattern["detail"]["status-details"] == {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]}
    (stack_id,) = pattern["detail"]["stack-id"]
    assert f":stack/{STACK}/" in stack_id, "no other stack's success"
    (target,) = rule["Targets"]
    assert (target["Arn"], target["RoleArn"]) == ("<Protection>", "<ProtectionRuleRole.Arn>")


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


def test_each_of_the_two_roles_may_do_its_part_on_exact_arns(stack):
    (of_stack,) = stack.permissions("ProtectionRole").values()
    assert {action for action, _ in of_stack} == {
        "cloudformation:UpdateTerminationProtection",
        "cloudformation:DescribeStackResource",
    }
    assert len({arn for _, arn in of_stack}) == 1
    assert all(f":stack/{STACK}/" in arn and "*" not in arn for _, arn in of_stack)
    policy = stack.properties("ProtectionDatabasePolicy")
    (of_database,) = policy["PolicyDocument"]["Statement"]
    assert policy["Roles"] == ["<ProtectionRole>"]
    assert (of_database["Action"], of_database["Resource"]) == (["rds:ModifyDBInstance"], ["<Database.DBInstanceArn>"])
    (of_rule,) = stack.permissions("ProtectionRuleRole").values()
    assert of_rule == {("states:StartExecution", "<Protection>")}


def test_it_is_ready_long_before_the_stack_is(template):
    """EventBridge needs a short while until a new rule takes effect."""
    launch = evaluate(template, DOCUMENTED)
    assert {"ProtectionRule", "Protection", "ProtectionRole"} <= launch.before("Database") & launch.before(
        "ServerGroup"
    )


def test_nothing_is_protected_while_a_launch_may_still_roll_back(stack):
    assert "DeletionProtection" not in stack.properties("Database")
