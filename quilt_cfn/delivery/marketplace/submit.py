"""Validates a submission, applies it, and follows its change sets to their end.

``next_step`` decides what to do from what AWS shows, ``_execute`` does it until nothing is left to do. However often
the command is interrupted and repeated, and on however many computers, there is never a second change set of the same
content and intent while the first has not ended or after it has succeeded. Nothing is stored for that: the change sets'
names tell which are ours, and where ListChangeSets does not show a new change set yet, the token of the request makes
AWS answer with the change set that it has. A change set has ended when AWS says one of the three words for that; one
with a status that nobody here knows is waited for.

Applying names the product's revision, so AWS refuses it if the product was changed since it was read. A validation is
only valid for the product as it was: if the product has changed since, it is validated once more, and if it changes
during that as well, the command gives up, because somebody else is editing the product.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from quilt_cfn.delivery.marketplace.catalog import FINAL, REQUESTS, ApiError, Catalog, ChangeSet, Entity, ProductLocked
from quilt_cfn.delivery.marketplace.drift import find_version, text_differences, versions
from quilt_cfn.delivery.marketplace.submission import Submission
from quilt_cfn.delivery.progress import waiting_for
from quilt_cfn.errors import UserError
from quilt_cfn.text import printable, shown

VALIDATE = "VALIDATE"
APPLY = "APPLY"

_MOST_RETRIES = 4
"""How often the change sets are read again when AWS says that there is one and does not list it."""
_MOST_STEPS = 30
"""As many steps are taken; a submission needs five, and twelve if everything has to be done twice."""
_MOST_SHOWN = 10
"""How many change sets of a product ``status`` shows."""
_MOST_TITLES = 1000
"""How many characters of the titles of a product's versions ``status`` shows."""
_MOST_ERRORS = 20
"""How many errors of a change set are shown."""
_RUN_AGAIN = "Run the command again: it starts a new attempt."


class Polling(NamedTuple):
    """How to wait for the end of a change set, which takes from half a minute to a day."""

    first: float = 15.0
    """Seconds before the first call."""
    longest: float = 60.0
    """Seconds between two calls, later on."""
    sleep: Callable[[float], None] = time.sleep
    report: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)
    """Prints a line of progress."""


POLLING = Polling()


class State(NamedTuple):
    """What AWS shows of a product, and what this run knows about it."""

    entity: Entity
    change_sets: Sequence[ChangeSet]
    """Newest first; those that matter as DescribeChangeSet describes them."""
    followed: frozenset[str] = frozenset()
    """IDs of the change sets that this run started or waited for."""
    documents: Mapping[str, Mapping[str, Any]] = {}
    """Revision -> the product's document, as this run has read it."""


class Start(NamedTuple):
    """Start a change set; ``retry_of`` is the ID of the last one of the same name, or empty."""

    intent: str
    retry_of: str


class Follow(NamedTuple):
    """Wait for the end of a change set that has been started."""

    change_set: ChangeSet


class Done(NamedTuple):
    """Nothing is left to do; ``what`` is the result, a sentence."""

    what: str


Step = Start | Follow | Done


def validate(catalog: Catalog, submission: Submission, polling: Polling = POLLING) -> Iterator[str]:
    """Have AWS validate the submission (Intent=VALIDATE), which changes nothing; yields lines about it.

    Returns when AWS has found nothing to refuse; raises ``UserError`` otherwise.
    """
    return _execute(catalog, submission, VALIDATE, polling)


def submit(
    catalog: Catalog, submission: Submission, verify_published: Callable[[], object], polling: Polling = POLLING
) -> Iterator[str]:
    """Validate the submission, then apply it, and follow it to its end; yields lines about it.

    ``verify_published`` raises ``UserError`` unless the version is published as it was released; it is called before
    AWS is. Returns when the product has the version; raises ``UserError`` otherwise.
    """
    with waiting_for("Reading what is published"):
        verify_published()
    yield from _execute(catalog, submission, APPLY, polling)


