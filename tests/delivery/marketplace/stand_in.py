"""An AWS Marketplace Catalog API for the tests, with one seller and one product.

``StandIn.connect`` makes a client of boto3 send its requests here instead of to AWS. Routes and error codes are those
of botocore's model. The stand-in behaves as the API reference says (StartChangeSet, DescribeChangeSet, ListChangeSets):
a change set that has not ended locks its product (ResourceInUseException names it), the same token and request are
answered with the same change set, a revision that is no longer the product's is refused, VALIDATE changes nothing,
ListChangeSets is late. Where the reference says nothing, an attribute chooses.
"""

from __future__ import annotations

import copy
import io
import json
import threading
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError

PRODUCT = "prod-example12345"
MODEL = botocore.session.get_session().get_service_model("marketplace-catalog")
OPERATIONS = {
    (model.http["method"], model.http["requestUri"]): model
    for model in map(MODEL.operation_model, MODEL.operation_names)
}

DROP = "the answer is lost"
CUT = "the connection closes before the request is executed"
BUSY = "503"
THROTTLED = "429"
EXPIRED = "the credentials have expired"
UNSIGNED = "the request is not signed for us-east-1"
ANSWERS = {
    BUSY: (503, "InternalServiceException"),
    THROTTLED: (429, "ThrottlingException"),
    EXPIRED: (403, "ExpiredTokenException"),
    UNSIGNED: (403, "MissingAuthenticationTokenException"),
}


