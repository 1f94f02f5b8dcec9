"""Whatever AWS or a server in its place answers is an answer of the API or an error, and an error becomes a sentence.

The sentence has a next step, never shows a credential, and nothing in it that a terminal would obey.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore import exceptions

from quilt_cfn import aws
from quilt_cfn.errors import UserError
from tests.delivery.publish.servers import Handler, Reply, Server, enter

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
        (exceptions.EndpointConnectionError(endpoint_url="https://x/y"), "the connection to x failed", "network"),
        (exceptions.ReadTimeoutError(endpoint_url=None), "the connection failed (ReadTimeoutError)", "network"),
        (exceptions.ProfileNotFound(profile="nope"), "The config profile (nope) could not be found.", "aws configure"),
        (exceptions.HTTPClientError(error="the answer is empty"), ": the answer is empty.", "endpoint"),
        (exceptions.HTTPClientError(error=ValueError(SECRET)), "boto3 failed with ValueError", "aws configure"),
        (EOFError("EOF when reading a line"), "asks for an MFA code", "Sign in again"),
        (exceptions.LoginRefreshRequired(), "Your session has expired", "Sign in again"),
        (answered("502"), "the answer is not one of AWS's (502)", "endpoint"),
        (exceptions.ClientError({"Error": {"Code": "403"}}, "HeadObject"), "AWS refused access (403)", "account"),
    ],
)
def test_an_error_becomes_a_sentence_and_a_next_step(error, said, then):
    shown = aws.user_error(error, "s3://bucket could not be read")
    assert shown.what.startswith("s3://bucket could not be read: ")
    assert said in shown.what
    assert then in shown.next_step
    assert "AKIA" not in str(shown)
    assert SECRET not in str(shown)


@pytest.mark.parametrize(
    ("error", "passes", "sign_in"),
    [
        (answered("Throttling"), True, False),
        (answered("503"), True, False),
        (answered("ValidationError"), False, False),
        (answered("AccessDenied"), False, False),
        (answered("ExpiredToken"), False, True),
        (exceptions.NoCredentialsError(), False, True),
        (exceptions.EndpointConnectionError(endpoint_url="https://x/y"), True, False),
        (exceptions.ConnectionClosedError(endpoint_url="https://x/y"), True, False),
        (exceptions.SSLError(endpoint_url="https://x/y", error="wrong"), False, False),
        (exceptions.ProxyConnectionError(proxy_url="http://x"), False, False),
        (exceptions.ParamValidationError(report="wrong"), False, False),
    ],
)
def test_what_passes_by_itself_is_told_from_what_wants_another_sign_in(error, passes, sign_in):
    assert aws.passes(error) == passes
    assert aws.wants_another_sign_in(error) == sign_in


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


# What a server can answer. Each client is a real one, and the server a real one, on this machine.


class Answering(Handler):
    server: Endpoint

    def answer(self, body: bytes) -> Reply | None:
        self.server.requests.append(self.command)
        return self.server.reply


class Endpoint(Server):
    """Gives the same answer to every request."""

    reply: Reply | None = None

    def __init__(self, handler: type[Handler] = Answering) -> None:
        super().__init__(handler)
        self.requests: list[str] = []


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Where every client connects to."""
    with Endpoint() as server:
        enter(server.url, monkeypatch)
        yield server


CATALOG = {
    "DescribeEntity": lambda client: client.describe_entity(Catalog="AWSMarketplace", EntityId="prod-1"),
    "ListChangeSets": lambda client: client.list_change_sets(Catalog="AWSMarketplace"),
}
S3 = {
    "ListObjectsV2": lambda client: client.list_objects_v2(Bucket="bucket"),
    "GetBucketPolicy": lambda client: client.get_bucket_policy(Bucket="bucket"),
    "GetBucketEncryption": lambda client: client.get_bucket_encryption(Bucket="bucket"),
}
Call = Callable[[Any], object]


def sentence(service: str, call: Call) -> str:
    """What is said about a call that fails, without the beginning."""
    client = aws.client(service)
    try:
        with pytest.raises((exceptions.ClientError, exceptions.BotoCoreError)) as raised:
            call(client)
    finally:
        client.close()
    error = aws.user_error(raised.value, "x")
    assert str(error).isprintable()
    assert error.next_step
    return error.what.removeprefix("x: ")


