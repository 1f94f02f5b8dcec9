"""An AWS Marketplace Catalog API for the tests: an HTTP server that takes what AWS's own model of the API allows.

Routes, members and types are botocore's model. botocore checks the required members and the types of what it sends;
this server checks them again, and the lengths and patterns that botocore leaves to AWS. Two patterns of the model are
not what AWS does and are left out:

- ``EntityType``, ^[a-zA-Z]+$, refuses AmiProduct@1.0, which AWS's own examples send
  (https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-single-ami-products.html).
- ``ChangeName``, ^[a-zA-Z]$, is one letter, and AWS's examples have CreateProductChange.

What happens is as the API reference has it (StartChangeSet, DescribeChangeSet, ListChangeSets): a running change set
locks its product (ResourceInUseException names it), the same token and request are answered with the same change set,
a revision that is no longer the product's is refused, VALIDATE changes nothing, ListChangeSets is late. Where the
reference is silent, an attribute chooses: what a reused token with another request is answered with, and what an old
revision is.
"""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import threading
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

import botocore.session
import regex
from botocore.model import Shape
from botocore.validate import ParamValidator

PRODUCT = "prod-example12345"
MODEL = botocore.session.get_session().get_service_model("marketplace-catalog")
OPERATIONS = {
    (model.http["method"], model.http["requestUri"]): model
    for model in map(MODEL.operation_model, MODEL.operation_names)
}
UNLIKE_AWS = {"EntityType", "ChangeName"}
"""Shapes whose pattern in the model is not AWS's."""

DROP = "the reply is lost"
CUT = "the connection closes before the request is read"
BUSY = "503"
THROTTLED = "429"
EXPIRED = "the credentials have expired"
FAULTS = (DROP, CUT, BUSY, THROTTLED, EXPIRED)

OPTION = {
    "ShortDescription", "LongDescription", "UsageInstructions", "RecommendedInstanceType", "ArchitectureDiagram",
    "Template", "TemplateSources",
}  # fmt: skip
AMI = {"AmiId", "AccessRoleArn", "UserName", "OperatingSystemName", "OperatingSystemVersion"}


