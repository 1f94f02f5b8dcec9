"""The proxy fails as it is told and in no other way: what the tests of publishing conclude from it rests on that."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from socket import create_connection
from threading import Event

import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    FlexibleChecksumError,
    ResponseStreamingError,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.delivery.publish.proxy import (
    Answer,
    CorruptReply,
    CorruptUpload,
    CutReply,
    CutUpload,
    Delay,
    DropReply,
    DropRequest,
    Kill,
    Outcome,
    Request,
    at,
    is_what_it_says,
    serve_proxy,
)
from tests.delivery.publish.servers import Handler, Reply, Server, client

ONCE = Config(retries={"total_max_attempts": 1}, max_pool_connections=40, read_timeout=10)
BODY = bytes(range(256)) * 4


@pytest.fixture
def through(proxy):
    """A client that goes through the proxy and tries once."""
    through = client("s3", proxy.url, config=ONCE)
    yield through
    through.close()


@pytest.fixture
def stored(s3, bucket):
    """What the server itself has under a key of the test's bucket; None if nothing."""

    def stored(key):
        try:
            return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None

    return stored


class Counting(Server):
    connections = 0

    def process_request(self, *arguments):
        self.connections += 1
        super().process_request(*arguments)


class Fine(Handler):
    def answer(self, body):
        return Reply(200, [], b"fine")


def outcomes(proxy):
    return [each.outcome for each in proxy.requests]


def differing_bits(one, other):
    assert len(one) == len(other)
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


def raw(url, method, path, body=None, headers=None, **options):
    connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, headers or {}, **options)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def aws_chunked(data, size, checksum):
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return body + b"0\r\nx-amz-checksum-crc32:" + checksum + b"\r\n\r\n"


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big"))


def test_without_a_fault_a_request_and_its_answer_arrive_as_they_were(proxy, through, s3, bucket, stored):
    key = "a b/ü+~//%41"
    put = through.put_object(Bucket=bucket, Key=key, Body=BODY, Metadata={"x": "y"})
    got = through.get_object(Bucket=bucket, Key=key)
    assert got["Body"].read() == BODY == stored(key)
    assert (got["ETag"], got["Metadata"]) == (put["ETag"], {"x": "y"})
    first, second = proxy.requests
    assert (first.number, first.method, first.body) == (1, "PUT", BODY)
    assert first.path == f"/{bucket}/a%20b/%C3%BC%2B~//%2541"
    assert first.headers["Host"] == proxy.url.removeprefix("http://")
    assert first.headers["x-amz-meta-x"] == "y"
    assert first.outcome == Outcome(None, 200, 200)
    assert (second.number, second.method, second.body) == (2, "GET", b"")
    assert proxy.writes == [first]


def test_a_head_and_an_error_and_an_empty_answer_arrive_too(proxy, through, bucket):
    through.put_object(Bucket=bucket, Key="k", Body=b"")
    assert through.head_object(Bucket=bucket, Key="k")["ContentLength"] == 0
    assert through.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    assert through.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(through.exceptions.NoSuchKey):
        through.get_object(Bucket=bucket, Key="k")
    assert [each.client for each in outcomes(proxy)] == [200, 200, 200, 204, 404]


def test_the_path_is_forwarded_with_every_slash_it_was_signed_with():
    class Echo(Handler):
        def answer(self, body):
            return Reply(200, [], self.requestline.encode())

    with Server(Echo) as upstream, serve_proxy(upstream.url) as proxy:
        assert raw(proxy.url, "GET", "//a/%2F/?b=%20+c")[2] == b"GET //a/%2F/?b=%20+c HTTP/1.1"


def test_requests_share_the_connections_to_the_server():
    with Counting(Fine) as upstream, serve_proxy(upstream.url) as proxy:
        for _ in range(5):
            assert raw(proxy.url, "GET", "/")[0] == 200
        assert upstream.connections == 1


def test_a_connection_that_the_server_has_closed_is_not_used_again():
    class Closing(Server):
        closed = Event()

        def shutdown_request(self, request):
            super().shutdown_request(request)
            self.closed.set()

    class Once(Handler):
        def answer(self, body):
            self.close_connection = True
            return Reply(200, [], b"fine")

    with Closing(Once) as upstream, serve_proxy(upstream.url) as proxy:
        assert raw(proxy.url, "GET", "/")[0] == 200
        assert upstream.closed.wait(5)
        assert raw(proxy.url, "GET", "/")[0] == 200


def test_a_server_that_does_not_answer_is_a_502():
    with Server(Handler) as gone:
        pass
    with serve_proxy(gone.url) as proxy:
        status, _, body = raw(proxy.url, "GET", "/")
        assert status == 502
        assert b"ConnectionRefusedError" in body


