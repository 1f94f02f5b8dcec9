"""What stays in the account."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.checks.models.lifecycle.remarks import Remark
from quilt_cfn.evaluation import Rendering
from quilt_cfn.evaluation.forms import mapping
from quilt_cfn.evaluation.texts import as_text

SNAPSHOT_BY_DEFAULT = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance")


def deletion_policy(rendering: Rendering, name: str) -> str:
    """The DeletionPolicy of a resource; databases of RDS that say nothing and are in no cluster have Snapshot.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    policy = mapping(rendering.resources[name]).get("DeletionPolicy")
    if policy is None:
        alone = "DBClusterIdentifier" not in rendering.properties(name)
        return "Snapshot" if rendering.type_of(name) in SNAPSHOT_BY_DEFAULT and alone else "Delete"
    return as_text(policy)


ON_ROLLBACK = ("Retain",)
ON_DELETION = ("Retain", "RetainExceptOnCreate")


def parted(
    rendering: Rendering, existing: Collection[str], keeping: tuple[str, ...]
) -> tuple[Collection[str], Collection[str]]:
    """The resources with one of these deletion policies, and the others."""
    kept = {name: None for name in existing if deletion_policy(rendering, name) in keeping}
    return kept, {name: None for name in existing if name not in kept}


def left_behind(rendering: Rendering, kept: Collection[str]) -> Iterator[Remark]:
    """The resources that CloudFormation keeps."""
    for name in kept:
        yield Remark(
            ("Resources", name, "DeletionPolicy"),
            f"It is kept, because its deletion policy is {deletion_policy(rendering, name)}.",
            "Delete it by hand when nobody needs it any more; until then AWS charges what it holds.",
        )


def copies(rendering: Rendering, gone: Collection[str]) -> Iterator[Remark]:
    """The snapshots and backups of what goes, and the keys that wait for their end."""
    for name in gone:
        if deletion_policy(rendering, name) == "Snapshot":
            yield Remark(
                ("Resources", name, "DeletionPolicy"),
                "A last snapshot of it stays; its name is generated.",
                "Delete the snapshot by hand when nobody will restore it; until then it is charged as storage.",
            )
        if as_text(rendering.properties(name).get("DeleteAutomatedBackups")) == "false":
            yield Remark(
                ("Resources", name, "Properties", "DeleteAutomatedBackups"),
                "Its automated backups stay as long as its BackupRetentionPeriod says.",
                "Nothing; or delete the retained backups by hand.",
            )
        if rendering.type_of(name) == "AWS::KMS::Key":
            days = as_text(rendering.properties(name).get("PendingWindowInDays", 30))
            yield Remark(
                ("Resources", name),
                f"The key is disabled and deleted {days} days later.",
                "Nothing; cancel its deletion if something that has to stay was encrypted with it.",
            )


def service_logs(rendering: Rendering, gone: Collection[str]) -> Iterator[Remark]:
    """Log groups that a service makes by itself, and that no stack knows."""
    for name in gone:
        properties = rendering.properties(name)
        if properties.get("EnableCloudwatchLogsExports") and rendering.type_of(name) in SNAPSHOT_BY_DEFAULT:
            yield Remark(
                ("Resources", name, "Properties", "EnableCloudwatchLogsExports"),
                "The log groups in CloudWatch Logs that RDS made for its exported logs stay.",
                "Delete them by hand, or let them expire: they have no retention of their own.",
            )
        if rendering.type_of(name) == "AWS::Lambda::Function" and "LogGroup" not in mapping(
            properties.get("LoggingConfig")
        ):
            yield Remark(
                ("Resources", name),
                "The log group that Lambda made for it stays, if it ever ran.",
                "Delete the log group by hand.",
            )
