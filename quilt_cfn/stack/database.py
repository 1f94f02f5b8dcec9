"""The registry's PostgreSQL on RDS.

What can't be changed without replacing the database (user, database name, encryption, subnet group) is right in
version 1. Whatever deletes or replaces the database takes a snapshot first.
"""

from __future__ import annotations

from typing import NamedTuple

from troposphere import GetAtt, NoValue, Ref, Template, rds

from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.network import Network, named
from quilt_cfn.stack.parameters import BACKUP_RETENTION_DAYS, DB_INSTANCE_TYPE, DB_PASSWORD, DB_SNAPSHOT_IDENTIFIER
from quilt_cfn.stack.security_groups import POSTGRES_PORT, SecurityGroups

_USER = "quilt"
_DATABASE = "quilt"


class Database(NamedTuple):
    """How to reach the database; the password is a secret of its own."""

    resource: rds.DBInstance
    host: GetAtt
    port: GetAtt
    user: str
    name: str


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
            f"DatabaseSettings{release.postgres_major}",
            Description="Quilt registry",
            Family=f"postgres{release.postgres_major}",
            Parameters={"rds.force_ssl": "1"},
        )
    )
    if_restored = DB_SNAPSHOT_IDENTIFIER.if_set
    instance = t.add_resource(
        rds.DBInstance(
            "Database",
            DeletionPolicy="Snapshot",
            UpdateReplacePolicy="Snapshot",
            Engine="postgres",
            EngineVersion=release.postgres,
            # A release decides about versions: RDS refuses an update that names an older one than it has moved to.
            AutoMinorVersionUpgrade=False,
            DBInstanceClass=DB_INSTANCE_TYPE.ref,
            StorageType="gp3",
            AllocatedStorage="20",
            MaxAllocatedStorage=1000,
            # RDS refuses name, user and encryption for a database restored from a snapshot: they come from the
            # snapshot.
            DBSnapshotIdentifier=if_restored(DB_SNAPSHOT_IDENTIFIER.ref),
            DBName=if_restored(NoValue, _DATABASE),
            MasterUsername=if_restored(NoValue, _USER),
            MasterUserPassword=DB_PASSWORD.ref,
            StorageEncrypted=if_restored(NoValue, True),
            Port=str(POSTGRES_PORT),
            DBSubnetGroupName=Ref(subnets),
            VPCSecurityGroups=[groups.database],
            PubliclyAccessible=False,
            DBParameterGroupName=Ref(settings),
            BackupRetentionPeriod=BACKUP_RETENTION_DAYS.ref,
            CopyTagsToSnapshot=True,
            EnableCloudwatchLogsExports=["postgresql", "upgrade"],
            Tags=named("database"),
            # protection.py switches deletion protection on once a launch has succeeded. A database protected from
            # the start would keep a failed launch from rolling back.
        )
    )
    return Database(
        resource=instance,
        host=GetAtt(instance, "Endpoint.Address"),
        port=GetAtt(instance, "Endpoint.Port"),
        user=_USER,
        name=_DATABASE,
    )
