"""What remains in the account after a rollback or a deletion, by design of CloudFormation or of a service."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_text, map_at

SNAPSHOT_BY_DEFAULT = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance")
"""Types whose DeletionPolicy is Snapshot where the template sets none."""


def deletion_policy(launch: Launch, name: str) -> str:
    """The DeletionPolicy of a resource; the default of RDS databases outside of a cluster is Snapshot.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    policy = launch.resources[name].get("DeletionPolicy")
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
        sentence = f"Its deletion policy is {deletion_policy(launch, name)}."
        yield Fact(name, "retained", sentence, ("DeletionPolicy",))


def copies(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """Snapshots and backups of what is deleted, and keys whose deletion is scheduled."""
    for name in deleted:
        properties = launch.properties(name)
        if deletion_policy(launch, name) == "Snapshot":
            sentence = "A final snapshot of it remains; its name is generated."
            yield Fact(name, "final-snapshot", sentence, ("DeletionPolicy",))
        if as_text(properties.get("DeleteAutomatedBackups")) == "false":
            sentence = "Its automated backups remain for its BackupRetentionPeriod."
            yield Fact(name, "automated-backups", sentence, ("Properties", "DeleteAutomatedBackups"))
        if launch.type_of(name) == "AWS::KMS::Key":
            days = as_text(properties.get("PendingWindowInDays", 30))
            yield Fact(name, "scheduled-key-deletion", f"The key is disabled and deleted {days} days later.")


def log_groups_of_services(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """Log groups that a service creates by itself, which belong to no stack."""
    for name in deleted:
        resource_type, properties = launch.type_of(name), launch.properties(name)
        if resource_type in SNAPSHOT_BY_DEFAULT and properties.get("EnableCloudwatchLogsExports"):
            sentence = "The log groups in CloudWatch Logs that RDS created for its exported logs remain."
            yield Fact(name, "exported-logs", sentence, ("Properties", "EnableCloudwatchLogsExports"))
        if resource_type == "AWS::Lambda::Function" and "LogGroup" not in map_at(properties, "LoggingConfig"):
            yield Fact(name, "function-logs", "The log group that Lambda created for it remains, if it ever ran.")
