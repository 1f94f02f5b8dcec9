"""What each step of a rehearsal does; ``plan.STEPS`` says what it proves.

A step is a function that yields what AWS answered, sentence by sentence, and raises ``Unmet`` when that is not what the
documentation says. Everything that it makes is in the journal first.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from quilt_cfn.delivery.rehearsal import clean_up, web
from quilt_cfn.delivery.rehearsal.account import TAG, Account, Event, Refused, Stack
from quilt_cfn.delivery.rehearsal.journal import Journal

GROWN_STORAGE = "25"
"""GiB that the database grows to from the 20 of its first launch: RDS takes a tenth more at least.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.ModifyingExisting.ScalingUp.html"""
NO_MAIL = "mail.invalid"
"""A host name that can't exist (https://www.rfc-editor.org/rfc/rfc6761#section-6.4), so that a boot fails at a known
step."""
FAILING_STEP = "try-mail"
ALONE = {
    "HostedZoneId": "",
    "ExistingBucket": "",
    "DBSnapshotIdentifier": "",
    "BackupRegion": "",
    "BackupKeyId": "",
    "AlarmEmail": "",
    "DBStorage": "20",
}
"""The fields with which a stack would reach beyond itself, and those that the rehearsal changes: what they have in each
of its stacks, whatever the file of parameters says."""

_MOST_FAILURES = 20
"""How many failed events of an operation are told."""
_PROTECTED_AFTER = 20 * 60
"""Seconds after which a stack has to be protected."""
_TEMPLATE_INLINE = 51_200

Found = TypeVar("Found")
Answers = Generator[str, None, Sequence[Event]]
"""Yields what AWS answered, and returns the events of the operation."""


def stack_names(name: str) -> tuple[str, str, str]:
    """The names of the first stack, which is the one that was given, of the restored and of the failing one."""
    return name, f"{name}-restored", f"{name}-failing"


class Unmet(Exception):
    """What AWS did is not what the documentation says; the argument is a sentence."""


class Run(NamedTuple):
    """What the steps need to know."""

    account: Account
    journal: Journal
    template: bytes
    document: Mapping[str, Any]
    """The same template, read."""
    values: Mapping[str, str]
    """The values of the parameters, with secrets; they are sent to CloudFormation and to nobody else."""
    pull: Callable[[], Iterable[str]]
    """Yields a line for each image that its registry has; raises ``UserError``."""
    doors: web.Doors
    deadline: float
    """When the present step has taken too long."""

    @property
    def main(self) -> str:
        return self.journal.head["name"]

    @property
    def restored(self) -> str:
        return stack_names(self.main)[1]

    @property
    def failing(self) -> str:
        return stack_names(self.main)[2]

    def bucket(self, stack: str) -> str:
        """The name of the bucket that a stack creates."""
        return f"{stack}-{self.journal.head['run']}"


def pull(run: Run) -> Iterator[str]:
    yield from run.pull()


def validate(run: Run) -> Iterator[str]:
    _make_change_set(run, run.main, {})
    yield f"CloudFormation made the change set of the stack {run.main}."


def launch(run: Run) -> Iterator[str]:
    yield from _execute(run, run.main, "CREATE_COMPLETE")
    began = run.account.clock.now()
    run = run._replace(deadline=min(run.deadline, began + _PROTECTED_AFTER))
    _until(run, "The stack is protected from deletion", lambda: _stack(run, run.main).protected)
    _until(run, "The database is protected from deletion", lambda: _database(run, run.main)["DeletionProtection"])
    yield f"Stack and database were protected {_minutes(run.account.clock.now() - began)} later."


def answer(run: Run) -> Iterator[str]:
    yield _sites_answer(run, run.main)


def failed_update(run: Run) -> Iterator[str]:
    before = _instances(run)
    events = yield from _change(run, run.main, {"SmtpHost": NO_MAIL}, "UPDATE_ROLLBACK_COMPLETE")
    yield _failed_step(events)
    after = _instances(run)
    if after != before:
        raise Unmet(
            f"The instances were {', '.join(before)} before the update, and {', '.join(after)} after its rollback."
        )
    yield f"The same instance serves after the rollback as before: {', '.join(after)}."
    yield _sites_answer(run, run.main)


def grow(run: Run) -> Iterator[str]:
    before = _database(run, run.main)
    yield from _change(run, run.main, {"DBStorage": GROWN_STORAGE}, "UPDATE_COMPLETE")
    after = _database(run, run.main)
    if after["DbiResourceId"] != before["DbiResourceId"]:
        raise Unmet("The database was replaced.")
    if str(after["AllocatedStorage"]) != GROWN_STORAGE:
        raise Unmet(f"The database has {after['AllocatedStorage']} GiB instead of {GROWN_STORAGE}.")
    yield f"The database grew in place, and is {after['DBInstanceStatus']}."
    name = _snapshot(run)
    run.journal.makes("snapshot", name)
    tags = [{"Key": TAG, "Value": run.journal.tag}]

    def taken() -> bool:
        try:
            run.account.ask(
                "rds",
                "create_db_snapshot",
                DBSnapshotIdentifier=name,
                DBInstanceIdentifier=after["DBInstanceIdentifier"],
                Tags=tags,
            )
        except Refused as refused:
            if refused.code == "InvalidDBInstanceState":  # it is being modified, and will not be in a while
                return False
            if refused.code != "DBSnapshotAlreadyExists":
                raise
        return True

    _until(run, "RDS takes a snapshot", taken)
    snapshot = _until(run, f"The snapshot {name} is available", lambda: _available(run, name))
    facts = (snapshot.get("MasterUsername"), snapshot.get("Encrypted"), str(snapshot.get("AllocatedStorage")))
    if facts != ("quilt", True, GROWN_STORAGE):
        raise Unmet(f"The snapshot has master user, encryption and storage {', '.join(map(str, facts))}.")
    yield f"The snapshot {name} has the master user quilt, is encrypted, and has {GROWN_STORAGE} GiB."


def restore(run: Run) -> Iterator[str]:
    values = {
        "DBSnapshotIdentifier": _snapshot(run),
        "DBStorage": GROWN_STORAGE,
        "ExistingBucket": run.bucket(run.main),
    }
    yield from _change(run, run.restored, values, "CREATE_COMPLETE")
    yield _sites_answer(run, run.restored)


def clear_snapshot(run: Run) -> Iterator[str]:
    before = _database(run, run.restored)["DbiResourceId"]
    yield from _change(run, run.restored, {"DBSnapshotIdentifier": ""}, "UPDATE_COMPLETE")
    if _database(run, run.restored)["DbiResourceId"] != before:
        raise Unmet("The database was replaced.")
    yield "The database is the same one."


def terminate(run: Run) -> Iterator[str]:
    [instance, *others] = _instances(run) or [""]
    if others or not instance:
        raise Unmet(f"The group has {len(others) + bool(instance)} instances in service instead of one.")
    clean_up.check_account(run.account, run.journal)
    run.journal.write(ends="instance", name=instance)
    began = run.account.clock.now()
    run.account.ask("ec2", "terminate_instances", InstanceIds=[instance])

    def healed() -> str:
        others = [each for each in _instances(run) if each != instance]
        return others[0] if others and _holder_of_address(run) == others[0] else ""

    other = _until(run, "Another instance has the address", healed)
    yield f"The instance {other} had the fixed address {_minutes(run.account.clock.now() - began)} later."
    yield _sites_answer(run, run.main)


def delete(run: Run) -> Iterator[str]:
    account, stack = run.account, _stack(run, run.main)
    clean_up.check_account(account, run.journal)
    before = _last_event(run, run.main)
    refusal = clean_up.delete(account, stack.id)
    if not refusal:
        raise Unmet("The deletion of the stack was not refused: it is being deleted.")
    yield f"AWS refused to delete the protected stack: {refusal}"
    clean_up.unprotect(account, run.journal, stack)
    if refusal := clean_up.delete(account, stack.id):
        raise Unmet(f"The stack can't be deleted without protection either: {refusal}")
    events = _follow(run, run.main, before)
    yield from _told(run, events, "DELETE_COMPLETE")
    clean_up.note_what_stays(account, run.journal, stack.id)
    kept = {each.logical_id for each in account.resources(stack.id) if each.status == "DELETE_SKIPPED"}
    retained = {
        name for name, each in run.document["Resources"].items() if each.get("DeletionPolicy", "").startswith("Retain")
    }
    if kept != retained:
        raise Unmet(f"CloudFormation kept {_listed(kept)}, and the template says {_listed(retained)}.")
    yield f"CloudFormation kept {_listed(kept)}."
    yield from _remains(run, stack.id)


def failing_signal(run: Run) -> Iterator[str]:
    events = yield from _change(run, run.failing, {"SmtpHost": NO_MAIL}, "ROLLBACK_COMPLETE")
    yield _failed_step(events)


TAKE: dict[str, Callable[[Run], Iterator[str]]] = {
    "pull": pull,
    "validate": validate,
    "launch": launch,
    "answer": answer,
    "failed-update": failed_update,
    "grow": grow,
    "restore": restore,
    "clear-snapshot": clear_snapshot,
    "terminate": terminate,
    "delete": delete,
    "failing-signal": failing_signal,
}
"""Name of a step -> what takes it."""


def _change(run: Run, stack: str, values: Mapping[str, str], expected: str) -> Answers:
    """Create or update a stack by a change set; yields what AWS answered, and returns the events."""
    _make_change_set(run, stack, values)
    return (yield from _execute(run, stack, expected))


def _make_change_set(run: Run, stack: str, values: Mapping[str, str]) -> None:
    """Make a change set and wait until it can be executed.

    A stack that this run has made is updated: only ``values`` change. Any other one is created.
    """
    account, name = run.account, f"{run.journal.tag}-{len(run.journal.entries)}"
    created = run.journal.stack_id(stack) == stack
    known = run.document["Parameters"]
    arguments: dict[str, Any] = {
        "StackName": run.journal.stack_id(stack),
        "ChangeSetName": name,
        "ChangeSetType": "CREATE" if created else "UPDATE",
        "Capabilities": ["CAPABILITY_IAM"],
        "Tags": [{"Key": TAG, "Value": run.journal.tag}],
    }
    if created:
        run.journal.makes("bucket", run.bucket(stack))
        values = {**run.values, **ALONE, "PackageBucket": run.bucket(stack), **values}
        arguments |= _template(run)
        parameters = [{"ParameterKey": key, "ParameterValue": values[key]} for key in known if key in values]
        run.journal.makes("stack", stack)
    else:
        arguments["UsePreviousTemplate"] = True
        parameters = [
            {"ParameterKey": key, "ParameterValue": values[key]}
            if key in values
            else {"ParameterKey": key, "UsePreviousValue": True}
            for key in known
        ]
    run.journal.write(change_set=name, name=stack)
    answer = _repeatable(
        ("AlreadyExistsException",),
        lambda: account.ask("cloudformation", "create_change_set", **arguments, Parameters=parameters),
    )
    if created:
        run.journal.write(stack=stack, name=stack, id=answer["StackId"] if answer else _stack(run, stack).id)

    def made() -> Any:
        described = account.change_set(run.journal.stack_id(stack), name)
        if described and described["Status"] == "FAILED":
            raise Unmet(f"CloudFormation refuses the change set: {account.words(described.get('StatusReason', ''))}")
        return described if described and described["Status"] == "CREATE_COMPLETE" else None

    _until(run, "The change set is made", made)


def _template(run: Run) -> dict[str, str]:
    """The argument with the template: itself, or the URL of a copy in a bucket that the rehearsal makes."""
    if len(run.template) <= _TEMPLATE_INLINE:
        return {"TemplateBody": run.template.decode()}
    account, bucket = run.account, f"{run.bucket(run.main)}-template"
    run.journal.makes("bucket", bucket)
    place: dict[str, Any] = {"Tags": [{"Key": TAG, "Value": run.journal.tag}]}
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html
    if account.region != "us-east-1":
        place["LocationConstraint"] = account.region
    _repeatable(
        ("BucketAlreadyOwnedByYou",),
        lambda: account.ask("s3", "create_bucket", Bucket=bucket, CreateBucketConfiguration=place),
    )
    account.ask("s3", "put_object", Bucket=bucket, Key="template", Body=run.template)
    endpoint = account.clients["s3"].meta.endpoint_url
    return {"TemplateURL": f"{endpoint.replace('//', f'//{bucket}.', 1)}/template"}


def _execute(run: Run, stack: str, expected: str) -> Answers:
    """Execute a stack's last change set and wait for its end; yields what AWS answered, and returns the events."""
    before = _last_event(run, stack)
    name = run.journal.change_sets(stack)[-1]
    _repeatable(
        ("InvalidChangeSetStatus",),  # an answer was lost, and it is being executed
        lambda: run.account.ask(
            "cloudformation",
            "execute_change_set",
            StackName=run.journal.stack_id(stack),
            ChangeSetName=name,
            ClientRequestToken=name,
        ),
    )
    events = _follow(run, stack, before)
    yield from _told(run, events, expected)
    return events


