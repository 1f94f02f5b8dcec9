"""A rehearsal: what passes, what every failure leads to, and that nothing is left of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from botocore.exceptions import ParamValidationError

from quilt_cfn.delivery.rehearsal import execute, journal, plan, steps, web
from quilt_cfn.delivery.rehearsal.account import Refused, hiding
from quilt_cfn.delivery.rehearsal.steps import TAKE
from quilt_cfn.errors import UserError
from tests.delivery.rehearsal.conftest import SECRETS
from tests.delivery.rehearsal.fake_aws import DENIED, DROP, EXPIRED, THROTTLED, Fault

NAMES = [step.name for step in plan.STEPS]


def test_a_whole_rehearsal_passes_and_leaves_nothing(rehearsal, aws):
    assert rehearsal.run(), rehearsal.said
    assert rehearsal.results == dict.fromkeys(NAMES, "passed")
    assert aws.is_empty, aws.names()
    assert "Nothing is left." in rehearsal.report
    assert rehearsal.report.count("passed") >= len(NAMES)


@pytest.mark.parametrize(
    ("only", "misbehaves"),
    [("terminate", True), *(pytest.param(None, each, marks=pytest.mark.exhaustive) for each in (False, True))],
)
def test_the_same_by_http_with_answers_that_are_throttled_and_lost(whole_rehearsal, aws, only, misbehaves):
    seen: Counter[str] = Counter()

    def intercept(request):
        seen[request.operation] += 1
        return (THROTTLED if seen[request.operation] % 5 == 1 else DROP) if seen[request.operation] % 5 < 3 else None

    aws.intercept = intercept if misbehaves else aws.intercept
    assert whole_rehearsal.run(only=only), whole_rehearsal.said
    assert aws.is_empty, aws.names()


def test_every_step_of_the_plan_can_be_taken():
    assert [*TAKE] == NAMES


@pytest.mark.exhaustive
@pytest.mark.parametrize("only", NAMES)
def test_each_step_can_be_taken_with_what_it_needs_alone(rehearsal, aws, only):
    assert rehearsal.run(only=only), rehearsal.said
    assert rehearsal.results[only] == "passed"
    assert aws.is_empty


def test_stacks_reach_nothing_beyond_themselves(rehearsal, aws):
    dangerous = {"HostedZoneId": "Z0123456789ABCDEFGHIJ", "ExistingBucket": "the-real-data", "DBStorage": "100"}
    dangerous |= {"AlarmEmail": "all@example.com", "BackupRegion": "eu-west-1", "DBSnapshotIdentifier": "real"}
    rehearsal.request = rehearsal.request._replace(
        values={**rehearsal.request.values, **dangerous, "PackageBucket": "the-real-bucket"}
    )
    assert rehearsal.run()
    created = [each for each in aws.changes() if each.arguments.get("ChangeSetType") == "CREATE"]
    assert len(created) == 3
    for request in created:
        sent = {each["ParameterKey"]: each["ParameterValue"] for each in request.arguments["Parameters"]}
        assert not set(sent.values()) & set(dangerous.values())
        assert sent["PackageBucket"].startswith("quilt-trial")
        assert sent["HostedZoneId"] == sent["AlarmEmail"] == sent["BackupRegion"] == ""
        assert sent["ExistingBucket"].startswith("quilt-trial") or not sent["ExistingBucket"]


@pytest.mark.parametrize(("region", "place"), [("us-east-1", None), ("eu-west-1", "eu-west-1")])
def test_the_template_is_uploaded_to_the_region_of_the_stacks(rehearsal, aws, account, region, place):
    rehearsal.account = account._replace(region=region)
    assert rehearsal.run(only="validate")
    [created] = [each.arguments for each in aws.requests if each.operation == "CreateBucket"]
    assert created.get("LocationConstraint") == place


def test_a_small_template_needs_no_bucket(rehearsal, aws):
    rehearsal.request = rehearsal.request._replace(template=b"x" * 51_200)
    assert rehearsal.run(only="validate")
    assert "CreateBucket" not in aws.operations()
    [sent] = [each.arguments for each in aws.requests if each.operation == "CreateChangeSet"]
    assert len(sent["TemplateBody"]) == 51_200


def test_a_database_that_is_being_modified_gets_its_snapshot_later(rehearsal, aws):
    refused: list[object] = []

    def refuse(request):
        if request.operation == "CreateDBSnapshot" and len(refused) < 3:
            refused.append(request)
            return Fault("InvalidDBInstanceState", "Database instance is not in available state.")
        return None

    aws.intercept = refuse
    assert rehearsal.run(only="grow")
    assert len(refused) == 3


def test_a_recovery_is_launched_as_its_page_says(rehearsal, aws):
    assert rehearsal.run(only="restore")
    sent = [each.arguments for each in aws.requests if each.arguments.get("ChangeSetType") == "CREATE"][-1]
    values = {each["ParameterKey"]: each["ParameterValue"] for each in sent["Parameters"]}
    [snapshot] = [each.arguments for each in aws.requests if each.operation == "CreateDBSnapshot"]
    first = f"quilt-trial-{rehearsal.entries[0]['run']}"
    assert values["DBSnapshotIdentifier"] == snapshot["DBSnapshotIdentifier"]
    assert values["DBStorage"] == "25"
    assert values["ExistingBucket"] == first
    assert values["PackageBucket"] not in ("", first)


@pytest.mark.parametrize(("only", "operation"), [("terminate", "TerminateInstances"), ("delete", "DeleteStack")])
def test_with_another_account_s_credentials_nothing_is_destroyed(rehearsal, aws, only, operation):
    def switch(request):
        if aws.stacks and aws.stacks[0].protected:
            aws.account = "999988887777"

    aws.intercept = switch
    with pytest.raises(UserError, match="This is left in the account 111122223333"):
        rehearsal.run(only=only)
    assert "the credentials are those of 999988887777" in rehearsal.why(only)
    assert operation not in aws.operations()
    assert "DeleteStack" not in aws.operations()


def test_updates_send_no_value_again_but_the_one_that_changes(rehearsal, aws):
    assert rehearsal.run()
    updates = [each.arguments for each in aws.changes() if each.arguments.get("ChangeSetType") == "UPDATE"]
    changed = [
        {each["ParameterKey"]: each["ParameterValue"] for each in update["Parameters"] if "ParameterValue" in each}
        for update in updates
    ]
    assert changed == [{"SmtpHost": "mail.invalid"}, {"DBStorage": "25"}, {"DBSnapshotIdentifier": ""}]


def test_what_is_made_has_the_tag_of_the_run(rehearsal, aws):
    rehearsal.run()
    tag = {"Key": "quilt-cfn-rehearsal", "Value": f"quilt-trial-{rehearsal.entries[0]['run']}"}
    made = ("CreateChangeSet", "CreateBucket", "CreateDBSnapshot")
    assert {each.operation for each in aws.requests if each.arguments.get("Tags") == [tag]} == set(made)


@pytest.mark.parametrize(
    ("quirk", "failed", "said"),
    [
        ("refuses change sets", "validate", "CloudFormation refuses the change set: Resource of type X"),
        ("launch fails", "launch", "is ROLLBACK_COMPLETE instead of CREATE_COMPLETE"),
        ("protects nothing", "launch", "The stack is protected from deletion: not within 20 min"),
        ("a rollback replaces the instance", "failed-update", "The instances were i-00000000000000001 before"),
        ("plain signals", "failed-update", "do not name the step try-mail: Received FAILURE signal"),
        ("another DBStorage replaces the database", "grow", "The database was replaced."),
        ("another DBSnapshotIdentifier replaces the database", "clear-snapshot", "The database was replaced."),
        ("never heals", "terminate", "Another instance has the address: not within 75 min"),
        ("snapshots are not encrypted", "grow", "master user, encryption and storage quilt, False, 25"),
        ("protection does not protect", "delete", "was not refused: it is being deleted"),
        ("deletes logs", "delete", "kept Bucket, BucketPolicy, NetworkLogs, and the template says Bucket, Bucket"),
        ("leaves no snapshot", "delete", "no trace of a last snapshot of the database"),
    ],
)
def test_what_aws_does_otherwise_fails_the_step_and_leaves_nothing(rehearsal, aws, quirk, failed, said):
    aws.quirks = {quirk}
    assert not rehearsal.run()
    assert rehearsal.results[failed] == "failed"
    assert said in rehearsal.why(failed)
    assert aws.is_empty, aws.names()
    assert f"## {failed}: failed" in rehearsal.report


@pytest.mark.parametrize(
    "failed",
    [name if name in ("launch", "delete") else pytest.param(name, marks=pytest.mark.exhaustive) for name in NAMES],
)
def test_each_step_that_fails_is_reported_and_what_needs_it_is_not_run(rehearsal, aws, failed, monkeypatch):
    take = TAKE[failed]

    def fails(run):
        yield from take(run)
        raise UserError("It broke.", "Repair it.")

    monkeypatch.setitem(TAKE, failed, fails)
    assert not rehearsal.run()
    assert aws.is_empty, aws.names()
    dependent = {failed}
    for step in plan.STEPS:
        if dependent & set(step.needs) or "launch" in dependent:
            dependent.add(step.name)
    later = NAMES[NAMES.index(failed) + 1 :]
    for name in NAMES:
        expected = "failed" if name == failed else "not run" if name in dependent and name in later else "passed"
        assert rehearsal.results[name] == expected
        assert f"| {name} | {expected} |" in rehearsal.report
    assert "*It broke. Repair it.*" in rehearsal.report


def test_an_answer_that_nobody_foresaw_is_no_reason_to_leave_anything(rehearsal, aws, monkeypatch):
    def breaks(run):
        yield "One answer."
        raise KeyError("x")

    monkeypatch.setitem(TAKE, "grow", breaks)
    assert not rehearsal.run()
    assert rehearsal.why("grow") == "This is a fault of quilt-cfn or an answer that nobody foresaw: KeyError."
    assert aws.is_empty


def test_a_fault_between_two_steps_is_none_either(rehearsal, aws):
    def say(line):
        if line.startswith("grow: "):
            raise ValueError
        rehearsal.said.append(line)

    planned = plan.make_plan(rehearsal.request.document, rehearsal.request.values, None, None, None)
    nobody = execute.Terminal(lambda: False)
    with pytest.raises(ValueError, match=r"^$"):
        execute.rehearse(rehearsal.request, planned, rehearsal.account, list, say, nobody, rehearsal.doors)
    assert aws.changes()
    assert aws.is_empty


def test_a_stack_whose_rollback_fails_is_deleted_all_the_same(rehearsal, aws):
    aws.quirks = {"rollback fails"}
    assert not rehearsal.run()
    assert "UPDATE_ROLLBACK_FAILED instead of UPDATE_ROLLBACK_COMPLETE" in rehearsal.why("failed-update")
    assert "UPDATE_ROLLBACK_FAILED state and can not be updated" in rehearsal.why("grow")
    assert aws.is_empty


def test_a_deletion_that_fails_is_tried_again(rehearsal, aws):
    aws.deletions_fail = 3
    assert not rehearsal.run()
    assert "DELETE_FAILED instead of DELETE_COMPLETE" in rehearsal.why("delete")
    assert aws.is_empty


def test_what_can_not_be_deleted_is_left_and_said_with_the_command(rehearsal, aws):
    aws.deletions_fail = 1000
    with pytest.raises(UserError) as raised:
        rehearsal.run(only="launch")
    assert "stack quilt-trial" in raised.value.what
    assert f"quilt-cfn rehearse --clean-up {rehearsal.request.journal}" in raised.value.next_step
    assert Counter(aws.operations())["DeleteStack"] == 8
    assert "**left:** stack *quilt-trial*: *it is still there as DELETE\\_FAILED*" in rehearsal.report
    assert aws.names()["stacks"] == ["quilt-trial"]


def test_throttling_delays_and_nothing_else(rehearsal, aws):
    seen: Counter[str] = Counter()

    def throttle(request):
        seen[request.operation] += 1
        return THROTTLED if seen[request.operation] % 2 else None

    aws.intercept = throttle
    assert rehearsal.run(), rehearsal.said
    assert aws.is_empty


def test_an_answer_that_is_lost_is_answered_by_looking(rehearsal, aws):
    lost = set()

    def lose(request):
        if request.changes and request.operation not in lost:
            lost.add(request.operation)
            return DROP
        return None

    aws.intercept = lose
    assert rehearsal.run(), rehearsal.said
    assert {"CreateChangeSet", "ExecuteChangeSet", "CreateDBSnapshot", "CreateBucket", "DeleteStack"} <= lost
    assert aws.is_empty, aws.names()


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", [DENIED, Fault("ValidationError", "No."), Fault("InternalFailure", "", 500)])
@pytest.mark.parametrize("operation", ["CreateBucket", "CreateChangeSet", "ExecuteChangeSet", "CreateDBSnapshot"])
def test_what_aws_refuses_fails_a_step(rehearsal, aws, operation, fault):
    aws.intercept = lambda request: fault if request.operation == operation else None
    assert not rehearsal.run()
    assert "failed" in rehearsal.results.values()
    assert "passed" in rehearsal.results.values()
    assert aws.is_empty, aws.names()


def test_expired_credentials_end_it_and_the_journal_goes_on_later(rehearsal, aws, account):
    aws.intercept = lambda request: EXPIRED if len(aws.requests) > 150 else None
    with pytest.raises(UserError) as raised:
        rehearsal.run()
    assert "This is left in the account 111122223333" in raised.value.what
    assert "the AWS credentials have expired" in raised.value.what
    assert raised.value.next_step.startswith("Sign in again")
    assert "--clean-up" in raised.value.next_step
    assert [*rehearsal.results.values()].count("failed") == 1
    assert "not run" in rehearsal.results.values()
    assert not aws.is_empty
    assert "The removal ended early" in rehearsal.report
    aws.intercept = lambda request: None
    execute.finish(account, journal.read(rehearsal.request.journal), rehearsal.said.append)
    assert aws.is_empty
    assert "Nothing is left." in rehearsal.report


def test_credentials_that_expire_during_the_removal_end_it_at_once(rehearsal, aws):
    aws.intercept = lambda request: EXPIRED if "DeleteStack" in aws.operations() else None
    with pytest.raises(UserError) as raised:
        rehearsal.run(only="launch")
    assert raised.value.next_step.startswith("Sign in again")
    assert "the AWS credentials have expired" in raised.value.what
    assert aws.operations()[-1] == "DeleteStack"


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def test_the_journal_names_everything_before_it_is_made(rehearsal, aws):
    creations = {
        "CreateBucket": ("bucket", "Bucket"),
        "CreateChangeSet": ("stack", "StackName"),
        "CreateDBSnapshot": ("snapshot", "DBSnapshotIdentifier"),
    }
    seen: set[str] = set()

    def look(request):
        if request.operation in creations:
            written = [json.loads(line) for line in rehearsal.request.journal.read_text().splitlines()]
            kind, key = creations[request.operation]
            name = request.arguments[key]
            assert any({"makes": kind, "name": name} == each or each.get("id") == name for each in written), request
            seen.add(kind)
            if request.operation == "CreateChangeSet":
                assert request.arguments["ChangeSetName"] in [each.get("change_set") for each in written]
            if request.arguments.get("ChangeSetType") == "CREATE":
                bucket = next(p for p in request.arguments["Parameters"] if p["ParameterKey"] == "PackageBucket")
                assert {"makes": "bucket", "name": bucket["ParameterValue"]} in written
        return None

    aws.intercept = look
    assert rehearsal.run(), rehearsal.said
    assert seen == {"bucket", "stack", "snapshot"}


def rehearsed_until(rehearsal, aws, monkeypatch, number):
    """A rehearsal that dies as its so manieth changing request is sent; whether it came to that."""
    ask = type(rehearsal.account).ask
    count = 0

    def dying(self, service, operation, **arguments):
        nonlocal count
        answer = ask(self, service, operation, **arguments)
        count += operation.startswith(("create", "execute", "put", "delete", "terminate", "update", "modify"))
        if count == number:
            raise Killed
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(type(rehearsal.account), "ask", dying)
        try:
            rehearsal.run()
        except Killed:
            return True
    return False


@pytest.mark.parametrize("number", [1, 3, 4, 14])
def test_after_a_crash_the_journal_removes_everything(rehearsal, aws, account, monkeypatch, number):
    assert rehearsed_until(rehearsal, aws, monkeypatch, number)
    aws.sleep(45)  # what was asked for goes on
    execute.finish(account, journal.read(rehearsal.request.journal), rehearsal.said.append)
    assert aws.is_empty, aws.names()
    assert "ended without a result" in rehearsal.report


def test_after_a_crash_during_a_deletion_what_that_left_is_removed_days_later(rehearsal, aws, account, monkeypatch):
    def dies(run, *arguments):
        raise Killed

    monkeypatch.setattr(steps, "_told", dies)
    monkeypatch.setattr(steps, "_execute", lambda run, stack, expected: executed(run, stack))

    def executed(run, stack):
        name = run.journal.change_sets(stack)[-1]
        run.account.ask(
            "cloudformation", "execute_change_set", StackName=stack, ChangeSetName=name, ClientRequestToken="x"
        )
        aws.sleep(1000)
        yield "It is executed."

    with pytest.raises(Killed):
        rehearsal.run(only="delete")
    aws.sleep(3 * 24 * 3600)
    assert not aws.names()["stacks"]
    assert aws.names()["snapshots"]
    execute.finish(account, journal.read(rehearsal.request.journal), rehearsal.said.append)
    assert aws.is_empty, aws.names()


@pytest.mark.exhaustive
@pytest.mark.parametrize("later", [0, 7200])
def test_after_a_crash_at_any_time_the_journal_removes_everything(
    rehearsal, aws, account, monkeypatch, tmp_path, later
):
    number = 1
    while rehearsed_until(rehearsal, aws, monkeypatch, number):
        aws.sleep(later)
        execute.finish(account, journal.read(rehearsal.request.journal), rehearsal.said.append)
        assert aws.is_empty, (number, aws.names())
        aws.restart()
        number += 1
        rehearsal.request = rehearsal.request._replace(journal=tmp_path / f"{number}.jsonl")
    assert number > 40


def interrupt_at(aws, monkeypatch, *moments):
    """Ctrl-C after so many virtual seconds each."""
    start, sleep, pending = aws.now, aws.sleep, [*moments]

    def interrupted(seconds):
        sleep(seconds)
        if pending and aws.now - start > pending[0]:
            pending.pop(0)
            raise KeyboardInterrupt

    return interrupted


@pytest.mark.parametrize(
    "moment",
    [10, 1100, *(pytest.param(each, marks=pytest.mark.exhaustive) for each in (100, 700, 1500, 2000, 3500, 5000))],
)
def test_ctrl_c_removes_everything_and_the_report_says_how_far_it_came(rehearsal, aws, monkeypatch, moment):
    clock = rehearsal.account.clock._replace(sleep=interrupt_at(aws, monkeypatch, moment))
    rehearsal.account = rehearsal.account._replace(clock=clock)
    assert not rehearsal.run()
    assert aws.is_empty, aws.names()
    assert [*rehearsal.results.values()].count("interrupted") == 1
    assert set(rehearsal.results) == set(NAMES)
    assert "The rehearsal was interrupted." in rehearsal.report
    assert any("Ctrl-C again" in line for line in rehearsal.said)


def test_ctrl_c_during_an_update_cancels_it_first(rehearsal, aws):
    interruptions: list[str] = []

    def sleep(seconds):
        aws.sleep(seconds)
        if aws.stacks and aws.stacks[0].status == "UPDATE_IN_PROGRESS" and not interruptions:
            interruptions.append("Ctrl-C")
            raise KeyboardInterrupt

    rehearsal.account = rehearsal.account._replace(clock=rehearsal.account.clock._replace(sleep=sleep))
    assert not rehearsal.run()
    operations = aws.operations()
    assert operations.index("CancelUpdateStack") < operations.index("DeleteStack")
    assert aws.is_empty


def test_a_second_ctrl_c_ends_at_once_and_says_how_to_go_on(rehearsal, aws, monkeypatch, account):
    clock = rehearsal.account.clock._replace(sleep=interrupt_at(aws, monkeypatch, 1100, 1130))
    rehearsal.account = rehearsal.account._replace(clock=clock)
    with pytest.raises(KeyboardInterrupt):
        rehearsal.run()
    assert rehearsal.said[-1].endswith(f"quilt-cfn rehearse --clean-up {rehearsal.request.journal} goes on.")
    assert "**left:** stack *quilt-trial*" in rehearsal.report
    execute.finish(account, journal.read(rehearsal.request.journal), rehearsal.said.append)
    assert aws.is_empty


def test_sites_that_answer_wrongly_fail_and_are_named(rehearsal, aws, monkeypatch):
    monkeypatch.setattr(web, "faults", lambda *arguments: iter(["https://x/api/login answers 502 instead of 401"]))
    assert not rehearsal.run(only="answer")
    assert "do not answer as they should: https://x/api/login answers 502" in rehearsal.why("answer")
    assert aws.is_empty


def test_no_secret_is_in_anything_that_is_written_or_said(rehearsal, aws, capfd, tmp_path):
    aws.says = f" The values are {', '.join(SECRETS.values())} and {SECRETS['SmtpPassword']!r}."
    aws.quirks = {"plain signals", "rollback fails"}
    aws.deletions_fail = 1000
    with pytest.raises(UserError) as raised:
        rehearsal.run()
    assert "The values are ***" in rehearsal.report.replace("\\", "")
    everything = [*map(str, rehearsal.said), str(raised.value), *capfd.readouterr()]
    everything += [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) > 10
    for secret in ("pl4nted", *SECRETS.values()):
        assert not any(secret in text for text in everything)
    sent = [each for each in aws.requests if "pl4nted" in str(each.arguments)]
    assert {each.operation for each in sent} == {"CreateChangeSet"}


def test_no_secret_is_in_what_aws_says_about_a_call_that_it_refuses(rehearsal, aws):
    refusal = Fault("ValidationError", f"{SECRETS['DBPassword']} is not what {SECRETS['SmtpPassword']!r} should be")
    aws.intercept = lambda request: refusal if request.operation == "CreateDBSnapshot" else None
    assert not rehearsal.run(only="grow")
    assert '*** is not what "***" should be' in rehearsal.why("grow")
    assert "pl4nted" not in "".join([*rehearsal.said, rehearsal.report, rehearsal.request.journal.read_text()])


def test_no_secret_is_in_an_error_of_boto3_s_own(account):
    class Client:
        def describe_addresses(self):
            raise ParamValidationError(report=f"Invalid type, value: {SECRETS['DBPassword']}")

    with pytest.raises(Refused, match=r"Invalid type, value: \*\*\*"):
        account._replace(clients={"ec2": Client()}).ask("ec2", "describe_addresses")


@pytest.mark.parametrize("length", [*range(475, 500, 3), *range(950, 1000, 7)])
def test_no_part_of_a_secret_is_left_where_a_text_of_aws_is_cut_off(rehearsal, aws, length):
    long = f"{'x' * length}{SECRETS['DBPassword']}"
    aws.says = f" {long}"
    aws.intercept = lambda request: Fault("ValidationError", long) if request.operation == "CreateDBSnapshot" else None
    rehearsal.run(only="grow")
    rehearsal.request.journal.unlink()
    rehearsal.run(only="failing-signal")
    assert "pl4" not in "".join([*rehearsal.said, rehearsal.report])


def test_a_secret_that_is_a_part_of_aws_s_words_confuses_nobody(rehearsal, aws, account):
    hide = hiding(["e", "TerminationProtection", "does not exist"])
    rehearsal.account = account._replace(hide=hide)
    assert rehearsal.run(), rehearsal.said
    assert aws.is_empty


def test_the_page_has_every_call_and_no_other(rehearsal, aws):
    page = (Path(__file__).resolve().parents[3] / "docs/rehearsal.md").read_text()
    rows = re.findall(r"(?m)^    \| `([a-z0-9]+)` \| (.*) \|$", page)
    told = {(service, call) for service, calls in rows for call in re.findall("`([A-Z][A-Za-z]+)`", calls)}
    aws.intercept = lambda request: None
    rehearsal.run()
    made = {(each.service, each.operation) for each in aws.requests}
    assert made | {("cloudformation", "CancelUpdateStack")} == told
