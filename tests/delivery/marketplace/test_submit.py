"""A submission is validated, then applied, and no interruption makes a second change set."""

from __future__ import annotations

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
    Follow,
    Start,
    State,
    explain,
    next_step,
    status,
    submit,
    validate,
)
from quilt_cfn.errors import UserError
from tests.delivery.marketplace.conftest import SECRET, Waiting, made
from tests.delivery.marketplace.stand_in import BUSY, CUT, DROP, EXPIRED, PRODUCT, THROTTLED, Outcome, StandIn


def submitted(catalog: Catalog, submission: Submission, waiting: Waiting | None = None) -> list[str]:
    return list(submit(catalog, submission, lambda: None, (waiting or Waiting()).polling))


def assert_submitted_once(stand_in: StandIn) -> None:
    assert [each["Status"] for each in stand_in.of("VALIDATE")] == ["SUCCEEDED"]
    assert [each["Status"] for each in stand_in.of("APPLY")] == ["SUCCEEDED"]
    assert stand_in.titles() == ["1.0.0"]


# Without interruptions.


def test_a_version_is_validated_to_the_end_then_applied_at_the_revision_that_was_read(stand_in, catalog, submission):
    stand_in.revision = 41
    lines = submitted(catalog, submission)
    assert_submitted_once(stand_in)
    assert [each["Intent"] for each in stand_in.change_sets.values()] == [VALIDATE, APPLY]
    entity = stand_in.of("APPLY")[0]["ChangeSet"][0]["Entity"]
    assert entity == {"Type": "AmiProduct@1.0", "Identifier": f"{PRODUCT}@41"}
    operations = [(each.operation, each.arguments.get("Intent")) for each in stand_in.requests]
    before = operations[: operations.index(("StartChangeSet", "APPLY"))]
    assert before.count(("DescribeChangeSet", None)) >= 2 * stand_in.steps
    assert lines[0].startswith("Validating: change set changeset")
    assert lines[-1] == f"The product {PRODUCT} has version “1.0.0”, from change set changeset000000000000001."


def test_a_version_that_is_not_published_is_refused_before_any_call(stand_in, catalog, submission):
    def not_published() -> None:
        raise UserError("It is not published.", "Publish it.")

    with pytest.raises(UserError, match="not published"):
        list(submit(catalog, submission, not_published))
    assert stand_in.requests == []


def test_a_second_run_says_that_the_version_is_there_and_starts_nothing(stand_in, catalog, submission):
    submitted(catalog, submission)
    assert submitted(catalog, submission) == [
        f"The product {PRODUCT} has version “1.0.0”, from change set changeset000000000000001."
    ]
    assert stand_in.calls("StartChangeSet") == 2


def test_a_version_with_our_texts_is_ours_when_its_change_set_is_forgotten_after_60_days(stand_in, catalog, submission):
    submitted(catalog, submission)
    stand_in.change_sets.clear()
    (line,) = submitted(catalog, submission)
    assert "already, with the texts of this one" in line
    assert stand_in.change_sets == {}


def test_another_version_under_our_title_is_refused(stand_in, catalog, submission):
    submitted(catalog, made(ReleaseNotes="Another."))
    with pytest.raises(UserError, match=r"“1\.0\.0” already, and it is another one\. ReleaseNotes: ") as raised:
        submitted(catalog, submission)
    assert "release a new version" in raised.value.next_step
    assert len(stand_in.change_sets) == 2


def test_a_validation_changes_nothing_and_is_not_repeated_for_the_submission(stand_in, catalog, submission, waiting):
    lines = list(validate(catalog, submission, waiting.polling))
    assert lines[-1] == "AWS found nothing to refuse in version “1.0.0” (change set changeset000000000000000)."
    assert (stand_in.titles(), stand_in.of("APPLY"), stand_in.revision) == ([], [], 5)
    assert list(validate(catalog, submission, waiting.polling)) == lines[-1:]
    submitted(catalog, submission)
    assert_submitted_once(stand_in)


def test_the_status_is_read_after_15_seconds_and_then_less_and_less_often_up_to_a_minute(
    stand_in, catalog, submission, waiting
):
    stand_in.steps = 5
    list(validate(catalog, submission, waiting.polling))
    assert waiting.pauses[0] == 15
    assert waiting.pauses == sorted(waiting.pauses)
    assert max(waiting.pauses) == 60


def test_a_request_that_aws_finds_invalid_is_not_sent_twice(stand_in, catalog, submission):
    stand_in.invalid = True
    with pytest.raises(UserError, match="AWS finds the request invalid"):
        submitted(catalog, submission)
    assert stand_in.calls("StartChangeSet") == 1


# Interruptions.


