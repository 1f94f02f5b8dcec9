"""The calls of the AWS Marketplace Catalog API that a submission needs; no other module calls that API.

Answers become values, and errors become ``UserError`` with a sentence that says what they mean for the product. So does
an answer that is not what the API reference says. Texts in the values are printable, and on one line.

Source: https://docs.aws.amazon.com/marketplace/latest/APIReference/catalog-apis.html. The API has one endpoint, in
us-east-1; AWS_ENDPOINT_URL_MARKETPLACE_CATALOG names another.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn import aws
from quilt_cfn.errors import UserError

CATALOG = "AWSMarketplace"
REQUESTS = "https://aws.amazon.com/marketplace/management/requests/"
"""URL of a change set's page in the Management Portal, without the change set's ID at the end."""


MOST_PAGES = 100
"""As many pages of change sets are read, of 20 each: nobody has made 2,000 change sets of a product in 60 days."""
FINAL = ("SUCCEEDED", "CANCELLED", "FAILED")
"""The statuses of a change set that has ended
(https://docs.aws.amazon.com/marketplace/latest/APIReference/API_DescribeChangeSet.html). Every other one, whether we
know it or not, is that of a change set that goes on."""


class Entity(NamedTuple):
    """A product as DescribeEntity describes it."""

    identifier: str
    revision: str
    """A number that grows with every change; empty if the API returned none."""
    document: Mapping[str, Any]
    """DetailsDocument: Description, Versions, …; ``drift`` describes the shape of Versions."""


class ChangeSet(NamedTuple):
    """A change set as ListChangeSets or DescribeChangeSet describes it."""

    identifier: str
    name: str
    status: str
    started: str
    """UTC, such as 2026-02-27T13:45:22Z."""
    ended: str = ""
    intent: str = ""
    """VALIDATE or APPLY; empty from ListChangeSets."""
    revision: str = ""
    """Of the product, when the change set was started; empty from ListChangeSets."""
    failure: str = ""
    """CLIENT_ERROR or SERVER_FAULT, if it failed."""
    description: str = ""
    """Of a failure of the change set as a whole."""
    errors: tuple[tuple[str, str], ...] = ()
    """Code and message of each error."""

    @property
    def active(self) -> bool:
        """Whether it has not ended, and locks its product."""
        return self.status not in FINAL


class ApiError(UserError):
    """The API answered with an error, one of ``_MEANINGS``."""


class ProductLocked(ApiError):
    """Change sets that have not ended keep a new one from starting; AWS names some of them, or none."""

    def __init__(self, what: str, next_step: str, change_sets: tuple[str, ...]) -> None:
        super().__init__(what, next_step)
        self.change_sets = change_sets


class Catalog(NamedTuple):
    """The products of one AWS account; every method raises ``UserError``."""

    client: Any

    def entity(self, product: str) -> Entity:
        """A product in its present state."""
        with _user_errors(f"The product {product} could not be read", "DescribeEntity"):
            answer = self.client.describe_entity(Catalog=CATALOG, EntityId=product)
            identifier, _, revision = _identifier(answer, "EntityIdentifier").partition("@")
            if identifier != product:
                raise _Unexpected(f"it is about {identifier}")
            return Entity(identifier, revision, _document(answer))

    def change_sets(self, product: str) -> list[ChangeSet]:
        """The change sets of a product in the last 60 days, newest first. A new one is listed after a moment.

        A page without a list is empty: the reference does not promise a list.
        """
        found: list[ChangeSet] = []
        tokens: set[str] = set()
        with _user_errors(f"The change sets of the product {product} could not be listed", "ListChangeSets"):
            pages = self.client.get_paginator("list_change_sets").paginate(
                Catalog=CATALOG,
                FilterList=[{"Name": "EntityId", "ValueList": [product]}],
                Sort={"SortBy": "StartTime", "SortOrder": "DESCENDING"},
            )
            for page in pages:
                found += map(_change_set, page.get("ChangeSetSummaryList", []))
                token = page.get("NextToken", "")
                if token in tokens:  # botocore finds only a token that comes twice in a row
                    raise _Unexpected("one of its pages is followed by an earlier one")
                if len(tokens) == MOST_PAGES - 1 and token:
                    raise _Unexpected(f"it has more than {MOST_PAGES} pages")
                tokens |= {token} - {""}
        return found

    def describe(self, change_set: str) -> ChangeSet:
        """A change set in its present state."""
        with _user_errors(f"The change set {change_set} could not be read", "DescribeChangeSet"):
            described = _change_set(self.client.describe_change_set(Catalog=CATALOG, ChangeSetId=change_set))
            if described.identifier != change_set:
                raise _Unexpected(f"it is about {described.identifier}")
            return described

    def start(self, request: Mapping[str, Any]) -> str:
        """Starts a change set and returns its ID; if the request's token has started one before, the ID of that."""
        with _user_errors(f"The change set “{request['ChangeSetName']}” could not be started", "StartChangeSet"):
            return _identifier(self.client.start_change_set(**request), "ChangeSetId")


def connect() -> Catalog:
    """The catalog of the account whose credentials boto3 finds."""
    return Catalog(aws.client("marketplace-catalog", "us-east-1"))


class _Unexpected(Exception):
    """An answer that fits the types of the API, and not what its reference says; the argument says what is so."""


_LONGEST = 2048
"""Of the characters of a message, as the API's model says; other texts have at most 255."""
_IDENTIFIER = re.compile(r"[\w@-]{1,255}", re.ASCII)


def _identifier(answer: Mapping[str, Any], field: str) -> str:
    identifier = str(answer.get(field, ""))
    if not _IDENTIFIER.fullmatch(identifier):
        raise _Unexpected(f"its {field} is {f'“{aws.words(identifier, 50)}”' if identifier else 'missing'}")
    return identifier


def _text(answer: Mapping[str, Any], field: str, longest: int = 255) -> str:
    """A text of at most so many characters; empty if there is none."""
    return aws.words(answer.get(field, ""), longest)


def _document(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """DetailsDocument, or else Details, which is the same as a string."""
    document = answer.get("DetailsDocument")
    if document is None:
        with contextlib.suppress(ValueError, RecursionError):
            document = json.loads(answer.get("Details", ""))
    if not isinstance(document, dict):
        raise _Unexpected("its DetailsDocument is not a map")
    return document


def _change_set(answer: Mapping[str, Any]) -> ChangeSet:
    status = _text(answer, "Status")
    if not status:
        raise _Unexpected("its Status is missing")
    changes = answer.get("ChangeSet", [])
    identifiers = (_text(change.get("Entity", {}), "Identifier") for change in changes)
    return ChangeSet(
        identifier=_identifier(answer, "ChangeSetId"),
        name=_text(answer, "ChangeSetName"),
        status=status,
        started=_text(answer, "StartTime"),
        ended=_text(answer, "EndTime"),
        intent=_text(answer, "Intent"),
        revision=next((each.partition("@")[2] for each in identifiers), ""),
        failure=_text(answer, "FailureCode"),
        description=_text(answer, "FailureDescription", _LONGEST),
        errors=tuple(
            (_text(each, "ErrorCode"), _text(each, "ErrorMessage", _LONGEST))
            for change in changes
            for each in change.get("ErrorDetailList", [])
        ),
    )


_FIX = "Fix what is named here, and run the command again."
_MEANINGS = {
    "AccessDeniedException": (
        "the credentials don't allow it",
        "Use credentials of the seller's account whose policy allows aws-marketplace:{action}.",
    ),
    "ResourceNotFoundException": (
        "there is none with this ID",
        "Check the ID, and that the credentials are those of the seller's account.",
    ),
    "ResourceNotSupportedException": (
        "the Catalog API does not support it",
        "Name the ID of an AMI product, prod-…",
    ),
    "ResourceInUseException": (
        "another change set of the product has not ended, and a product takes one at a time",
        "Wait until that change set has ended, then run the command again.",
    ),
    "ServiceQuotaExceededException": (
        "the account has as many open change sets as AWS allows",
        "Wait until some of the account's open change sets have ended, then run the command again.",
    ),
    "ValidationException": ("AWS finds the request invalid", _FIX),
}
"""Code of an error -> what it means, and the next step."""
# AWS writes "… has entities locked by change sets - entity: 'prod-…' change sets: a, b." (seen in sellers' reports).
_LOCKED_BY = re.compile(r"change sets:\s*([\w-]+(?:\s*,\s*[\w-]+)*)")


@contextlib.contextmanager
def _user_errors(what: str, action: str) -> Iterator[None]:
    """Turns the errors of boto3 into ``UserError``; ``what`` begins its sentence, ``action`` is the API's."""
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError  # late: boto3 takes 0.2 s

    try:
        yield
    except ClientError as error:
        raise _api_error(error, what, action) from None
    except ParamValidationError as error:
        errors = aws.words("; ".join(str(error).splitlines()[1:]).rstrip("."))
        raise UserError(f"{what}: the request does not fit the API ({errors}).", _FIX) from None
    except _Unexpected as error:
        raise UserError(
            f"{what}: AWS's answer is not usable, because {error}.",
            "Run the command again in a minute; what has been started goes on, and is found again.",
        ) from None
    except BotoCoreError as error:
        raise aws.user_error(error, what) from None


def _api_error(error: Any, what: str, action: str) -> UserError:
    """The ``UserError`` for an error that the API answered with."""
    code = aws.code(error)
    if code not in _MEANINGS:
        return aws.user_error(error, what)
    meaning, next_step = _MEANINGS[code]
    message = str(error.response["Error"].get("Message") or error.response.get("Message") or "")
    fields = filter(None, error.response.get("ValidationExceptionFieldList") or [])
    parts = [message, *(f"{each.get('Field', '')}: {each.get('Message', '')}" for each in fields)]
    details = aws.words("; ".join(part.strip().rstrip(".") for part in parts if part.strip()), _LONGEST)
    # AWS's message about denied access is long and names the caller; the action in the next step is enough.
    details = f" ({details})" if details and code != "AccessDeniedException" else ""
    sentence, next_step = f"{what}: {meaning}{details}.", next_step.format(action=action)
    if code == "ResourceInUseException":
        named = _LOCKED_BY.search(aws.words(message, _LONGEST))
        return ProductLocked(sentence, next_step, tuple(re.split(r"\s*,\s*", named[1])) if named else ())
    return ApiError(sentence, next_step)
