"""An AWS Marketplace Catalog API for the tests: an HTTP server with one seller and one product.

Routes and error codes are those of botocore's model. It behaves as the API reference says (StartChangeSet,
DescribeChangeSet, ListChangeSets): a change set that has not ended locks its product (ResourceInUseException names it),
the same token and request are answered with the same change set, a revision that is no longer the product's is refused,
VALIDATE changes nothing, ListChangeSets is late. Where the reference says nothing, an attribute chooses.
"""

from __future__ import annotations

import copy
import json
import threading
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

import botocore.session

PRODUCT = "prod-example12345"
MODEL = botocore.session.get_session().get_service_model("marketplace-catalog")
OPERATIONS = {
    (model.http["method"], model.http["requestUri"]): model
    for model in map(MODEL.operation_model, MODEL.operation_names)
}

DROP = "the answer is lost"
CUT = "the connection closes before the request is read"
BUSY = "503"
THROTTLED = "429"
EXPIRED = "the credentials have expired"
ANSWERS = {
    BUSY: (503, "InternalServiceException"),
    THROTTLED: (429, "ThrottlingException"),
    EXPIRED: (403, "ExpiredTokenException"),
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
    """The API; use it with ``with``."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stand_in": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.restart()

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
        self.after: dict[int, Callable[[], None]] = {}
        """Number of a request -> what happens when it was executed, and not yet answered."""
        self.number = 0
        """Of the next request."""
        self._tokens: dict[str, tuple[str, str]] = {}
        self._lists = 0
        self._started_at: dict[str, int] = {}
        self._ended_at: dict[str, int] = {}
        self._described: dict[str, int] = {}

    def __enter__(self) -> StandIn:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

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

    def take_number(self) -> int:
        with self._lock:
            self.number += 1
            return self.number - 1

    def answer(self, method: str, target: str, body: bytes) -> tuple[str, dict[str, Any], int, dict[str, Any]]:
        """Operation, arguments, status and document of the answer to a request."""
        url = urllib.parse.urlsplit(target)
        model = OPERATIONS[method, url.path]
        in_query = {
            member.serialization["name"]: name
            for name, member in model.input_shape.members.items()
            if member.serialization.get("location") == "querystring"
        }
        arguments = {in_query[name]: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
        arguments |= json.loads(body) if body else {}
        try:
            with self._lock:
                return model.name, arguments, 200, getattr(self, model.name)(**arguments)
        except ApiError as error:
            statuses = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes}
            return model.name, arguments, statuses[error.code], {"__type": error.code, "Message": error.message}

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
        with self._lock:
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


class _Handler(BaseHTTPRequestHandler):
    """Answers in one piece over connections that stay open: a third of the time that new ones take."""

    stand_in: StandIn
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        stand_in, number = self.stand_in, self.stand_in.take_number()
        fault = stand_in.faults.get(number)
        if fault == CUT:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault in ANSWERS or not self._signed():
            status, code = ANSWERS.get(fault or "", (403, "MissingAuthenticationTokenException"))
            self._send(status, {"__type": code, "message": "A test wants it."})
            return
        operation, arguments, status, document = stand_in.answer(self.command, self.path, body)
        stand_in.requests.append(Request(operation, arguments, status))
        stand_in.after.get(number, lambda: None)()
        if fault == DROP:
            self.close_connection = True
            return
        self._send(status, document)

    do_GET = do_PATCH = do_POST

    def _signed(self) -> bool:
        signed = self.headers.get("Authorization", "")
        return signed.startswith("AWS4-HMAC-SHA256 Credential=") and "/us-east-1/aws-marketplace/aws4_request" in signed

    def _send(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if "__type" in document:
                self.send_header("x-amzn-ErrorType", document["__type"])
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client was killed

    def log_message(self, *_: object) -> None:
        pass
