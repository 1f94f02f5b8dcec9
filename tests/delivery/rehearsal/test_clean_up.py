"""What a journal names is removed, and nothing else."""

from __future__ import annotations

import pytest

from quilt_cfn.delivery.rehearsal import clean_up, execute, journal
from quilt_cfn.errors import UserError
from tests.delivery.rehearsal.fake_aws import ACCOUNT, REGION, Stack

HEAD = {"run": "0123456789ab", "account": ACCOUNT, "region": REGION, "name": "quilt-trial", "version": "1.1.0"}


@pytest.fixture
def written(tmp_path):
    """A journal that names a stack and its bucket."""
    made = journal.create(tmp_path / "trial.jsonl", {**HEAD, "edition": "registry"})
    made.makes("bucket", "quilt-trial-0123456789ab")
    made.makes("stack", "quilt-trial")
    return made


def lines(account, written):
    return [*clean_up.clean_up(account, written)]


def test_another_stack_of_the_same_name_is_not_touched(account, aws, written):
    aws.stacks.append(Stack("quilt-trial"))
    aws.stacks[0].status = "CREATE_COMPLETE"
    aws.stacks[0].tags = [{"Key": "quilt-cfn-rehearsal", "Value": "quilt-trial-ffffffffffff"}]
    assert lines(account, written)[0] == (
        "LEFT: stack quilt-trial: it has neither the tag nor the change set of this rehearsal, so it is another one."
    )
    assert aws.changes() == []


def test_a_change_set_of_somebody_else_makes_a_stack_no_less_theirs(account, aws, written):
    aws.stacks.append(Stack("quilt-trial"))
    aws.stacks[0].change_sets["theirs"] = {"ready": 0}
    written.write(change_set="theirs", name="quilt-trial")
    lines(account, written)
    assert aws.changes() == []


@pytest.mark.parametrize("tags", [[], [{"Key": "quilt-cfn-rehearsal", "Value": "another"}]])
def test_another_bucket_of_the_same_name_is_not_touched(account, aws, written, tags):
    aws.buckets["quilt-trial-0123456789ab"] = {"tags": tags, "keys": ["precious"], "versions": 1}
    assert "it has not the tag of this rehearsal" in lines(account, written)[-1]
    assert aws.changes() == []


@pytest.mark.parametrize("changes", [{"account": "999988887777"}, {"region": "eu-west-1"}])
def test_in_another_account_or_region_nothing_is_removed(account, aws, tmp_path, changes):
    other = journal.create(tmp_path / "other.jsonl", {**HEAD, "edition": "registry", **changes})
    other.makes("stack", "quilt-trial")
    with pytest.raises(UserError, match="Nothing was removed"):
        lines(account, other)
    assert aws.operations() == ["GetCallerIdentity"]


def test_what_never_came_to_be_is_no_trouble(account, aws, written):
    assert lines(account, written) == ["Removed: stack quilt-trial.", "Removed: bucket quilt-trial-0123456789ab."]
    assert aws.changes() == []
    assert written.things() == []


def test_everything_that_is_not_of_the_run_stays(rehearsal, aws):
    theirs = Stack("quilt")
    theirs.status = "CREATE_COMPLETE"
    aws.buckets["theirs"] = {"tags": [], "keys": ["precious"], "versions": 1}
    aws.log_groups |= {"theirs", "/aws/rds/instance/theirs/postgresql"}
    aws.snapshots["theirs"] = {"DBInstanceIdentifier": "theirs"}
    aws.backups["theirs"] = {"DBInstanceIdentifier": "theirs", "DbiResourceId": "db-1", "Status": "active"}
    rehearsal.run()
    aws.stacks.append(theirs)
    there = aws.names()
    assert there == {
        "stacks": ["quilt"],
        "buckets": ["theirs"],
        "databases": [],
        "snapshots": ["theirs"],
        "backups": ["theirs"],
        "log groups": ["/aws/rds/instance/theirs/postgresql", "theirs"],
    }


def test_each_change_names_what_the_journal_has(rehearsal, aws):
    rehearsal.run()
    entries = rehearsal.entries
    named = {each.get("name") for each in entries} | {each.get("id") for each in entries}
    resources = {"DbiResourceId", "DBInstanceIdentifier"}  # of what the journal names
    for request in aws.changes():
        names = {
            value[0] if isinstance(value, list) else value
            for key, value in request.arguments.items()
            if key in {"StackName", "Bucket", "DBSnapshotIdentifier", "logGroupName", "InstanceIds"}
        }
        assert names <= named, request
        assert names or resources & set(request.arguments), request


def test_a_launch_that_is_interrupted_while_the_database_is_made_is_deleted_when_rds_lets_it(rehearsal, aws, account):
    def interrupted(seconds):
        aws.sleep(seconds)
        if "creating" in [each["DBInstanceStatus"] for each in aws.databases.values()] and not interruptions:
            interruptions.append(aws.now)
            raise KeyboardInterrupt

    interruptions: list[float] = []
    rehearsal.account = account._replace(clock=account.clock._replace(sleep=interrupted))
    assert not rehearsal.run()
    assert interruptions
    assert aws.operations().count("DeleteStack") > 1
    assert aws.is_empty


def test_cleaning_up_twice_is_once(rehearsal, aws, account):
    rehearsal.run(only="launch")
    before = len(aws.changes())
    execute.finish(account, journal.read(rehearsal.request.journal), rehearsal.said.append)
    assert len(aws.changes()) == before
