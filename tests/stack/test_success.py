"""Every success of the stack, and nothing else, starts the state machines that wait for it."""

from __future__ import annotations

from quilt_cfn.cloudformation.launch.evaluator import STACK
from tests.launches import DOCUMENTED, evaluate_edition

STARTED = ["Protection", "DatabaseLogs"]


def test_success_of_this_stack_starts_every_state_machine_of_it(stack):
    rule = stack.properties("SuccessRule")
    pattern = rule["EventPattern"]
    assert pattern["source"] == ["aws.cloudformation"]
    assert pattern["detail-type"] == ["CloudFormation Stack Status Change"]
    assert pattern["detail"]["status-details"] == {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]}
    (stack_id,) = pattern["detail"]["stack-id"]
    assert f":stack/{STACK}/" in stack_id, "no other stack's success"
    assert [each["Arn"] for each in rule["Targets"]] == [f"<{name}>" for name in STARTED]
    assert {each["RoleArn"] for each in rule["Targets"]} == {"<SuccessRuleRole.Arn>"}
    assert len({each["Id"] for each in rule["Targets"]}) == len(STARTED)
    assert set(stack.of_type("AWS::StepFunctions::StateMachine")) == set(STARTED)


def test_its_role_may_start_these_and_nothing_else(stack):
    (permitted,) = stack.permissions("SuccessRuleRole").values()
    assert permitted == {("states:StartExecution", f"<{name}>") for name in STARTED}


def test_it_is_ready_long_before_the_stack_is(template):
    """EventBridge needs a short while until a new rule takes effect, and what fails here fails before the database."""
    launch = evaluate_edition(template, DOCUMENTED)
    ready = {"SuccessRule", "SuccessRuleRole", *STARTED, "ProtectionRole", "DatabaseLogsRole"}
    assert ready <= launch.before("Database") & launch.before("ServerGroup")
