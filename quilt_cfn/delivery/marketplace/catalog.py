"""The AWS Marketplace Catalog API, as far as a submission needs it.

The rule: this is the only module that talks to that API. What comes back is a value, and what goes wrong is a
``UserError`` whose sentence says what it means for a product.

Source: https://docs.aws.amazon.com/marketplace/latest/APIReference/catalog-apis.html. The API has one endpoint, in
us-east-1; AWS_ENDPOINT_URL_MARKETPLACE_CATALOG names another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from quilt_cfn import aws
from quilt_cfn.errors import UserError

CATALOG = "AWSMarketplace"
REGION = "us-east-1"
REQUESTS = "https://aws.amazon.com/marketplace/management/requests/"
"""A change set's page in the Management Portal is this and its ID."""

ACTIVE = frozenset({"PREPARING", "APPLYING"})
"""The statuses in which a change set locks its product; SUCCEEDED, CANCELLED and FAILED are final."""


class Entity(NamedTuple):
    """A product as DescribeEntity shows it."""

    identifier: str
    revision: str
    """A number that grows with every change; empty if the answer has none."""
    document: Mapping[str, Any]
    """DetailsDocument: Description, Versions, …; the shape of Versions is described in ``drift``."""


class ChangeSet(NamedTuple):
    """A change set as ListChangeSets or DescribeChangeSet shows it."""

    identifier: str
    name: str
    status: str
    started: str
    """UTC, such as 2026-02-27T13:45:22Z."""
    ended: str = ""
    intent: str = ""
    """VALIDATE or APPLY; ListChangeSets doesn't tell."""
    revision: str = ""
    """Of the product, when the change set was started; ListChangeSets doesn't tell."""
    failure: str = ""
    """CLIENT_ERROR or SERVER_FAULT, if it failed."""
    description: str = ""
    """Of a failure that no single change is to blame for."""
    errors: tuple[tuple[str, str], ...] = ()
    """Code and message of each error."""

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def url(self) -> str:
        return REQUESTS + self.identifier


class Refused(UserError):
    """AWS answered, and did not do it; ``code`` is AWS's name for the reason."""

    def __init__(self, what: str, next_step: str, code: str) -> None:
        super().__init__(what, next_step)
        self.args = (what, next_step, code)
        self.code = code


class Locked(Refused):
    """Change sets that are going on keep a new one from starting; AWS names some of them, or none."""

    def __init__(self, what: str, next_step: str, code: str, change_sets: tuple[str, ...]) -> None:
        super().__init__(what, next_step, code)
        self.args = (what, next_step, code, change_sets)
        self.change_sets = change_sets