def status(catalog: Catalog, about: str, follow: bool = False, polling: Polling = POLLING) -> Iterator[str]:
    """Lines about a product's change sets, or about one change set, and what happens next.

    ``about`` is the ID of a product or of a change set. With ``follow``, waits for the end of the newest change set.
    """
    if _PRODUCT.fullmatch(about):
        with waiting_for(f"Reading the product {about} and its change sets"):
            entity, change_sets = catalog.entity(about), catalog.change_sets(about)
        titles = shown(", ".join(str(each.get("VersionTitle", "")) for each in versions(entity.document)), _MOST_TITLES)
        yield f"Product {entity.identifier}, revision {entity.revision}; versions: {titles or 'none'}."
        if not change_sets:
            yield "There was no change set in the last 60 days."
            return
        yield from map(_line, change_sets[1:_MOST_SHOWN][::-1])
        about = change_sets[0].identifier
    with waiting_for(f"Reading the change set {about}"):
        change_set = catalog.describe(about)
    if follow and change_set.active:
        change_set = _follow(catalog, change_set, polling)
    yield _line(change_set)
    if change_set.status in ("FAILED", "CANCELLED"):
        yield from explain(change_set)


def next_step(goal: str, submission: Submission, state: State) -> Step:
    """What to do next about a submission, decided from ``state`` alone; ``goal`` is VALIDATE or APPLY.

    Raises ``UserError`` when nothing can be done.
    """
    applied = _newest(state, submission, APPLY)
    validated = _newest(state, submission, VALIDATE)
    title = submission.title
    if applied and applied.active and goal == VALIDATE:
        return Done(f"Version “{title}” is being applied already, as change set {applied.identifier}.")
    if applied and applied.active:
        return Follow(applied)
    if applied and applied.status == "SUCCEEDED":
        return Done(f"The product {submission.product} has version “{title}”, from change set {applied.identifier}.")
    version = find_version(state.entity.document, title)
    if version is not None:
        return _title_exists(submission, version)
    if validated and validated.active:
        return Follow(validated)
    for ours in (applied, validated):
        if ours and ours.identifier in state.followed and ours.status != "SUCCEEDED":
            raise UserError(*explain(ours))
    other = next((each for each in state.change_sets if each.active and each not in (applied, validated)), None)
    if other:
        raise UserError(
            f"Another change set has not ended ({other.status}): {_name_of(other)}, and a product takes one at a time.",
            f"Wait for its end (quilt-cfn marketplace status {other.identifier} --follow), then run the command again.",
        )
    if not state.entity.revision:
        raise UserError(
            f"AWS returned no revision of {submission.product}, without which nothing can be submitted safely.",
            "Check that it is the ID of an AMI product, prod-….",
        )
    if validated is None:
        return Start(VALIDATE, "")
    if validated.status != "SUCCEEDED":
        return Start(VALIDATE, validated.identifier)
    if not _is_valid_still(validated, state):
        if _followed_validations(submission, state) > 1:
            raise UserError(
                f"The product {submission.product} changed while it was being validated, twice.",
                "Find out who else is editing it, then run the command again.",
            )
        return Start(VALIDATE, validated.identifier)
    if goal == VALIDATE:
        return Done(f"AWS found nothing to refuse in version “{title}” (change set {validated.identifier}).")
    return Start(APPLY, applied.identifier if applied else "")


def explain(change_set: ChangeSet) -> tuple[str, str]:
    """Why a change set failed or was cancelled, and what to do about it."""
    what = "The validation" if change_set.intent == VALIDATE else "The change set"
    if change_set.status == "CANCELLED":
        return f"{what} was cancelled: {_name_of(change_set)}.", _RUN_AGAIN
    errors = [f"{message.rstrip('. ')} ({code})" for code, message in change_set.errors]
    more = [f"and {len(errors) - _MOST_ERRORS} more"] * (len(errors) > _MOST_ERRORS)
    errors = [change_set.description, *errors[:_MOST_ERRORS], *more]
    reasons = "; ".join(" ".join(each.split()).rstrip(".") for each in errors if each.strip())
    sentence = f"{what} failed: {_name_of(change_set)}{f': {reasons}' if reasons else ''}."
    if change_set.failure == "SERVER_FAULT":
        return sentence, f"The error is on AWS's side. {_RUN_AGAIN}"
    remedies = dict.fromkeys(_REMEDIES[code] for code, _ in change_set.errors if code in _REMEDIES)
    return sentence, f"{' '.join(remedies) or 'Fix what AWS names.'} {_RUN_AGAIN}"