PAGE = b"<html><head><title>Blocked</title></head><body>Ask \x1b[2J your\nadministrator.</body></html>"
PAGES = {
    "a page with an escape sequence": PAGE,
    "a page of well-formed XML": b"\n<!DOCTYPE html>\n" + PAGE.replace(b"\x1b", b""),
}


@pytest.mark.parametrize("body", PAGES.values(), ids=PAGES)
def test_a_page_in_place_of_an_answer_is_an_error_whatever_its_status(endpoint, environment, body):
    environment.setenv("AWS_MAX_ATTEMPTS", "1")
    for status in (200, 400, 403, 404, 502):
        endpoint.reply = Reply(status, [("Content-Type", "text/html")], body)
        for service, calls in (("marketplace-catalog", CATALOG), ("s3", S3)):
            for call in calls.values():
                said = sentence(service, call)
                # botocore itself makes a 500 of XML that it can't read.
                expected = f"({status})" if status != 200 else ("JSON", "HTML", "(500)")
                assert said.startswith("the answer is "), said
                assert any(each in said for each in ([expected] if isinstance(expected, str) else expected)), said
                assert "administrator" not in said


def test_a_page_of_a_gateway_is_asked_again_like_any_fault_of_a_server(endpoint):
    endpoint.reply = Reply(502, [], PAGE)
    assert sentence("marketplace-catalog", CATALOG["DescribeEntity"]) == "the answer is not one of AWS's (502)."
    assert endpoint.requests == ["GET", "GET"]  # AWS_MAX_ATTEMPTS of the tests


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the answer is not a complete JSON document"),
        (b'{"EntityIdentifier": "prod-1', "the answer is not a complete JSON document"),
        (b"[" * 100_000, "the answer is not a complete JSON document"),
        (b'{"EntityIdentifier": "\xff"}', "the answer is not a complete JSON document"),
        (b"null", "the answer is not a map"),
        (b"[]", "the answer is not a map"),
        (b"7", "the answer is not a map"),
        (b'{"EntityIdentifier": 7}', "EntityIdentifier is not a string"),
        (b'{"Details": {"Versions": []}}', "Details is not a string"),
    ],
)
def test_a_document_that_does_not_fit_the_api_is_an_error(endpoint, body, said):
    endpoint.reply = Reply(200, [], body)
    assert sentence("marketplace-catalog", CATALOG["DescribeEntity"]) == f"{said}."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"ChangeSetSummaryList": {}}', "ChangeSetSummaryList is not a list"),
        (b'{"ChangeSetSummaryList": ""}', "ChangeSetSummaryList is not a list"),
        (b'{"ChangeSetSummaryList": [null]}', "an entry of ChangeSetSummaryList is not a map"),
        (b'{"ChangeSetSummaryList": [{"Status": 7}]}', "Status is not a string"),
        (b'{"ChangeSetSummaryList": [], "NextToken": []}', "NextToken is not a string"),
    ],
)
def test_so_is_a_list_of_something_else(endpoint, body, said):
    endpoint.reply = Reply(200, [], body)
    assert sentence("marketplace-catalog", CATALOG["ListChangeSets"]) == f"{said}."


def test_null_is_the_same_as_nothing_and_unknown_fields_are_ignored(endpoint):
    endpoint.reply = Reply(200, [], b'{"EntityType": null, "New": 7, "DetailsDocument": [1]}')
    client = aws.client("marketplace-catalog", "us-east-1")
    answer = CATALOG["DescribeEntity"](client)
    client.close()
    assert {key: value for key, value in answer.items() if key != "ResponseMetadata"} == {"DetailsDocument": [1]}


@pytest.mark.parametrize("call", S3.values(), ids=S3)
def test_an_empty_answer_of_s3_is_an_error_where_s3_answers_something(endpoint, call):
    endpoint.reply = Reply(200, [])
    assert sentence("s3", call) == "the answer is empty."


def test_an_empty_answer_is_right_where_s3_answers_with_headers(endpoint):
    endpoint.reply = Reply(200, [("ETag", '"x"'), ("Content-Length", "0")])
    client = aws.client("s3")
    assert client.put_object(Bucket="bucket", Key="key", Body=b"")["ETag"] == '"x"'
    assert client.get_object(Bucket="bucket", Key="key")["Body"].read() == b""
    endpoint.reply = Reply(200, [("Content-Length", "5000")])
    assert client.head_object(Bucket="bucket", Key="key")["ContentLength"] == 5000
    client.close()


