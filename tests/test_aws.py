"""An error of AWS becomes a sentence and a next step, and never shows a credential."""

from __future__ import annotations

import pytest
from botocore import exceptions

from quilt_cfn import aws

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def answered(code, message="AKIAIOSFODNN7EXAMPLE"):
    return exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "PutObject")


@pytest.mark.parametrize(
    ("error", "said", "then"),
    [
        (answered("ExpiredToken"), "the AWS credentials have expired", "Sign in again"),
        (answered("ExpiredTokenException"), "the AWS credentials have expired", "Sign in again"),
        (exceptions.UnauthorizedSSOTokenError(), "the AWS credentials have expired", "Sign in again"),
        (answered("InvalidAccessKeyId"), "AWS does not accept the credentials (InvalidAccessKeyId)", "Sign in again"),
        (answered("SignatureDoesNotMatch"), "AWS does not accept the credentials", "Sign in again"),
        (exceptions.NoCredentialsError(), "there are no complete AWS credentials", "Sign in again"),
        (
            exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            "there are no complete AWS credentials",
            "Sign in again",
        ),
        (answered("AccessDenied"), "AWS refused access (AccessDenied)", "right account"),
        (answered("SlowDown"), "AWS is busy or has a fault (SlowDown)", "in a minute"),
        (answered("InternalError"), "AWS is busy or has a fault (InternalError)", "in a minute"),
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), "the connection failed", "network"),
        (exceptions.ReadTimeoutError(endpoint_url="https://x"), "the connection failed", "network"),
        (exceptions.ProfileNotFound(profile="nope"), "The config profile (nope) could not be found.", "aws configure"),
    ],
)
def test_an_error_becomes_a_sentence_and_a_next_step(error, said, then):
    shown = aws.user_error(error, "s3://bucket could not be read")
    assert shown.what.startswith("s3://bucket could not be read: ")
    assert said in shown.what
    assert then in shown.next_step
    assert "AKIA" not in str(shown)


def test_another_error_is_shown_in_the_words_of_aws():
    shown = aws.user_error(answered("KeyTooLongError", "Your key is too long."), "It could not be written")
    assert shown.what == "It could not be written: KeyTooLongError, Your key is too long."
    assert shown.next_step == "Fix the cause and run the command again."


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    for name in ("AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("mode", "attempts", "retries"),
    [
        (None, None, ("standard", 3)),
        (None, "7", ("standard", 7)),
        ("adaptive", "2", ("adaptive", 2)),
        ("standard", None, ("standard", 3)),
    ],
)
def test_the_users_environment_decides_how_often_a_request_is_retried(environment, mode, attempts, retries):
    for name, value in (("AWS_RETRY_MODE", mode), ("AWS_MAX_ATTEMPTS", attempts)):
        if value:
            environment.setenv(name, value)
    client = aws.client("s3", "us-east-1")
    configured = client.meta.config.retries
    assert (configured["mode"], configured.get("total_max_attempts", 3)) == retries
    client.close()


def test_a_client_without_a_region_is_in_the_users_or_in_us_east_1(environment):
    environment.delenv("AWS_REGION", raising=False)
    environment.delenv("AWS_DEFAULT_REGION", raising=False)
    for region, expected in ((None, "us-east-1"), ("eu-west-3", "eu-west-3")):
        if region:
            environment.setenv("AWS_DEFAULT_REGION", region)
        client = aws.client("s3")
        assert client.meta.region_name == expected
        client.close()


def test_an_anonymous_client_signs_nothing(environment):
    client = aws.client("s3", "us-east-1", anonymous=True)
    assert "Authorization" not in client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "key"})
    assert "AKIA" not in client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "key"})
    client.close()