def test_a_chunked_body_is_forwarded_whole(proxy, bucket, stored):
    parts = iter([b"one", b"two" * 1000, b"three"])
    status, _, _ = raw(proxy.url, "PUT", f"/{bucket}/k", parts, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert status == 200
    assert proxy.requests[0].body == stored("k") == b"one" + b"two" * 1000 + b"three"


def test_who_expects_100_continue_gets_it_before_the_body_is_sent(proxy, bucket, stored):
    host, port = proxy.url.removeprefix("http://").split(":")
    with create_connection((host, int(port)), timeout=5) as connection:
        head = f"PUT /{bucket}/k HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(b"body")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    assert stored("k") == b"body"


@pytest.mark.parametrize("head", ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"])
def test_an_upload_that_the_client_breaks_off_is_no_request(proxy, s3_server, bucket, stored, head):
    for url in (proxy.url, s3_server):
        host, port = url.removeprefix("http://").split(":")
        with create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(f"PUT /{bucket}/k HTTP/1.1\r\nHost: x\r\n{head}".encode())
            connection.shutdown(1)
            assert connection.recv(100) == b""
    assert (proxy.requests, stored("k")) == ([], None)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "SlowDown"),
        (409, "ConditionalRequestConflict"),
        (400, "ExpiredToken"),
        (403, "AccessDenied"),
        (500, "InternalError"),
    ],
)
def test_an_error_is_answered_without_asking_the_server(proxy, through, bucket, stored, status, code):
    proxy.faults = Answer(status, code)
    with pytest.raises(ClientError) as error:
        through.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert (outcomes(proxy), stored("k")) == ([Outcome(Answer(status, code), None, status)], None)


def test_the_answers_to_a_head_have_no_body_and_keep_the_connection(proxy, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ACL="public-read")
    proxy.faults = at(2, Answer(503, "SlowDown"))
    connection = HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)
    used = set()
    for status in (200, 503, 200):
        connection.request("HEAD", f"/{bucket}/k")
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, b"")
        used.add(connection.sock)
    connection.close()
    assert len(used) == 1


def test_an_error_is_understood_by_a_client_of_a_json_api(proxy):
    proxy.faults = Answer(423, "ResourceInUseException")
    marketplace = client("marketplace-catalog", proxy.url, config=ONCE)
    with pytest.raises(marketplace.exceptions.ResourceInUseException):
        marketplace.cancel_change_set(Catalog="AWSMarketplace", ChangeSetId="c")
    marketplace.close()
    assert [each.method for each in proxy.writes] == ["PATCH"]


def test_a_dropped_request_never_happened(proxy, through, bucket, stored):
    proxy.faults = DropRequest()
    with pytest.raises(ConnectionClosedError):
        through.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert (outcomes(proxy), stored("k")) == ([Outcome(DropRequest(), None, None)], None)


def test_a_dropped_reply_is_to_something_that_happened(proxy, through, bucket, stored):
    proxy.faults = DropReply()
    with pytest.raises(ConnectionClosedError):
        through.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert (outcomes(proxy), stored("k")) == ([Outcome(DropReply(), 200, None)], BODY)


def test_a_cut_upload_reaches_the_server_and_is_not_stored(proxy, through, bucket, stored):
    proxy.faults = CutUpload()
    with pytest.raises(ConnectionClosedError):
        through.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert (outcomes(proxy), stored("k")) == ([Outcome(CutUpload(), None, None)], None)


def test_half_a_body_and_the_whole_length_are_what_the_server_sees_of_a_cut_upload():
    seen = []
    done = Event()

    class Half(Handler):
        def read_body(self):
            seen.append((self.headers["Content-Length"], self.rfile.read()))
            done.set()

    with Server(Half) as upstream, serve_proxy(upstream.url, CutUpload()) as proxy:
        with pytest.raises(ConnectionError):
            raw(proxy.url, "PUT", "/k", b"12345678")
        assert done.wait(5)
    assert seen == [("8", b"1234")]


def test_a_cut_upload_without_a_body_is_not_forwarded():
    with Counting(Fine) as upstream, serve_proxy(upstream.url, at(1, CutUpload())) as proxy:
        with pytest.raises(ConnectionError):
            raw(proxy.url, "DELETE", "/k")
        # Connections are taken in their order: when this one is answered, one before it would have been counted.
        assert raw(proxy.url, "GET", "/")[0] == 200
        assert upstream.connections == 1


