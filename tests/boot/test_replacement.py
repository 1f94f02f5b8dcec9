"""Launch, replacement and healing behind a load balancer, under constant load.

Each edition is launched once, behind HAProxy and a stand-in for target health; then the instance is replaced, again and
again, by all that replaces it. Each test leaves one instance, which serves and has the fixed address.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import pytest

from quilt_cfn.editions import EDITIONS
from tests.boot.conftest import Start
from tests.boot.group import Group, Member
from tests.boot.instance import Instance, failure
from tests.boot.load import Kind, Load
from tests.boot.load_balancer import LAUNCH, LoadBalancer
from tests.boot.network import Network
from tests.launches import DOCUMENTED, launch_stack

pytestmark = pytest.mark.exhaustive

REGISTRY, CATALOG = DOCUMENTED["RegistryHost"], DOCUMENTED["CatalogHost"]
KINDS = [
    Kind("GET", REGISTRY, "/api/packages", 443, 200),
    Kind("POST", REGISTRY, "/api/push", 443, 200),
    Kind("GET", CATALOG, "/", 443, 200),
    Kind("GET", CATALOG, "/", 80, 301),
]
"""A request that needs the database, one with a body, one for a page, and one that came without TLS."""


class Launched(NamedTuple):
    """A stack, and the load that was there from the first second of its creation on."""

    network: Network
    group: Group
    database: Instance
    first: Member
    created: bool
    load: Load

    def wait_for(self, fact: Callable[[], Any], what: str) -> None:
        self.database.wait_for(fact, what)

    def sole_member(self) -> Member:
        (member,) = self.group.members
        return member


def refresh(member: Member) -> None:
    """Run the refresh of an instance a few times, beside those that run anyway."""
    for _ in range(3):
        assert member.instance.refresh().returncode == 0


@pytest.fixture(scope="module", params=EDITIONS)
def stack(request: pytest.FixtureRequest, start: Start, templates: dict[str, Any]) -> Iterator[Launched]:
    edition: str = request.param
    launched = launch_stack(templates[edition], DOCUMENTED)
    with ExitStack() as ends:
        network = ends.enter_context(Network())
        database = start(edition, network=network)
        balancer = ends.enter_context(LoadBalancer.of(launched, database.folder, network))

        def start_server(number: int) -> Instance:
            return start(edition, network=network, database_of=database, number=number)

        group = ends.enter_context(Group(launched, start_server, balancer, database))
        with Load(network, KINDS) as load:
            created = group.create()
            time.sleep(1)
        yield Launched(network, group, database, group.members[0], created, load)


# Launch


def test_a_launch_is_complete_when_the_load_balancer_calls_the_instance_healthy_and_it_has_the_address(stack):
    assert stack.created, stack.first.boots
    assert stack.first.health_when_signaled == dict.fromkeys(stack.group.target_groups, "healthy")
    assert stack.database.holder() == stack.first.id


def test_while_an_instance_boots_it_answers_503_and_after_that_with_content(stack):
    """The load balancer fails open, so requests come long before the registry is there."""
    answers = sorted(stack.load.answers, key=lambda answer: answer.sent)
    for client in {answer.client for answer in answers}:
        own = [answer for answer in answers if answer.client == client]
        (right,) = {answer.kind.status for answer in own}
        changes = [status for status, _ in groupby(answer.status for answer in own if answer.status)]
        # A client that comes late sees content only.
        assert changes in ([503, right], [right]), str(stack.load)
        # Without an answer while there is nothing yet that could answer, and while nginx takes the ports over.
        first = next(answer for answer in own if answer.status)
        served = next(answer for answer in own if answer.status == right)
        unanswered = [answer.sent for answer in own if not answer.status and answer.sent > first.sent]
        assert not unanswered or unanswered[-1] < served.sent
        assert not unanswered or unanswered[-1] - unanswered[0] < (served.sent - first.sent) / 2
    assert any(answer.status == 503 for answer in answers), str(stack.load)
    assert all(int(answer.retry_after) > 0 for answer in answers if answer.status == 503)


# Replacement


def test_a_replacement_under_constant_load_loses_no_request(stack, monkeypatch):
    """Even where the load balancer takes longer to register an instance than that takes to boot."""
    monkeypatch.setattr(stack.group.balancer, "registration", LAUNCH)
    old = stack.sole_member()
    with Load(stack.network, KINDS) as load:
        time.sleep(1)
        updated = stack.group.update()
        time.sleep(1)
    new = stack.sole_member()
    assert updated, new.boots
    assert not load.lost(), str(load)
    assert new.health_when_signaled == dict.fromkeys(stack.group.target_groups, "healthy")
    assert len(load.answers) > 10 * len(load.threads)
    assert old.connections_at_the_end == 0
    assert len(load.closed_as_announced) >= len({each.client for each in load.answers if each.keeps_alive})
    assert stack.database.holder() == new.id


def refuse_the_migration(stack: Launched, _: Instance) -> None:
    stack.database.sql("create table refused ()")


def refuse_the_log(_: Launched, instance: Instance) -> None:
    """The log is sent last of all, when the new instance has taken the address."""
    instance.refuse("PutLogEvents")


@pytest.mark.parametrize(
    ("step", "prepare"), [("migrate", refuse_the_migration), ("ship-log", refuse_the_log)], ids=["migrate", "ship-log"]
)
def test_a_replacement_that_fails_leaves_the_old_instance_serving_and_with_the_address(stack, step, prepare):
    old = stack.sole_member()
    with Load(stack.network, KINDS) as load:
        updated = stack.group.update(partial(prepare, stack))
        stack.database.sql("drop table if exists refused")
        time.sleep(1)
    failed = stack.group.leaving[-1]
    assert not updated
    assert failed.instance.signals()[0] == failure(step, failed.id)
    assert stack.sole_member() == old
    assert not load.lost(), str(load)
    taken = [call for call in failed.instance.calls("AssociateAddress") if "AllowReassociation" in call]
    assert len(taken) == (1 if step == "ship-log" else 0)
    stack.wait_for(lambda: stack.database.holder() == old.id, "it has the address, if need be again")


# The fixed address


def test_of_two_instances_the_one_that_came_last_has_the_address_until_it_goes(stack):
    old = stack.sole_member()
    new = stack.group.launch()
    stack.wait_for(lambda: new.boots, "it has booted")
    assert stack.database.holder() == new.id
    refresh(old)
    assert stack.database.holder() == new.id, "the old one does not take it back"

    stack.group.deregister(new)
    stack.group.free_address()
    asked = new.instance.calls("AssociateAddress")
    refresh(new)
    assert new.instance.calls("AssociateAddress") == asked, "an instance that is being terminated wants none"
    stack.wait_for(lambda: stack.database.holder() == old.id, "the old one takes it, because it is free")
    stack.group.end_when_drained(new)


# Healing


@pytest.mark.parametrize("how", ["all its processes", "the instance itself"])
def test_when_everything_is_killed_another_instance_serves_and_has_the_address(stack, how):
    old = stack.sole_member()
    with Load(stack.network, KINDS) as load:
        old.halt() if how == "all its processes" else stack.group.kill(old)
        stack.wait_for(lambda: stack.group.members not in ([old], []), "another is launched")
        new = stack.sole_member()
        stack.wait_for(lambda: new.boots, "it has booted")
        served = time.monotonic()
        time.sleep(1)
    assert not load.lost_since(served), str(load)
    assert {answer.status for answer in load.answers} <= {0, 503, 200, 301}
    assert new.instance.signals() == [("SUCCESS", new.id)]
    assert [call["Code"] for call in new.instance.calls("RefusedSignal")] == ["ValidationError"]
    assert stack.database.holder() == new.id