@pytest.mark.parametrize(
    ("service", "call"), [("marketplace-catalog", CATALOG["ListChangeSets"]), *(("s3", each) for each in S3.values())]
)
def test_an_answer_that_ends_too_early_is_asked_again_and_is_an_error(endpoint, service, call):
    endpoint.reply = Reply(200, [("Content-Length", "500")], b"{}")
    assert sentence(service, call).startswith("the connection to 127.0.0.1:")
    assert len(endpoint.requests) == 2


class Endless(Handler):
    """Answers far more than anybody wants, as fast as it is read."""

    server: Endpoint
    status = 200

    def answer(self, body: bytes) -> Reply | None:
        self.wfile.write(b"HTTP/1.1 %d OK\r\nConnection: close\r\n\r\n" % self.status)
        for _ in range(1000):  # or until the client closes the connection
            self.server.requests.append("x" * self.wfile.write(b" " * 65536))
        return None


class EndlessError(Endless):
    status = 400


@pytest.mark.parametrize("handler", [Endless, EndlessError])
@pytest.mark.parametrize(
    ("service", "call"), [("marketplace-catalog", CATALOG["DescribeEntity"]), ("s3", S3["ListObjectsV2"])]
)
def test_no_more_of_an_answer_is_read_than_a_limit(monkeypatch, service, call, handler):
    monkeypatch.setattr(aws, "LARGEST_ANSWERS", dict.fromkeys(aws.LARGEST_ANSWERS, 1_000_000))
    with Endpoint(handler) as endpoint:
        enter(endpoint.url, monkeypatch)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        assert sentence(service, call) == "the answer has more than 1,000,000 bytes."
    sent = sum(map(len, endpoint.requests))
    assert sent < 20_000_000  # what is between the two, in buffers of the operating system


def test_the_error_of_a_file_is_limited_as_well_and_the_file_is_not(monkeypatch):
    monkeypatch.setattr(aws, "LARGEST_ANSWERS", dict.fromkeys(aws.LARGEST_ANSWERS, 1_000_000))

    def read(client: Any) -> bytes:
        return bytes(client.get_object(Bucket="bucket", Key="key")["Body"].read(2_000_000))

    for handler in (Endless, EndlessError):
        with Endpoint(handler) as endpoint:
            enter(endpoint.url, monkeypatch)
            monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
            if handler is EndlessError:
                assert sentence("s3", read) == "the answer has more than 1,000,000 bytes."
            else:
                client = aws.client("s3")
                assert len(read(client)) == 2_000_000
                client.close()


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"__type": 7}', b'{"code": [], "message": {"a": "\\u001b[2J"}}'])
def test_an_error_that_is_none_of_the_apis_is_a_sentence_too(endpoint, body):
    endpoint.reply = Reply(400, [], body)
    assert "\x1b" not in sentence("marketplace-catalog", CATALOG["DescribeEntity"])


def test_what_aws_says_is_on_one_line_and_printable_and_not_endless(endpoint):
    said = "\\u001b]0;title\\u0007 first\\nsecond \\ud800" + "x" * 10_000
    endpoint.reply = Reply(400, [("x-amzn-errortype", "New\x9bException")], f'{{"message": "{said}"}}'.encode())
    shown = sentence("marketplace-catalog", CATALOG["DescribeEntity"])
    assert shown.startswith(r"New\x9bException, \x1b]0;title\x07 first second \ud800xxx")
    assert len(shown) < 600


# What users can have in their environment and their files.


