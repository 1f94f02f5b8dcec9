"""Removes everything that a journal names, and nothing else.

A stack is removed only if AWS shows the tag of this run on it, or the change set of this run in it; a bucket is emptied
only if it has the tag. Logs, snapshots and backups are those that such a stack names, or that its database left. What
can't be removed is said, and keeps nothing else from being removed.
"""

from __future__ import annotations

from collections.abc import Iterator

from quilt_cfn.delivery.rehearsal.account import TAG, Account, Refused, Stack
from quilt_cfn.delivery.rehearsal.journal import Journal, Thing
from quilt_cfn.delivery.rehearsal.plan import CLEAN_UP
from quilt_cfn.errors import UserError

POLL = 30.0
"""Seconds between two looks at something that takes minutes."""
_DELETIONS = 8
"""How often the deletion of a stack is tried; while its database is being created, RDS refuses each one."""
_PAUSE = 300.0
"""Seconds between two of them."""

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html
_LOGS_OF_A_DATABASE = ("/aws/rds/instance/{}/postgresql", "/aws/rds/instance/{}/upgrade")


class _Left(Exception):
    """Why something is left: a clause."""


def check_account(account: Account, journal: Journal) -> None:
    """Raises ``UserError`` unless the credentials are those of the journal's account."""
    number = account.number()
    if number != journal.head["account"] or account.region != journal.head["region"]:
        raise UserError(
            f"The journal is about the account {journal.head['account']} in {journal.head['region']}, and the "
            f"credentials are those of {number or 'no account'} in {account.region}. Nothing was removed.",
            "Sign in to that account and run the command again.",
        )


def clean_up(account: Account, journal: Journal) -> Iterator[str]:
    """Remove what the journal names; yields a line for each thing. ``journal.things()`` then has what is left.

    Raises ``UserError`` when the credentials are another account's or have expired.
    """
    check_account(account, journal)
    deadline = account.clock.now() + CLEAN_UP.longest * 60
    for thing in reversed([each for each in journal.things() if each.kind == "stack"]):
        yield _removed(account, journal, thing, deadline)
    for kind in ("backups", "snapshot", "log group", "bucket"):  # what is found with the backups comes after them
        for thing in journal.things():
            if thing.kind == kind:
                yield _removed(account, journal, thing, deadline)


def _removed(account: Account, journal: Journal, thing: Thing, deadline: float) -> str:
    """Remove one thing, and say in the journal and in a line whether it is gone."""
    remove = {
        "stack": remove_stack,
        "backups": _remove_backups,
        "snapshot": _remove_snapshot,
        "log group": _remove_log_group,
        "bucket": _remove_bucket,
    }[thing.kind]
    try:
        remove(account, journal, thing.name, deadline)
    except _Left as why:
        return _left(journal, thing, str(why))
    except Refused as refused:
        if refused.ends_everything:
            raise
        return _left(journal, thing, refused.what.rstrip("."))
    journal.note(gone=thing.kind, name=thing.name)
    return f"Removed: {thing.kind} {thing.name}."


def _left(journal: Journal, thing: Thing, why: str) -> str:
    journal.note(left=thing.kind, name=thing.name, why=why)
    return f"LEFT: {thing.kind} {thing.name}: {why}."


def remove_stack(account: Account, journal: Journal, name: str, deadline: float) -> None:
    """Delete a stack and wait for that; what it leaves is in the journal afterwards."""
    deletions = 0
    while stack := account.stack(journal.stack_id(name)):
        ours = is_ours(account, journal, name, stack)
        if stack.status == "DELETE_COMPLETE":
            if ours:
                note_what_stays(account, journal, stack.id)
            return  # one that was never executed has left nothing
        if not ours:
            raise _Left("it has neither the tag nor the change set of this rehearsal, so it is another one")
        if journal.stack_id(name) != stack.id:
            journal.note(stack=name, name=name, id=stack.id)
        deletable = _is_deletable(stack.status)
        if account.clock.now() > deadline or (deletable and deletions == _DELETIONS):
            raise _Left(f"it is still there as {stack.status}{f', {stack.reason}' if stack.reason else ''}")
        if deletable:
            if deletions and stack.status == "DELETE_FAILED":
                account.clock.sleep(_PAUSE)
            unprotect(account, journal, stack)
            delete(account, stack.id)
            deletions += 1
        elif stack.status == "UPDATE_IN_PROGRESS":  # it can be cancelled, and can't be deleted
            _unless(("ValidationError",), account, "cloudformation", "cancel_update_stack", StackName=stack.id)
        account.clock.sleep(POLL)


def _is_deletable(status: str) -> bool:
    """Whether CloudFormation takes a deletion: also while a stack is being created, or has never been.

    "Stack [...] cannot be deleted while in status UPDATE_IN_PROGRESS":
    https://github.com/aws/aws-toolkit-azure-devops/issues/317
    """
    return status in ("REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS") or not status.endswith("_IN_PROGRESS")