def test_a_cut_reply_ends_in_its_middle(proxy, through, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    proxy.faults = CutReply()
    got = through.get_object(Bucket=bucket, Key="k")
    assert got["ContentLength"] == len(BODY)
    with pytest.raises(ResponseStreamingError):
        got["Body"].read()
    assert outcomes(proxy) == [Outcome(CutReply(), 200, 200)]


def test_a_cut_reply_without_a_body_is_dropped(proxy, through, bucket, stored):
    proxy.faults = CutReply()
    with pytest.raises(ConnectionClosedError):
        through.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert (outcomes(proxy), stored("k")) == ([Outcome(CutReply(), 200, None)], BODY)


def test_a_corrupt_upload_is_stored_with_one_wrong_bit(proxy, through, bucket, stored):
    proxy.faults = CorruptUpload()
    through.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert differing_bits(stored("k"), BODY) == 1
    assert proxy.requests[0].body == BODY


def test_a_corrupt_reply_has_one_wrong_bit(proxy, through, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumAlgorithm="SHA256")
    proxy.faults = CorruptReply()
    trusting = client("s3", proxy.url, config=Config(response_checksum_validation="when_required"))
    assert differing_bits(trusting.get_object(Bucket=bucket, Key="k")["Body"].read(), BODY) == 1
    trusting.close()
    with pytest.raises(FlexibleChecksumError):
        through.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read()


@pytest.mark.parametrize("strict", [False, True])
def test_a_corrupt_aws_chunked_upload_is_wrong_in_its_data(proxy, bucket, stored, strict):
    proxy.faults, proxy.strict_checksums = CorruptUpload(), strict
    headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-trailer": "x-amz-checksum-crc32"}
    status, _, body = raw(proxy.url, "PUT", f"/{bucket}/k", aws_chunked(BODY, 100, crc32(BODY)), headers)
    if strict:
        assert (status, b"<Code>BadDigest</Code>" in body, stored("k")) == (400, True, None)
    else:
        assert (status, differing_bits(stored("k"), BODY)) == (200, 1)


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_strict_checksums_refuse_a_body_that_is_not_what_its_headers_say(proxy, through, bucket, stored, algorithm):
    proxy.strict_checksums = True
    through.put_object(Bucket=bucket, Key="right", Body=BODY, ChecksumAlgorithm=algorithm)
    assert stored("right") == BODY
    proxy.faults = CorruptUpload()
    with pytest.raises(ClientError, match="BadDigest"):
        through.put_object(Bucket=bucket, Key="wrong", Body=BODY, ChecksumAlgorithm=algorithm)
    assert stored("wrong") is None
    assert outcomes(proxy)[1] == Outcome(CorruptUpload(), None, 400)


def test_strict_checksums_look_at_content_md5(proxy, bucket, stored):
    proxy.strict_checksums = True
    right = base64.b64encode(hashlib.md5(BODY, usedforsecurity=False).digest()).decode()
    assert raw(proxy.url, "PUT", f"/{bucket}/k", BODY[1:], {"Content-MD5": right})[0] == 400
    assert stored("k") is None
    assert raw(proxy.url, "PUT", f"/{bucket}/k", BODY, {"Content-MD5": right})[0] == 200
    assert stored("k") == BODY


@given(st.binary(), st.integers(1, 50), st.integers(0))
def test_an_aws_chunked_body_is_what_its_trailer_says(data, size, anywhere):
    headers = Message()
    headers["x-amz-content-sha256"] = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    def request(content):
        return Request(1, "PUT", "/", headers, aws_chunked(content, size, crc32(data)))

    assert is_what_it_says(request(data))
    if data:
        index = anywhere % len(data)
        changed = data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]
        assert not is_what_it_says(request(changed))


@pytest.mark.parametrize("before", [True, False])
def test_what_kills_is_called_before_or_after_the_server_has_done_it(proxy, through, bucket, stored, before):
    seen = []
    kill = Kill(lambda: seen.append(stored("k")), before)
    proxy.faults = kill
    with pytest.raises(ConnectionClosedError):
        through.put_object(Bucket=bucket, Key="k", Body=BODY)
    expected = None if before else BODY
    assert (seen, stored("k")) == ([expected], expected)
    assert outcomes(proxy) == [Outcome(kill, None if before else 200, None)]


def test_a_delay_delays_and_nothing_else(proxy, through, bucket, stored):
    proxy.faults = Delay(0.1)
    began = time.monotonic()
    through.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert time.monotonic() - began >= 0.1
    assert stored("k") == BODY


def test_a_proxy_that_closes_waits_for_no_delay(s3_server):
    arrived = Event()

    def faults(request):
        arrived.set()
        return Delay(600)

    with serve_proxy(s3_server, faults) as proxy:
        host, port = proxy.url.removeprefix("http://").split(":")
        with create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert arrived.wait(5)
        began = time.monotonic()
    assert time.monotonic() - began < 5