class Refusal(Exception):
    """An error that the model of an operation lists."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Request(NamedTuple):
    """A request as it arrived, and the status of the answer."""

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
    """The API of one seller with one product; use it with ``with``."""

    def __init__(self) -> None:
        self.connections: set[socket.socket] = set()
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stand_in": self}))
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.restart()

    def restart(self) -> None:
        """As nobody had ever called: a test that tries a fault at each request needs many servers, or one of this."""
        self.requests: list[Request] = []
        self.change_sets: dict[str, dict[str, Any]] = {}
        """ID -> what DescribeChangeSet answers, oldest first."""
        self.revision = 5
        self.document: dict[str, Any] = {"Description": {"ProductTitle": "Quilt"}, "Versions": []}
        self.copies: dict[str, bytes] = {}
        """URL -> Marketplace's copies of templates."""
        self.published: dict[str, bytes] = {}
        """URL -> what Marketplace finds there when it makes its copies; empty for what is not told."""
        self.steps = 2
        """How often a change set is looked at before it is APPLYING, and again before it ends."""
        self.outcomes: dict[str, list[Outcome]] = {"VALIDATE": [], "APPLY": []}
        """Of the next change sets of an intent; SUCCEEDED for those that are not told."""
        self.lag = 0
        """In how many lists a new change set, and a change of its status, is not seen yet."""
        self.reused_token = "ValidationException"
        """Answer to a token with another request; "first" for the first request's change set."""
        self.old_revision = "ValidationException"
        self.names_locks = True
        """Whether a ResourceInUseException names the change set that is in the way."""
        self.faults: dict[int, str] = {}
        """Number of a request, from 0 -> one of FAULTS."""
        self.before: dict[int, Callable[[], None]] = {}
        """Number of a request -> what happens before it is carried out."""
        self.after: dict[int, Callable[[], None]] = {}
        """Number of a request -> what happens when it was carried out, and not yet answered."""
        self.broken: list[str] = []
        """Requests that AWS's model does not allow; the tests end with none."""
        self._tokens: dict[str, tuple[str, str]] = {}
        self._lists = 0
        self._started_at: dict[str, int] = {}
        self._ended_at: dict[str, int] = {}
        self._looks: dict[str, int] = {}
        self.number = 0
        """Of the next request."""

    def __enter__(self) -> StandIn:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # a client that keeps it open would keep us waiting
        self._server.server_close()

    def of(self, intent: str) -> list[dict[str, Any]]:
        """The change sets of an intent, oldest first."""
        return [each for each in self.change_sets.values() if each["Intent"] == intent]

    def titles(self) -> list[str]:
        return [version["VersionTitle"] for version in self.document["Versions"]]

    def calls(self, operation: str) -> int:
        return sum(request.operation == operation for request in self.requests)

    def begin(self, name: str, intent: str = "APPLY", status: str = "PREPARING", product: str = PRODUCT) -> str:
        """A change set that somebody has started in another way."""
        change = {"ChangeType": "UpdateInformation", "Entity": {"Type": "AmiProduct@1.0", "Identifier": product}}
        return self._record(name, intent, [change], status)

    # What follows is the API.

    def take_number(self) -> int:
        with self._lock:
            self.number += 1
            return self.number - 1

    def answer(self, method: str, target: str, body: bytes) -> tuple[str, dict[str, Any], int, dict[str, Any]]:
        """Operation, arguments, status and document of the answer to a request."""
        url = urllib.parse.urlsplit(target)
        model = OPERATIONS.get((method, url.path))
        if model is None:
            self.broken.append(f"{method} {url.path}: no such operation")
            return "", {}, 404, {"__type": "UnknownOperationException", "Message": "no such operation"}
        arguments: dict[str, Any] = {}
        try:
            arguments = _arguments(
                model.input_shape, urllib.parse.parse_qs(url.query, strict_parsing=bool(url.query)), body
            )
            problems = [*_types(arguments, model.input_shape), *_limits(arguments, model.input_shape, model.name)]
            if problems:
                self.broken += problems
                raise Refusal("ValidationException", "; ".join(problems))
            if arguments["Catalog"] != "AWSMarketplace":
                raise Refusal("ResourceNotFoundException", f"There is no catalog {arguments['Catalog']}.")
            with self._lock:
                return model.name, arguments, 200, getattr(self, model.name)(**arguments)
        except Refusal as refusal:
            status = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes}[
                refusal.code
            ]
            return model.name, arguments, status, {"__type": refusal.code, "Message": refusal.message}

    def DescribeEntity(self, Catalog: str, EntityId: str) -> dict[str, Any]:
        if EntityId != PRODUCT:
            raise Refusal("ResourceNotFoundException", f"Entity {EntityId} is not found.")
        return {
            "EntityType": "AmiProduct@1.0",
            "EntityIdentifier": f"{PRODUCT}@{self.revision}",
            "EntityArn": f"arn:aws:aws-marketplace:us-east-1:123456789012:AWSMarketplace/AmiProduct/{PRODUCT}",
            "LastModifiedDate": "2026-11-20T10:00:00Z",
            "Details": json.dumps(self.document),
            "DetailsDocument": copy.deepcopy(self.document),
        }

    def StartChangeSet(
        self,
        Catalog: str,
        ChangeSet: list[dict[str, Any]],
        ChangeSetName: str = "unnamed",
        ClientRequestToken: str = "",
        Intent: str = "APPLY",
    ) -> dict[str, Any]:
        request = json.dumps([ChangeSet, ChangeSetName, Intent], sort_keys=True)
        if ClientRequestToken in self._tokens:
            first, identifier = self._tokens[ClientRequestToken]
            if first != request and self.reused_token != "first":
                raise Refusal(self.reused_token, "The ClientRequestToken was used with another request.")
            return _started(identifier)
        for change in ChangeSet:
            product, _, revision = change["Entity"].get("Identifier", "").partition("@")
            if product != PRODUCT:
                raise Refusal("ResourceNotFoundException", f"Entity {product} is not found.")
            running = [name for name, each in self.change_sets.items() if each["Status"] in ("PREPARING", "APPLYING")]
            if running:
                by = f" - entity: '{product}' change sets: {', '.join(running)}." if self.names_locks else "."
                raise Refusal("ResourceInUseException", f"Requested change set has entities locked by change sets{by}")
            if revision and revision != str(self.revision):
                raise Refusal(self.old_revision, f"{product}@{revision} is not the latest revision.")
            if change["ChangeType"] == "AddDeliveryOptions":
                problems = _delivery_problems(change.get("DetailsDocument", {}))
                self.broken += problems
                if problems:
                    raise Refusal("ValidationException", "; ".join(problems))
        identifier = self._record(ChangeSetName, Intent, ChangeSet)
        if ClientRequestToken:
            self._tokens[ClientRequestToken] = request, identifier
        return _started(identifier)

    def DescribeChangeSet(self, Catalog: str, ChangeSetId: str) -> dict[str, Any]:
        change_set = self._find(ChangeSetId)
        if change_set["Status"] in ("PREPARING", "APPLYING"):
            self._looks[ChangeSetId] += 1
            if self._looks[ChangeSetId] >= 2 * self.steps:
                self._end(change_set)
            elif self._looks[ChangeSetId] >= self.steps:
                change_set["Status"] = "APPLYING"
        return copy.deepcopy(change_set)

    def ListChangeSets(
        self,
        Catalog: str,
        FilterList: Sequence[dict[str, Any]] = (),
        Sort: Mapping[str, str] = MappingProxyType({}),
        MaxResults: int = 20,
        NextToken: str = "0",
    ) -> dict[str, Any]:
        if NextToken == "0":
            self._lists += 1
        wanted = {each["Name"]: each["ValueList"] for each in FilterList}
        if not set(wanted) <= {"EntityId", "ChangeSetName", "Status"}:
            raise Refusal("ValidationException", f"Unknown filters in {sorted(wanted)}.")
        listed = []
        for identifier, change_set in self.change_sets.items():
            if self._lists - self._started_at[identifier] <= self.lag:
                continue
            late = self._lists - self._ended_at.get(identifier, -1000) <= self.lag
            summary = {
                "ChangeSetId": identifier,
                "ChangeSetArn": change_set["ChangeSetArn"],
                "ChangeSetName": change_set["ChangeSetName"],
                "StartTime": change_set["StartTime"],
                "EntityIdList": [PRODUCT],
                "Status": "PREPARING" if late else change_set["Status"],
            }
            if not late:
                summary |= {key: change_set[key] for key in ("EndTime", "FailureCode") if key in change_set}
            if PRODUCT in wanted.get("EntityId", [PRODUCT]):
                listed.append(summary)
        if Sort.get("SortOrder", "DESCENDING") == "DESCENDING":
            listed.reverse()
        start = int(NextToken)
        more = {"NextToken": str(start + MaxResults)} if len(listed) > start + MaxResults else {}
        return {"ChangeSetSummaryList": listed[start : start + MaxResults], **more}

    def CancelChangeSet(self, Catalog: str, ChangeSetId: str) -> dict[str, Any]:
        change_set = self._find(ChangeSetId)
        if change_set["Status"] != "PREPARING":
            raise Refusal("ResourceInUseException", "It is too late to cancel it.")
        self._finish(change_set, "CANCELLED")
        return _started(ChangeSetId)

    def _find(self, identifier: str) -> dict[str, Any]:
        if identifier not in self.change_sets:
            raise Refusal("ResourceNotFoundException", f"ChangeSet {identifier} is not found.")
        return self.change_sets[identifier]

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
            self._looks[identifier] = 0
            return identifier

    def _finish(self, change_set: dict[str, Any], status: str) -> None:
        change_set |= {"Status": status, "EndTime": change_set["StartTime"].replace("T10", "T11")}
        self._ended_at[change_set["ChangeSetId"]] = self._lists

    def _end(self, change_set: dict[str, Any]) -> None:
        told = self.outcomes[change_set["Intent"]]
        outcome = told.pop(0) if told else Outcome()
        self._finish(change_set, outcome.status)
        if outcome.status == "FAILED":
            change_set["FailureCode"] = outcome.failure
            if outcome.description:
                change_set["FailureDescription"] = outcome.description
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
            sources.append(
                {
                    "Id": f"source-{number}",
                    "Type": "CloudFormationTemplate",
                    "Template": url,
                    "NestedDocuments": [],
                    "ConsumedSources": ["source-ami"],
                    "ArchitectureDiagram": f"https://marketplace.example/{self.revision}/{number}/diagram",
                }
            )
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
                    "Visibility": "Public",
                }
            )
        return {
            "Id": f"ver-{self.revision}",
            **details["Version"],
            "CreationDate": "2026-11-20T11:00:00Z",
            "Sources": sources,
            "DeliveryOptions": options[::-1],
        }


