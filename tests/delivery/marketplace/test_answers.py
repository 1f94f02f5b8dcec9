"""Whatever is wrong with an answer of the Catalog API, a command ends with a sentence, and nothing is submitted twice.

Every place of every good answer is spoiled in every way, and every step that reads the answer is run.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from quilt_cfn.delivery.marketplace.catalog import MOST_PAGES, Catalog, ProductLocked
from quilt_cfn.delivery.marketplace.drift import drift
from quilt_cfn.delivery.marketplace.submission import Submission
from quilt_cfn.delivery.marketplace.submit import status, submit
from quilt_cfn.errors import UserError
from tests.delivery.marketplace.conftest import TEMPLATE, Waiting, made
from tests.delivery.marketplace.stand_in import PRODUCT, ApiError, Outcome, StandIn

REMOVED = object()
DEEP: Any = "x"
for _ in range(400):
    DEEP = [DEEP]
WAYS = {
    "removed": REMOVED,
    "null": None,
    "number": 7,
    "boolean": True,
    "empty": "",
    "list": [],
    "map": {},
    "list of null": [None],
    "list of numbers": [7],
    "control characters": "\x1b[2J\x9b31m\x07\n\u202e\ud800",
    "huge": "x" * 100_000,
    "deep": DEEP,
}
"""What is put in place of a value."""

Place = tuple[str | int, ...]


def places(document: Any, path: Place = ()) -> Iterator[Place]:
    """The path of everything in a document, but for the document itself."""
    members = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in members if isinstance(document, (dict, list)) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


def spoiled(document: Any, place: Place, value: Any) -> Any:
    """A copy of a document with another value at a place, or with none; as it is where there is no such place."""
    there = copy_of_it = copy.deepcopy(document)
    *parents, last = place
    try:
        for key in parents:
            there = there[key]
        if value is REMOVED:
            del there[last]
        else:
            there[last] = value
    except (KeyError, IndexError):
        return document
    return copy_of_it


Spoil = Callable[[str, Any], Any]


def whole(operation: str, document: Any) -> Any:
    """The good answer as it is."""
    return document


def prepare(stand_in: StandIn, catalog: Catalog, spoil: Spoil = whole) -> None:
    """A product with our version, and a change set after that which failed."""
    stand_in.restart()
    stand_in.spoil = spoil
    stand_in.steps = 1
    stand_in.published = dict(made().templates)
    list(submit(catalog, made(), lambda: None, Waiting().polling))
    stand_in.outcomes["APPLY"] = [Outcome("FAILED", (("SCAN_ERROR", "Port 22."), ("NEW", "x")), description="No.")]
    failed = stand_in.begin("New prices")
    while catalog.describe(failed).active:
        pass


def record(stand_in: StandIn, catalog: Catalog) -> Mapping[str, Any]:
    """The last answer of each operation."""
    answers: dict[str, Any] = {}

    def keep(operation: str, document: Any) -> Any:
        answers[operation] = copy.deepcopy(document)
        return document

    prepare(stand_in, catalog, keep)
    read_everything(stand_in, catalog)
    return answers


def read_everything(stand_in: StandIn, catalog: Catalog) -> list[str]:
    """What the steps that only read print; a ``UserError`` counts as what the command line prints of it."""
    newest = next(reversed(stand_in.change_sets))
    lines: list[str] = []
    for step in (
        lambda: status(catalog, PRODUCT),
        lambda: status(catalog, newest),
        lambda: map(str, drift(catalog, made(), lambda url: TEMPLATE)),
    ):
        try:
            lines += step()
        except UserError as error:
            lines += [error.what, error.next_step]
    return lines


def submitted(catalog: Catalog, submission: Submission) -> list[str]:
    """What ``submit`` prints, until it ends or has waited fifty times."""
    waiting = Waiting()

    def interrupt() -> None:
        raise KeyboardInterrupt

    waiting.during[50] = interrupt
    lines: list[str] = []
    try:
        lines += submit(catalog, submission, lambda: None, waiting.polling)
    except UserError as error:
        lines += [error.what, error.next_step]
    except KeyboardInterrupt:
        pass
    return lines + [line.strip() for line in waiting.reported]


def assert_fit_for_a_terminal(lines: list[str], case: object) -> None:
    for line in lines:
        assert line.isprintable(), (case, line)
        assert len(line) < 20_000, (case, line[:200])
        assert "boto3 failed" not in line, (case, line)  # it was foreseen


Case = tuple[str, Place, str]


def cases(answers: Mapping[str, Any]) -> Iterator[Case]:
    """Operation, place and way of each fault."""
    for operation, document in answers.items():
        for place in places(document):
            for way in WAYS:
                yield operation, place, way


def fault(case: Case) -> Spoil:
    operation, place, way = case
    return lambda name, document: spoiled(document, place, WAYS[way]) if name == operation else document


# Each 23rd case, and each; 23 and 5 have no divisor in common with the number of ways.
@pytest.mark.parametrize("step", [23, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_every_place_of_every_answer_spoiled_in_every_way_is_read_or_refused_in_a_sentence(stand_in, catalog, step):
    answers = record(stand_in, catalog)
    assert answers.keys() == {"DescribeEntity", "ListChangeSets", "DescribeChangeSet", "StartChangeSet"}
    prepare(stand_in, catalog)
    every = [*cases(answers)]
    assert len(every) > 1000
    for case in every[::step]:
        stand_in.spoil = fault(case)
        assert_fit_for_a_terminal(read_everything(stand_in, catalog), case)


def submit_with(stand_in: StandIn, catalog: Catalog, case: Case) -> None:
    """Run a submission with a fault, and without it once more: the version is there once."""
    stand_in.restart()
    stand_in.steps = 1
    stand_in.begin("Old prices", status="SUCCEEDED")
    stand_in.spoil = fault(case)
    for _ in range(2):
        assert_fit_for_a_terminal(submitted(catalog, made()), case)
    stand_in.spoil = whole
    lines = submitted(catalog, made())
    assert any(line.startswith(f"The product {PRODUCT} has ") for line in lines), (case, lines)
    ours = [each["ChangeSetName"] for each in stand_in.of("APPLY") if each["ChangeSetName"] == f"{made().name} apply"]
    assert len(ours) == 1, case
    assert stand_in.titles() == ["1.0.0"], case


@pytest.mark.parametrize("step", [23, pytest.param(5, marks=pytest.mark.exhaustive)])
def test_a_submission_with_spoiled_answers_is_made_once(stand_in, catalog, step):
    for case in [*cases(record(stand_in, catalog))][::step]:
        submit_with(stand_in, catalog, case)


def test_a_change_set_that_the_list_gives_another_name_is_not_started_again(stand_in, catalog):
    stand_in.steps = 1
    stand_in.spoil = fault(("ListChangeSets", ("ChangeSetSummaryList", 0, "ChangeSetName"), "huge"))
    submitted(catalog, made())
    assert [each["Intent"] for each in stand_in.change_sets.values()] == ["VALIDATE", "APPLY"]
    assert stand_in.titles() == ["1.0.0"]


def test_answers_that_contradict_each_other_for_ever_are_given_up(stand_in, catalog):
    stand_in.steps = 0
    stand_in.spoil = fault(("DescribeChangeSet", ("ChangeSetName",), "huge"))
    with pytest.raises(UserError, match=f"AWS's answers about {PRODUCT} contradict each other: .* after 30 steps"):
        list(submit(catalog, made(), lambda: None, Waiting().polling))
    assert [each["Intent"] for each in stand_in.change_sets.values()] == ["VALIDATE"]


# Answers as a whole.


@pytest.mark.parametrize("operation", ["DescribeEntity", "ListChangeSets", "DescribeChangeSet", "StartChangeSet"])
@pytest.mark.parametrize(
    "body", [b"", b"<html>\x1b[2J</html>", b"null", b"[]", b'{"ChangeSetId": "abc', b"\xff", b"{}"]
)
def test_an_operation_that_answers_something_else_submits_nothing_twice(stand_in, catalog, operation, body):
    stand_in.steps = 1
    stand_in.spoil = lambda name, document: body if name == operation else document
    lines = submitted(catalog, made())
    assert_fit_for_a_terminal(lines, operation)
    if (operation, body) != ("ListChangeSets", b"{}"):  # no list is an empty list, and the tokens keep us safe
        assert len(stand_in.change_sets) == (operation in ("DescribeChangeSet", "StartChangeSet"))
        assert re.search(r"could not be (read|listed|started): (the answer is|AWS's answer is not usable)", lines[-2])
    stand_in.spoil = whole
    submitted(catalog, made())
    assert [each["Intent"] for each in stand_in.change_sets.values()] == ["VALIDATE", "APPLY"]
    assert stand_in.titles() == ["1.0.0"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("EntityIdentifier", "prod-other@5", "because it is about prod-other."),
        ("EntityIdentifier", "prod-\x1b[2J", r"because its EntityIdentifier is “prod-\x1b[2J”."),
        ("EntityIdentifier", None, "because its EntityIdentifier is missing."),
        ("DetailsDocument", [], "because its DetailsDocument is not a map."),
    ],
)
def test_an_answer_about_another_product_or_without_its_document_is_refused(stand_in, catalog, field, value, said):
    stand_in.spoil = lambda name, document: {**document, field: value}
    with pytest.raises(UserError) as raised:
        catalog.entity(PRODUCT)
    assert raised.value.what.endswith(f"AWS's answer is not usable, {said}")


@pytest.mark.parametrize("details", ["", "{", "[]", "7", "null", "[" * 100_000, None, "1" * 10_000])
def test_details_that_are_no_document_are_refused(stand_in, catalog, details):
    stand_in.spoil = lambda name, document: {**document, "DetailsDocument": None, "Details": details}
    with pytest.raises(UserError, match="its DetailsDocument is not a map"):
        catalog.entity(PRODUCT)


def test_details_as_a_string_are_as_good_as_the_document(stand_in, catalog):
    stand_in.spoil = lambda name, document: {**document, "DetailsDocument": None}
    assert catalog.entity(PRODUCT).document == stand_in.document


def test_an_answer_about_another_change_set_is_refused(stand_in, catalog):
    identifier = stand_in.begin("New prices")
    stand_in.spoil = lambda name, document: {**document, "ChangeSetId": "another"}
    with pytest.raises(UserError, match=f"The change set {identifier} could not be read: .* it is about another"):
        catalog.describe(identifier)


# Statuses.


@pytest.mark.parametrize("unknown", ["PENDING_REVIEW", "succeeded", "Failed", "\x1b[2J"])
@pytest.mark.parametrize("intent", ["VALIDATE", "APPLY"])
def test_a_change_set_with_an_unknown_status_is_followed_until_it_ends(stand_in, catalog, waiting, unknown, intent):
    stand_in.steps = 3

    def rename(operation: str, document: Any) -> Any:
        text = json.dumps(document)
        of_intent = document.get("Intent") == intent or f"{made().name} {intent.lower()}" in text
        return json.loads(text.replace('"APPLYING"', json.dumps(unknown))) if of_intent else document

    stand_in.spoil = rename
    lines = list(submit(catalog, made(), lambda: None, waiting.polling))
    assert [each["Intent"] for each in stand_in.change_sets.values()] == ["VALIDATE", "APPLY"]
    assert stand_in.titles() == ["1.0.0"]
    assert lines[-1].startswith(f"The product {PRODUCT} has version")
    said = [line for line in waiting.reported if "is not known here, and it counts as one that has not ended" in line]
    assert len(said) == 1
    assert json.dumps(unknown)[1:-1].replace("\\u001b", r"\x1b") in said[0]


def test_a_change_set_with_an_unknown_status_is_found_by_the_next_run_and_never_started_again(stand_in, catalog):
    stand_in.steps = 1
    stand_in.outcomes["APPLY"] = [Outcome("ON_HOLD")]
    for _ in range(3):
        assert any("ON_HOLD" in line for line in submitted(catalog, made()))
    assert [each["Intent"] for each in stand_in.change_sets.values()] == ["VALIDATE", "APPLY"]


def test_another_change_set_with_an_unknown_status_is_in_the_way(stand_in, catalog):
    other = stand_in.begin("New prices", status="ON_HOLD")
    with pytest.raises(UserError, match=rf"Another change set has not ended \(ON_HOLD\): {other}"):
        list(submit(catalog, made(), lambda: None, Waiting().polling))
    assert len(stand_in.change_sets) == 1


@pytest.mark.parametrize("value", [None, "", 7, [], REMOVED])
@pytest.mark.parametrize("operation", ["ListChangeSets", "DescribeChangeSet"])
def test_a_change_set_without_a_status_stops_a_submission(stand_in, catalog, operation, value):
    other = stand_in.begin("New prices")
    place = ("ChangeSetSummaryList", 0, "Status") if operation == "ListChangeSets" else ("Status",)
    stand_in.spoil = fault((operation, place, "removed"))
    if value is not REMOVED:
        stand_in.spoil = lambda name, document: spoiled(document, place, value) if name == operation else document
    with pytest.raises(
        UserError, match=r"could not be (listed|read): (AWS's answer .*Status is missing|Status is not a)"
    ):
        list(submit(catalog, made(), lambda: None, Waiting().polling))
    assert [*stand_in.change_sets] == [other]


# Pages.


@pytest.mark.parametrize(
    ("tokens", "said", "pages"),
    [
        (lambda number: "same", "one of its pages is followed by an earlier one", 2),
        (lambda number: "abc"[number % 3], "one of its pages is followed by an earlier one", 4),
        (lambda number: f"page{number}", f"it has more than {MOST_PAGES} pages", MOST_PAGES),
    ],
)
def test_a_list_of_change_sets_that_never_ends_is_refused(stand_in, catalog, tokens, said, pages):
    def more(operation: str, document: Any) -> Any:
        return {**document, "NextToken": tokens(stand_in.calls("ListChangeSets"))}

    stand_in.spoil = more
    stand_in.ListChangeSets = lambda **arguments: {"ChangeSetSummaryList": []}
    with pytest.raises(UserError, match=f"The change sets of the product {PRODUCT} could not be listed: .*{said}"):
        catalog.change_sets(PRODUCT)
    assert stand_in.calls("ListChangeSets") == pages
    del stand_in.ListChangeSets


def test_as_many_pages_as_there_may_be_are_read(stand_in, catalog):
    identifiers = [stand_in.begin(f"Number {number}", status="SUCCEEDED") for number in range(20 * MOST_PAGES)]
    assert [each.identifier for each in catalog.change_sets(PRODUCT)] == identifiers[::-1]
    assert stand_in.calls("ListChangeSets") == MOST_PAGES


# Texts.


def test_many_errors_and_versions_are_shown_in_part(stand_in, catalog):
    stand_in.outcomes["APPLY"] = [Outcome("FAILED", tuple((f"CODE_{number}", "No.") for number in range(1000)))]
    stand_in.steps = 1
    failed = stand_in.begin("New prices")
    stand_in.document["Versions"] = [{"VersionTitle": f"\x1b[{number}m"} for number in range(10_000)]
    lines = [*status(catalog, failed, follow=True, polling=Waiting().polling), *status(catalog, PRODUCT)]
    assert_fit_for_a_terminal(lines, "")
    assert any(line.endswith("(CODE_19); and 980 more.") for line in lines)
    assert any(r"versions: \x1b[0m, \x1b[1m, " in line for line in lines)


def test_a_lock_by_thousands_of_change_sets_names_a_few(stand_in, catalog):
    def lock(operation: str, document: Any) -> Any:
        named = ", ".join(f"changeset{number:015}" for number in range(10_000))
        raise ApiError("ResourceInUseException", f"\x1b entities locked by change sets - change sets: {named}.")

    stand_in.spoil = lock
    with pytest.raises(ProductLocked) as locked:
        catalog.start(made().request("VALIDATE", "5"))
    assert_fit_for_a_terminal([locked.value.what], "")
    assert 1 < len(locked.value.change_sets) < 100