def test_a_fault_is_for_the_request_it_was_chosen_for(proxy, through, bucket, stored):
    proxy.faults = at(2, Answer(503, "SlowDown"))
    through.put_object(Bucket=bucket, Key="1", Body=BODY)
    with pytest.raises(ClientError, match="SlowDown"):
        through.put_object(Bucket=bucket, Key="2", Body=BODY)
    through.put_object(Bucket=bucket, Key="3", Body=BODY)
    assert [stored(key) for key in "123"] == [BODY, None, BODY]
    proxy.reset()
    assert proxy.requests == []
    through.put_object(Bucket=bucket, Key="4", Body=BODY)
    assert [each.number for each in proxy.requests] == [1]


def test_a_test_whose_choice_of_faults_fails_fails(s3_server):
    def mistaken(request):
        raise LookupError("the test's own mistake")

    def unanswered():
        with serve_proxy(s3_server, mistaken) as proxy, pytest.raises(ConnectionError):
            raw(proxy.url, "GET", "/")

    with pytest.raises(LookupError, match="own mistake"):
        unanswered()


def test_forty_threads_at_once_are_all_written_down(proxy, through, s3, bucket):
    proxy.faults = lambda request: Answer(503, "SlowDown") if request.number % 4 == 0 else None

    def put(number):
        try:
            through.put_object(Bucket=bucket, Key=f"{number}", Body=str(number).encode())
        except ClientError:
            return None
        return f"{number}"

    with ThreadPoolExecutor(40) as threads:
        done = set(threads.map(put, range(200))) - {None}
    assert [each.number for each in proxy.requests] == list(range(1, 201))
    assert {each.path for each in proxy.writes} == {f"/{bucket}/{number}" for number in range(200)}
    assert all(each.path.endswith("/" + each.body.decode()) for each in proxy.requests)
    assert all(each.outcome.client == (503 if each.number % 4 == 0 else 200) for each in proxy.requests)
    assert len(done) == 150
    assert {each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]} == done


def test_of_twenty_four_who_create_the_same_key_one_does(s3_server, bucket, stored):
    direct = client("s3", s3_server, config=ONCE)

    def create(number):
        try:
            direct.put_object(Bucket=bucket, Key="k", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return number

    with ThreadPoolExecutor(24) as threads:
        said = list(threads.map(create, range(24)))
    direct.close()
    (winner,) = [each for each in said if each != "PreconditionFailed"]
    assert stored("k") == str(winner).encode()


def test_the_aws_cli_works_through_it(proxy, proxied_environment, bucket, tmp_path, stored):
    aws = Path(sys.executable).with_name("aws")
    (tmp_path / "up").write_bytes(BODY)
    for arguments in (["put-object", "--body", tmp_path / "up"], ["get-object", tmp_path / "down"]):
        command, *rest = arguments
        subprocess.run(
            [aws, "s3api", command, "--bucket", bucket, "--key", "k", *rest], check=True, stdout=subprocess.DEVNULL
        )
    assert (tmp_path / "down").read_bytes() == BODY == stored("k")
    assert [each.method for each in proxy.requests] == ["PUT", "GET"]


def test_the_environment_of_the_tests_forgets_the_developers_own(request, monkeypatch, s3, bucket):
    import boto3

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_STS"):
        monkeypatch.setenv(name, "mine")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "example.com")
    with pytest.raises(Exception, match=r"profile \(mine\)"):
        boto3.session.Session().client("s3")
    request.getfixturevalue("aws_environment")
    found = boto3.session.Session().client("s3", config=ONCE)
    assert bucket in [each["Name"] for each in found.list_buckets()["Buckets"]]
    found.close()
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_STS"} & set(os.environ)


def test_the_server_ends_with_whoever_started_it():
    program = """\
from tests.delivery.publish.servers import serve_s3
with serve_s3() as url:
    print(url, flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        url = starter.stdout.readline().strip()
        assert raw(url, "GET", "/")[0] == 200
        starter.send_signal(signal.SIGKILL)
    for _ in range(500):
        try:
            raw(url, "GET", "/")
        except ConnectionError:
            break
        time.sleep(0.01)
    else:
        pytest.fail("moto's server still answers")


def test_nothing_answers_where_a_closed_proxy_was(s3_server):
    with serve_proxy(s3_server) as proxy:
        through = client("s3", proxy.url, config=ONCE)
        through.list_buckets()
    with pytest.raises((EndpointConnectionError, ConnectionClosedError)):
        through.list_buckets()
    through.close()