def _last_event(run: Run, stack: str) -> str:
    """The ID of the newest event of a stack."""
    return next((each.id for each in reversed(run.account.events(run.journal.stack_id(stack)))), "")


def _follow(run: Run, stack: str, before: str) -> Sequence[Event]:
    """The events after one of them, when the operation that they tell has ended."""

    def ended() -> Sequence[Event]:
        events = run.account.events(run.journal.stack_id(stack), before)
        last = next((each.status for each in reversed(events) if each.of_stack), "_IN_PROGRESS")
        return [] if last.endswith("_IN_PROGRESS") else events

    return _until(run, f"The operation on {stack} has ended", ended)


def _told(run: Run, events: Sequence[Event], expected: str) -> Iterator[str]:
    """What the events of an operation tell; raises ``Unmet`` if it has not ended as expected."""
    last = next(each for each in reversed(events) if each.of_stack)
    yield f"{last.resource} is {last.status} after {_minutes((last.at - events[0].at).total_seconds())}."
    for event in [each for each in events if "FAILED" in each.status or each.failed_step is not None][:_MOST_FAILURES]:
        run.journal.note(event=str(event))
    if longest := _longest(events):
        yield f"It took longest for {longest}."
    if last.status != expected:
        raise Unmet(f"The stack is {last.status} instead of {expected}{f': {last.reason}' if last.reason else ''}.")


