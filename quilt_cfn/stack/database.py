"""The registry's PostgreSQL on RDS.

What can't be changed without replacing the database is right in version 1 (``immutable_properties``). The template says
the same about the database with and without a snapshot to restore, so that the snapshot's name may be cleared
afterwards. Whatever deletes or replaces the database takes a snapshot first.
"""

from __future__ import annotations

from typing import NamedTuple

from troposphere import GetAtt, Ref, Select, Split, Sub, Template, rds

from quilt_cfn.cloudformation.facts.replacement import (
    IMMUTABILITY,
    RDS_PROVIDER,
    TRANSLATOR,
    UPDATE_HANDLER,
    resource_page,
)
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.network import Network, named
from quilt_cfn.stack.parameters import (
    BACKUP_KEY_ID,
    BACKUP_REGION,
    BACKUP_RETENTION_DAYS,
    DB_INSTANCE_TYPE,
    DB_PASSWORD,
    DB_SNAPSHOT_IDENTIFIER,
    DB_STORAGE,
    MAINTENANCE_WINDOW,
)
from quilt_cfn.stack.pseudo_parameters import arn
from quilt_cfn.stack.security_groups import POSTGRES_PORT, SecurityGroups

_MASTER_USER = "quilt"
LOG_TYPES = ("postgresql", "upgrade")
"""The logs that RDS writes to CloudWatch Logs; database_logs.py sets how long they are kept."""


class Database(NamedTuple):
    """How to reach the database as its master user, whose password is a secret of its own."""

    resource: rds.DBInstance
    host: GetAtt
    port: GetAtt
    master_user: str


def add_database(t: Template, network: Network, groups: SecurityGroups, release: Release) -> Database:
    """An encrypted instance in the private subnets that accepts TLS only."""
    subnets = t.add_resource(
        rds.DBSubnetGroup(
            "DatabaseSubnets",
            DBSubnetGroupDescription="Quilt registry, private subnets",
            SubnetIds=list(network.private_subnets),
        )
    )
    settings = t.add_resource(
        rds.DBParameterGroup(
            # A parameter group belongs to one major version: the next one gets a new group beside this one.
            f"DatabaseSettings{release.postgres}",
            Description="Quilt registry",
            Family=f"postgres{release.postgres}",
            Parameters={"rds.force_ssl": "1"},
        )
    )
    instance = t.add_resource(
        rds.DBInstance(
            "Database",
            DeletionPolicy="Snapshot",
            UpdateReplacePolicy="Snapshot",
            DBSnapshotIdentifier=DB_SNAPSHOT_IDENTIFIER.if_set(DB_SNAPSHOT_IDENTIFIER.ref),
            Engine="postgres",
            # RDS stops creating a minor version about a year after it came, and refuses an update that names an older
            # one than it has moved to. A major version stays true: RDS installs the minor ones.
            EngineVersion=release.postgres,
            AutoMinorVersionUpgrade=True,
            EngineLifecycleSupport="open-source-rds-extended-support",
            DBInstanceClass=DB_INSTANCE_TYPE.ref,
            StorageType="gp3",
            # Always sent, because RDS can't shrink a storage: left out for a restored database only, it would be back
            # to its default when the snapshot's name is cleared.
            AllocatedStorage=DB_STORAGE.ref,
            MaxAllocatedStorage=_LARGEST_STORAGE_GIB,
            # No DBName: a restore would send it. The boot creates the registry's database and its user.
            MasterUsername=_MASTER_USER,
            MasterUserPassword=DB_PASSWORD.ref,
            StorageEncrypted=True,
            Port=str(POSTGRES_PORT),
            DBSubnetGroupName=Ref(subnets),
            VPCSecurityGroups=[groups.database],
            PubliclyAccessible=False,
            DBParameterGroupName=Ref(settings),
            PreferredMaintenanceWindow=MAINTENANCE_WINDOW.ref,
            PreferredBackupWindow=_backup_window(),
            BackupRetentionPeriod=BACKUP_RETENTION_DAYS.ref,
            # The backups outlive a database that was deleted by mistake, for as many days.
            DeleteAutomatedBackups=False,
            # RDS wants a key of that Region for the copy of an encrypted database, and CloudFormation starts the copy
            # last, also of a restored one. Each of these changes in place.
            # https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds/pull/516 and /601
            AutomaticBackupReplicationRegion=BACKUP_REGION.if_set(BACKUP_REGION.ref),
            AutomaticBackupReplicationKmsKeyId=BACKUP_KEY_ID.if_set(
                arn(f"kms:${{{BACKUP_REGION.name}}}:${{AWS::AccountId}}:key/${{{BACKUP_KEY_ID.name}}}")
            ),
            AutomaticBackupReplicationRetentionPeriod=BACKUP_REGION.if_set(BACKUP_RETENTION_DAYS.ref),
            CopyTagsToSnapshot=True,
            EnableCloudwatchLogsExports=list(LOG_TYPES),
            Tags=named("database"),
            # protection.py switches deletion protection on once a launch has succeeded. A database protected from
            # the start would keep a failed launch from rolling back.
        )
    )
    return Database(
        resource=instance,
        host=GetAtt(instance, "Endpoint.Address"),
        port=GetAtt(instance, "Endpoint.Port"),
        master_user=_MASTER_USER,
    )


