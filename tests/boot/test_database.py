"""What happens when the database is late, restored, somebody else's, or gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.boot.instance import SUCCESS, Instance, failure
from tests.launches import DOCUMENTED

pytestmark = pytest.mark.exhaustive

PASSWORD = DOCUMENTED["DBPassword"]


def test_a_migration_that_fails_leaves_the_old_version_serving_and_says_so(instance):
    instance.sql("create table refused ()")
    before = instance.registry_container()
    done = instance.boot()
    instance.sql("drop table refused")
    assert instance.signals()[-1] == failure("migrate")
    assert "this migration does not fit the data" in done.stdout
    assert "migration failed, see above; what ran before goes on running" in done.stdout
    assert instance.registry_container() == before
    assert instance.healthy()


def test_a_migration_that_takes_too_long_is_ended_and_so_is_what_it_does_in_the_database(instance):
    """Whoever waits for the lock, another instance for example, gets it, although something holds the table."""
    short = "sed 's/registry migrate 230/registry migrate 5/' start.sh >short.sh && bash short.sh --migrate"
    assert instance.sql("select to_regclass('steps')") == "steps"
    hold = "begin; lock table steps; select pg_sleep(3600)"
    psql = "psql --host /run/postgresql --username rdsadmin --dbname quilt"
    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(instance.run, f"PGAPPNAME=holder {psql} --command '{hold}'")
        try:
            instance.wait_for(lambda: locks(instance, "relation") > 0, "the table is locked")
            done = instance.run(f"cd /home/ec2-user && {short}", user="ec2-user")
            assert done.returncode == 137
            assert "migration was ended, because it took 5 seconds" in done.stderr
            waiting = "select count(*) from pg_stat_activity where usename = 'registry' and wait_event_type = 'Lock'"
            instance.wait_for(lambda: instance.sql(waiting, True) == "0", "nothing of it waits in the database")
            instance.wait_for(lambda: locks(instance, "advisory") == 0, "whoever waits for its lock gets it")
            assert locks(instance, "relation") > 0
            assert not holder.done()
        finally:
            end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holder'"
            instance.sql(end, superuser=True)
    assert instance.packages() == 200


def locks(instance: Instance, kind: str) -> int:
    query = "select count(*) from pg_locks where locktype = '{}' and mode in ('ExclusiveLock', 'AccessExclusiveLock')"
    return int(instance.sql(query.format(kind), superuser=True))


def test_a_database_that_comes_late_is_waited_for(instance):
    rule = "INPUT --protocol tcp --dport 5432 --syn"
    tries = "iptables --list INPUT --verbose --exact --numeric | awk '/dpt:5432/ { print $1 }'"
    instance.run(f"database stop; iptables --append {rule}")
    with ThreadPoolExecutor(1) as pool:
        boot = pool.submit(instance.boot)
        instance.wait_for(lambda: int(instance.run(tries).stdout) > 0, "it has been tried")
        instance.run(f"database start; iptables --delete {rule}")
        done = boot.result()
    assert done.returncode == 0, done.stdout
    assert instance.signals()[-1] == SUCCESS


def test_a_password_that_the_database_refuses_is_not_waited_for(instance):
    instance.store({"DBPasswordSecret": "another-password"})
    refusals = "grep --count 'FATAL:  password authentication failed' /run/data/log"
    before = instance.run(refusals).stdout
    done = instance.boot()
    instance.store({"DBPasswordSecret": PASSWORD})
    assert instance.signals()[-1] == failure("create-database")
    assert int(instance.run(refusals).stdout) == int(before) + 1
    assert "password authentication failed" in done.stdout
    assert "another-password" not in done.stdout + done.stderr
    instance.refresh()


def test_a_database_that_never_comes_fails_the_launch_by_name(instance):
    """It gets two minutes, which is less than the step's deadline."""
    instance.change("metadata.json", {"time.time() + 120": "time.time() + 5"})
    instance.run("database stop")
    done = instance.boot()
    instance.run("database start")
    assert instance.signals()[-1] == failure("create-database")
    assert "The database does not answer the registry" in done.stdout


@pytest.mark.parametrize(
    ("keep_out", "let_in"),
    [
        ("alter role registry nologin", "alter role registry login"),
        ("alter role registry password 'another'", "select 1"),
        ("alter table admins rename to others", "alter table others rename to admins"),
    ],
    ids=["refused", "another password", "without users"],
)
def test_a_database_that_lets_nobody_in_after_the_migration_fails_the_launch_by_name(instance, keep_out, let_in):
    """The health check does not notice."""
    psql = "psql --host /run/postgresql --username rdsadmin --dbname quilt"
    instance.run("cat >/run/keep-out", input=f'#!/bin/sh\n{psql} --command "{keep_out}"\n')
    instance.change("metadata.json", {"\\nstep start ": "\\nsh /run/keep-out\\nstep start "})
    done = instance.boot()
    instance.sql(let_in, superuser=True)
    assert instance.signals()[-1] == failure("try-login")
    assert "The registry answers a login with 500: it can't use its database" in done.stdout
    assert instance.healthy(), "as far as the health check goes"
    instance.run("rm /run/keep-out && touch /run/keep-out")
    assert instance.boot().returncode == 0, "it heals"


