"""The page about what a stack leaves behind: every fact has its row, and says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis.lifecycle import deletion, rollback
from quilt_cfn.cloudformation.describe.lifecycle import REMEDIES, report
from quilt_cfn.cloudformation.launch import Launch, evaluate
from quilt_cfn.inputs.contract import read_contract


@pytest.fixture
def launch(template: dict[str, Any]) -> Launch:
    """Every edition with every option."""
    return evaluate(template, read_contract().parameter_sets["options"])


def test_the_report_says_what_blocks_what_remains_and_which_names_are_in_use(edition: str, launch: Launch) -> None:
    failed, deleted = report(launch).split("### Deletion of the stack\n")
    assert "`ROLLBACK_COMPLETE`; nothing blocks it" in failed
    assert "| `RegistryLogs` (AWS::Logs::LogGroup) | It is retained" in failed
    assert "`Bucket`" not in failed
    assert "with the same values if you like" in failed
    assert "| `Database` (AWS::RDS::DBInstance) | Database is protected from deletion" in deleted
    assert "Switch the deletion protection of Database off by hand" in deleted
    assert "| `Bucket` (AWS::S3::Bucket) | Bucket keeps its name, which comes from PackageBucket" in deleted
    assert ("RegistryUser" in deleted) == (edition == "registry")
    rows = [line for line in report(launch).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {4}


def resource(resource_type: str, policy: str | None = None, **properties: Any) -> dict[str, Any]:
    """A resource with properties and a deletion policy."""
    return {"Type": resource_type, "Properties": properties} | ({"DeletionPolicy": policy} if policy else {})


EVERY_CAUSE = {
    "Database": resource(
        "AWS::RDS::DBInstance", DeleteAutomatedBackups=False, EnableCloudwatchLogsExports=["postgresql"]
    ),
    "Kept": resource("AWS::RDS::DBInstance", "Retain", DBSubnetGroupName={"Ref": "Subnets"}, DBInstanceIdentifier="db"),
    "Subnets": resource("AWS::RDS::DBSubnetGroup"),
    "Key": resource("AWS::KMS::Key"),
    "Function": resource("AWS::Lambda::Function"),
    "Table": resource("AWS::DynamoDB::Table", DeletionProtectionEnabled=True),
    "Later": resource(
        "AWS::StepFunctions::StateMachine",
        Definition={"States": {"On": {"Parameters": {"Name": {"Ref": "Table"}, "DeletionProtection": True}}}},
    ),
    "Bucket": resource("AWS::S3::Bucket"),
    "Trail": resource("AWS::CloudTrail::Trail", S3BucketName={"Ref": "Bucket"}),
    "Gateway": resource("AWS::EC2::InternetGateway"),
    "Vpc": resource("AWS::EC2::VPC"),
    "Attachment": resource(
        "AWS::EC2::VPCGatewayAttachment", VpcId={"Ref": "Vpc"}, InternetGatewayId={"Ref": "Gateway"}
    ),
    "Address": resource("AWS::EC2::EIP"),
    "Images": resource("AWS::ECR::Repository"),
    "Zone": resource("AWS::Route53::HostedZone"),
    "User": resource("AWS::IAM::User"),
    "Vault": resource("AWS::Backup::BackupVault"),
}


def test_whatever_the_analysis_states_has_a_remedy() -> None:
    launch = evaluate({"Resources": EVERY_CAUSE}, {})
    outcomes = (rollback(launch, launch.resources, launch.resources), deletion(launch))
    causes = {fact.cause for outcome in outcomes for facts in outcome for fact in facts}
    assert causes == set(REMEDIES)
    assert "Wait until Database is available" in report(launch)
