"""Validating a submission, applying it, and following what AWS Marketplace makes of it.

The rule: there is never a second change set of the same content and intent while the first one is going on or after it
has succeeded, however often the command is interrupted and repeated, and on however many machines. Nothing is
remembered here for that: ``next_step`` decides from what AWS shows, the change sets' names say what is ours, and
where the list is late (ListChangeSets shows a new change set only after a moment), the token of the request makes AWS
answer with the change set that it has.

Applying locks the product's revision: AWS refuses it when somebody has changed the product since it was read. A
validation is good for the product as it was. When the product has changed since, it is validated once more; when it
changes during that as well, the command gives up, because somebody is working on the product.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from quilt_cfn.delivery.marketplace.catalog import REQUESTS, Catalog, ChangeSet, Entity, Locked, Refused
from quilt_cfn.delivery.marketplace.drift import find_version, texts, versions
from quilt_cfn.delivery.marketplace.submission import Submission
from quilt_cfn.errors import UserError

VALIDATE = "VALIDATE"
APPLY = "APPLY"

_PATIENCE = 4
"""How often the change sets are read again when AWS says that there is one and doesn't list it."""
_LISTED = 10
"""How many change sets of a product ``status`` shows."""
_AGAIN = "Run the command again: it starts a new attempt."


class Wait(NamedTuple):
    """How the end of a change set is waited for, which takes from half a minute to a day."""

    first: float = 15.0
    """Seconds to the first look."""
    most: float = 60.0
    """Seconds between two looks, later on."""
    pause: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)
    """Progress, which is no result."""


PATIENTLY = Wait()


class Look(NamedTuple):
    """What AWS showed, and what this run has seen before."""

    entity: Entity
    change_sets: Sequence[ChangeSet]
    """Newest first, those that matter with all that DescribeChangeSet tells."""
    followed: frozenset[str] = frozenset()
    """The change sets that this run started or waited for."""
    documents: Mapping[str, Mapping[str, Any]] = {}
    """Revision -> the product's document, as this run has seen them."""


class Start(NamedTuple):
    """Start a change set; ``after`` is the ID of the one of the same name that it comes after, or empty."""

    intent: str
    after: str


class Join(NamedTuple):
    """Wait for the end of a change set that is going on."""

    change_set: ChangeSet


class Done(NamedTuple):
    """There is nothing left to do."""

    what: str


class Refuse(NamedTuple):
    """There is nothing that may be done."""

    what: str
    next_step: str


Step = Start | Join | Done | Refuse


def validate(catalog: Catalog, submission: Submission, wait: Wait = PATIENTLY) -> Iterator[str]:
    """Have AWS rehearse the submission (Intent=VALIDATE), which changes nothing; yields lines about it.

    Returns when AWS has found nothing to refuse; raises ``UserError`` otherwise.
    """
    return _carry_out(catalog, submission, VALIDATE, wait)


def submit(
    catalog: Catalog, submission: Submission, verified: Callable[[], object], wait: Wait = PATIENTLY
) -> Iterator[str]:
    """Validate the submission, then apply it, and follow it to the end; yields lines about it.

    ``verified`` raises ``UserError`` unless the version is published as it was released; it is asked before AWS is.
    Returns when the product has the version; raises ``UserError`` otherwise.
    """
    verified()
    yield from _carry_out(catalog, submission, APPLY, wait)


def status(catalog: Catalog, about: str, follow: bool = False, wait: Wait = PATIENTLY) -> Iterator[str]:
    """Lines about a product's change sets, or about one change set, and what happens next.

    ``about`` is a product's ID or a change set's. With ``follow``, waits for the end of what is going on.
    """
    if not _PRODUCT.fullmatch(about):
        yield from _told(catalog, catalog.describe(about), follow, wait)
        return
    entity = catalog.entity(about)
    titles = [str(each.get("VersionTitle", "")) for each in versions(entity.document)]
    yield f"Product {entity.identifier}, revision {entity.revision}; versions: {', '.join(titles) or 'none'}."
    change_sets = catalog.change_sets(about)
    if not change_sets:
        yield "There was no change set in the last 60 days."
    for change_set in change_sets[1:_LISTED][::-1]:
        yield _line(change_set)
    for change_set in change_sets[:1]:
        yield from _told(catalog, catalog.describe(change_set.identifier), follow, wait)