def each_request(stand_in: StandIn, catalog: Catalog, operation: str = "") -> Iterator[int]:
    """The number of each request of a submission, or of each of an operation, with an API that nobody has called."""
    stand_in.steps = 1
    submitted(catalog, made())
    numbers = [number for number, each in enumerate(stand_in.requests) if operation in ("", each.operation)]
    assert len(numbers) > 1
    for number in numbers:
        stand_in.restart()
        stand_in.steps = 1
        yield number


def interrupted(catalog: Catalog, submission: Submission, *endings: type[BaseException]) -> bool:
    """Runs a submission; returns whether it ended with one of these exceptions."""
    message = ""
    try:
        submitted(catalog, submission)
    except endings as error:
        message = f"{type(error)}{error}"
    assert SECRET not in message
    return bool(message)


@pytest.mark.parametrize("faults", [(DROP,), (CUT, BUSY, THROTTLED, EXPIRED)], ids=["answer lost", "not executed"])
def test_a_fault_at_any_request_and_a_second_run_submit_once(stand_in, catalog, faults):
    for number in each_request(stand_in, catalog):
        stand_in.faults[number] = faults[number % len(faults)]
        assert interrupted(catalog, made(), UserError), number
        submitted(catalog, made())
        assert_submitted_once(stand_in)


@pytest.mark.parametrize("lag", [1, 4])
def test_a_lost_answer_does_no_harm_when_the_list_of_change_sets_is_late(stand_in, catalog, lag):
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


class Killed(BaseException):
    """An end that no code of the program handles."""


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

    def get_paginator(self, name: str) -> Any:
        paginator = self.client.get_paginator(name)
        paginator._method = getattr(self, name)
        return paginator


def validation_ended_unseen(stand_in: StandIn, catalog: Catalog) -> None:
    """A run dies after it has started a validation, which then succeeds."""
    assert interrupted(Catalog(Dying(catalog.client, 2)), made(), Killed)
    (validation,) = stand_in.of("VALIDATE")
    while catalog.describe(validation["ChangeSetId"]).active:
        pass


def test_a_validation_that_ended_unseen_is_found_by_its_token_when_the_list_is_late(stand_in, catalog, submission):
    validation_ended_unseen(stand_in, catalog)
    stand_in.lag = 100
    submitted(catalog, submission)
    assert_submitted_once(stand_in)


@pytest.mark.parametrize("answer", ["ValidationException", "ResourceInUseException", "first"])
def test_a_token_that_was_used_at_another_revision_does_not_block_the_submission(stand_in, catalog, answer):
    """The product changes after the validation has ended unseen, and the list is still late."""
    stand_in.reused_token = answer
    validation_ended_unseen(stand_in, catalog)
    change_product(stand_in)
    stand_in.lag = 2
    submitted(catalog, made())
    assert [each["Status"] for each in stand_in.of("APPLY")] == ["SUCCEEDED"]
    assert stand_in.titles() == ["1.0.0"]
    assert len(stand_in.of("VALIDATE")) == 2


def test_a_run_that_is_killed_after_any_answer_is_finished_by_the_next(stand_in, catalog):
    for number in each_request(stand_in, catalog):
        stand_in.lag = number % 3
        interrupted(Catalog(Dying(catalog.client, number)), made(), Killed)  # a late list makes some runs shorter
        submitted(catalog, made())
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


def test_ctrl_c_does_not_stop_the_change_set_and_says_so(stand_in, catalog, submission, waiting):
    def interrupt() -> None:
        raise KeyboardInterrupt

    waiting.during[0] = interrupt
    with pytest.raises(KeyboardInterrupt):
        submitted(catalog, submission, waiting)
    assert "The change set changeset000000000000000 continues in AWS Marketplace." in waiting.reported[-1]
    assert stand_in.of("VALIDATE")[0]["Status"] in ("PREPARING", "APPLYING")


class Before:
    """A client that does something before it starts a change set."""

    def __init__(self, client: Any, action: Callable[[], None]) -> None:
        self.client, self.action = client, action

    def __getattr__(self, name: str) -> Any:
        if name == "start_change_set":
            self.action()
        return getattr(self.client, name)


def test_ctrl_c_while_a_change_set_is_started_says_that_it_may_have_been(catalog, submission, waiting):
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submitted(Catalog(Before(catalog.client, interrupt)), submission, waiting)
    assert waiting.reported == ["\nA change set may have been started. The same command follows it."]


# Failures.


def test_a_validation_that_fails_stops_the_submission_and_is_explained(stand_in, catalog, submission):
    error = ("RECOMMENDED_INSTANCE_TYPE_NOT_AVAILABLE", "Provide another type.")
    stand_in.outcomes["VALIDATE"] = [Outcome("FAILED", (error,))]
    with pytest.raises(UserError) as raised:
        submitted(catalog, submission)
    assert "The validation failed: changeset000000000000000" in raised.value.what
    assert "Provide another type (RECOMMENDED_INSTANCE_TYPE_NOT_AVAILABLE)." in raised.value.what
    assert raised.value.next_step.startswith("Recommend an instance type that is enabled for the product.")
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