def _started(identifier: str) -> dict[str, Any]:
    arn = f"arn:aws:aws-marketplace:us-east-1:123456789012:AWSMarketplace/ChangeSet/{identifier}"
    return {"ChangeSetId": identifier, "ChangeSetArn": arn}


def _arguments(shape: Shape, query: dict[str, list[str]], body: bytes) -> dict[str, Any]:
    """The arguments of an operation, out of the places where its model puts them."""
    in_query = {
        member.serialization["name"]: name
        for name, member in shape.members.items()
        if member.serialization.get("location") == "querystring"
    }
    arguments = {in_query.get(name, name): values[0] for name, values in query.items()}
    return arguments | (json.loads(body) if body else {})


def _types(arguments: dict[str, Any], shape: Shape) -> list[str]:
    """What botocore's own check finds: members that are missing, unknown or of another type."""
    report = ParamValidator().validate(arguments, shape)
    unknown = [f"Unknown member {name}" for name in _unknown(arguments, shape)]
    return [*unknown, *([report.generate_report()] if report.has_errors() else [])]


def _unknown(value: Any, shape: Shape, place: str = "") -> list[str]:
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        unknown = [f"{place}.{name}" for name in value if name not in shape.members]
        inner = [
            _unknown(value[name], member, f"{place}.{name}") for name, member in shape.members.items() if name in value
        ]
        return [*unknown, *(each for found in inner for each in found)]
    if shape.type_name == "list" and isinstance(value, list):
        return [each for item in value for each in _unknown(item, shape.member, f"{place}[]")]
    return []


