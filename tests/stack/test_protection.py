"""The database is protected from deletion after every success, and never before the first one."""

from __future__ import annotations

from quilt_cfn.cloudformation.launch.evaluator import STACK


def test_success_of_this_stack_starts_the_protection(stack):
    rule = stack.properties("DatabaseProtectionRule")
    pattern = rule["EventPattern"]
    assert pattern["source"] == ["aws.cloudformation"]
    assert pattern["detail-type"] == ["CloudFormation Stack Status Change"]
    assert pattern["detail"]["status-details"] == {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]}
    (stack_id,) = pattern["detail"]["stack-id"]
    assert f":stack/{STACK}/" in stack_id, "no other stack's success"
    (target,) = rule["Targets"]
    assert target["Arn"] == "<DatabaseProtection>"


def test_the_protection_is_one_call_about_this_database(stack):
    states = stack.properties("DatabaseProtection")["Definition"]["States"]
    assert states["Protect"]["Resource"] == "arn:aws:states:::aws-sdk:rds:modifyDBInstance"
    assert states["Protect"]["Parameters"] == {"DbInstanceIdentifier": "<Database>", "DeletionProtection": True}


def test_its_role_may_start_it_and_change_this_database(stack):
    (permitted,) = stack.permissions("DatabaseProtectionRole").values()
    assert permitted == {
        ("rds:ModifyDBInstance", "<Database.DBInstanceArn>"),
        ("states:StartExecution", "arn:aws:states:us-east-1:111122223333:stateMachine:*DatabaseProtection-*"),
    }
    assert "StateMachineName" not in stack.properties("DatabaseProtection"), "the pattern needs the generated name"
