"""Clients of AWS's APIs, and sentences for the errors that they raise.

boto3 finds the credentials where users keep them (environment, profile, single sign-on), and no sentence contains any
part of them. AWS_MAX_ATTEMPTS and AWS_RETRY_MODE decide how often a request is tried again, as in every AWS tool.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from quilt_cfn.errors import UserError

CONNECTIONS = 32
"""The most connections that one client keeps open at once."""

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
    from botocore.exceptions import BotoCoreError

    config = Config(max_pool_connections=CONNECTIONS, signature_version=UNSIGNED if anonymous else None)
    try:
        with _lock:  # a session makes one client at a time
            session = _session()
            return session.client(service, region_name=region or session.region_name or "us-east-1", config=config)
    except (BotoCoreError, ValueError) as error:
        raise user_error(error, f"The client of {service} could not be made") from error


@functools.cache
def _session() -> Any:
    """The session of all clients: its first client takes 0.15 s, to read AWS's API models, and each other 0.01 s."""
    import boto3

    return boto3.session.Session()


def code(error: Exception) -> str:
    """The code of the error that a service answered with; empty for an error of another type."""
    return str(_answer(error).get("Code", ""))


def _answer(error: Exception) -> Any:
    return (getattr(error, "response", None) or {}).get("Error", {})


def user_error(error: Exception, what: str) -> UserError:
    """The sentence and the next step for an error of boto3.

    ``what`` begins the sentence, without a full stop: "s3://bucket could not be read".
    """
    from botocore import exceptions  # late: only an error of boto3 needs it

    answered = code(error)
    if answered in _EXPIRED or isinstance(error, (exceptions.SSOTokenLoadError, exceptions.UnauthorizedSSOTokenError)):
        return UserError(f"{what}: the AWS credentials have expired.", _SIGN_IN)
    if answered in _UNKNOWN:
        return UserError(f"{what}: AWS does not accept the credentials ({answered}).", _SIGN_IN)
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return UserError(f"{what}: there are no complete AWS credentials.", _SIGN_IN)
    if answered in DENIED:
        return UserError(
            f"{what}: AWS refused access ({answered}).",
            "Check that the credentials are those of the right account and that its policies allow the call.",
        )
    if answered in BUSY:
        return UserError(f"{what}: AWS is busy or has a fault ({answered}).", "Run the command again in a minute.")
    if answered:
        message = _answer(error).get("Message", "")
        return UserError(
            f"{what}: {answered}{f', {message}' if message else ''}".rstrip(".") + ".",
            "Fix the cause and run the command again.",
        )
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return UserError(
            f"{what}: the connection failed ({type(error).__name__}).", "Check the network and run the command again."
        )
    return UserError(f"{what}: {error}".rstrip(".") + ".", "Check the AWS configuration (aws configure list).")