def next_step(goal: str, submission: Submission, look: Look) -> Step:
    """What to do about a submission; ``goal`` is VALIDATE or APPLY. It asks nobody."""
    applied = _newest(look, submission, APPLY)
    validated = _newest(look, submission, VALIDATE)
    title = submission.title
    if applied and applied.active and goal == VALIDATE:
        return Done(f"Version “{title}” is being applied already, as change set {applied.identifier}.")
    if applied and applied.active:
        return Join(applied)
    if applied and applied.status == "SUCCEEDED":
        return Done(f"The product {submission.product} has version “{title}”, from change set {applied.identifier}.")
    version = find_version(look.entity.document, title)
    if version is not None:
        return _taken(submission, texts(version, submission.details))
    if validated and validated.active:
        return Join(validated)
    for mine in (applied, validated):
        if mine and mine.identifier in look.followed and mine.status != "SUCCEEDED":
            return Refuse(*explain(mine))
    ours = {applied, validated}
    other = next((each for each in look.change_sets if each.active and each not in ours), None)
    if other:
        return Refuse(
            f"Another change set is going on: {_named(other)}, and a product takes one at a time.",
            f"Wait for its end (quilt-cfn marketplace status {other.identifier} --follow), then run the command again.",
        )
    if not look.entity.revision:
        return Refuse(
            f"AWS doesn't tell the revision of {submission.product}, which keeps two changes apart.",
            "Check that it is the ID of an AMI product, prod-….",
        )
    if validated is None:
        return Start(VALIDATE, "")
    if validated.status != "SUCCEEDED":
        return Start(VALIDATE, validated.identifier)
    if not _holds(validated, look):
        if _validations(submission, look) > 1:
            return Refuse(
                f"The product {submission.product} changed while it was being validated, twice.",
                "Ask who else is working on it, then run the command again.",
            )
        return Start(VALIDATE, validated.identifier)
    if goal == VALIDATE:
        return Done(f"AWS found nothing to refuse in version “{title}” (change set {validated.identifier}).")
    return Start(APPLY, applied.identifier if applied else "")


def explain(change_set: ChangeSet) -> tuple[str, str]:
    """Why a change set came to nothing, and what to do: two texts of plain sentences."""
    what = "The validation" if change_set.intent == VALIDATE else "The change set"
    if change_set.status == "CANCELLED":
        return f"{what} was cancelled: {_named(change_set)}.", _AGAIN
    said = [change_set.description, *(f"{message.rstrip('. ')} ({code})" for code, message in change_set.errors)]
    reasons = "; ".join(" ".join(each.split()).rstrip(".") for each in said if each.strip())
    sentence = f"{what} failed: {_named(change_set)}{f': {reasons}' if reasons else ''}."
    if change_set.failure == "SERVER_FAULT":
        return sentence, f"That is a fault on AWS's side. {_AGAIN}"
    known = dict.fromkeys(_MENDS[code] for code, _ in change_set.errors if code in _MENDS)
    return sentence, f"{' '.join(known) or 'Mend what AWS names.'} {_AGAIN}"