def is_ours(account: Account, journal: Journal, name: str, stack: Stack) -> bool:
    """Whether this run made a stack. One that was never executed may have no tags, but has a change set of this run."""
    if stack.tags.get(TAG) == journal.tag:
        return True
    return stack.status == "REVIEW_IN_PROGRESS" and any(
        each.startswith(journal.tag) and account.change_set(stack.id, each) for each in journal.change_sets(name)
    )


def unprotect(account: Account, journal: Journal, stack: Stack) -> None:
    """Switch the protection of a stack and of its database off, in which a deletion would end."""
    if stack.protected:
        account.ask(
            "cloudformation", "update_termination_protection", StackName=stack.id, EnableTerminationProtection=False
        )
    for resource in account.resources(stack.id):
        if resource.type == "AWS::RDS::DBInstance" and resource.id and resource.status != "DELETE_COMPLETE":
            # While it is being created or deleted, RDS takes no modification, and then it is not protected.
            _unless(
                ("InvalidDBInstanceState", "DBInstanceNotFound"),
                account,
                "rds",
                "modify_db_instance",
                DBInstanceIdentifier=resource.id,
                DeletionProtection=False,
                ApplyImmediately=True,
            )


def delete(account: Account, stack_id: str) -> str:
    """Ask for the deletion of a stack; returns AWS's words if the stack is protected, and else nothing."""
    try:
        account.ask("cloudformation", "delete_stack", StackName=stack_id)
    except Refused as refused:
        if "erminationProtection" in refused.message:  # switched on again by the stack's own state machine
            return refused.what
        if "status DELETE_IN_PROGRESS" not in refused.message:  # asked for before, and the answer was lost
            raise
    return ""


def note_what_stays(account: Account, journal: Journal, stack_id: str) -> None:
    """Write into the journal what the deletion of a stack leaves, as its template says."""
    for resource in account.resources(stack_id):
        if not resource.id:
            continue
        if resource.type == "AWS::Logs::LogGroup":
            journal.makes("log group", resource.id)
        elif resource.type == "AWS::RDS::DBInstance":
            journal.makes("backups", resource.id)
            for name in _LOGS_OF_A_DATABASE:
                journal.makes("log group", name.format(resource.id))


def _remove_backups(account: Account, journal: Journal, database: str, deadline: float) -> None:
    """Remove the automated backups that a database left; its snapshots are removed next."""
    for snapshot in account.snapshots(database):
        journal.makes("snapshot", snapshot["DBSnapshotIdentifier"])
    for backup in account.backups(database):
        if backup.get("Status") == "active":
            raise _Left("their database is still there")
        _unless(
            ("DBInstanceAutomatedBackupNotFound", "DBInstanceAutomatedBackupNotFoundFault"),
            account,
            "rds",
            "delete_db_instance_automated_backup",
            DbiResourceId=backup["DbiResourceId"],
        )


def _remove_snapshot(account: Account, journal: Journal, name: str, deadline: float) -> None:
    while True:
        try:
            account.ask("rds", "delete_db_snapshot", DBSnapshotIdentifier=name)
        except Refused as refused:
            if refused.code in ("DBSnapshotNotFound", "DBSnapshotNotFoundFault"):
                return
            if "InvalidDBSnapshotState" not in refused.code or account.clock.now() > deadline:
                raise
            account.clock.sleep(POLL)  # it is being made
        else:
            return


def _remove_log_group(account: Account, journal: Journal, name: str, deadline: float) -> None:
    _unless(("ResourceNotFoundException",), account, "logs", "delete_log_group", logGroupName=name)


def _remove_bucket(account: Account, journal: Journal, name: str, deadline: float) -> None:
    """Delete every version of every object, and the bucket."""
    tags = account.bucket_tags(name)
    if tags is None:
        return
    if tags.get(TAG) != journal.tag:
        raise _Left("it has not the tag of this rehearsal, so it is another one")
    # Each page is asked for from the beginning: what was listed is gone then.
    while True:
        page = account.ask("s3", "list_object_versions", Bucket=name, MaxKeys=1000)
        found = [
            {"Key": each["Key"], "VersionId": each["VersionId"]}
            for each in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
        ]
        if not found:
            break
        if account.clock.now() > deadline:
            raise _Left("it still has objects")
        answer = account.ask("s3", "delete_objects", Bucket=name, Delete={"Objects": found, "Quiet": True})
        for error in answer.get("Errors", []):
            raise _Left(f"an object could not be deleted: {account.words(error.get('Message', ''))}")
    _unless(("NoSuchBucket",), account, "s3", "delete_bucket", Bucket=name)


def _unless(codes: tuple[str, ...], account: Account, service: str, operation: str, **arguments: object) -> None:
    """Make a call, of which these refusals mean that there is nothing to do."""
    try:
        account.ask(service, operation, **arguments)
    except Refused as refused:
        if refused.code not in codes:
            raise
