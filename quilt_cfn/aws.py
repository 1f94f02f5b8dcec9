"""Clients of AWS's APIs, and sentences for the errors that they raise.

boto3 finds the credentials where users keep them (environment, profile, single sign-on), and no sentence contains any
part of them. AWS_MAX_ATTEMPTS and AWS_RETRY_MODE decide how often a request is tried again, as in every AWS tool.

A call ends with an answer that fits the API, or with one of botocore's errors: ``ClientError`` when the service refuses
the request, ``BotoCoreError`` for everything else. What botocore would take for an answer in which every field is
missing is such an error: an HTML page, a document that is cut off, a list in place of a map. botocore waits 60 seconds
for the next byte; an answer that comes byte by byte may therefore take as long as it likes.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

from quilt_cfn.errors import UserError
from quilt_cfn.text import shown

CONNECTIONS = 32
"""The most connections that one client keeps open at once."""

LARGEST_ANSWERS = {
    "s3": 2 * 1024 * 1024,
    "marketplace-catalog": 16 * 1024 * 1024,
    **dict.fromkeys(("sts", "cloudformation", "rds", "ec2", "autoscaling", "logs", "pricing"), 2 * 1024 * 1024),
}
"""Service -> the most bytes of an answer, beside the files that are read as a stream.

The largest that are asked for are a page with a thousand of our keys and the document of a product with a hundred
versions: half of that. In memory an answer of S3 takes up to forty times as much as its XML. Of the others, the largest
is a page with a hundred events of a stack, or with a hundred products of the price list: a fifth."""

DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"}
"""The codes of the errors that say that the credentials lack a permission; S3 answers HEAD with the status alone."""

BUSY = {"SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestLimitExceeded", "503"}
BUSY |= {"InternalError", "InternalServiceException", "InternalFailure", "RequestTimeout", "500", "502", "504"}
"""The codes of the errors that pass by themselves."""

_SIGN_IN = "Sign in again (aws sso login, or new keys in the environment) and run the command again."
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"}
_UNKNOWN |= {"InvalidToken", "InvalidSignatureException", "AuthFailure"}

_lock = threading.Lock()


def client(service: str, region: str | None = None, *, anonymous: bool = False) -> Any:
    """A boto3 client of a service, which threads may share; its requests are unsigned if it is ``anonymous``.

    Without ``region`` it is in the Region that the user has configured, or else in us-east-1. Raises ``UserError`` when
    the user's AWS configuration is broken.
    """
    from botocore import UNSIGNED  # late: boto3 costs 0.2 s, which few commands need
    from botocore.config import Config

    config = Config(max_pool_connections=CONNECTIONS, signature_version=UNSIGNED if anonymous else None)
    try:
        with _lock:  # a session makes one client at a time
            session = _session()
            made = session.client(service, region_name=region or session.region_name or "us-east-1", config=config)
    except Exception as error:  # the user's files are read and the user's credential_process is run: anything can fail
        raise user_error(error, f"The client of {service} could not be made") from error
    return checked(made)


def checked(client: Any) -> Any:
    """The client, which from now on keeps what the docstring of this module promises."""
    # botocore has no setting for the size of an answer, and reads all of it before the first event is emitted.
    session = client._endpoint.http_session
    session.send = functools.partial(_send, session.send, LARGEST_ANSWERS[client.meta.service_model.service_name])
    # https://docs.aws.amazon.com/botocore/latest/topics/events.html
    client.meta.events.register("before-parse", _check_answer)
    client.meta.events.register("after-call", _check_parsed)
    client.meta.events.register("after-call-error", _raise_botocore_error)
    return client


def _send(send: Callable[[Any], Any], largest: int, request: Any) -> Any:
    """Send a request; the answer has been read, at most ``largest`` bytes, unless it is a file."""
    from botocore.exceptions import ConnectionClosedError, HTTPClientError, IncompleteReadError
    from botocore.response import StreamingBody

    wanted_as_stream, request.stream_output = request.stream_output, True
    answer = send(request)
    if wanted_as_stream and answer.status_code < 300:
        return answer
    length = None if request.method == "HEAD" else answer.headers.get("Content-Length")
    body, content = StreamingBody(answer.raw, length), bytearray()
    try:
        while piece := body.read(64 * 1024):
            content += piece
            if len(content) > largest:
                answer.raw.close()
                raise HTTPClientError(error=f"the answer has more than {largest:,} bytes")
    except IncompleteReadError as error:  # botocore tries a request again for the other, and not for this one
        raise ConnectionClosedError(error=error, endpoint_url=request.url) from error
    answer._content = bytes(content)
    return answer


def _check_answer(operation_model: Any, response_dict: Any, **_: Any) -> None:
    """Raises botocore's ``HTTPClientError`` when a service says that all is well and answers something else."""
    from botocore.exceptions import HTTPClientError

    shape, body = operation_model.output_shape, response_dict["body"]
    if shape is None or response_dict["status_code"] >= 300 or not isinstance(body, bytes):
        return
    wrong = ""
    if "json" in operation_model.service_model.resolved_protocol:
        try:
            wrong = next(_misfits(shape, json.loads(body), "the answer"), "")
        except (ValueError, RecursionError):
            wrong = "the answer is not a complete JSON document"
    elif body[:1000].lstrip().lower().startswith((b"<html", b"<!doctype")):
        wrong = "the answer is an HTML page"
    elif not body and any("location" not in member.serialization for member in shape.members.values()):
        wrong = "the answer is empty"
    if wrong:
        raise HTTPClientError(error=wrong)