# Codes of AddDeliveryOptions: "Asynchronous errors" of AWS's pages on AMI and container products
# (https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-single-ami-products.html), and sellers'
# reports.
# Another code is told in AWS's own words.
_LISTING = "Correct the texts of the listing."
_ROLE = "Check the AccessRoleArn: AWS Marketplace has to be able to assume the role and read the AMI."
_MENDS = {
    "INVALID_PRODUCT": "Versions can only be added to a product that is limited or public.",
    "INCOMPATIBLE_PRODUCT_STATUS": "Versions can only be added to a product that is limited or public.",
    "DUPLICATE_VERSION_TITLE": "The title is taken by another version: release a new version.",
    "INVALID_VERSION_TITLE": _LISTING,
    "INVALID_RELEASE_NOTES": _LISTING,
    "INVALID_USAGE_INSTRUCTIONS": _LISTING,
    "INVALID_SHORT_DESCRIPTION": _LISTING,
    "INVALID_LONG_DESCRIPTION": _LISTING,
    "INVALID_FULFILLMENT_OPTION_TITLE": _LISTING,
    "DUPLICATE_DELIVERY_OPTION_TITLES": _LISTING,
    "INVALID_DELIVERY_OPTION_TITLES": _LISTING,
    "RECOMMENDED_INSTANCE_TYPE_NOT_AVAILABLE": "Recommend an instance type that the product offers.",
    "INVALID_AMI_ARCHITECTURE": "A product keeps the CPU architecture of its first version: build that.",
    "INVALID_ARN": _ROLE,
    "IMAGE_INACCESSIBLE": _ROLE,
    "IMAGE_NOT_FOUND": "Check the AMI's ID: it has to be in us-east-1, in the seller's own account.",
    "SCAN_ERROR": "Mend what the scan found in the AMI; the report behind the link is kept for 60 days.",
}

# prod-… and, for products of before 2021, a UUID; a change set's ID has neither form.
_PRODUCT = re.compile(r"prod-[\w-]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_HAPPENS = {
    ("PREPARING", VALIDATE): "AWS checks the texts, the templates and the AMI, and changes nothing",
    ("APPLYING", VALIDATE): "AWS checks the texts, the templates and the AMI, and changes nothing",
    (
        "PREPARING",
        APPLY,
    ): "AWS checks the request and scans the AMI; until that has ended it can be cancelled",
    ("APPLYING", APPLY): "AWS copies the templates and the AMI to all Regions, which takes up to a day",
    ("SUCCEEDED", VALIDATE): "AWS found nothing to refuse; quilt-cfn marketplace submit applies it",
    ("SUCCEEDED", APPLY): "the product has the change; quilt-cfn marketplace drift compares what buyers get",
}


def _carry_out(catalog: Catalog, submission: Submission, goal: str, wait: Wait) -> Iterator[str]:
    """Look, decide, do, until there is nothing left to do."""
    followed: list[str] = []
    named: list[str] = []  # by AWS, as what keeps ours from starting
    documents: dict[str, Mapping[str, Any]] = {}
    refusals = 0
    while True:
        entity, change_sets = _look(catalog, submission, [*followed, *named])
        documents.setdefault(entity.revision, entity.document)
        step = next_step(goal, submission, Look(entity, change_sets, frozenset(followed), documents))
        if isinstance(step, Done):
            yield step.what
            return
        if isinstance(step, Refuse):
            raise UserError(*step)
        if isinstance(step, Join):
            followed.append(step.change_set.identifier)
            yield _line(_followed(catalog, step.change_set, wait))
            continue
        try:
            with _said_on_interrupt(wait, "A change set may have been started. The same command joins it."):
                identifier = catalog.start(submission.request(step.intent, entity.revision, step.after))
        except Refused as refusal:
            refusals += 1
            locked_by = [each for each in getattr(refusal, "change_sets", ()) if each not in named]
            moved = catalog.entity(submission.product).revision != entity.revision
            if refusals > _PATIENCE or not (locked_by or moved or _will_be_listed(refusal)):
                raise
            named += locked_by
            if not (locked_by or moved):
                wait.pause(wait.first)
            continue
        followed.append(identifier)
        doing = "Validating" if step.intent == VALIDATE else "Applying"
        yield f"{doing}: change set {identifier}, {REQUESTS}{identifier}"