class ApiError(Exception):
    """An error that the model of an operation lists."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Request(NamedTuple):
    """A request as it arrived, and the HTTP status of the answer."""

    operation: str
    arguments: dict[str, Any]
    status: int


class Outcome(NamedTuple):
    """How a change set is to end."""

    status: str = "SUCCEEDED"
    errors: tuple[tuple[str, str], ...] = ()
    failure: str = "CLIENT_ERROR"
    description: str = ""


class StandIn:
    """The API."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.restart()

    def connect(self, client: Any) -> None:
        """Makes a client send its requests here."""
        client.meta.events.register("before-send.marketplace-catalog", self.send)

    def restart(self) -> None:
        """Forgets all calls and settings."""
        self.requests: list[Request] = []
        self.change_sets: dict[str, dict[str, Any]] = {}
        """ID -> answer of DescribeChangeSet, oldest first."""
        self.revision = 5
        self.document: dict[str, Any] = {"Description": {"ProductTitle": "Quilt"}, "Versions": []}
        self.copies: dict[str, bytes] = {}
        """URL -> AWS Marketplace's copy of a template."""
        self.published: dict[str, bytes] = {}
        """URL -> the template that AWS Marketplace copies from there."""
        self.steps = 2
        """After so many calls of DescribeChangeSet a change set is APPLYING, and after as many more it ends."""
        self.outcomes: dict[str, list[Outcome]] = {"VALIDATE": [], "APPLY": []}
        """Intent -> how its next change sets end; all others succeed."""
        self.lag = 0
        """The number of lists in which a new change set, and a change of its status, is missing."""
        self.reused_token = "ValidationException"
        """Answer to a token with another request; "first" for the first request's change set."""
        self.old_revision = "ValidationException"
        self.names_locks = True
        """Whether a ResourceInUseException names the change set that locks the product."""
        self.invalid = False
        """Whether every StartChangeSet is refused as invalid."""
        self.faults: dict[int, str] = {}
        """Number of a request, from 0 -> what goes wrong."""
        self.number = 0
        """Of the next request."""
        self.spoil: Callable[[str, Any], Any] = lambda operation, document: document
        """Takes the name of an operation and its good answer, and returns what is sent in place of that."""
        self._tokens: dict[str, tuple[str, str]] = {}
        self._lists = 0
        self._started_at: dict[str, int] = {}
        self._ended_at: dict[str, int] = {}
        self._described: dict[str, int] = {}

    def of(self, intent: str) -> list[dict[str, Any]]:
        """The change sets of an intent, oldest first."""
        return [each for each in self.change_sets.values() if each["Intent"] == intent]

    def titles(self) -> list[str]:
        return [version["VersionTitle"] for version in self.document["Versions"]]

    def calls(self, operation: str) -> int:
        return sum(request.operation == operation for request in self.requests)

    def begin(self, name: str, status: str = "PREPARING") -> str:
        """A change set that the seller has started in the Management Portal."""
        change = {"ChangeType": "UpdateInformation", "Entity": {"Type": "AmiProduct@1.0", "Identifier": PRODUCT}}
        return self._record(name, "APPLY", [change], status)

    # The operations of the API.

    def send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """The answer to a request of botocore; raises botocore's error if a fault closes the connection."""
        with self._lock:
            fault = self.faults.get(self.number)
            self.number += 1
            signature = request.headers.get("Authorization", b"")
            if b"/us-east-1/aws-marketplace/aws4_request" not in signature:
                fault = UNSIGNED
            if fault in ANSWERS:
                status, code = ANSWERS[fault]
                return _response(request, status, {"__type": code, "message": "A test wants it."})
            answer = self._answer(request) if fault != CUT else None
        if answer is None or fault == DROP:
            raise ConnectionClosedError(endpoint_url=request.url)
        return _response(request, *answer)

    def _answer(self, request: AWSPreparedRequest) -> tuple[int, Any]:
        url = urllib.parse.urlsplit(request.url)
        model = OPERATIONS[request.method, url.path]
        in_query = {
            member.serialization["name"]: name
            for name, member in model.input_shape.members.items()
            if member.serialization.get("location") == "querystring"
        }
        arguments = {in_query[name]: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
        arguments |= json.loads(request.body or "{}")
        try:
            status, document = 200, self.spoil(model.name, getattr(self, model.name)(**arguments))
        except ApiError as error:
            statuses = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes}
            status, document = statuses[error.code], {"__type": error.code, "Message": error.message}
        self.requests.append(Request(model.name, arguments, status))
        return status, document

    def DescribeEntity(self, Catalog: str, EntityId: str) -> dict[str, Any]:
        if EntityId != PRODUCT:
            raise ApiError("ResourceNotFoundException", f"Entity {EntityId} is not found.")
        return {
            "EntityType": "AmiProduct@1.0",
            "EntityIdentifier": f"{PRODUCT}@{self.revision}",
            "Details": json.dumps(self.document),
            "DetailsDocument": copy.deepcopy(self.document),
        }

    def StartChangeSet(
        self, Catalog: str, ChangeSet: list[dict[str, Any]], ChangeSetName: str, ClientRequestToken: str, Intent: str
    ) -> dict[str, Any]:
        request = json.dumps([ChangeSet, ChangeSetName, Intent], sort_keys=True)
        if ClientRequestToken in self._tokens:
            first, identifier = self._tokens[ClientRequestToken]
            if first != request and self.reused_token != "first":
                raise ApiError(self.reused_token, "The ClientRequestToken was used with another request.")
            return _started(identifier)
        if self.invalid:
            raise ApiError("ValidationException", "The details are invalid.")
        (change,) = ChangeSet
        _, _, revision = change["Entity"]["Identifier"].partition("@")
        running = [name for name, each in self.change_sets.items() if each["Status"] in ("PREPARING", "APPLYING")]
        if running:
            by = f" - entity: '{PRODUCT}' change sets: {', '.join(running)}." if self.names_locks else "."
            raise ApiError("ResourceInUseException", f"Requested change set has entities locked by change sets{by}")
        if revision and revision != str(self.revision):
            raise ApiError(self.old_revision, f"{PRODUCT}@{revision} is not the latest revision.")
        identifier = self._record(ChangeSetName, Intent, ChangeSet)
        self._tokens[ClientRequestToken] = request, identifier
        return _started(identifier)

    def DescribeChangeSet(self, Catalog: str, ChangeSetId: str) -> dict[str, Any]:
        if ChangeSetId not in self.change_sets:
            raise ApiError("ResourceNotFoundException", f"ChangeSet {ChangeSetId} is not found.")
        change_set = self.change_sets[ChangeSetId]
        if change_set["Status"] in ("PREPARING", "APPLYING"):
            self._described[ChangeSetId] += 1
            if self._described[ChangeSetId] >= 2 * self.steps:
                self._end(change_set)
            elif self._described[ChangeSetId] >= self.steps:
                change_set["Status"] = "APPLYING"
        return copy.deepcopy(change_set)

    def ListChangeSets(
        self,
        Catalog: str,
        FilterList: Sequence[dict[str, Any]],
        Sort: Mapping[str, str] = MappingProxyType({}),
        MaxResults: int = 20,
        NextToken: str = "0",
    ) -> dict[str, Any]:
        if NextToken == "0":
            self._lists += 1
        listed = []
        for identifier, change_set in self.change_sets.items():
            if self._lists - self._started_at[identifier] <= self.lag:
                continue
            late = self._lists - self._ended_at.get(identifier, -1000) <= self.lag
            summary = {key: change_set[key] for key in ("ChangeSetId", "ChangeSetArn", "ChangeSetName", "StartTime")}
            if late:
                summary["Status"] = "PREPARING"
            else:
                summary |= {key: change_set[key] for key in ("Status", "EndTime", "FailureCode") if key in change_set}
            listed.append(summary)
        if Sort.get("SortOrder") == "DESCENDING":
            listed.reverse()
        start = int(NextToken)
        more = {"NextToken": str(start + MaxResults)} if len(listed) > start + MaxResults else {}
        return {"ChangeSetSummaryList": listed[start : start + MaxResults], **more}

    def _record(self, name: str, intent: str, changes: list[dict[str, Any]], status: str = "PREPARING") -> str:
        identifier = f"changeset{len(self.change_sets):015d}"
        self.change_sets[identifier] = {
            **_started(identifier),
            "ChangeSetName": name,
            "Intent": intent,
            "StartTime": f"2026-11-20T10:{len(self.change_sets):02d}:00Z",
            "Status": status,
            "ChangeSet": copy.deepcopy(changes),
        }
        self._started_at[identifier] = self._lists
        self._described[identifier] = 0
        return identifier

    def _end(self, change_set: dict[str, Any]) -> None:
        planned = self.outcomes[change_set["Intent"]]
        outcome = planned.pop(0) if planned else Outcome()
        change_set |= {"Status": outcome.status, "EndTime": change_set["StartTime"].replace("T10", "T11")}
        self._ended_at[change_set["ChangeSetId"]] = self._lists
        if outcome.status == "FAILED":
            change_set |= {"FailureCode": outcome.failure, "FailureDescription": outcome.description}
            change_set["ChangeSet"][0]["ErrorDetailList"] = [
                {"ErrorCode": code, "ErrorMessage": message} for code, message in outcome.errors
            ]
        if outcome.status == "SUCCEEDED" and change_set["Intent"] == "APPLY":
            self.revision += 1
            for change in change_set["ChangeSet"]:
                if change["ChangeType"] == "AddDeliveryOptions":
                    self.document["Versions"].append(self._version(change["DetailsDocument"]))

    def _version(self, details: dict[str, Any]) -> dict[str, Any]:
        """What the product's entity has of a version that was submitted."""
        sources: list[dict[str, Any]] = [{"Id": "source-ami", "Type": "AmazonMachineImage", "Image": "ami-00000000"}]
        options = []
        for number, option in enumerate(details["DeliveryOptions"]):
            submitted = option["Details"]["DeploymentTemplateDeliveryOptionDetails"]
            url = f"https://marketplace.example/{self.revision}/{number}/template"
            self.copies[url] = self.published.get(submitted["Template"], b"")
            sources.append({"Id": f"source-{number}", "Type": "CloudFormationTemplate", "Template": url})
            options.append(
                {
                    "Id": f"do-{number}",
                    "Type": "CloudFormationTemplate",
                    "SourceId": f"source-{number}",
                    "Title": option["DeliveryOptionTitle"],
                    "ShortDescription": submitted["ShortDescription"],
                    "LongDescription": submitted["LongDescription"],
                    "Instructions": {"Usage": submitted["UsageInstructions"]},
                    "Recommendations": {"InstanceType": submitted["RecommendedInstanceType"]},
                }
            )
        version = {"Id": f"ver-{self.revision}", **details["Version"]}
        return {**version, "Sources": sources, "DeliveryOptions": options[::-1]}


def _started(identifier: str) -> dict[str, Any]:
    arn = f"arn:aws:aws-marketplace:us-east-1:123456789012:AWSMarketplace/ChangeSet/{identifier}"
    return {"ChangeSetId": identifier, "ChangeSetArn": arn}


class _Body(io.BytesIO):
    """The body of a response as urllib3 has it."""

    def stream(self, *_: object) -> list[bytes]:
        return [self.read()]


def _response(request: AWSPreparedRequest, status: int, document: Any) -> AWSResponse:
    headers = {"x-amzn-errortype": document["__type"]} if status >= 400 else {}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return AWSResponse(request.url, status, headers, _Body(body))