def test_a_migration_that_hangs_ends_with_its_step_and_the_next_boot_migrates(instance):
    instance.change("metadata.json", {"registry migrate 230": "registry migrate 4"})
    instance.sql("set role registry; delete from steps where number > 6; create table hangs ()")
    done = instance.boot()
    instance.sql("set role registry; drop table hangs")
    assert instance.signals()[-1] == failure("migrate")
    assert "migration was ended, because it took 4 seconds" in done.stdout
    instance.wait_for(lambda: locks(instance, "advisory") == 0, "the next migration gets the lock")
    done = instance.boot()
    assert done.returncode == 0, done.stdout
    assert "migrated" in done.stdout
    assert instance.sql("select count(*) from steps") == "14"


def test_a_restored_database_is_served_as_it_is(start):
    """Its master user owned everything, and its registry's user has another password."""
    instance = start("marketplace")
    instance.sql("create role registry login password 'another'; create database quilt", database="postgres")
    instance.sql("create table steps (number int, host text); create table kept (words text)")
    instance.sql("insert into steps select n, 'before' from generate_series(0, 13) n; insert into kept values ('here')")
    done = instance.boot()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to migrate" in done.stdout
    assert instance.packages() == 200
    assert instance.sql("set role registry; select words from kept") == "here"


class Requests:
    """Requests that need the database, one after the other in each of four threads."""

    def __init__(self, instance: Instance) -> None:
        self.instance, self.over = instance, False
        self.answers: list[tuple[int, float]] = []
        """Status and end of each."""
        self.threads = [threading.Thread(target=self._send) for _ in range(4)]

    def _send(self) -> None:
        while not self.over:
            self.answers.append((self.instance.packages(), time.monotonic()))

    def __enter__(self) -> Requests:
        for thread in self.threads:
            thread.start()
        self.instance.wait_for(lambda: len(self.answers) > 20, "answers")
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        for thread in self.threads:
            thread.join()

    @property
    def statuses(self) -> set[int]:
        return {status for status, _ in self.answers}

    def served_again(self) -> None:
        """Wait until the next eight requests are served."""
        now = time.monotonic()

        def served() -> bool:
            return [status for status, end in self.answers if end > now][-8:] == [200] * 8

        self.instance.wait_for(served, "served again")


def test_a_database_that_restarts_under_load_is_back_by_itself(instance):
    before = instance.registry_container()
    with Requests(instance) as load:
        instance.run("database restart")
        load.served_again()
    assert load.statuses <= {200, 500}, "an answer to each request"
    assert instance.healthy()
    assert instance.registry_container() == before


@pytest.fixture
def vanish(instance: Instance) -> Iterator[Callable[[], None]]:
    """vanish(): from now on nothing answers or refuses on the database's open connections, as after a failover."""

    def vanish() -> None:
        clients = "select client_port from pg_stat_activity where datname = 'quilt' and client_port > 0"
        for port in instance.sql(clients).split():
            instance.run(f"iptables --append INPUT --protocol tcp --dport 5432 --sport {port} --jump DROP")
            instance.run(f"iptables --append OUTPUT --protocol tcp --sport 5432 --dport {port} --jump DROP")

    yield vanish
    instance.run("iptables --flush INPUT; iptables --flush OUTPUT")


def test_a_database_host_that_vanishes_under_load_is_given_up_after_half_a_minute(instance, vanish):
    with Requests(instance) as load:
        vanish()
        load.served_again()
    # Instance.get waits a minute, and without a limit of ours a client of the database waits a quarter of an hour.
    assert load.statuses <= {200, 500}, "an answer to each request"


def test_a_database_host_that_vanishes_between_requests_is_noticed_meanwhile(instance, vanish):
    instance.run("docker restart registry")
    instance.wait_for(lambda: instance.packages() == 200, "served")
    # TCP connections to port 5432 whose state is "established": https://docs.kernel.org/networking/proc_net_tcp.html
    connected = "docker exec registry grep --count ' [0-9A-F]*:1538 01 ' /proc/net/tcp"
    assert int(instance.run(connected).stdout) > 0
    vanish()
    instance.wait_for(lambda: int(instance.run(connected).stdout) == 0, "no request is needed to notice it", 120)
    instance.wait_for(lambda: instance.packages() == 200, "served again")