def _look(catalog: Catalog, submission: Submission, known: Sequence[str]) -> tuple[Entity, list[ChangeSet]]:
    """The product and its change sets, newest first; those that decide are described, as the list may be late."""
    entity = catalog.entity(submission.product)
    listed = catalog.change_sets(submission.product)
    unlisted = [each for each in dict.fromkeys(reversed(known)) if each not in {each.identifier for each in listed}]
    names = {_name(submission, intent) for intent in (VALIDATE, APPLY)}
    described: list[ChangeSet] = [catalog.describe(each) for each in unlisted]
    seen = {each.name for each in described} & names
    for change_set in listed:
        decides = change_set.active or (change_set.name in names and change_set.name not in seen)
        seen |= {change_set.name} & names
        described.append(catalog.describe(change_set.identifier) if decides else change_set)
    return entity, described


def _followed(catalog: Catalog, change_set: ChangeSet, wait: Wait) -> ChangeSet:
    """A change set at its end."""
    from tqdm import tqdm  # late: only who waits needs it

    identifier, seconds, told = change_set.identifier, wait.first, ""
    goes_on = (
        f"The change set {identifier} goes on without us. The same command joins it again; "
        f"quilt-cfn marketplace status {identifier} shows how it stands."
    )
    clock = tqdm(disable=not sys.stderr.isatty(), leave=False, bar_format="{desc} for {elapsed}")
    with clock, _said_on_interrupt(wait, goes_on):
        while change_set.active:
            if change_set.status != told:
                wait.say(_line(change_set))
                told = change_set.status
            clock.set_description_str(told)
            wait.pause(seconds)
            seconds = min(seconds * 1.5, wait.most)
            change_set = catalog.describe(identifier)
    return change_set


@contextlib.contextmanager
def _said_on_interrupt(wait: Wait, what: str) -> Iterator[None]:
    """On Ctrl-C says what that does not stop."""
    try:
        yield
    except KeyboardInterrupt:
        wait.say(f"\n{what}")
        raise


def _told(catalog: Catalog, change_set: ChangeSet, follow: bool, wait: Wait) -> Iterator[str]:
    """Lines about one change set, at its end if it is to be followed."""
    if follow and change_set.active:
        change_set = _followed(catalog, change_set, wait)
    yield _line(change_set)
    if change_set.status in ("FAILED", "CANCELLED"):
        yield from explain(change_set)


def _line(change_set: ChangeSet) -> str:
    happens = _HAPPENS.get((change_set.status, change_set.intent), "")
    when = change_set.ended or change_set.started
    return f"{when} {change_set.status}: {_named(change_set)}{f'; {happens}' if happens else ''}."


def _named(change_set: ChangeSet) -> str:
    return f"{change_set.identifier} “{change_set.name}”" if change_set.name else change_set.identifier


def _name(submission: Submission, intent: str) -> str:
    """What the change sets of this content and intent are called."""
    name: str = submission.request(intent, "")["ChangeSetName"]
    return name


def _newest(look: Look, submission: Submission, intent: str) -> ChangeSet | None:
    name = _name(submission, intent)
    return next((each for each in look.change_sets if each.name == name), None)


def _holds(validated: ChangeSet, look: Look) -> bool:
    """Is the product still what it was when this validation began?"""
    if validated.revision in ("", look.entity.revision):
        return True
    # A revision may be new and the product the same: what this run saw at the validation's revision decides.
    return look.documents.get(validated.revision) == look.entity.document


def _validations(submission: Submission, look: Look) -> int:
    """How many validations this run has followed to their success."""
    name = _name(submission, VALIDATE)
    return sum(
        each.identifier in look.followed and each.name == name and each.status == "SUCCEEDED"
        for each in look.change_sets
    )


def _taken(submission: Submission, differences: Sequence[str]) -> Done | Refuse:
    """The product has a version of this title: ours, or another one."""
    has = f"The product {submission.product} has a version “{submission.title}” already"
    if not differences:
        return Done(f"{has}, with the texts of this one; quilt-cfn marketplace drift compares the templates.")
    return Refuse(
        f"{has}, and it is another one. {differences[0]}",
        "What was submitted can't be replaced: release a new version.",
    )


def _will_be_listed(refusal: Refused) -> bool:
    """Is the reason a change set that the list doesn't show yet, ours perhaps?"""
    return isinstance(refusal, Locked) or "token" in refusal.what.lower()
