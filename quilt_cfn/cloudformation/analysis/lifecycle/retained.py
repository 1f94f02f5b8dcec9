"""What remains in the account after a rollback or a deletion, by design of CloudFormation or of a service."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty

SNAPSHOT_BY_DEFAULT = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance")
"""Types whose DeletionPolicy is Snapshot where the template sets none."""


def deletion_policy(launch: Launch, name: str) -> str:
    """The DeletionPolicy of a resource; the default of RDS databases outside of a cluster is Snapshot.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    policy = dict_or_empty(launch.resources[name]).get("DeletionPolicy")
    if policy is None:
        alone = "DBClusterIdentifier" not in launch.properties(name)
        return "Snapshot" if launch.type_of(name) in SNAPSHOT_BY_DEFAULT and alone else "Delete"
    return as_text(policy)


ON_ROLLBACK = ("Retain",)
"""The deletion policies with which a resource outlives the rollback of a creation."""
ON_DELETION = ("Retain", "RetainExceptOnCreate")
"""The deletion policies with which a resource outlives the deletion of its stack."""


def retained_and_deleted(
    launch: Launch, existing: Collection[str], policies: tuple[str, ...]
) -> tuple[Collection[str], Collection[str]]:
    """The resources with one of these deletion policies, and the others, each in order, as logical IDs."""
    retained = {name: None for name in existing if deletion_policy(launch, name) in policies}
    return retained, {name: None for name in existing if name not in retained}


def retained_resources(launch: Launch, retained: Collection[str]) -> Iterator[Fact]:
    """The resources that CloudFormation retains, as facts."""
    for name in retained:
        yield Fact(
            ("Resources", name, "DeletionPolicy"),
            "retained",
            f"It is retained, because its deletion policy is {deletion_policy(launch, name)}.",
        )


def copies(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """Snapshots and backups of what is deleted, and keys whose deletion is scheduled."""
    for name in deleted:
        if deletion_policy(launch, name) == "Snapshot":
            yield Fact(
                ("Resources", name, "DeletionPolicy"),
                "final-snapshot",
                "A final snapshot of it remains; its name is generated.",
            )
        if as_text(launch.properties(name).get("DeleteAutomatedBackups")) == "false":
            yield Fact(
                ("Resources", name, "Properties", "DeleteAutomatedBackups"),
                "automated-backups",
                "Its automated backups remain for its BackupRetentionPeriod.",
            )
        if launch.type_of(name) == "AWS::KMS::Key":
            days = as_text(launch.properties(name).get("PendingWindowInDays", 30))
            yield Fact(
                ("Resources", name),
                "scheduled-key-deletion",
                f"The key is disabled and deleted {days} days later.",
            )


def log_groups_of_services(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """Log groups that a service creates by itself, which belong to no stack."""
    for name in deleted:
        properties = launch.properties(name)
        if properties.get("EnableCloudwatchLogsExports") and launch.type_of(name) in SNAPSHOT_BY_DEFAULT:
            yield Fact(
                ("Resources", name, "Properties", "EnableCloudwatchLogsExports"),
                "exported-logs",
                "The log groups in CloudWatch Logs that RDS created for its exported logs remain.",
            )
        if launch.type_of(name) == "AWS::Lambda::Function" and "LogGroup" not in dict_or_empty(
            properties.get("LoggingConfig")
        ):
            yield Fact(
                ("Resources", name),
                "function-logs",
                "The log group that Lambda created for it remains, if it ever ran.",
            )