# Error codes of AddDeliveryOptions: "Asynchronous errors" of AWS's pages on AMI and container products
# (https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-single-ami-products.html), and sellers'
# reports. An error with another code is reported in AWS's own words.
_TEXTS = "Correct the texts in marketplace/listing.yaml."
_ROLE = "Check ami.access_role: AWS Marketplace has to be able to assume the role and read the AMI."
_REMEDIES = {
    "INVALID_PRODUCT": "Versions can only be added to a product that is limited or public.",
    "INCOMPATIBLE_PRODUCT_STATUS": "Versions can only be added to a product that is limited or public.",
    "DUPLICATE_VERSION_TITLE": "The title is taken by another version: release a new version.",
    "INVALID_VERSION_TITLE": _TEXTS,
    "INVALID_RELEASE_NOTES": _TEXTS,
    "INVALID_USAGE_INSTRUCTIONS": _TEXTS,
    "INVALID_SHORT_DESCRIPTION": _TEXTS,
    "INVALID_LONG_DESCRIPTION": _TEXTS,
    "INVALID_FULFILLMENT_OPTION_TITLE": _TEXTS,
    "DUPLICATE_DELIVERY_OPTION_TITLES": _TEXTS,
    "INVALID_DELIVERY_OPTION_TITLES": _TEXTS,
    "RECOMMENDED_INSTANCE_TYPE_NOT_AVAILABLE": "Recommend an instance type that is enabled for the product.",
    "INVALID_AMI_ARCHITECTURE": "A product keeps the CPU architecture of its first version: build that.",
    "INVALID_ARN": _ROLE,
    "IMAGE_INACCESSIBLE": _ROLE,
    "IMAGE_NOT_FOUND": "Check the AMI's ID: it has to be in us-east-1, in the seller's own account.",
    "SCAN_ERROR": "Fix what the scan found in the AMI; the report behind the link is kept for 60 days.",
}

