"""What stays in the account."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.cloudformation.analysis.lifecycle.outcome import Fact
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty

SNAPSHOT_BY_DEFAULT = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance")


def deletion_policy(launch: Launch, name: str) -> str:
    """The DeletionPolicy of a resource; databases of RDS that say nothing and are in no cluster have Snapshot.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    policy = dict_or_empty(launch.resources[name]).get("DeletionPolicy")
    if policy is None:
        alone = "DBClusterIdentifier" not in launch.properties(name)
        return "Snapshot" if launch.type_of(name) in SNAPSHOT_BY_DEFAULT and alone else "Delete"
    return as_text(policy)


ON_ROLLBACK = ("Retain",)
ON_DELETION = ("Retain", "RetainExceptOnCreate")


def parted(
    launch: Launch, existing: Collection[str], keeping: tuple[str, ...]
) -> tuple[Collection[str], Collection[str]]:
    """The resources with one of these deletion policies, and the others."""
    kept = {name: None for name in existing if deletion_policy(launch, name) in keeping}
    return kept, {name: None for name in existing if name not in kept}


def left_behind(launch: Launch, kept: Collection[str]) -> Iterator[Fact]:
    """The resources that CloudFormation keeps."""
    for name in kept:
        yield Fact(
            ("Resources", name, "DeletionPolicy"),
            f"It is kept, because its deletion policy is {deletion_policy(launch, name)}.",
            "Delete it by hand when nobody needs it any more; until then AWS charges what it holds.",
        )


def copies(launch: Launch, gone: Collection[str]) -> Iterator[Fact]:
    """The snapshots and backups of what goes, and the keys that wait for their end."""
    for name in gone:
        if deletion_policy(launch, name) == "Snapshot":
            yield Fact(
                ("Resources", name, "DeletionPolicy"),
                "A last snapshot of it stays; its name is generated.",
                "Delete the snapshot by hand when nobody will restore it; until then it is charged as storage.",
            )
        if as_text(launch.properties(name).get("DeleteAutomatedBackups")) == "false":
            yield Fact(
                ("Resources", name, "Properties", "DeleteAutomatedBackups"),
                "Its automated backups stay as long as its BackupRetentionPeriod says.",
                "Nothing; or delete the retained backups by hand.",
            )
        if launch.type_of(name) == "AWS::KMS::Key":
            days = as_text(launch.properties(name).get("PendingWindowInDays", 30))
            yield Fact(
                ("Resources", name),
                f"The key is disabled and deleted {days} days later.",
                "Nothing; cancel its deletion if something that has to stay was encrypted with it.",
            )


def service_logs(launch: Launch, gone: Collection[str]) -> Iterator[Fact]:
    """Log groups that a service makes by itself, and that no stack knows."""
    for name in gone:
        properties = launch.properties(name)
        if properties.get("EnableCloudwatchLogsExports") and launch.type_of(name) in SNAPSHOT_BY_DEFAULT:
            yield Fact(
                ("Resources", name, "Properties", "EnableCloudwatchLogsExports"),
                "The log groups in CloudWatch Logs that RDS made for its exported logs stay.",
                "Delete them by hand, or let them expire: they have no retention of their own.",
            )
        if launch.type_of(name) == "AWS::Lambda::Function" and "LogGroup" not in dict_or_empty(
            properties.get("LoggingConfig")
        ):
            yield Fact(
                ("Resources", name),
                "The log group that Lambda made for it stays, if it ever ran.",
                "Delete the log group by hand.",
            )
