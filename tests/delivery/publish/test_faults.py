"""Whatever fails at whichever request: the old state is visible or the new one, and the next run finishes.

1.0.0 is published; 1.1.0 is being published when the fault comes. Every request of that is hit by every fault in turn.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from quilt_cfn.delivery.publish import publish as publishing
from quilt_cfn.delivery.publish.verify import verify
from quilt_cfn.delivery.release.artifact import LATEST, MANIFEST, PRODUCT, RELEASES, SUMS
from quilt_cfn.errors import UserError
from tests.delivery.publish import artifacts
from tests.delivery.publish.artifacts import POOL, Memory, assert_published, write_folder
from tests.delivery.publish.forked import Runner, runner
from tests.delivery.publish.proxy import (
    Answer,
    CorruptReply,
    CorruptUpload,
    CutReply,
    CutUpload,
    DropReply,
    DropRequest,
    Fault,
    Kill,
    Proxy,
    Request,
    at,
)
from tests.delivery.publish.servers import aws_variables

OLD = artifacts.artifact("1.0.0", big=2000)
NEW = artifacts.artifact("1.1.0", big=2000)
REQUESTS = 18
"""How many requests it takes to publish NEW beside OLD; a test holds it."""
WRITES = (5, 7, 15, 17)
"""Those that write the claim, a file, the manifest and latest.json; `make prove` takes all others as well."""
EACH_REQUEST = [
    pytest.param(number, marks=() if number in WRITES else pytest.mark.exhaustive) for number in range(1, REQUESTS + 1)
]


@pytest.fixture
def state(s3: Any, bucket: str) -> Callable[[], Memory]:
    """What the bucket holds, past the proxy."""

    def look() -> Memory:
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return Memory({key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys})

    return look


@pytest.fixture
def place(s3: Any, bucket: str) -> str:
    """Where OLD is published."""
    for key, content in artifacts.published(OLD).items():
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}"


@pytest.fixture
def once(proxied_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore tries nothing again: a fault is felt."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


def publish(place: str) -> list[str]:
    return list(publishing.publish(NEW, [place], None, dry_run=False))


def assert_old_or_new(there: Memory) -> None:
    """What customers see: each version with a manifest is complete, and latest.json names one of them."""
    assert_published(OLD, there, latest=NEW if b"1.1.0" in there.held[f"{PRODUCT}/{LATEST}"].content else OLD)
    if f"{PRODUCT}/{NEW.version}/{MANIFEST}" in there.held:
        assert verify(there, NEW.version, None, POOL).findings == ()


def assert_survives(place: str, proxy: Proxy, state: Callable[[], Memory], faults: Any) -> None:
    proxy.reset()
    proxy.faults = faults
    with suppress(UserError):  # a user is told, and runs it again
        publish(place)
    assert any(request.outcome and request.outcome.fault for request in proxy.requests), "the fault never came"
    assert_old_or_new(state())
    proxy.faults = None
    publish(place)
    assert_published(NEW, state())
    assert_published(OLD, state(), latest=NEW)


def from_(number: int, fault: Fault) -> Callable[[Request], Fault | None]:
    """The fault for that request and all that follow."""
    return lambda request: fault if request.number >= number else None


def first_put(name: str, fault: Fault) -> Callable[[Request], Fault | None]:
    """The fault for the first request that writes a key of this name."""
    hit: list[Request] = []

    def faults(request: Request) -> Fault | None:
        if hit or request.method != "PUT" or not request.path.endswith(name):
            return None
        hit.append(request)
        return fault

    return faults


def test_publishing_takes_so_many_requests(place, proxy, once):
    publish(place)
    assert len(proxy.requests) == REQUESTS
    assert {request.number for request in proxy.writes} >= set(WRITES)


@pytest.mark.parametrize("number", EACH_REQUEST)
@pytest.mark.parametrize(
    "fault",
    [
        DropRequest(),
        DropReply(),
        CutUpload(),
        CutReply(),
        CorruptReply(),
        CorruptUpload(),
        Answer(409, "ConditionalRequestConflict"),
        Answer(412, "PreconditionFailed"),
        Answer(503, "SlowDown"),
    ],
    ids=lambda fault: getattr(fault, "code", type(fault).__name__),
)
def test_a_fault_at_a_request(place, proxy, once, state, fault, number):
    assert_survives(place, proxy, state, at(number, fault))


@pytest.mark.parametrize("number", EACH_REQUEST)
@pytest.mark.parametrize(
    "fault",
    [
        Answer(503, "SlowDown"),
        Answer(400, "ExpiredToken"),
        Answer(403, "AccessDenied"),
        DropReply(),
    ],
    ids=lambda fault: getattr(fault, "code", type(fault).__name__),
)
def test_a_fault_from_a_request_on(place, proxy, once, state, fault, number):
    assert_survives(place, proxy, state, from_(number, fault))


@pytest.mark.parametrize("name", [SUMS, "guide.md", MANIFEST, LATEST])
def test_a_corrupted_upload_is_refused_by_s3_and_sent_again(place, proxy, once, state, name):
    proxy.strict_checksums = True
    proxy.faults = first_put(name, CorruptUpload())
    publish(place)
    puts = [request for request in proxy.requests if request.method == "PUT" and request.path.endswith(name)]
    assert [request.outcome and request.outcome.client for request in puts] == [400, 200]
    assert_published(NEW, state())


@pytest.mark.parametrize("name", [SUMS, "guide.md", MANIFEST, LATEST])
def test_a_write_whose_reply_was_lost_succeeds_at_once_where_botocore_tries_again(
    place, proxy, state, name, monkeypatch
):
    for variable, value in aws_variables(proxy.url).items():
        monkeypatch.setenv(variable, value)
    proxy.faults = first_put(name, DropReply())
    assert publish(place)[0].startswith("1.1.0 is published")
    puts = [request for request in proxy.requests if request.method == "PUT" and request.path.endswith(name)]
    assert [request.outcome and request.outcome.server for request in puts] == [200, 412]
    assert_published(NEW, state())


@pytest.mark.parametrize("name", [SUMS, "guide.md", MANIFEST, LATEST])
def test_two_conditional_writes_that_meet_are_made_again(place, proxy, once, state, name):
    proxy.faults = first_put(name, Answer(409, "ConditionalRequestConflict"))
    assert publish(place)[0].startswith("1.1.0 is published")
    assert_published(NEW, state())


def test_corruption_is_noticed_whatever_the_user_has_set(place, proxy, once, state, monkeypatch):
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    proxy.faults = first_put("guide.md", CorruptUpload())
    publish(place)
    assert_published(NEW, state())


def test_a_pointer_that_is_lost_is_made_anew_from_what_is_published(place, proxy, once, state, s3, bucket):
    publish(place)
    s3.delete_object(Bucket=bucket, Key=f"{PRODUCT}/{LATEST}")
    list(publishing.publish(OLD, [place], None, dry_run=False))
    assert_published(OLD, state(), latest=NEW)


@pytest.fixture(scope="module")
def forks() -> Iterator[Runner]:
    with runner() as running:
        yield running


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for each in (OLD, NEW):
        write_folder(each, tmp_path / RELEASES / each.version)
    return tmp_path


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("number", EACH_REQUEST)
def test_a_process_killed_at_a_request(place, proxy, state, forks, checkout, number, before):
    pids: list[int] = []

    def kill() -> None:
        while not pids:
            pass  # the first request may come before we know whose it is
        os.kill(pids[0], signal.SIGKILL)

    proxy.faults = at(number, Kill(kill, before))
    command = ["publish", place, "--version", NEW.version]
    environment = {"PATH": os.environ["PATH"]} | aws_variables(proxy.url)
    process = forks.start(command, checkout, environment)
    pids.append(process.pid)
    assert process.wait() == -signal.SIGKILL
    assert_old_or_new(state())
    proxy.faults = None
    assert forks.start(command, checkout, environment).wait() == 0
    assert_published(NEW, state())


@pytest.mark.parametrize("kinds", [1, 2, 24])
def test_24_publishers_of_a_version_at_once_publish_it_once(place, proxy, once, state, kinds):
    """The same bytes by all; two kinds of bytes; all different."""
    candidates = [artifacts.artifact(NEW.version, f"kind {number % kinds}", big=2000) for number in range(24)]

    def attempt(candidate: Any) -> str:
        try:
            return next(iter(publishing.publish(candidate, [place], None, dry_run=False)))
        except UserError as trouble:
            return trouble.what

    with ThreadPoolExecutor(24) as publishers:
        said = list(publishers.map(attempt, candidates))
    there = state()
    winner = next(each for each in candidates if there.held[f"{PRODUCT}/1.1.0/{SUMS}"].content == each.manifest.sums)
    assert_published(winner, there)
    for candidate, sentence in zip(candidates, said, strict=True):
        expected = "is published at" if candidate == winner else "with other bytes"
        assert expected in sentence
    assert [candidate == winner for candidate in candidates].count(True) == 24 // kinds


def test_publishers_of_different_versions_at_once_leave_latest_at_the_newest(place, proxy, once, state):
    versions = [artifacts.artifact(f"1.{minor}.0", big=500) for minor in (3, 10, 2, 9, 4, 7, 12, 5)]

    def attempt(each: Any) -> None:
        list(publishing.publish(each, [place], None, dry_run=False))

    with ThreadPoolExecutor(8) as publishers:
        list(publishers.map(attempt, versions))
    for each in versions:
        assert_published(each, state(), latest=versions[6])


def test_credentials_that_expire_are_told_and_not_shown(place, proxy, once):
    proxy.faults = from_(6, Answer(400, "ExpiredToken"))
    with pytest.raises(UserError) as trouble:
        publish(place)
    assert "the AWS credentials have expired" in trouble.value.what
    assert "Sign in again" in trouble.value.next_step
    for secret in (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]):
        assert secret not in str(trouble.value)