def _check_parsed(http_response: Any, model: Any, parsed: Any, **_: Any) -> None:
    """The same for what botocore has made of XML: an element that comes twice becomes a list in place of a string."""
    from botocore.exceptions import HTTPClientError

    if model.output_shape is not None and http_response.status_code < 300:
        for wrong in _misfits(model.output_shape, parsed, "the answer"):
            raise HTTPClientError(error=wrong)


_TYPES: dict[str, tuple[type[Any], str]] = {
    "structure": (dict, "map"),
    "map": (dict, "map"),
    "list": (list, "list"),
    "string": (str, "string"),
}
"""Type in a model of botocore -> the type in Python, and its name."""


def _misfits(shape: Any, value: Any, where: str) -> Iterator[str]:
    """What in an answer is of another type than the API's model says, as sentences without a full stop."""
    if getattr(shape, "is_document_type", False):  # of any type
        return
    expected, name_of_type = _TYPES.get(shape.type_name, (object, ""))
    if not isinstance(value, expected):
        yield f"{where} is not a {name_of_type}"
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None:  # null is the same as nothing
                yield from _misfits(member, value[name], name)
    elif shape.type_name == "list":
        for each in value:
            yield from _misfits(shape.member, each, f"an entry of {where}")


def _raise_botocore_error(exception: Exception, **_: Any) -> None:
    """Raises ``HTTPClientError`` for an error that is not one of botocore's, such as a parser's ``AttributeError``."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    if not isinstance(exception, (BotoCoreError, ClientError)):
        raise HTTPClientError(error=exception) from exception


@functools.cache
def _session() -> Any:
    """The session of all clients: its first client takes 0.15 s, to read AWS's API models, and each other 0.01 s."""
    import boto3

    return boto3.session.Session()


def code(error: Exception) -> str:
    """The code of the error that a service answered with, or else the status; empty for an error of another type."""
    status = (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    return str(_answer(error).get("Code") or status)


def _answer(error: Exception) -> Any:
    return (getattr(error, "response", None) or {}).get("Error", {})


def user_error(error: Exception, what: str) -> UserError:
    """The sentence and the next step for an error of boto3.

    ``what`` begins the sentence, without a full stop: "s3://bucket could not be read".
    """
    reason, next_step = _explain(error)
    return UserError(f"{what}: {reason.rstrip('.')}.", next_step)


def passes(error: Exception) -> bool:
    """Whether the same call may succeed a moment later: the service is busy, or the connection failed."""
    from botocore import exceptions

    if code(error):
        return code(error) in BUSY
    wrong_by_itself = (exceptions.SSLError, exceptions.ProxyConnectionError)
    return isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)) and not isinstance(
        error, wrong_by_itself
    )


