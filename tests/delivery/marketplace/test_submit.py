"""A submission: decided by a pure function, and carried out so that no interruption makes a second change set."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.marketplace.catalog import Catalog, ChangeSet, Entity
from quilt_cfn.delivery.marketplace.submission import Submission
from quilt_cfn.delivery.marketplace.submit import (
    APPLY,
    VALIDATE,
    Done,
    Join,
    Look,
    Refuse,
    Start,
    explain,
    next_step,
    status,
    submit,
    validate,
)
from quilt_cfn.errors import UserError
from tests.delivery.marketplace.conftest import SECRET, Patience, made
from tests.delivery.marketplace.stand_in import BUSY, CUT, DROP, EXPIRED, PRODUCT, THROTTLED, Outcome, StandIn


def is_published() -> None:
    """What asks whether the version is published, and finds that it is."""


def submitted(catalog: Catalog, submission: Submission, patience: Patience | None = None) -> list[str]:
    return list(submit(catalog, submission, is_published, (patience or Patience()).wait))


def assert_submitted_once(stand_in: StandIn) -> None:
    assert [each["Status"] for each in stand_in.of("VALIDATE")] == ["SUCCEEDED"]
    assert [each["Status"] for each in stand_in.of("APPLY")] == ["SUCCEEDED"]
    assert stand_in.titles() == ["1.0.0"]


# --- what is done when nothing goes wrong ---


def test_a_version_is_validated_then_applied_and_followed_to_the_end(stand_in, catalog, submission, patience):
    lines = submitted(catalog, submission, patience)
    assert_submitted_once(stand_in)
    assert list(stand_in.change_sets) == [
        *(each["ChangeSetId"] for each in stand_in.of("VALIDATE") + stand_in.of("APPLY"))
    ]
    assert lines[0].startswith("Validating: change set changeset")
    assert lines[-1] == f"The product {PRODUCT} has version “1.0.0”, from change set changeset000000000000001."


def test_nothing_is_applied_before_the_validation_has_ended(stand_in, catalog, submission):
    submitted(catalog, submission)
    operations = [(each.operation, each.arguments.get("Intent")) for each in stand_in.requests]
    applied = operations.index(("StartChangeSet", "APPLY"))
    ended = [number for number, each in enumerate(stand_in.requests) if each.operation == "DescribeChangeSet"]
    assert sum(number < applied for number in ended) >= 2 * stand_in.steps


def test_what_is_applied_locks_the_revision_that_was_read(stand_in, catalog, submission):
    stand_in.revision = 41
    submitted(catalog, submission)
    entity = stand_in.of("APPLY")[0]["ChangeSet"][0]["Entity"]
    assert entity == {"Type": "AmiProduct@1.0", "Identifier": f"{PRODUCT}@41"}


def test_a_version_that_is_not_published_is_refused_before_any_call(stand_in, catalog, submission, patience):
    def verified() -> None:
        raise UserError("It is not published.", "Publish it.")

    with pytest.raises(UserError, match="not published"):
        list(submit(catalog, submission, verified, patience.wait))
    assert stand_in.requests == []


def test_a_second_run_says_that_the_version_is_there_and_starts_nothing(stand_in, catalog, submission):
    submitted(catalog, submission)
    before = stand_in.calls("StartChangeSet")
    assert submitted(catalog, submission) == [
        f"The product {PRODUCT} has version “1.0.0”, from change set changeset000000000000001."
    ]
    assert stand_in.calls("StartChangeSet") == before


def test_a_version_with_our_texts_is_ours_when_its_change_set_is_forgotten_after_60_days(stand_in, catalog, submission):
    submitted(catalog, submission)
    stand_in.change_sets.clear()
    (line,) = submitted(catalog, submission)
    assert "already, with the texts of this one" in line
    assert stand_in.change_sets == {}


def test_another_version_under_our_title_is_refused(stand_in, catalog, submission):
    submitted(catalog, made(ReleaseNotes="Another."))
    with pytest.raises(
        UserError, match=r"has a version “1\.0\.0” already, and it is another one\. ReleaseNotes: "
    ) as trouble:
        submitted(catalog, submission)
    assert "release a new version" in trouble.value.next_step
    assert len(stand_in.change_sets) == 2


def test_a_validation_changes_nothing_and_is_not_repeated_for_the_submission(stand_in, catalog, submission, patience):
    lines = list(validate(catalog, submission, patience.wait))
    assert lines[-1] == "AWS found nothing to refuse in version “1.0.0” (change set changeset000000000000000)."
    assert (stand_in.titles(), stand_in.of("APPLY"), stand_in.revision) == ([], [], 5)
    assert list(validate(catalog, submission, patience.wait)) == lines[-1:]
    submitted(catalog, submission)
    assert_submitted_once(stand_in)


def test_it_looks_after_15_seconds_and_then_less_and_less_often_up_to_a_minute(stand_in, catalog, submission, patience):
    stand_in.steps = 5
    list(validate(catalog, submission, patience.wait))
    assert patience.pauses[0] == 15
    assert patience.pauses == sorted(patience.pauses)
    assert max(patience.pauses) == 60


# --- interruptions ---


def each_request(stand_in: StandIn, catalog: Catalog, operation: str = "") -> Iterator[int]:
    """The number of each request of a submission, or of each of an operation, with an API that nobody has called."""
    stand_in.steps = 1
    submitted(catalog, made())
    numbers = [number for number, each in enumerate(stand_in.requests) if operation in ("", each.operation)]
    assert len(numbers) > 1
    for number in numbers:
        assert not stand_in.broken
        stand_in.restart()
        stand_in.steps = 1
        yield number


def interrupted(catalog: Catalog, submission: Submission, *endings: type[BaseException]) -> bool:
    """Runs a submission; returns whether it was cut short."""
    said = ""
    try:
        submitted(catalog, submission)
    except endings as error:
        said = f"{type(error)}{error}"
    assert SECRET not in said
    return bool(said)


@pytest.mark.parametrize("faults", [(DROP,), (CUT, BUSY, THROTTLED, EXPIRED)], ids=["answer lost", "not carried out"])
def test_a_fault_at_any_request_and_a_second_run_submit_once(stand_in, catalog, faults):
    for number in each_request(stand_in, catalog):
        stand_in.faults[number] = faults[number % len(faults)]
        assert interrupted(catalog, made(), UserError), number
        submitted(catalog, made())
        assert_submitted_once(stand_in)


@pytest.mark.parametrize("fault", [DROP, CUT, BUSY, THROTTLED, EXPIRED])
def test_no_fault_while_a_change_set_is_started_makes_a_second_one(stand_in, catalog, fault):
    for number in each_request(stand_in, catalog, "StartChangeSet"):
        stand_in.faults |= {number: fault, number + 3: fault}  # the second run's start as well, if it makes one
        for _ in range(3):
            if not interrupted(catalog, made(), UserError):
                break
        assert_submitted_once(stand_in)


@pytest.mark.parametrize("lag", [1, 2, 3, 4])
def test_a_lost_reply_does_no_harm_when_the_list_of_change_sets_is_late(stand_in, catalog, lag):
    for number in each_request(stand_in, catalog, "StartChangeSet"):
        stand_in.lag = lag
        stand_in.faults[number] = DROP
        interrupted(catalog, made(), UserError)
        submitted(catalog, made())
        assert_submitted_once(stand_in)


def test_what_a_run_has_started_it_knows_without_the_list(stand_in, catalog, submission):
    stand_in.lag = 100
    submitted(catalog, submission)
    assert_submitted_once(stand_in)
    assert stand_in.calls("StartChangeSet") == 2


def test_a_validation_that_ended_unseen_is_found_by_its_token_when_the_list_is_late(stand_in, catalog, submission):
    interrupted(Catalog(Dying(catalog.client, 2)), submission, Killed)
    (validation,) = stand_in.of("VALIDATE")
    while catalog.describe(validation["ChangeSetId"]).active:
        pass
    stand_in.lag = 100
    submitted(catalog, submission)
    assert_submitted_once(stand_in)


class Killed(BaseException):
    """Nothing of the program gets to see it."""


class Dying:
    """A client with which the program dies when a call has been answered."""

    def __init__(self, client: Any, call: int) -> None:
        self.client, self.left = client, call

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.left -= 1
            answer = getattr(self.client, name)(**arguments)
            if self.left == -1:
                raise Killed
            return answer

        return call


def test_a_run_that_is_killed_after_any_answer_is_finished_by_the_next(stand_in, catalog):
    for number in each_request(stand_in, catalog):
        stand_in.lag = number % 3
        dying = Catalog(Dying(catalog.client, number))
        interrupted(dying, made(), Killed)  # a late list makes some runs shorter
        submitted(catalog, made())
        assert_submitted_once(stand_in)


def test_a_run_that_is_killed_while_it_waits_is_finished_by_the_next(stand_in, catalog, submission):
    def die() -> None:
        raise Killed

    for _ in range(10):
        patience = Patience()
        patience.at[0] = die
        try:
            submitted(catalog, submission, patience)
        except Killed:
            continue
    assert_submitted_once(stand_in)


SCRIPT = """
from quilt_cfn.delivery.marketplace.catalog import connect
from quilt_cfn.delivery.marketplace.submit import Wait, submit
from tests.delivery.marketplace.conftest import made
for line in submit(connect(), made(), lambda: None, Wait(pause=lambda seconds: None)):
    print(line, flush=True)