class Catalog(NamedTuple):
    """The products of one AWS account; every method raises ``UserError``."""

    client: Any

    def entity(self, product: str) -> Entity:
        """A product, as it is now."""
        answer = self._call(f"The product {product} could not be read", "describe_entity", EntityId=product)
        identifier, _, revision = answer.get("EntityIdentifier", product).partition("@")
        document = answer.get("DetailsDocument") or json.loads(answer.get("Details") or "{}")
        return Entity(identifier, revision, document)

    def change_sets(self, product: str) -> list[ChangeSet]:
        """The change sets of a product in the last 60 days, newest first. A new one takes a moment to be listed."""
        what = f"The change sets of the product {product} could not be listed"
        request = {
            "FilterList": [{"Name": "EntityId", "ValueList": [product]}],
            "Sort": {"SortBy": "StartTime", "SortOrder": "DESCENDING"},
            "MaxResults": 20,
        }
        found: list[ChangeSet] = []
        token: dict[str, str] = {}
        while True:
            answer = self._call(what, "list_change_sets", **request, **token)
            found += map(_change_set, answer.get("ChangeSetSummaryList", []))
            if not answer.get("NextToken"):
                return found
            token = {"NextToken": answer["NextToken"]}

    def describe(self, change_set: str) -> ChangeSet:
        """A change set, as it is now."""
        what = f"The change set {change_set} could not be read"
        return _change_set(self._call(what, "describe_change_set", ChangeSetId=change_set))

    def start(self, request: Mapping[str, Any]) -> str:
        """Start a change set, or find the one that the request's token has started; returns its ID."""
        what = f"The change set “{request['ChangeSetName']}” could not be started"
        identifier: str = self._call(what, "start_change_set", **request)["ChangeSetId"]
        return identifier

    def _call(self, what: str, operation: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError  # late: boto3 takes 0.2 s

        try:
            return getattr(self.client, operation)(**{"Catalog": CATALOG, **arguments})
        except ClientError as error:
            raise _refusal(error, what, operation) from None
        except ParamValidationError as error:
            problems = "; ".join(str(error).splitlines()[1:]).rstrip(".")
            raise UserError(f"{what}: it is not a request that the API knows ({problems}).", _MEND) from None
        except BotoCoreError as error:
            raise aws.trouble(error, what) from None


def connect() -> Catalog:
    """The catalog of the account whose credentials boto3 finds."""
    return Catalog(aws.client("marketplace-catalog", REGION))


def _change_set(answer: Mapping[str, Any]) -> ChangeSet:
    changes = answer.get("ChangeSet", [])
    identifiers = (change.get("Entity", {}).get("Identifier", "") for change in changes)
    return ChangeSet(
        identifier=answer["ChangeSetId"],
        name=answer.get("ChangeSetName", ""),
        status=answer["Status"],
        started=answer.get("StartTime", ""),
        ended=answer.get("EndTime", ""),
        intent=answer.get("Intent", ""),
        revision=next((each.partition("@")[2] for each in identifiers), ""),
        failure=answer.get("FailureCode", ""),
        description=answer.get("FailureDescription", ""),
        errors=tuple(
            (each.get("ErrorCode", ""), each.get("ErrorMessage", ""))
            for change in changes
            for each in change.get("ErrorDetailList", [])
        ),
    )


_MEND = "Mend what is named here, and run the command again."
_NEXT = {
    "AccessDeniedException": "Use credentials of the seller's account whose policy allows aws-marketplace:{action}.",
    "ResourceNotFoundException": "Check the ID, and that the credentials are those of the seller's account.",
    "ResourceNotSupportedException": "Name the ID of an AMI product, prod-…",
    "ResourceInUseException": "Wait until what is going on has ended, then run the command again.",
    "ServiceQuotaExceededException": "Wait until some of the account's open change sets have ended, then run the "
    "command again.",
    "ValidationException": _MEND,
}
_MEANS = {
    "AccessDeniedException": "the credentials don't allow it",
    "ResourceNotFoundException": "AWS Marketplace does not know it",
    "ResourceNotSupportedException": "the Catalog API does not support it",
    "ResourceInUseException": "another change set is going on, and a product takes one at a time",
    "ServiceQuotaExceededException": "the account has as many open change sets as AWS allows",
    "ValidationException": "AWS finds the request invalid",
}
# AWS writes "… has entities locked by change sets - entity: 'prod-…' change sets: a, b." (seen in sellers' reports).
_LOCKED_BY = re.compile(r"change sets:\s*([\w-]+(?:\s*,\s*[\w-]+)*)")


def _refusal(error: Any, what: str, operation: str) -> UserError:
    """What an answer of the API means."""
    code = aws.code(error)
    if code not in _NEXT:
        return aws.trouble(error, what)
    message = str(error.response["Error"].get("Message") or error.response.get("Message") or "")
    fields = error.response.get("ValidationExceptionFieldList") or []
    parts = [message, *(f"{each.get('Field', '')}: {each.get('Message', '')}" for each in fields)]
    # Who was denied what is the reader's to know, but a policy's words are many; the action says it.
    said = "; ".join(" ".join(part.split()).rstrip(".") for part in parts if part.strip())
    says = f" ({said})" if said and code != "AccessDeniedException" else ""
    action = "".join(word.capitalize() for word in operation.split("_"))
    sentence, step = f"{what}: {_MEANS[code]}{says}.", _NEXT[code].format(action=action)
    if code == "ResourceInUseException":
        named = _LOCKED_BY.search(message)
        return Locked(sentence, step, code, tuple(re.split(r"\s*,\s*", named[1])) if named else ())
    return Refused(sentence, step, code)
