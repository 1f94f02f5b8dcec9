"""Whatever fails at whichever request to S3: customers see the old state or the new one, and the next run finishes.

1.0.0 is published, and the fault comes while 1.1.0 is being published. Every request is hit by every fault in turn.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish import publish as publishing
from quilt_cfn.delivery.publish.verify import verify
from quilt_cfn.delivery.release.artifact import (
    LATEST,
    MANIFEST,
    SUMS,
)
from quilt_cfn.errors import UserError
from tests.delivery.publish import artifacts
from tests.delivery.publish.artifacts import POOL, Memory, assert_published
from tests.delivery.publish.proxy import Answer, Broken, Fault, Faults, Proxy, Request, at

OLD = artifacts.artifact("1.0.0", big=2000)
NEW = artifacts.artifact("1.1.0", big=2000)
REQUESTS = 24
"""How many requests it takes to publish NEW beside OLD."""
FILE, POINTER = 14, 23
"""One while files are written and read back, and the one that writes latest.json; `make prove` takes all others."""
EACH_REQUEST = [
    pytest.param(number, marks=() if number in (FILE, POINTER) else pytest.mark.exhaustive)
    for number in range(1, REQUESTS + 1)
]
CONFLICT = Answer(409, "ConditionalRequestConflict")


def name_of(fault: Fault) -> str:
    return fault.code if isinstance(fault, Answer) else str(fault)


@pytest.fixture
def state(s3: Any, bucket: str) -> Callable[[], Memory]:
    """What the bucket holds, read without the proxy."""

    def look() -> Memory:
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return Memory({key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys})

    return look


@pytest.fixture
def location(s3: Any, bucket: str) -> str:
    """Where OLD is published."""
    for key, content in artifacts.published(OLD).items():
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}"


@pytest.fixture
def once(proxied_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore retries nothing, so that every fault is felt."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


def publish(location: str) -> list[str]:
    return list(publishing.publish(NEW, [location], None, dry_run=False))


def assert_survives(location: str, proxy: Proxy, state: Callable[[], Memory], faults: Faults) -> None:
    proxy.faults = faults
    with suppress(UserError):  # the user runs the command again
        publish(location)
    assert any(request.fault for request in proxy.requests), "the fault never came"
    there = state()
    assert_published(OLD, there, latest=NEW if b"1.1.0" in there.held[f"{PRODUCT}/{LATEST}"].content else OLD)
    if f"{PRODUCT}/{NEW.version}/{MANIFEST}" in there.held:
        assert verify(there, NEW.version, None, POOL).findings == ()
    proxy.reset()
    publish(location)
    assert_published(NEW, state())
    assert_published(OLD, state(), latest=NEW)


def first_put(name: str, fault: Fault) -> Faults:
    """The fault for the first request that writes a key of this name."""
    hit: list[Request] = []

    def faults(request: Request) -> Fault | None:
        if hit or request.method != "PUT" or not request.path.endswith(name):
            return None
        hit.append(request)
        return fault

    return faults


def test_publishing_takes_so_many_requests(location, proxy, once):
    publish(location)
    assert len(proxy.requests) == REQUESTS
    writes = [request.number for request in proxy.writes]
    assert writes[-1] == POINTER
    assert writes[0] < FILE < writes[-2], "some file is written or read back then; in which order is not certain"


@pytest.mark.parametrize("number", EACH_REQUEST)
@pytest.mark.parametrize(
    "fault", [*Broken, CONFLICT, Answer(412, "PreconditionFailed"), Answer(503, "SlowDown")], ids=name_of
)
def test_a_fault_at_a_request(location, proxy, once, state, fault, number):
    assert_survives(location, proxy, state, at(number, fault))


@pytest.mark.parametrize("number", EACH_REQUEST)
@pytest.mark.parametrize("fault", [Broken.DROPPED_REQUEST, Answer(400, "ExpiredToken")], ids=name_of)
def test_a_publisher_that_is_killed_at_a_request_or_whose_credentials_expire(
    location, proxy, once, state, fault, number
):
    """What S3 gets of a killed publisher is nothing from then on."""
    assert_survives(location, proxy, state, lambda request: fault if request.number >= number else None)


def test_a_corrupt_upload_is_refused_by_s3_and_sent_again(location, proxy, once, state):
    proxy.strict_checksums = True
    proxy.faults = first_put("launch.html", Broken.CORRUPT_UPLOAD)
    publish(location)
    puts = [request for request in proxy.writes if request.path.endswith("launch.html")]
    assert [request.client_status for request in puts] == [400, 200]
    assert_published(NEW, state())


@pytest.mark.parametrize("name", ["launch.html", LATEST])
def test_a_write_whose_reply_was_lost_succeeds_at_once_where_botocore_retries(
    location, proxy, proxied_environment, state, name
):
    proxy.faults = first_put(name, Broken.DROPPED_REPLY)
    assert "1.1.0 is published" in publish(location)[0]
    puts = [request for request in proxy.writes if request.path.endswith(name)]
    assert [request.server_status for request in puts] == [200, 412]
    assert_published(NEW, state())


def test_two_conditional_writes_at_the_same_time_are_made_again(location, proxy, once, state):
    proxy.faults = first_put("launch.html", CONFLICT)
    assert "1.1.0 is published" in publish(location)[0]
    assert_published(NEW, state())


def test_corruption_is_noticed_whatever_the_user_has_set(location, proxy, once, state, monkeypatch):
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    proxy.faults = first_put("launch.html", Broken.CORRUPT_UPLOAD)
    publish(location)
    assert_published(NEW, state())


def test_a_pointer_that_is_lost_is_made_anew_from_what_is_published(location, once, state, s3, bucket):
    publish(location)
    s3.delete_object(Bucket=bucket, Key=f"{PRODUCT}/{LATEST}")
    list(publishing.publish(OLD, [location], None, dry_run=False))
    assert_published(OLD, state(), latest=NEW)


@pytest.mark.parametrize("variants", [2, pytest.param(24, marks=pytest.mark.exhaustive)])
def test_of_24_publishers_of_a_version_at_once_those_with_the_same_bytes_succeed(location, once, state, variants):
    candidates = [artifacts.artifact(NEW.version, f"variant {number % variants}", big=2000) for number in range(24)]

    def attempt(candidate: Any) -> str:
        try:
            return next(iter(publishing.publish(candidate, [location], None, dry_run=False)))
        except UserError as error:
            return error.what

    with ThreadPoolExecutor(24) as publishers:
        answers = list(publishers.map(attempt, candidates))
    there = state()
    winner = next(each for each in candidates if there.held[f"{PRODUCT}/1.1.0/{SUMS}"].content == each.manifest.sums)
    assert_published(winner, there)
    for candidate, answer in zip(candidates, answers, strict=True):
        assert ("is published with" if candidate == winner else "with other bytes") in answer
    assert [candidate == winner for candidate in candidates].count(True) == 24 // variants


def test_the_error_for_expired_credentials_has_the_next_step_and_no_secret(location, proxy, once):
    proxy.faults = at(6, Answer(400, "ExpiredToken"))
    with pytest.raises(UserError) as error:
        publish(location)
    assert "the AWS credentials have expired" in error.value.what
    assert "Sign in again" in error.value.next_step
    for secret in (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]):
        assert secret not in str(error.value)