def immutable_properties(release: Release) -> tuple[ImmutableProperty, ...]:
    """What must never change about the database, its subnet group and its parameter group."""
    settings = f"DatabaseSettings{release.postgres}"
    instance, subnet_group, parameter_group = map(
        resource_page, ("AWS::RDS::DBInstance", "AWS::RDS::DBSubnetGroup", "AWS::RDS::DBParameterGroup")
    )
    return (
        ImmutableProperty(
            "Database",
            "DBSnapshotIdentifier",
            "Setting it, or another one, later restores a new database in place of this one; clearing it does nothing.",
            (IMMUTABILITY, f"{RDS_PROVIDER}/pull/351"),
        ),
        ImmutableProperty("Database", "Engine", "Another engine replaces the database.", (IMMUTABILITY,)),
        ImmutableProperty(
            "Database",
            "EngineLifecycleSupport",
            "CloudFormation refuses an update that changes it. With extended support no major version is forced on the "
            "database, and a snapshot is restored as it was; it is charged only after the end of standard support.",
            (
                UPDATE_HANDLER,
                f"{RDS_PROVIDER}/pull/538",
                "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/extended-support-creating-db-instance.html",
            ),
        ),
        ImmutableProperty(
            "Database",
            "DBName",
            "Absent: a name that is added later replaces the database, and a restore would send it. The boot creates "
            "the registry's database.",
            (instance, TRANSLATOR),
        ),
        ImmutableProperty(
            "Database",
            "MasterUsername",
            "Another name replaces the database. A restore ignores it, so it is there with and without a snapshot: "
            "added when the snapshot's name is cleared, it would replace the restored database by an empty one.",
            (instance, TRANSLATOR),
        ),
        ImmutableProperty(
            "Database",
            "StorageEncrypted",
            "A change replaces the database. A restore ignores it: the snapshot decides.",
            (instance, TRANSLATOR),
        ),
        ImmutableProperty(
            "Database",
            "KmsKeyId",
            "Absent: nobody can disable the AWS managed key, and any later value, even that same key, would replace "
            "the database. The way to a key of one's own is a copied snapshot.",
            (instance, "https://github.com/awsdocs/aws-cloudformation-user-guide/issues/1276"),
        ),
        ImmutableProperty(
            "Database",
            "DBSubnetGroupName",
            "Another group replaces the database; subnets are added to the group in place.",
            (instance,),
        ),
        ImmutableProperty(
            "Database",
            "AvailabilityZone",
            "Absent: RDS chooses. A change replaces the database, and Multi-AZ is refused beside it.",
            (IMMUTABILITY,),
        ),
        ImmutableProperty(
            "Database",
            "DBInstanceIdentifier",
            "Absent: a generated name, so that a replacement or a second stack never meets a name in use.",
            (instance,),
        ),
        ImmutableProperty(
            "DatabaseSubnets",
            "DBSubnetGroupName",
            "Absent: a generated name. Another one replaces the group, and with it the database.",
            (subnet_group,),
        ),
        ImmutableProperty(
            settings,
            "Family",
            "A change replaces the group. The next major version gets a group of its own beside this one.",
            (parameter_group,),
        ),
        ImmutableProperty(settings, "Description", "A change replaces the group.", (parameter_group,)),
        ImmutableProperty(
            settings,
            "DBParameterGroupName",
            "Absent: a generated name, so that a replacement can stand beside it.",
            (parameter_group,),
        ),
    )


# More than a tenth above the largest DBStorage, as RDS wants it.
_LARGEST_STORAGE_GIB = 6000


def _backup_window() -> Sub:
    """Half an hour of every day, a quarter of an hour after the maintenance window: RDS refuses windows that overlap.

    Without one RDS would take any half hour of the Region's night. ``sun:04:00-sun:05:00`` gives ``05:15-05:45``.
    """
    end = Select(1, Split("-", MAINTENANCE_WINDOW.ref))
    return Sub("${Hour}:15-${Hour}:45", Hour=Select(1, Split(":", end)))