KEPT = {"AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
"""What a session of boto3 reads once."""


@pytest.fixture
def made(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Takes variables of the environment, of which None removes one; returns what is said about a call with them."""

    def made(**variables: str | None) -> str:
        for name, value in variables.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        if KEPT & {*variables}:
            aws._session.cache_clear()
        with contextlib.suppress(UserError):
            return sentence("marketplace-catalog", CATALOG["DescribeEntity"])
        with pytest.raises(UserError) as raised:
            aws.client("marketplace-catalog")
        assert str(raised.value).isprintable()
        return str(raised.value).removeprefix("The client of marketplace-catalog could not be made: ")

    yield made
    aws._session.cache_clear()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_MAX_ATTEMPTS": "many"}, "invalid literal for int() with base 10: 'many'. Check the AWS configuration"),
        ({"AWS_RETRY_MODE": "x\x1b"}, r'Invalid value provided to "mode": "x\x1b" must be one of'),
        (
            {"AWS_PROFILE": "no\x1b[2J"},
            r"The config profile (no\x1b[2J) could not be found. Check the AWS configuration",
        ),
        ({"AWS_REGION": "a b", "AWS_DEFAULT_REGION": "a b"}, "Provided region_name 'a b' doesn't match a supported"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "Invalid endpoint: nonsense. Check"),
        ({"AWS_ENDPOINT_URL": "ftp://x"}, "boto3 failed with URLSchemeUnknown."),
        ({"AWS_SECRET_ACCESS_KEY": None}, "there are no complete AWS credentials. Sign in again"),
        ({"AWS_SESSION_TOKEN": f"{SECRET}\r"}, "boto3 failed with ValueError."),
    ],
)
def test_an_environment_that_is_wrong_is_a_sentence(made, variables, said):
    shown = made(**variables)
    assert shown.startswith(said)
    assert SECRET not in shown


FILES = {
    "not one": (b"nonsense [", "Unable to parse config file: "),
    "bytes": (b"\xff\xfe\x00", "Unable to parse config file: "),
    "no program": (
        b"[default]\ncredential_process = /no/program",
        "[Errno 2] No such file or directory: '/no/program'",
    ),
    "a program that fails": (
        b"[default]\ncredential_process = /bin/sh -c 'echo a\x1b; echo b\x1b >&2; exit 1'",
        r"Error when retrieving credentials from custom-process: b\x1b. Sign in again",
    ),
    "a program without JSON": (f"[default]\ncredential_process = echo {SECRET}".encode(), "Expecting value: "),
    "a program with a list": (b"[default]\ncredential_process = echo []", "boto3 failed with AttributeError."),
    "a role of itself": (
        b"[default]\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = default",
        "Infinite loop in credential configuration detected.",
    ),
    "signed out": (
        b"[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
        b"[sso-session s]\nsso_start_url = https://x\nsso_region = us-east-1",
        "the AWS credentials have expired.",
    ),
}


@pytest.mark.parametrize(("content", "said"), FILES.values(), ids=FILES)
def test_a_configuration_file_that_is_wrong_is_a_sentence(made, tmp_path, content, said):
    (tmp_path / "config").write_bytes(content)
    without = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "HOME": str(tmp_path)}
    shown = made(AWS_CONFIG_FILE=str(tmp_path / "config"), **without)
    assert shown.startswith(said)
    assert SECRET not in shown


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@127.0.0.1:9",
        "http://user:hunter2@127.0.0.1:99999",
        "http://user:hunter2/x@127.0.0.1:9",
        "http://user:hun@hunter2@127.0.0.1:9",
        "http://us er:hunter2@127.0.0.1:9",
        "http://user:hunter2@[bad",
        "http://user:hunter2@\x1b",
        "socks5://user:hunter2@127.0.0.1:9",
    ],
)
def test_no_password_in_the_url_of_an_endpoint_or_of_a_proxy_is_shown(endpoint, made, url):
    assert "hunter" not in made(AWS_ENDPOINT_URL=url)
    proxied = {"HTTP_PROXY": url, "http_proxy": url, "NO_PROXY": "", "no_proxy": ""}
    assert "hunter" not in made(AWS_ENDPOINT_URL=endpoint.url, **proxied)


def test_a_proxy_that_can_not_be_reached_is_named_and_so_are_certificates(endpoint, made):
    encrypted = endpoint.url.replace("http:", "https:")
    said = made(AWS_ENDPOINT_URL=encrypted)
    assert said.startswith(f"the connection to {encrypted[8:]} failed (SSLError): [SSL: WRONG_VERSION_NUMBER]")
    said = made(AWS_ENDPOINT_URL=encrypted, AWS_CA_BUNDLE=f"{os.devnull}/none")
    assert "failed (SSLError): [Errno " in said
    proxied = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    said = made(AWS_CA_BUNDLE=None, **proxied)
    assert said == "the connection to 127.0.0.1:9 failed (ProxyConnectionError)."
