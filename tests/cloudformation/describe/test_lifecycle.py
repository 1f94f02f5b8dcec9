"""The page about what happens to a stack: every fact is on it, once, with what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis import lifecycle
from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.describe.lifecycle import REMEDIES, report
from quilt_cfn.cloudformation.launch import Launch, evaluate
from quilt_cfn.inputs.contract import read_contract
from tests.launches import evaluate_edition


@pytest.fixture(scope="module")
def launches(templates: dict[str, dict[str, Any]]) -> dict[str, Launch]:
    """Every edition with every option, by name."""
    values = read_contract().parameter_sets["options"]
    return {name: evaluate_edition(template, values) for name, template in templates.items()}


@pytest.fixture(scope="module")
def page(launches: dict[str, Launch]) -> str:
    return report(launches)


def section(page: str, heading: str) -> str:
    """What stands under a heading."""
    return page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_the_page_says_that_a_failed_launch_is_clean(page: str) -> None:
    text = section(page, "A launch fails")
    assert "the stack ends in `ROLLBACK_COMPLETE`" in text
    assert "with the same values if you like" in text
    assert "- `NetworkLogs` and `RegistryLogs`: Its deletion policy is Retain." in text
    assert "`Bucket`" not in text


def test_the_page_says_who_serves_when_an_update_fails(page: str) -> None:
    text = section(page, "An update fails")
    assert "If the new instance fails, it is ended, and the old one serves on." in text
    assert "`aws cloudformation continue-update-rollback --stack-name STACK`" in text


def test_the_page_says_that_a_deletion_by_mistake_destroys_nothing_and_shows_two_commands(page: str) -> None:
    assert section(page, "Somebody deletes the stack by mistake").strip().startswith("Nothing is deleted.")
    commands = section(page, "Deleting the stack for good").split("```")[1].replace("\\\n", "")
    stack, database = commands.strip().splitlines()
    assert stack.startswith("aws cloudformation update-termination-protection --no-enable-termination-protection ")
    assert database.startswith("aws rds modify-db-instance --no-deletion-protection ")
    assert "--logical-resource-id Database " in database


def test_what_differs_between_the_editions_is_said_for_the_one_that_has_it(page: str) -> None:
    assert "| `RegistryUser` | Only in *registry*: It can't be deleted if" in page
    assert page.count("Only in") == 2  # the user, and its key
    assert page.count("`ServerGroup`: The new instance starts") == 1


def test_an_edition_by_itself_needs_no_name(launches: dict[str, Launch]) -> None:
    assert "Only in" not in report({"registry": launches["registry"]})


def test_every_row_of_a_table_has_as_many_cells_as_its_head(page: str) -> None:
    assert {line.count("|") for line in page.splitlines() if line.startswith("|")} == {4}


# A template with everything.


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
        Definition={
            "States": {
                "On": {"Type": "Task", "Parameters": {"Name": {"Ref": "Table"}, "DeletionProtectionEnabled": True}}
            }
        },
    ),
    "Starter": resource(
        "AWS::Events::Rule",
        EventPattern={"source": ["aws.cloudformation"]},
        Targets=[{"Id": "it", "Arn": {"Ref": "Later"}}],
    ),
    "Bucket": resource("AWS::S3::Bucket"),
    "Trail": resource("AWS::CloudTrail::Trail", S3BucketName={"Ref": "Bucket"}),
    "Gateway": resource("AWS::EC2::InternetGateway"),
    "Vpc": resource("AWS::EC2::VPC"),
    "Attachment": resource(
        "AWS::EC2::VPCGatewayAttachment", VpcId={"Ref": "Vpc"}, InternetGatewayId={"Ref": "Gateway"}
    ),
    "Address": resource("AWS::EC2::EIP", InstanceId={"Ref": "Web"}),
    "Web": resource("AWS::EC2::Instance"),
    "Images": resource("AWS::ECR::Repository"),
    "Zone": resource("AWS::Route53::HostedZone"),
    "User": resource("AWS::IAM::User"),
    "Vault": resource("AWS::Backup::BackupVault"),
}


@pytest.fixture(scope="module")
def everything() -> Launch:
    return evaluate({"Resources": EVERY_CAUSE}, {})


def facts(launch: Launch) -> list[Fact]:
    """Whatever the analysis states of a launch that its page has."""
    outcomes = (lifecycle.rollback(launch, launch.resources, launch.resources), lifecycle.deletion(launch))
    updates = [lifecycle.failed_update(launch, name) for name in launch.resources]
    return [
        *(fact for outcome in (*outcomes, *updates) for kind in outcome for fact in kind),
        *lifecycle.termination(launch),
        *lifecycle.restorable(launch),
        *lifecycle.not_restorable(launch),
        *lifecycle.replaced_by_success(launch, launch.resources),
    ]


def test_whatever_the_analysis_states_is_on_the_page(everything: Launch, launches: dict[str, Launch]) -> None:
    for launch in (everything, *launches.values()):
        page = report({"it": launch})
        assert [fact for fact in facts(launch) if fact.sentence not in page] == []


def test_whatever_blocks_or_remains_has_a_remedy(everything: Launch) -> None:
    failed, deleted = (
        lifecycle.rollback(everything, everything.resources, everything.resources),
        lifecycle.deletion(everything),
    )
    assert {fact.cause for outcome in (failed, deleted) for kind in outcome for fact in kind} == set(REMEDIES)
    assert "Wait until Database is available" in report({"it": everything})


def test_a_stack_without_protection_of_its_own_is_shown_as_what_it_is(everything: Launch) -> None:
    text = section(report({"it": everything}), "Somebody deletes the stack by mistake")
    deleted = lifecycle.accident(everything).deleted
    assert f"{len(deleted)} resources are deleted before the deletion stops at " in text
    assert "`Table`" in text
    assert "Nothing is deleted" not in text


def test_what_has_no_command_is_switched_off_by_hand(everything: Launch) -> None:
    text = section(report({"it": everything}), "Deleting the stack for good")
    assert "Switch the deletion protection of `Table` off by hand." in text