def _longest(events: Sequence[Event]) -> str:
    """The resources that took longest, with their minutes."""
    began: dict[str, datetime.datetime] = {}
    took: dict[str, float] = {}
    for event in events:
        first = began.setdefault(event.resource, event.at)
        if not event.of_stack and not event.status.endswith("_IN_PROGRESS"):
            took.setdefault(event.resource, (event.at - first).total_seconds())
    return ", ".join(f"{each} ({_minutes(took[each])})" for each in sorted(took, key=took.__getitem__)[:-4:-1])


def _failed_step(events: Sequence[Event]) -> str:
    """A sentence about the step that the events name; raises ``Unmet`` if they name another one or none."""
    signals = [each for each in events if each.failed_step is not None]
    if FAILING_STEP not in (each.failed_step for each in signals):
        said = f": {signals[0].reason}" if signals else ", and no signal of a failure"
        raise Unmet(f"The events do not name the step {FAILING_STEP}{said}.")
    return f"The events name the step {FAILING_STEP}."


def _remains(run: Run, stack_id: str) -> Iterator[str]:
    """What is there after a deletion; raises ``Unmet`` if something of the page is missing."""
    account = run.account
    database = next(each.id for each in account.resources(stack_id) if each.type == "AWS::RDS::DBInstance")
    there = {
        f"the bucket {run.bucket(run.main)}": account.bucket_tags(run.bucket(run.main)) is not None,
        "a last snapshot of the database": any(
            each["DBSnapshotIdentifier"] != _snapshot(run) for each in account.snapshots(database)
        ),
        "automated backups of the database": bool(account.backups(database)),
    }
    for resource in account.resources(stack_id):
        if resource.type == "AWS::Logs::LogGroup":
            there[f"the log group of {resource.logical_id}"] = account.log_group(resource.id)
    if missing := [what for what, is_there in there.items() if not is_there]:
        raise Unmet(f"After the deletion there is no trace of {_listed(missing)}.")
    yield f"There are: {_listed(there)}."