"""


def process(stand_in: StandIn) -> subprocess.Popen[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL_MARKETPLACE_CATALOG": stand_in.url,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_processes_that_are_really_killed_leave_one_submission(stand_in, catalog, submission):
    """Three processes, killed with SIGKILL when the first change set, the second and the last answer are under way."""
    stand_in.steps = 1
    for wanted in ("VALIDATE", "APPLY", None):
        victim = process(stand_in)

        def kill(victim: subprocess.Popen[str] = victim, wanted: str | None = wanted) -> None:
            if wanted is None or stand_in.of(wanted):
                victim.kill()

        stand_in.after = dict.fromkeys(range(stand_in.number, stand_in.number + 100), kill)
        output, errors = victim.communicate(timeout=20)
        assert victim.returncode == -signal.SIGKILL, (output, errors)
        if wanted:
            assert len(stand_in.of(wanted)) == 1
    stand_in.after = {}
    submitted(catalog, submission)
    assert_submitted_once(stand_in)


def test_two_submitters_at_once_make_one_change_set(stand_in, catalog):
    failures: list[BaseException] = []
    barrier = threading.Barrier(2)

    def run() -> None:
        try:
            barrier.wait()
            submitted(catalog, made())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_submitted_once(stand_in)


def test_ctrl_c_leaves_the_change_set_going_and_says_so(stand_in, catalog, submission, patience):
    def interrupt() -> None:
        raise KeyboardInterrupt

    patience.at[0] = interrupt
    with pytest.raises(KeyboardInterrupt):
        submitted(catalog, submission, patience)
    assert "The change set changeset000000000000000 goes on without us. The same command joins it" in patience.said[-1]
    assert stand_in.of("VALIDATE")[0]["Status"] in ("PREPARING", "APPLYING")


def test_ctrl_c_while_a_change_set_is_started_says_that_it_may_have_been(catalog, submission, patience):
    class Interrupted:
        def __getattr__(self, name: str) -> Any:
            if name == "start_change_set":
                raise KeyboardInterrupt
            return getattr(catalog.client, name)

    with pytest.raises(KeyboardInterrupt):
        submitted(Catalog(Interrupted()), submission, patience)
    assert patience.said == ["\nA change set may have been started. The same command joins it."]


# --- failures ---


def test_a_validation_that_fails_stops_the_submission_and_explains(stand_in, catalog, submission):
    error = ("RECOMMENDED_INSTANCE_TYPE_NOT_AVAILABLE", "Provide another type.")
    stand_in.outcomes["VALIDATE"] = [Outcome("FAILED", (error,))]
    with pytest.raises(UserError) as trouble:
        submitted(catalog, submission)
    assert "The validation failed: changeset000000000000000" in trouble.value.what
    assert "Provide another type (RECOMMENDED_INSTANCE_TYPE_NOT_AVAILABLE)." in trouble.value.what
    assert trouble.value.next_step.startswith("Recommend an instance type that the product offers.")
    assert stand_in.of("APPLY") == []


@pytest.mark.parametrize("intent", [VALIDATE, APPLY])
@pytest.mark.parametrize("ending", [Outcome("FAILED", (("SCAN_ERROR", "x"),)), Outcome("CANCELLED")])
def test_what_failed_or_was_cancelled_is_tried_again_once_by_each_run(stand_in, catalog, submission, intent, ending):
    stand_in.outcomes[intent] = [ending, ending]
    for attempt in (1, 2):
        with pytest.raises(UserError, match=r"failed|cancelled"):
            submitted(catalog, submission)
        assert len(stand_in.of(intent)) == attempt
    submitted(catalog, submission)
    assert [each["Status"] for each in stand_in.of(intent)] == [ending.status, ending.status, "SUCCEEDED"]
    assert stand_in.titles() == ["1.0.0"]


def test_a_new_attempt_is_made_once_when_its_reply_is_lost_and_the_list_is_late(stand_in, catalog):
    for number in each_request(stand_in, catalog, "StartChangeSet"):
        stand_in.outcomes["VALIDATE"] = [Outcome("FAILED", (("SCAN_ERROR", "x"),))]
        with pytest.raises(UserError, match="SCAN_ERROR"):
            submitted(catalog, made())
        stand_in.lag = 2
        stand_in.faults[stand_in.number + number] = DROP
        for _ in range(5):
            if not interrupted(catalog, made(), UserError):
                break
        assert [each["Status"] for each in stand_in.of("VALIDATE")] == ["FAILED", "SUCCEEDED"]
        assert [each["Status"] for each in stand_in.of("APPLY")] == ["SUCCEEDED"]


def test_a_fault_of_aws_is_said_to_be_one(stand_in, catalog, submission):
    stand_in.outcomes["APPLY"] = [Outcome("FAILED", failure="SERVER_FAULT", description="Internal error.")]
    with pytest.raises(UserError, match=r"The change set failed: .*: Internal error") as trouble:
        submitted(catalog, submission)
    assert trouble.value.next_step == "That is a fault on AWS's side. Run the command again: it starts a new attempt."


# --- others who work on the product ---


def test_somebody_elses_change_set_that_is_going_on_is_named_and_nothing_is_started(stand_in, catalog, submission):
    stand_in.steps = 100
    other = stand_in.begin("New prices")
    with pytest.raises(
        UserError, match=f"Another change set is going on: {other} “New prices”, and a product takes one"
    ):
        submitted(catalog, submission)
    assert stand_in.calls("StartChangeSet") == 0


@pytest.mark.parametrize(("names_locks", "lag"), [(True, 100), (False, 1)])
def test_a_change_set_that_the_list_does_not_show_yet_is_found(stand_in, catalog, submission, names_locks, lag):
    stand_in.steps, stand_in.lag, stand_in.names_locks = 100, lag, names_locks
    stand_in.begin("New prices")
    with pytest.raises(UserError, match="changeset000000000000000 “New prices”"):
        submitted(catalog, submission)
    assert len(stand_in.change_sets) == 1


def test_a_lock_that_nothing_explains_is_said_after_some_patience(stand_in, catalog, submission, patience):
    stand_in.lag, stand_in.names_locks = 100, False
    stand_in.begin("Hidden")
    with pytest.raises(UserError, match="another change set is going on, and a product takes one at a time"):
        submitted(catalog, submission, patience)
    assert len(patience.pauses) == 4


def test_what_somebody_else_has_ended_is_no_obstacle(stand_in, catalog, submission):
    stand_in.begin("Old prices", status="SUCCEEDED")
    stand_in.begin("Older prices", status="FAILED")
    submitted(catalog, submission)
    assert_submitted_once_of_ours(stand_in, submission)


def assert_submitted_once_of_ours(stand_in: StandIn, submission: Submission) -> None:
    ours = [each["ChangeSetName"] for each in stand_in.change_sets.values() if submission.name in each["ChangeSetName"]]
    assert ours == [f"{submission.name} validate", f"{submission.name} apply"]
    assert stand_in.titles() == ["1.0.0"]


def changed_meanwhile(stand_in: StandIn) -> None:
    """Somebody changes the product."""
    stand_in.revision += 1
    stand_in.document["Description"]["ProductTitle"] += "!"


def test_a_product_that_changed_while_it_was_validated_is_validated_once_more(stand_in, catalog, submission, patience):
    patience.at[0] = lambda: changed_meanwhile(stand_in)
    submitted(catalog, submission, patience)
    revisions = [each["ChangeSet"][0]["Entity"]["Identifier"] for each in stand_in.change_sets.values()]
    assert revisions == [f"{PRODUCT}@5", f"{PRODUCT}@6", f"{PRODUCT}@6"]
    assert [each["Intent"] for each in stand_in.change_sets.values()] == [VALIDATE, VALIDATE, APPLY]


def test_a_product_that_keeps_changing_is_refused_and_left_alone(stand_in, catalog, submission, patience):
    patience.at = dict.fromkeys(range(100), lambda: changed_meanwhile(stand_in))
    with pytest.raises(UserError, match="changed while it was being validated, twice"):
        submitted(catalog, submission, patience)
    assert stand_in.of("APPLY") == []
    patience.at = {}
    submitted(catalog, submission, patience)
    assert stand_in.titles() == ["1.0.0"]


def test_a_new_revision_of_the_same_product_needs_no_new_validation(stand_in, catalog, submission, patience):
    def renumbered() -> None:
        stand_in.revision += 1

    patience.at[0] = renumbered
    submitted(catalog, submission, patience)
    assert_submitted_once(stand_in)


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException", "ResourceInUseException"])
def test_a_product_that_changes_just_before_it_is_applied_is_read_again(stand_in, catalog, submission, code):
    class Late:
        """A client before whose second start somebody else is faster."""

        def __getattr__(self, name: str) -> Any:
            if name == "start_change_set" and stand_in.of("VALIDATE") and stand_in.revision == 5:
                stand_in.revision = 6
            return getattr(catalog.client, name)

    stand_in.old_revision = code
    submitted(Catalog(Late()), submission)
    assert_submitted_once(stand_in)
    refused = [
        each.arguments["ChangeSet"][0]["Entity"]["Identifier"] for each in stand_in.requests if each.status != 200
    ]
    assert refused == [f"{PRODUCT}@5"]


@pytest.mark.parametrize("answer", ["ValidationException", "ResourceInUseException", "first"])
def test_a_token_that_was_used_at_another_revision_is_no_dead_end(stand_in, catalog, answer):
    """A run dies after its validation was started; the product changes; the next run finds the list still late."""
    stand_in.steps, stand_in.reused_token = 1, answer
    assert interrupted(Catalog(Dying(catalog.client, 2)), made(), Killed)
    validation = stand_in.of("VALIDATE")[0]
    catalog.describe(validation["ChangeSetId"])
    catalog.describe(validation["ChangeSetId"])
    assert validation["Status"] == "SUCCEEDED"
    changed_meanwhile(stand_in)
    stand_in.lag = 2
    submitted(catalog, made())
    assert [each["Status"] for each in stand_in.of("APPLY")] == ["SUCCEEDED"]
    assert stand_in.titles() == ["1.0.0"]
    assert len(stand_in.of("VALIDATE")) == 2


def test_a_request_that_aws_finds_invalid_is_not_sent_twice(stand_in, catalog):
    with pytest.raises(UserError, match="AWS finds the request invalid"):
        submitted(catalog, made(VersionTitle="1.0.0", Surplus="x"))
    assert stand_in.calls("StartChangeSet") == 1
    stand_in.broken.clear()


# --- the decision by itself ---

NAMES = {intent: made().request(intent, "")["ChangeSetName"] for intent in (VALIDATE, APPLY)}


def change_set(identifier: str, intent: str, state: str, revision: str = "5", name: str = "") -> ChangeSet:
    return ChangeSet(identifier, name or NAMES[intent], state, "2026-11-20T10:00:00Z", intent=intent, revision=revision)


def look(*change_sets: ChangeSet, followed: str = "", revision: str = "5", titles: tuple[str, ...] = ()) -> Look:
    document = {"Versions": [{"VersionTitle": title, "ReleaseNotes": "Other."} for title in titles]}
    return Look(Entity(PRODUCT, revision, document), change_sets, frozenset(followed.split()))


VALID = change_set("v", VALIDATE, "SUCCEEDED")


@pytest.mark.parametrize(
    ("seen", "step"),
    [
        (look(), Start(VALIDATE, "")),
        (look(change_set("v", VALIDATE, "PREPARING")), Join(change_set("v", VALIDATE, "PREPARING"))),
        (look(change_set("v", VALIDATE, "FAILED")), Start(VALIDATE, "v")),
        (look(change_set("v", VALIDATE, "CANCELLED")), Start(VALIDATE, "v")),
        (look(VALID), Start(APPLY, "")),
        (look(VALID, revision="6"), Start(VALIDATE, "v")),
        (look(change_set("v", VALIDATE, "SUCCEEDED", revision=""), revision="6"), Start(APPLY, "")),
        (look(change_set("a", APPLY, "APPLYING"), VALID), Join(change_set("a", APPLY, "APPLYING"))),
        (look(change_set("a", APPLY, "FAILED"), VALID), Start(APPLY, "a")),
        (look(change_set("b", APPLY, "CANCELLED"), change_set("a", APPLY, "FAILED"), VALID), Start(APPLY, "b")),
    ],
)
def test_the_next_step_follows_from_what_aws_shows(seen, step):
    assert next_step(APPLY, made(), seen) == step


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (look(change_set("a", APPLY, "SUCCEEDED")), Done),
        (look(change_set("a", APPLY, "SUCCEEDED"), change_set("x", APPLY, "APPLYING", name="Another")), Done),
        (look(titles=("1.0.0",)), Refuse),
        (look(change_set("x", APPLY, "PREPARING", name="Another")), Refuse),
        (look(change_set("x", APPLY, "PREPARING", name="Another"), VALID), Refuse),
        (look(change_set("v", VALIDATE, "FAILED"), followed="v"), Refuse),
        (look(change_set("a", APPLY, "CANCELLED"), VALID, followed="v a"), Refuse),
        (look(revision=""), Refuse),
    ],
)
def test_some_of_what_aws_shows_leaves_nothing_to_start(seen, kind):
    assert type(next_step(APPLY, made(), seen)) is kind


@given(
    st.lists(
        st.builds(
            change_set,
            st.sampled_from("abcdef"),
            st.sampled_from([VALIDATE, APPLY]),
            st.sampled_from(["PREPARING", "APPLYING", "SUCCEEDED", "CANCELLED", "FAILED"]),
            st.sampled_from(["5", "6", ""]),
            st.sampled_from(["", "", "Another"]),
        ),
        max_size=4,
    ),
    st.sampled_from([VALIDATE, APPLY]),
    st.sets(st.sampled_from("abcdef")),
    st.sampled_from(["5", ""]),
    st.booleans(),
)
def test_nothing_is_ever_started_beside_what_goes_on_or_after_what_succeeded(change_sets, goal, mine, revision, there):
    seen = look(*change_sets, followed=" ".join(mine), revision=revision, titles=("1.0.0",) if there else ())
    step = next_step(goal, made(), seen)
    applied = next((each for each in change_sets if each.name == NAMES[APPLY]), None)
    validated = next((each for each in change_sets if each.name == NAMES[VALIDATE]), None)
    if isinstance(step, Start):
        assert not any(each.active for each in change_sets if each in (applied, validated) or each.name == "Another")
        assert not (applied and applied.status == "SUCCEEDED")
        assert not there
        assert seen.entity.revision
        newest = applied if step.intent == APPLY else validated
        assert step.after == (newest.identifier if newest else "")
    if step == Start(APPLY, step[1] if isinstance(step, Start) else ""):
        assert goal == APPLY
        assert validated is not None
        assert validated.status == "SUCCEEDED"
        assert validated.revision in ("5", "")
    if isinstance(step, Join):
        assert step.change_set.active
        assert step.change_set.name in NAMES.values()


@given(
    st.sampled_from(["FAILED", "CANCELLED"]),
    st.sampled_from(["CLIENT_ERROR", "SERVER_FAULT", ""]),
    st.text(max_size=20),
    st.lists(st.tuples(st.sampled_from(["SCAN_ERROR", "INVALID_ARN", "NEW_CODE"]), st.text(max_size=20)), max_size=3),
)
def test_every_failure_ends_in_sentences(state, failure, description, errors):
    what, step = explain(
        ChangeSet("x", "n", state, "t", intent=APPLY, failure=failure, description=description, errors=tuple(errors))
    )
    assert what.startswith("The change set ")
    assert what.endswith(".")
    assert step.endswith("Run the command again: it starts a new attempt.")
    assert "\n" not in what


# --- status ---


def test_the_status_of_a_product_tells_its_versions_and_change_sets(stand_in, catalog, submission, patience):
    submitted(catalog, submission)
    lines = list(status(catalog, PRODUCT, wait=patience.wait))
    assert lines == [
        f"Product {PRODUCT}, revision 6; versions: 1.0.0.",
        f"2026-11-20T11:00:00Z SUCCEEDED: changeset000000000000000 “{submission.name} validate”.",
        f"2026-11-20T11:01:00Z SUCCEEDED: changeset000000000000001 “{submission.name} apply”; the product has the "
        "change; quilt-cfn marketplace drift compares what buyers get.",
    ]


def test_the_status_of_a_new_product_says_that_there_is_nothing(catalog, patience):
    assert list(status(catalog, PRODUCT, wait=patience.wait)) == [
        f"Product {PRODUCT}, revision 5; versions: none.",
        "There was no change set in the last 60 days.",
    ]


def test_the_status_of_a_change_set_says_what_happens_next(stand_in, catalog, patience):
    identifier = stand_in.begin("New prices")
    (line,) = status(catalog, identifier, wait=patience.wait)
    assert line.endswith("PREPARING: changeset000000000000000 “New prices”; AWS checks the request and scans the AMI; "
                         "until that has ended it can be cancelled.")  # fmt: skip


def test_a_change_set_is_followed_to_its_end_and_its_failure_explained(stand_in, catalog, patience):
    stand_in.outcomes["APPLY"] = [Outcome("FAILED", (("SCAN_ERROR", "https://scan.example"),))]
    identifier = stand_in.begin("New AMI")
    lines = list(status(catalog, identifier, follow=True, wait=patience.wait))
    assert "FAILED" in lines[0]
    assert lines[1].endswith("https://scan.example (SCAN_ERROR).")
    assert lines[2].startswith("Mend what the scan found in the AMI")
    assert [line.split()[1] for line in patience.said] == ["PREPARING:", "APPLYING:"]
