"""The database is private, encrypted, accepts TLS only, and is never deleted without a snapshot."""

from __future__ import annotations

from tests.launches import DOCUMENTED, launch_stack


def test_it_is_encrypted_and_not_reachable_from_the_internet(stack):
    database = stack.properties("Database")
    assert database["StorageEncrypted"] is True
    assert database["PubliclyAccessible"] is False


def test_it_refuses_connections_without_tls(stack, release):
    database = stack.properties("Database")
    name = f"DatabaseSettings{release.postgres_major}"
    assert database["DBParameterGroupName"] == f"<{name}>"
    assert stack.properties(name)["Parameters"]["rds.force_ssl"] == "1"


def test_engine_and_parameter_family_are_of_one_major_version(stack, release):
    assert stack.properties("Database")["EngineVersion"] == release.postgres
    family = stack.properties(f"DatabaseSettings{release.postgres_major}")["Family"]
    assert family == f"postgres{release.postgres.split('.')[0]}"


def test_rds_never_moves_past_the_version_that_a_release_names(stack):
    assert stack.properties("Database")["AutoMinorVersionUpgrade"] is False


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


def test_its_subnets_are_two_private_ones_in_two_zones(stack):
    subnets = stack.properties("DatabaseSubnets")["SubnetIds"]
    assert subnets == ["<PrivateSubnet1>", "<PrivateSubnet2>"]
    zones = {stack.properties(name.strip("<>"))["AvailabilityZone"] for name in subnets}
    assert len(zones) == 2


def test_a_new_one_has_a_name_and_a_user(stack):
    database = stack.properties("Database")
    assert database["DBName"] == database["MasterUsername"] == "quilt"
    assert "DBSnapshotIdentifier" not in database


def test_a_restored_one_is_given_nothing_that_comes_from_its_snapshot(template):
    database = launch_stack(template, DOCUMENTED | {"DBSnapshotIdentifier": "old"}).properties("Database")
    assert database["DBSnapshotIdentifier"] == "old"
    assert not {"DBName", "MasterUsername", "StorageEncrypted"} & set(database)
    assert database["MasterUserPassword"] == DOCUMENTED["DBPassword"]


def test_it_grows_by_itself(stack):
    database = stack.properties("Database")
    assert int(database["AllocatedStorage"]) >= 20, "the least that RDS gives a PostgreSQL on gp3"
    assert database["MaxAllocatedStorage"] > int(database["AllocatedStorage"])