def _sites_answer(run: Run, stack: str) -> str:
    """A sentence, when both sites have answered as they should; raises ``Unmet`` if they don't in time."""
    load_balancer = _stack(run, stack).outputs["LoadBalancerDNSName"]
    began = run.account.clock.now()
    last: list[str] = []

    def right() -> bool:
        last[:] = web.faults(run.doors, load_balancer, run.values["RegistryHost"], run.values["CatalogHost"])
        return not last

    try:
        _until(run._replace(deadline=min(run.deadline, began + 600)), "Both sites answer", right)
    except Unmet:
        raise Unmet(f"The sites of {stack} do not answer as they should: {'; '.join(last)}.") from None
    return f"Both sites of {stack} answered as they should within {_minutes(run.account.clock.now() - began)}."


def _stack(run: Run, name: str) -> Stack:
    found = run.account.stack(run.journal.stack_id(name))
    if found is None:
        raise Unmet(f"The stack {name} is not there.")
    return found


def _resource(run: Run, stack: str, logical_id: str) -> str:
    """The physical ID of a resource."""
    resources = run.account.resources(run.journal.stack_id(stack))
    found = next((each.id for each in resources if each.logical_id == logical_id), "")
    if not found:
        raise Unmet(f"The stack {stack} has no resource {logical_id}.")
    return found


