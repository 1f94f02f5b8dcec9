"""The database is private, encrypted, accepts TLS only, and is never deleted without a snapshot."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.facts.partitions import partition
from tests.launches import DOCUMENTED, launch_stack


def test_it_is_encrypted_and_not_reachable_from_the_internet(stack):
    database = stack.properties("Database")
    assert database["StorageEncrypted"] is True
    assert database["PubliclyAccessible"] is False


def test_it_refuses_connections_without_tls(stack, release):
    database = stack.properties("Database")
    name = f"DatabaseSettings{release.postgres}"
    assert database["DBParameterGroupName"] == f"<{name}>"
    assert stack.properties(name)["Parameters"]["rds.force_ssl"] == "1"


def test_engine_and_parameter_family_are_of_one_major_version_and_rds_chooses_the_minor_one(stack, release):
    database = stack.properties("Database")
    assert database["EngineVersion"] == release.postgres
    assert "." not in database["EngineVersion"], "RDS refuses an update that names an older one than the database has"
    assert database["AutoMinorVersionUpgrade"] is True
    assert stack.properties(f"DatabaseSettings{release.postgres}")["Family"] == f"postgres{release.postgres}"


def test_no_major_version_is_forced_on_it(stack):
    assert stack.properties("Database")["EngineLifecycleSupport"] == "open-source-rds-extended-support"


def test_maintenance_is_when_the_customer_says_and_never_meets_the_backup(template):
    """RDS refuses windows that overlap."""
    for window in template["Parameters"]["MaintenanceWindow"]["AllowedValues"]:
        database = launch_stack(template, DOCUMENTED | {"MaintenanceWindow": window}).properties("Database")
        assert database["PreferredMaintenanceWindow"] == window
        day, begin, end = window[:3], window[4:9], window[14:]
        assert window == f"{day}:{begin}-{day}:{end}"
        assert end[:2] == f"{int(begin[:2]) + 1:02}"
        assert database["PreferredBackupWindow"] == f"{end[:2]}:15-{end[:2]}:45"


def test_its_backups_outlive_it(stack):
    assert stack.properties("Database")["DeleteAutomatedBackups"] is False


def test_whatever_removes_it_takes_a_snapshot_first(stack):
    assert stack.resources["Database"]["DeletionPolicy"] == "Snapshot"
    assert stack.resources["Database"]["UpdateReplacePolicy"] == "Snapshot"


def test_a_failed_launch_can_roll_it_back(stack):
    assert not stack.properties("Database").get("DeletionProtection")


def test_backups_and_logs_are_kept_as_the_customer_says(template):
    database = launch_stack(template, DOCUMENTED | {"BackupRetentionDays": 35}).properties("Database")
    assert database["BackupRetentionPeriod"] == "35"
    assert database["CopyTagsToSnapshot"] is True
    assert database["EnableCloudwatchLogsExports"] == ["postgresql", "upgrade"]


REPLICATION = "AutomaticBackupReplication"
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"


def test_its_backups_stay_in_the_region_unless_the_customer_says_otherwise(stack):
    assert not [each for each in stack.properties("Database") if each.startswith(REPLICATION)]


@pytest.mark.parametrize(("region", "other"), [("us-east-1", "us-west-2"), ("us-gov-west-1", "us-gov-east-1")])
def test_they_are_copied_to_another_region_under_a_key_of_that_region_and_kept_as_long(template, region, other):
    values = DOCUMENTED | {"BackupRegion": other, "BackupKeyId": KEY, "BackupRetentionDays": 21}
    database = launch_stack(template, values, region).properties("Database")
    assert {name: value for name, value in database.items() if name.startswith(REPLICATION)} == {
        f"{REPLICATION}Region": other,
        f"{REPLICATION}KmsKeyId": f"arn:{partition(region)}:kms:{other}:111122223333:key/{KEY}",
        f"{REPLICATION}RetentionPeriod": "21",
    }
    assert database["BackupRetentionPeriod"] == "21"


def test_its_subnets_are_two_private_ones_in_two_zones(stack):
    subnets = stack.properties("DatabaseSubnets")["SubnetIds"]
    assert subnets == ["<PrivateSubnet1>", "<PrivateSubnet2>"]
    zones = {stack.properties(name.strip("<>"))["AvailabilityZone"] for name in subnets}
    assert len(zones) == 2


def test_a_restored_one_differs_from_a_new_one_in_the_snapshots_name_alone(template, stack):
    """So the name may be cleared afterwards, which RDS's provider takes for no change: docs/guide/decisions.md."""
    restored = dict(launch_stack(template, DOCUMENTED | {"DBSnapshotIdentifier": "old"}).properties("Database"))
    assert restored.pop("DBSnapshotIdentifier") == "old"
    assert restored == stack.properties("Database")


def test_nothing_is_in_it_that_a_restore_would_not_have(stack):
    """A restore sends DBName and takes the key from the snapshot; it is refused where they differ, or ignored."""
    assert not {"DBName", "KmsKeyId", "AvailabilityZone", "DBInstanceIdentifier"} & set(stack.properties("Database"))


def test_it_has_the_storage_that_the_customer_gives_and_grows_by_itself(template):
    """RDS wants the limit a tenth above the storage: the largest snapshot that the form takes can grow as well."""
    assert template["Parameters"]["DBStorage"]["Default"] == 20
    largest = template["Parameters"]["DBStorage"]["MaxValue"]
    for size in (20, 300, largest):
        database = launch_stack(template, DOCUMENTED | {"DBStorage": size}).properties("Database")
        assert database["AllocatedStorage"] == str(size)
        assert int(database["MaxAllocatedStorage"]) >= 1.1 * size
