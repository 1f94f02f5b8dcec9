"""The calls of the AWS Marketplace Catalog API that a submission needs; no other module calls that API.

Answers become values, and errors become ``UserError`` with a sentence that says what they mean for the product.

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
"""URL of a change set's page in the Management Portal, without the change set's ID at the end."""

ACTIVE = frozenset({"PREPARING", "APPLYING"})
"""The statuses in which a change set locks its product; SUCCEEDED, CANCELLED and FAILED are final."""


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
        return self.status in ACTIVE


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
        answer = self._call(f"The product {product} could not be read", "describe_entity", EntityId=product)
        identifier, _, revision = answer.get("EntityIdentifier", product).partition("@")
        document = answer.get("DetailsDocument") or json.loads(answer.get("Details") or "{}")
        return Entity(identifier, revision, document)

    def change_sets(self, product: str) -> list[ChangeSet]:
        """The change sets of a product in the last 60 days, newest first. A new one is listed after a moment."""
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
        """A change set in its present state."""
        what = f"The change set {change_set} could not be read"
        return _change_set(self._call(what, "describe_change_set", ChangeSetId=change_set))

    def start(self, request: Mapping[str, Any]) -> str:
        """Starts a change set and returns its ID; if the request's token has started one before, the ID of that."""
        what = f"The change set “{request['ChangeSetName']}” could not be started"
        identifier: str = self._call(what, "start_change_set", **request)["ChangeSetId"]
        return identifier

    def _call(self, what: str, operation: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError  # late: boto3 takes 0.2 s

        try:
            return getattr(self.client, operation)(**{"Catalog": CATALOG, **arguments})
        except ClientError as error:
            raise _api_error(error, what, operation) from None
        except ParamValidationError as error:
            errors = "; ".join(str(error).splitlines()[1:]).rstrip(".")
            raise UserError(f"{what}: the request does not fit the API ({errors}).", _FIX) from None
        except BotoCoreError as error:
            raise aws.user_error(error, what) from None


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


_FIX = "Fix what is named here, and run the command again."
_NEXT_STEPS = {
    "AccessDeniedException": "Use credentials of the seller's account whose policy allows aws-marketplace:{action}.",
    "ResourceNotFoundException": "Check the ID, and that the credentials are those of the seller's account.",
    "ResourceNotSupportedException": "Name the ID of an AMI product, prod-…",
    "ResourceInUseException": "Wait until that change set has ended, then run the command again.",
    "ServiceQuotaExceededException": "Wait until some of the account's open change sets have ended, then run the "
    "command again.",
    "ValidationException": _FIX,
}
_MEANINGS = {
    "AccessDeniedException": "the credentials don't allow it",
    "ResourceNotFoundException": "there is none with this ID",
    "ResourceNotSupportedException": "the Catalog API does not support it",
    "ResourceInUseException": "another change set of the product has not ended, and a product takes one at a time",
    "ServiceQuotaExceededException": "the account has as many open change sets as AWS allows",
    "ValidationException": "AWS finds the request invalid",
}
# AWS writes "… has entities locked by change sets - entity: 'prod-…' change sets: a, b." (seen in sellers' reports).
_LOCKED_BY = re.compile(r"change sets:\s*([\w-]+(?:\s*,\s*[\w-]+)*)")


def _api_error(error: Any, what: str, operation: str) -> UserError:
    """The ``UserError`` for an error that the API answered with."""
    code = aws.code(error)
    if code not in _NEXT_STEPS:
        return aws.user_error(error, what)
    message = str(error.response["Error"].get("Message") or error.response.get("Message") or "")
    fields = error.response.get("ValidationExceptionFieldList") or []
    parts = [message, *(f"{each.get('Field', '')}: {each.get('Message', '')}" for each in fields)]
    details = "; ".join(" ".join(part.split()).rstrip(".") for part in parts if part.strip())
    # AWS's message about denied access is long and names the caller; the action in the next step is enough.
    details = f" ({details})" if details and code != "AccessDeniedException" else ""
    action = "".join(word.capitalize() for word in operation.split("_"))
    sentence, next_step = f"{what}: {_MEANINGS[code]}{details}.", _NEXT_STEPS[code].format(action=action)
    if code == "ResourceInUseException":
        named = _LOCKED_BY.search(message)
        return ProductLocked(sentence, next_step, tuple(re.split(r"\s*,\s*", named[1])) if named else ())
    return ApiError(sentence, next_step)
