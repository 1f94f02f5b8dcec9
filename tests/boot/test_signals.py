"""What the instance tells CloudFormation, and what it makes of the answers of CloudFormation and the load balancer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.boot.instance import SUCCESS, Instance, failure

pytestmark = pytest.mark.exhaustive


@pytest.fixture
def complete(instance: Instance) -> Iterator[Instance]:
    """An instance of a stack that is neither created nor updated: the group has replaced another by itself."""
    (instance.common / "stack-status").write_text("UPDATE_COMPLETE")
    yield instance
    (instance.common / "stack-status").write_text("CREATE_IN_PROGRESS")


def test_outside_of_a_create_or_update_the_refused_signal_is_success(complete):
    before = len(complete.calls("RefusedSignal"))
    done = complete.boot()
    assert done.returncode == 0, done.stdout
    assert "is in UPDATE_COMPLETE state and cannot be signaled" in done.stdout
    assert len(complete.calls("RefusedSignal")) == before + 1


def test_outside_of_a_create_or_update_a_failed_boot_starts_over_until_it_succeeds(complete):
    before = len(complete.calls("RefusedSignal"))
    complete.refuse("GetSecretValue")
    with ThreadPoolExecutor(1) as pool:
        boot = pool.submit(complete.boot)
        complete.wait_for(lambda: len(complete.calls("RefusedSignal")) >= before + 2, "it has failed twice")
        complete.refuse()
        assert boot.result().returncode == 0
    refused = [(call["Status"], call["UniqueId"]) for call in complete.calls("RefusedSignal")[before:]]
    assert refused[:2] == [failure("configure"), failure("configure")]
    assert refused[-1] == SUCCESS
    # A third time perhaps, until the test has noticed the second.
    assert set(refused[2:-1]) <= {failure("configure")}
    assert complete.healthy()


@pytest.fixture
def answered(instance: Instance) -> Iterator[Instance]:
    """An instance whose stack is being created and that is told to answer signals with an error."""
    yield instance
    (instance.folder / "signal-error.json").unlink()


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, "Throttling", "Rate exceeded"),
        (403, "AccessDenied", "User is not authorized to perform: cloudformation:SignalResource"),
    ],
)
def test_a_signal_that_fails_otherwise_is_not_success(answered, status, code, message):
    """cfn-signal itself tries again when it is throttled, until its time is over."""
    answered.change("user-data", {"--kill-after=10 60 /opt": "--kill-after=1 6 /opt"})
    answered.answer_signals(status, code, message)
    assert answered.boot().returncode == 1
    answers = [(call["Status"], call["UniqueId"]) for call in answered.calls("RefusedSignal")]
    assert (answers[-1][0], answers[-1][1]) == ("FAILURE", answered.id)
    assert failure("signal") in answers


def test_where_the_id_with_the_steps_name_is_refused_the_plain_one_follows(answered):
    answered.answer_signals(400, "ValidationError", "This is no instance's ID", unique_id="failed-in-step")
    answered.refuse("GetSecretValue")
    before = len(answered.signals())
    assert answered.boot().returncode != 0
    assert answered.signals()[before:] == [failure("configure"), ("FAILURE", answered.id)]


def test_the_load_balancer_is_waited_for_before_the_address_is_taken_and_success_is_signaled(instance):
    targets = instance.common / "targets.json"
    initial = {"State": "initial", "Reason": "Elb.RegistrationInProgress"}
    groups = ("SitesTargetGroup", "RedirectTargetGroup")

    def targets_are(*states: dict[str, str]) -> None:
        each = {group: {instance.id: state} for group, state in zip(groups, states, strict=True)}
        instance.write("targets.json", json.dumps(each))

    targets_are(initial, initial)
    (instance.common / "address.json").write_text('{"holder": "i-another"}')
    signals = len(instance.signals())
    before = len(instance.calls("DescribeTargetHealth"))

    def asked(group: str, times: int) -> None:
        """A call is recorded before it is answered: when there are two, the first one has its answer."""

        def enough() -> bool:
            calls = instance.calls("DescribeTargetHealth")[before:]
            return [call["TargetGroupArn"] for call in calls].count(f"<{group}>") >= times

        instance.wait_for(enough, f"{times} questions about {group}")

    with ThreadPoolExecutor(1) as pool:
        boot = pool.submit(instance.boot)
        asked(groups[0], 2)
        targets_are({"State": "healthy"}, initial)
        asked(groups[1], 2)
        assert instance.holder() == "i-another", "one target group is not enough"
        assert len(instance.signals()) == signals
        targets_are({"State": "healthy"}, {"State": "healthy"})
        done = boot.result()
    targets.unlink()
    assert done.returncode == 0, done.stdout
    assert instance.holder() == instance.id
    assert instance.signals()[signals:] == [SUCCESS]
    assert "<RedirectTargetGroup>: initial\tElb.RegistrationInProgress" in done.stdout