def test_a_new_attempt_is_made_once_when_its_answer_is_lost_and_the_list_is_late(stand_in, catalog):
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


@pytest.mark.parametrize(
    ("failure", "errors", "what", "remedy"),
    [
        (
            "CLIENT_ERROR",
            (("SCAN_ERROR", "Port\n22. "),),
            " failed: x “n”: d; Port 22 (SCAN_ERROR).",
            "Fix what the scan",
        ),
        ("CLIENT_ERROR", (("NEW_CODE", ""),), " failed: x “n”: d; (NEW_CODE).", "Fix what AWS names."),
        ("SERVER_FAULT", (), " failed: x “n”: d.", "The error is on AWS's side."),
    ],
)
def test_a_failure_is_explained_in_sentences(failure, errors, what, remedy):
    failed = ChangeSet("x", "n", "FAILED", "t", intent=APPLY, failure=failure, description="d.", errors=errors)
    sentence, step = explain(failed)
    assert sentence == f"The change set{what}"
    assert step.startswith(remedy)
    assert step.endswith("Run the command again: it starts a new attempt.")


# Other changes of the product.


def test_another_change_set_that_has_not_ended_is_named_and_nothing_is_started(stand_in, catalog, submission):
    stand_in.steps = 100
    other = stand_in.begin("New prices")
    with pytest.raises(
        UserError, match=rf"Another change set has not ended \(PREPARING\): {other} “New prices”, and a"
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


def test_a_lock_by_a_change_set_that_is_never_listed_is_reported_after_four_pauses(
    stand_in, catalog, submission, waiting
):
    stand_in.lag, stand_in.names_locks = 100, False
    stand_in.begin("Hidden")
    with pytest.raises(UserError, match="another change set of the product has not ended"):
        submitted(catalog, submission, waiting)
    assert len(waiting.pauses) == 4


def test_other_change_sets_that_have_ended_are_no_obstacle(stand_in, catalog, submission):
    stand_in.begin("Old prices", status="SUCCEEDED")
    stand_in.begin("Older prices", status="FAILED")
    submitted(catalog, submission)
    ours = [each["ChangeSetName"] for each in stand_in.change_sets.values() if submission.name in each["ChangeSetName"]]
    assert ours == [f"{submission.name} validate", f"{submission.name} apply"]
    assert stand_in.titles() == ["1.0.0"]


def change_product(stand_in: StandIn) -> None:
    """What happens when somebody changes the product in the Management Portal."""
    stand_in.revision += 1
    stand_in.document["Description"]["ProductTitle"] += "!"


def test_a_product_that_changed_while_it_was_validated_is_validated_once_more(stand_in, catalog, submission, waiting):
    waiting.during[0] = lambda: change_product(stand_in)
    submitted(catalog, submission, waiting)
    revisions = [each["ChangeSet"][0]["Entity"]["Identifier"] for each in stand_in.change_sets.values()]
    assert revisions == [f"{PRODUCT}@5", f"{PRODUCT}@6", f"{PRODUCT}@6"]
    assert [each["Intent"] for each in stand_in.change_sets.values()] == [VALIDATE, VALIDATE, APPLY]


def test_a_product_that_keeps_changing_is_refused_and_left_alone(stand_in, catalog, submission, waiting):
    waiting.during = dict.fromkeys(range(100), lambda: change_product(stand_in))
    with pytest.raises(UserError, match="changed while it was being validated, twice"):
        submitted(catalog, submission, waiting)
    assert stand_in.of("APPLY") == []
    waiting.during = {}
    submitted(catalog, submission, waiting)
    assert stand_in.titles() == ["1.0.0"]


def test_a_new_revision_of_the_same_content_needs_no_new_validation(stand_in, catalog, submission, waiting):
    def renumber() -> None:
        stand_in.revision += 1

    waiting.during[0] = renumber
    submitted(catalog, submission, waiting)
    assert_submitted_once(stand_in)


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException", "ResourceInUseException"])
def test_a_product_that_changes_just_before_it_is_applied_is_read_again(stand_in, catalog, submission, code):
    def renumber() -> None:
        stand_in.revision += bool(stand_in.of("VALIDATE")) and stand_in.revision == 5

    stand_in.old_revision = code
    submitted(Catalog(Before(catalog.client, renumber)), submission)
    assert_submitted_once(stand_in)
    failed = [
        each.arguments["ChangeSet"][0]["Entity"]["Identifier"] for each in stand_in.requests if each.status != 200
    ]
    assert failed == [f"{PRODUCT}@5"]


# next_step by itself.

NAMES = {intent: made().change_set_name(intent) for intent in (VALIDATE, APPLY)}


def change_set(identifier: str, intent: str, status: str, revision: str = "5", name: str = "") -> ChangeSet:
    return ChangeSet(
        identifier, name or NAMES[intent], status, "2026-11-20T10:00:00Z", intent=intent, revision=revision
    )


def state(*change_sets: ChangeSet, followed: str = "", revision: str = "5", titles: tuple[str, ...] = ()) -> State:
    document = {"Versions": [{"VersionTitle": title, "ReleaseNotes": "Other."} for title in titles]}
    return State(Entity(PRODUCT, revision, document), change_sets, frozenset(followed.split()))


def test_a_product_without_a_revision_is_refused_and_a_validation_without_one_holds():
    valid = change_set("v", VALIDATE, "SUCCEEDED", revision="")
    assert next_step(APPLY, made(), state(valid, revision="6")) == Start(APPLY, "")
    with pytest.raises(UserError, match="AWS returned no revision"):
        next_step(APPLY, made(), state(revision=""))


def test_a_version_that_is_being_applied_is_not_validated():
    applying = change_set("a", APPLY, "APPLYING")
    assert isinstance(next_step(VALIDATE, made(), state(applying)), Done)
    assert next_step(APPLY, made(), state(applying)) == Follow(applying)


def test_a_retry_names_the_last_change_set_that_failed():
    failed = change_set("b", APPLY, "CANCELLED"), change_set("a", APPLY, "FAILED")
    assert next_step(APPLY, made(), state(*failed, change_set("v", VALIDATE, "SUCCEEDED"))) == Start(APPLY, "b")


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
def test_nothing_is_started_before_a_change_set_has_ended_or_after_it_has_succeeded(
    change_sets, goal, followed, revision, sold
):
    shown = state(*change_sets, followed=" ".join(followed), revision=revision, titles=("1.0.0",) if sold else ())
    try:
        step = next_step(goal, made(), shown)
    except UserError:  # nothing is started
        return
    applied = next((each for each in change_sets if each.name == NAMES[APPLY]), None)
    validated = next((each for each in change_sets if each.name == NAMES[VALIDATE]), None)
    if isinstance(step, Start):
        assert not any(each.active for each in change_sets if each in (applied, validated) or each.name == "Another")
        assert not (applied and applied.status == "SUCCEEDED")
        assert not sold
        assert shown.entity.revision
        newest = applied if step.intent == APPLY else validated
        assert step.retry_of == (newest.identifier if newest else "")
    if isinstance(step, Start) and step.intent == APPLY:
        assert goal == APPLY
        assert validated is not None
        assert validated.status == "SUCCEEDED"
        assert validated.revision in ("5", "")
    if isinstance(step, Follow):
        assert step.change_set.active
        assert step.change_set.name in NAMES.values()


# The status.


def test_the_status_of_a_product_shows_its_versions_and_change_sets(stand_in, catalog, submission):
    assert list(status(catalog, PRODUCT)) == [
        f"Product {PRODUCT}, revision 5; versions: none.",
        "There was no change set in the last 60 days.",
    ]
    submitted(catalog, submission)
    assert list(status(catalog, PRODUCT)) == [
        f"Product {PRODUCT}, revision 6; versions: 1.0.0.",
        f"2026-11-20T11:00:00Z SUCCEEDED: changeset000000000000000 “{submission.name} validate”.",
        f"2026-11-20T11:01:00Z SUCCEEDED: changeset000000000000001 “{submission.name} apply”; the product has the "
        "change; quilt-cfn marketplace drift compares what buyers get.",
    ]


def test_the_status_of_a_change_set_says_what_happens_next(stand_in, catalog):
    (line,) = status(catalog, stand_in.begin("New prices"))
    assert line.endswith(
        "PREPARING: changeset000000000000000 “New prices”; AWS checks the request and scans the AMI; until that has "
        "ended it can be cancelled."
    )


def test_a_change_set_is_followed_to_its_end_and_its_failure_explained(stand_in, catalog, waiting):
    stand_in.outcomes["APPLY"] = [Outcome("FAILED", (("SCAN_ERROR", "https://scan.example"),))]
    lines = list(status(catalog, stand_in.begin("New AMI"), follow=True, polling=waiting.polling))
    assert "FAILED" in lines[0]
    assert lines[1].endswith("https://scan.example (SCAN_ERROR).")
    assert lines[2].startswith("Fix what the scan found in the AMI")
    assert [line.split()[1] for line in waiting.reported] == ["PREPARING:", "APPLYING:"]