def _limits(value: Any, shape: Shape, place: str) -> list[str]:
    """What botocore leaves to AWS: lengths, numbers, patterns and the values of an enumeration."""
    found: list[str] = []
    limits = shape.metadata
    if shape.type_name in ("string", "list", "integer") and isinstance(value, (str, list, int)):
        size = value if isinstance(value, int) else len(value)
        if not limits.get("min", size) <= size <= limits.get("max", size):
            found.append(f"{place} has {size}, not {limits.get('min')} to {limits.get('max')}")
    if isinstance(value, str):
        pattern = limits.get("pattern")
        if pattern and shape.name not in UNLIKE_AWS and not regex.search(pattern, value):
            found.append(f"{place} {value!r} does not match {pattern}")
        if limits.get("enum") and value not in limits["enum"]:
            found.append(f"{place} {value!r} is none of {limits['enum']}")
    if isinstance(value, list) and shape.type_name == "list":
        found += [each for item in value for each in _limits(item, shape.member, f"{place}[]")]
    if isinstance(value, dict) and shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                found += _limits(value[name], member, f"{place}.{name}")
    return found


def _delivery_problems(details: dict[str, Any]) -> list[str]:
    """What AddDeliveryOptions would not understand: every member there, and no other."""
    found = _members("DetailsDocument", details, {"Version", "DeliveryOptions"})
    found += _members("Version", details.get("Version", {}), {"VersionTitle", "ReleaseNotes"})
    if not 1 <= len(details.get("DeliveryOptions", [])) <= 3:
        found.append("A version takes one to three delivery options")
    amis = []
    for option in details.get("DeliveryOptions", []):
        found += _members("DeliveryOption", option, {"DeliveryOptionTitle", "Details"})
        inner = option.get("Details", {}).get("DeploymentTemplateDeliveryOptionDetails", {})
        found += _members("DeploymentTemplateDeliveryOptionDetails", inner, OPTION)
        for source in inner.get("TemplateSources", []):
            found += _members("TemplateSource", source, {"ParameterName", "AmiSource"})
            found += _members("AmiSource", source.get("AmiSource", {}), AMI)
            amis.append(source.get("AmiSource"))
    if any(each != amis[0] for each in amis):
        found.append("All delivery options of a version have the same AmiSource")
    return found


def _members(place: str, value: dict[str, Any], wanted: set[str]) -> list[str]:
    return [f"{place}: {name}" for name in sorted(set(value) ^ wanted)]


class _Handler(BaseHTTPRequestHandler):
    """Answers in one piece over connections that stay open: a third of the time that new ones take."""

    stand_in: StandIn
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.stand_in.connections.add(self.connection)

    def finish(self) -> None:
        self.stand_in.connections.discard(self.connection)
        super().finish()

    def do_POST(self) -> None:
        stand_in, number = self.stand_in, self.stand_in.take_number()
        fault = stand_in.faults.get(number)
        if fault == CUT:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault in (BUSY, THROTTLED, EXPIRED) or not self._signed():
            code, status = {
                BUSY: ("InternalServiceException", 503),
                THROTTLED: ("ThrottlingException", 429),
                EXPIRED: ("ExpiredTokenException", 403),
            }.get(fault or "", ("MissingAuthenticationTokenException", 403))
            self._send(status, {"__type": code, "message": "The stand-in was told to."})
            return
        stand_in.before.get(number, lambda: None)()
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