# prod-… and, for products of before 2021, a UUID; a change set's ID is neither.
_PRODUCT = re.compile(r"prod-[\w-]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_VALIDATING = "AWS checks the texts, the templates and the AMI, and changes nothing"
_MEANINGS = {
    ("PREPARING", VALIDATE): _VALIDATING,
    ("APPLYING", VALIDATE): _VALIDATING,
    ("PREPARING", APPLY): "AWS checks the request and scans the AMI; until that has ended it can be cancelled",
    ("APPLYING", APPLY): "AWS copies the templates and the AMI to all Regions, which takes up to a day",
    ("SUCCEEDED", VALIDATE): "AWS found nothing to refuse; quilt-cfn marketplace submit applies it",
    ("SUCCEEDED", APPLY): "the product has the change; quilt-cfn marketplace drift compares what buyers get",
}
"""(status, intent) of a change set -> what it means, and what comes next."""
_UNKNOWN = "what this status means is not known here, and it counts as one that has not ended"
_KNOWN = {"PREPARING", "APPLYING", *FINAL}


def _execute(catalog: Catalog, submission: Submission, goal: str, polling: Polling) -> Iterator[str]:
    """Take one step after the other, each decided from AWS's present state, until nothing is left to do."""
    followed: list[str] = []
    locking: list[str] = []  # the change sets that AWS has named as keeping ours from starting
    documents: dict[str, Mapping[str, Any]] = {}
    errors = 0
    for _ in range(_MOST_STEPS):
        with waiting_for(f"Reading the product {submission.product} and its change sets"):
            entity, change_sets = _read(catalog, submission, [*followed, *locking])
        documents.setdefault(entity.revision, entity.document)
        step = next_step(goal, submission, State(entity, change_sets, frozenset(followed), documents))
        if isinstance(step, Done):
            yield step.what
            return
        if isinstance(step, Follow):
            followed.append(step.change_set.identifier)
            yield _line(_follow(catalog, step.change_set, polling))
            continue
        try:
            may_go_on = "A change set may have been started. The same command follows it."
            with _report_on_interrupt(polling, may_go_on), waiting_for("Starting a change set"):
                identifier = catalog.start(submission.request(step.intent, entity.revision, step.retry_of))
        except ApiError as error:
            errors += 1
            locked_by = [each for each in getattr(error, "change_sets", ()) if each not in locking]
            moved = catalog.entity(submission.product).revision != entity.revision
            if errors > _MOST_RETRIES or not (locked_by or moved or _will_be_listed(error)):
                raise
            locking += locked_by
            if not (locked_by or moved):
                polling.sleep(polling.first)
            continue
        followed.append(identifier)
        doing = "Validating" if step.intent == VALIDATE else "Applying"
        yield f"{doing}: change set {identifier}, {REQUESTS}{identifier}"
    raise UserError(
        f"AWS's answers about {submission.product} contradict each other: nothing has ended after {_MOST_STEPS} steps.",
        f"Look at the change sets in the Management Portal, {REQUESTS}, before you run the command again.",
    )


def _read(catalog: Catalog, submission: Submission, known: Sequence[str]) -> tuple[Entity, list[ChangeSet]]:
    """The product and its change sets, newest first.

    Those on which ``next_step`` depends are described one by one, and so are those in ``known``, listed or not:
    ListChangeSets is late, and leaves out intent and revision.
    """
    entity = catalog.entity(submission.product)
    listed = catalog.change_sets(submission.product)
    unlisted = [each for each in dict.fromkeys(reversed(known)) if each not in {each.identifier for each in listed}]
    names = {submission.change_set_name(intent) for intent in (VALIDATE, APPLY)}
    described: list[ChangeSet] = [catalog.describe(each) for each in unlisted]
    seen = {each.name for each in described}
    for change_set in listed:
        decides = change_set.active or change_set.identifier in known or change_set.name in names - seen
        described.append(catalog.describe(change_set.identifier) if decides else change_set)
        seen.add(described[-1].name)
    return entity, described


def _follow(catalog: Catalog, change_set: ChangeSet, polling: Polling) -> ChangeSet:
    """Waits for the end of a change set and returns it as it is then."""
    from tqdm import tqdm  # late: only who waits needs it

    identifier, seconds, reported = change_set.identifier, polling.first, ""
    goes_on = (
        f"The change set {identifier} continues in AWS Marketplace. The same command follows it again; "
        f"quilt-cfn marketplace status {identifier} shows its status."
    )
    clock = tqdm(disable=not sys.stderr.isatty(), leave=False, bar_format="{desc} for {elapsed}")
    with clock, _report_on_interrupt(polling, goes_on):
        while change_set.active:
            if change_set.status != reported:
                polling.report(_line(change_set))
                reported = change_set.status
            clock.set_description_str(reported)
            polling.sleep(seconds)
            seconds = min(seconds * 1.5, polling.longest)
            change_set = catalog.describe(identifier)
    return change_set


@contextlib.contextmanager
def _report_on_interrupt(polling: Polling, line: str) -> Iterator[None]:
    """On Ctrl-C reports what goes on in spite of it."""
    try:
        yield
    except KeyboardInterrupt:
        polling.report(f"\n{line}")
        raise


def _line(change_set: ChangeSet) -> str:
    unknown = "" if change_set.status in _KNOWN else _UNKNOWN
    meaning = _MEANINGS.get((change_set.status, change_set.intent), unknown)
    when = change_set.ended or change_set.started
    return f"{when} {change_set.status}: {_name_of(change_set)}{f'; {meaning}' if meaning else ''}."


def _name_of(change_set: ChangeSet) -> str:
    return f"{change_set.identifier} “{change_set.name}”" if change_set.name else change_set.identifier


def _newest(state: State, submission: Submission, intent: str) -> ChangeSet | None:
    name = submission.change_set_name(intent)
    return next((each for each in state.change_sets if each.name == name), None)


def _is_valid_still(validated: ChangeSet, state: State) -> bool:
    """Whether the product is what it was when this validation began."""
    if validated.revision in ("", state.entity.revision):
        return True
    # A new revision may have the same content: compare with the document that this run has read at the old one.
    return state.documents.get(validated.revision) == state.entity.document


def _followed_validations(submission: Submission, state: State) -> int:
    """How many validations this run has followed until they succeeded."""
    name = submission.change_set_name(VALIDATE)
    return sum(
        each.identifier in state.followed and each.name == name and each.status == "SUCCEEDED"
        for each in state.change_sets
    )


def _title_exists(submission: Submission, version: Mapping[str, Any]) -> Done:
    """The end, if the product's version of this title is this submission; raises ``UserError`` if it is another one."""
    has = f"The product {submission.product} has a version “{submission.title}” already"
    differences = text_differences(version, submission)
    if not differences:
        return Done(f"{has}, with the texts of this one; quilt-cfn marketplace drift compares the templates.")
    raise UserError(
        f"{has}, and it is another one. {printable(differences[0].message)}",
        "A version can't be replaced: release a new version.",
    )


def _will_be_listed(error: ApiError) -> bool:
    """Whether the cause is a change set that ListChangeSets does not show yet; it may be ours."""
    return isinstance(error, ProductLocked) or "token" in error.what.lower()