def wants_another_sign_in(error: Exception) -> bool:
    """Whether no call will succeed before the user has signed in again."""
    return _explain(error)[1] == _SIGN_IN


def _explain(error: Exception) -> tuple[str, str]:
    """Why a call failed, in words without a full stop, and what to do about it."""
    from botocore import exceptions  # late: only an error of boto3 needs it

    answered = words(code(error))
    if answered in _EXPIRED or isinstance(error, (exceptions.SSOTokenLoadError, exceptions.UnauthorizedSSOTokenError)):
        return "the AWS credentials have expired", _SIGN_IN
    if answered in _UNKNOWN:
        return f"AWS does not accept the credentials ({answered})", _SIGN_IN
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return "there are no complete AWS credentials", _SIGN_IN
    if EOFError in (type(error), type(error.__cause__)):  # boto3 asks for the code of a profile with mfa_serial
        return "the AWS profile asks for an MFA code, and nobody can type one here", _SIGN_IN
    if isinstance(error, (exceptions.SSOError, exceptions.LoginError, exceptions.CredentialRetrievalError)):
        return _own_words(error), _SIGN_IN
    # AWS answers a HEAD with the status alone, and everything else with a code in words.
    if answered.isdigit() and not getattr(error, "operation_name", "").startswith("Head"):
        return f"the answer is not one of AWS's ({answered})", _ENDPOINT
    if answered in DENIED:
        return (
            f"AWS refused access ({answered})",
            "Check that the credentials are those of the right account and that its policies allow the call.",
        )
    if answered in BUSY:
        return f"AWS is busy or has a fault ({answered})", "Run the command again in a minute."
    if answered:
        message = words(_answer(error).get("Message") or "")
        return f"{answered}{f', {message}' if message else ''}", "Fix the cause and run the command again."
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return _explain_connection(error)
    known = isinstance(error, (exceptions.BotoCoreError, ValueError, OSError))
    return _own_words(error) if known else _failed(error), _CONFIGURATION


def _explain_connection(error: Any) -> tuple[str, str]:
    """The same for an error before or during the answer."""
    from botocore import exceptions

    reason = error.kwargs.get("error")
    if type(error) is exceptions.HTTPClientError:  # botocore's for what it does not expect, and ours
        if isinstance(reason, (str, OSError)):
            return _own_words(reason), _ENDPOINT
        # Python's words about a header or a port may have a part of a session token or of a password in them.
        return _failed(reason), _CONFIGURATION
    url = str(error.kwargs.get("endpoint_url") or error.kwargs.get("proxy_url") or "")
    server = words(_USER_INFORMATION.sub("//", url).partition("//")[2].partition("/")[0])
    failed = f"the connection{f' to {server}' if server else ''} failed ({type(error).__name__})"
    if isinstance(error, exceptions.SSLError):
        return (
            f"{failed}: {_own_words(reason)}",
            "Check the clock of this computer, the proxy, and AWS_CA_BUNDLE if the network has a certificate authority "
            "of its own.",
        )
    if isinstance(error, exceptions.ProxyConnectionError):
        return failed, "Check the proxy that HTTPS_PROXY or HTTP_PROXY names."
    return failed, "Check the network and run the command again."


_ENDPOINT = (
    "Check the endpoint and the proxy, if the environment or the AWS configuration names one, and run the command "
    "again in a minute."
)
_CONFIGURATION = (
    "Check the AWS configuration (aws configure list) and the environment: credentials, endpoint and proxy."
)


def _failed(error: object) -> str:
    return f"boto3 failed with {type(error).__name__}"


def words(text: object, longest: int = 500) -> str:
    """What a service says, at most ``longest`` characters: on one line, and without what a terminal would obey."""
    return shown(" ".join(str(text).split()), longest)


_USER_INFORMATION = re.compile(r"//.*@", re.DOTALL)  # up to the last one: a password can have one, too


def _own_words(error: object) -> str:
    """What boto3 says. The URLs in it are the user's, and their passwords are left out."""
    return words(_USER_INFORMATION.sub("//", str(error)))