def _database(run: Run, stack: str) -> Any:
    name = _resource(run, stack, "Database")
    [found] = run.account.ask("rds", "describe_db_instances", DBInstanceIdentifier=name)["DBInstances"]
    return found


def _instances(run: Run) -> list[str]:
    """The IDs of the instances of the first stack that are in service, sorted."""
    name = _resource(run, run.main, "ServerGroup")
    [group] = run.account.ask("autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ]
    return sorted(each["InstanceId"] for each in group["Instances"] if each["LifecycleState"] == "InService")


def _holder_of_address(run: Run) -> str:
    """The ID of the instance that has the fixed address of the first stack."""
    address = _stack(run, run.main).outputs["EC2InstanceIp"]
    [found] = run.account.ask("ec2", "describe_addresses", PublicIps=[address])["Addresses"]
    return str(found.get("InstanceId", ""))


def _snapshot(run: Run) -> str:
    """The name of the snapshot that the rehearsal takes."""
    return f"{run.main}-{run.journal.head['run']}"


def _available(run: Run, name: str) -> Any:
    [found] = run.account.ask("rds", "describe_db_snapshots", DBSnapshotIdentifier=name)["DBSnapshots"]
    return found if found["Status"] == "available" else None


def _repeatable(done_already: tuple[str, ...], call: Callable[[], Any]) -> Any:
    """The answer to a call that AWS refuses with one of these codes if it was made before and its answer was lost.

    None then. The names are this run's own, so nobody else can have made it.
    """
    try:
        return call()
    except Refused as refused:
        if refused.code not in done_already:
            raise
        return None


def _until(run: Run, what: str, look: Callable[[], Found]) -> Found:
    """What ``look`` returns, as soon as that is something; raises ``Unmet`` after the step's deadline."""
    began = run.account.clock.now()
    while not (found := look()):
        if run.account.clock.now() >= run.deadline:
            raise Unmet(f"{what}: not within {_minutes(run.account.clock.now() - began)}.")
        run.account.clock.sleep(clean_up.POLL)
    return found


def _minutes(seconds: float) -> str:
    return f"{int(seconds // 60)} min {int(seconds % 60):02} s"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
