"""Clients of AWS's APIs, and what their errors mean to a person.

The rule: credentials are found by boto3 where users keep them (environment, profile, single sign-on), and nothing of
them gets into a sentence. How often and how patiently is retried, a user says as in every AWS tool: AWS_MAX_ATTEMPTS,
AWS_RETRY_MODE.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from quilt_cfn.errors import UserError

CONNECTIONS = 32
"""The most that one client keeps open at once."""

_SIGN_IN = "Sign in again (aws sso login, or new keys in the environment) and run the command again."
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"}
_UNKNOWN |= {"InvalidToken", "InvalidSignatureException", "AuthFailure"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"}
_BUSY = {"SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestLimitExceeded", "503"}
_BUSY |= {"InternalError", "InternalServiceException", "InternalFailure", "RequestTimeout", "500", "502", "504"}

_lock = threading.Lock()


def client(service: str, region: str | None = None, *, anonymous: bool = False) -> Any:
    """The client of a service; without a Region in the one that the user has configured, or us-east-1.

    Raises ``UserError`` when the user's configuration is broken. Threads may share what it returns.
    """
    from botocore.exceptions import BotoCoreError  # late: boto3 costs 0.2 s, which few commands need

    try:
        with _lock:  # a session makes one client at a time
            return _make_client(service, region, anonymous)
    except (BotoCoreError, ValueError) as error:
        raise trouble(error, f"The client of {service} could not be made") from error


def _make_client(service: str, region: str | None, anonymous: bool) -> Any:
    from botocore import UNSIGNED
    from botocore.config import Config

    session = _session()
    settings: dict[str, Any] = {"signature_version": UNSIGNED} if anonymous else {}
    config = Config(max_pool_connections=CONNECTIONS, **settings)
    return session.client(service, region_name=region or session.region_name or "us-east-1", config=config)


@functools.cache
def _session() -> Any:
    """One for all clients: the first takes 0.15 s, to read what AWS's services are like, and the others 0.01 s."""
    import boto3

    return boto3.session.Session()


def code(error: Exception) -> str:
    """The code of an error that a service answered with; empty for any other error."""
    return str(_answer(error).get("Code", ""))


def _answer(error: Exception) -> Any:
    return (getattr(error, "response", None) or {}).get("Error", {})


def trouble(error: Exception, what: str) -> UserError:
    """What an error of boto3 means; ``what`` begins the sentence: "s3://bucket could not be read"."""
    from botocore import exceptions  # late: only for what went wrong with boto3

    answered = code(error)
    if answered in _EXPIRED or isinstance(error, (exceptions.SSOTokenLoadError, exceptions.UnauthorizedSSOTokenError)):
        return UserError(f"{what}: the AWS credentials have expired.", _SIGN_IN)
    if answered in _UNKNOWN:
        return UserError(f"{what}: AWS does not accept the credentials ({answered}).", _SIGN_IN)
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return UserError(f"{what}: there are no complete AWS credentials.", _SIGN_IN)
    if answered in _DENIED:
        return UserError(
            f"{what}: AWS refused access ({answered}).",
            "Check that the credentials are those of the right account and that its policies allow the call.",
        )
    if answered in _BUSY:
        return UserError(f"{what}: AWS is busy or has a fault ({answered}).", "Run the command again in a minute.")
    if answered:
        message = _answer(error).get("Message", "")
        return UserError(
            f"{what}: {answered}{f', {message}' if message else ''}".rstrip(".") + ".", "Mend that and retry."
        )
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return UserError(
            f"{what}: the connection failed ({type(error).__name__}).", "Check the network and run the command again."
        )
    return UserError(f"{what}: {error}".rstrip(".") + ".", "Check the AWS configuration (aws configure list).")
