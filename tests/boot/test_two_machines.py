"""Two instances and one database: whoever comes first migrates, and both serve."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.boot.machine import Machine
from tests.launches import DOCUMENTED


@pytest.fixture(scope="module")
def both(start):
    """Two instances that booted at the same time, and the boots."""
    first = start("marketplace")
    second = start("marketplace", database_of=first)
    with ThreadPoolExecutor(2) as pool:
        return (first, second), list(pool.map(Machine.boot, (first, second)))


def test_each_says_success_once(both):
    for machine, done in zip(*both, strict=True):
        assert machine.signals() == [("SUCCESS", "i-0123456789abcdef0")], done.stdout + done.stderr


def test_the_migrations_ran_once(both):
    (first, _), boots = both
    assert first.sql("select number from steps order by number").split() == [str(number) for number in range(14)]
    assert first.sql("select count(distinct machine) from steps") == "1"
    said = sorted("nothing to migrate" in done.stdout for done in boots)
    assert said == [False, True]


def test_without_the_lock_they_would_run_twice(both):
    """The stand-in for the migrations guards nothing, as the real ones don't; or the fact above says nothing."""
    (first, second), _ = both
    first.sql("drop table steps")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda machine: machine.run("docker exec registry flask db upgrade"), (first, second)))
    assert int(first.sql("select count(*) from steps")) > 14


def test_nginx_logs_the_address_that_a_request_came_from(both):
    (first, second), _ = both
    second.run(f"curl --silent --header 'Host: {DOCUMENTED['CatalogHost']}' http://10.42.0.1/from-next-door")
    log = first.run("docker logs registry-nginx").stdout
    (line,) = [line for line in log.splitlines() if "/from-next-door" in line]
    assert line.split()[:2] == ["10.42.0.2", DOCUMENTED["CatalogHost"]]


def test_both_serve(both):
    for machine in both[0]:
        assert machine.healthy()
        assert machine.get(DOCUMENTED["RegistryHost"], "/api/packages")[0] == 200
        assert machine.get(DOCUMENTED["CatalogHost"])[0] == 200
