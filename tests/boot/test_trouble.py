"""What happens when something around the instance fails; service comes back by itself where it can."""

from __future__ import annotations

import json
import threading
import time

import pytest

from tests.boot.machine import FAKETIME, HERE, PROGRAMS_TRACED
from tests.launches import DOCUMENTED

pytestmark = pytest.mark.exhaustive

STAND_INS = HERE / "stand_ins"
HOST = DOCUMENTED["RegistryHost"]
PASSWORD = DOCUMENTED["DBPassword"]


@pytest.fixture(scope="module")
def booted(start):
    """An instance that serves."""
    machine = start("marketplace")
    assert machine.boot().returncode == 0
    return machine


@pytest.fixture
def machine(booted):
    """The instance, which has to serve again when a test is over, without anybody's help."""
    yield booted
    booted.refuse()
    booted.wait_for(lambda: asks_the_database(booted) == 200, "the registry serves again")


def asks_the_database(machine):
    return machine.get(HOST, "/api/packages")[0]


def registry(machine):
    return machine.run("docker inspect --format '{{.Id}} {{.State.StartedAt}}' registry").stdout


# The database


def test_a_migration_that_fails_leaves_the_old_version_serving_and_says_so(machine):
    machine.sql("create table refused ()")
    before = registry(machine)
    done = machine.boot()
    machine.sql("drop table refused")
    assert machine.signals()[-1] == ("FAILURE", "i-0123456789abcdef0-failed-in-step-migrate")
    assert "this migration does not fit the data" in done.stdout
    assert "could not be migrated, see above; what ran before goes on running" in done.stdout
    assert registry(machine) == before
    assert machine.healthy()


def test_a_database_that_comes_late_is_waited_for(machine):
    machine.run("database stop")
    threading.Timer(4, machine.run, ["database start"]).start()
    done = machine.boot()
    assert done.returncode == 0, done.stdout
    assert machine.signals()[-1][0] == "SUCCESS"


def test_a_password_that_the_database_refuses_is_not_waited_for(machine):
    machine.store({"DBPasswordSecret": "another-password"})
    began = time.monotonic()
    done = machine.boot()
    machine.store({"DBPasswordSecret": PASSWORD})
    assert machine.signals()[-1] == ("FAILURE", "i-0123456789abcdef0-failed-in-step-migrate")
    assert time.monotonic() - began < 60
    assert "password authentication failed" in done.stdout
    assert "another-password" not in done.stdout + done.stderr
    machine.refresh()


def test_a_database_that_never_comes_fails_the_launch_within_the_steps_deadline(machine):
    machine.run("database stop")
    began = time.monotonic()
    done = machine.boot()
    machine.run("database start")
    assert machine.signals()[-1] == ("FAILURE", "i-0123456789abcdef0-failed-in-step-migrate")
    assert time.monotonic() - began < 240
    assert "The database does not answer the registry" in done.stdout


class Load:
    """Requests that need the database, one after the other in each of four threads: status, seconds, end of each."""

    def __init__(self, machine):
        self.machine, self.answers, self.over = machine, [], False
        self.threads = [threading.Thread(target=self.ask) for _ in range(4)]

    def ask(self):
        while not self.over:
            began = time.monotonic()
            status = asks_the_database(self.machine)
            self.answers.append((status, time.monotonic() - began, time.monotonic()))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.machine.wait_for(lambda: len(self.answers) > 20, "answers")
        return self

    def __exit__(self, *_):
        self.over = True
        for thread in self.threads:
            thread.join()

    @property
    def statuses(self):
        return {status for status, _, _ in self.answers}

    def served_again(self, seconds):
        """Wait until the next eight requests are served; an error if that takes longer."""
        now = time.monotonic()

        def served():
            return [status for status, _, end in self.answers if end > now][-8:] == [200] * 8

        self.machine.wait_for(served, "served again", seconds)


def test_a_database_that_restarts_under_load_is_back_by_itself(machine):
    before = registry(machine)
    with Load(machine) as load:
        machine.run("database restart")
        load.served_again(20)
    assert load.statuses <= {200, 500}, "an answer to each request"
    assert machine.healthy()
    assert registry(machine) == before


@pytest.fixture
def vanish(machine):
    """vanish(): from now on nobody answers or refuses on the database's open connections, as after a failover."""

    def vanish():
        clients = "select client_port from pg_stat_activity where datname = 'quilt' and client_port > 0"
        for port in machine.sql(clients).split():
            machine.run(f"iptables --append INPUT --protocol tcp --dport 5432 --sport {port} --jump DROP")
            machine.run(f"iptables --append OUTPUT --protocol tcp --sport 5432 --dport {port} --jump DROP")

    yield vanish
    machine.run("iptables --flush INPUT; iptables --flush OUTPUT")


def test_a_database_host_that_vanishes_under_load_is_given_up_after_half_a_minute(machine, vanish):
    with Load(machine) as load:
        vanish()
        load.served_again(40)
    assert load.statuses <= {200, 500}, "an answer to each request"
    assert max(seconds for _, seconds, _ in load.answers) < 40


def test_a_database_host_that_vanishes_while_nobody_asks_is_noticed_meanwhile(machine, vanish):
    machine.run("docker restart registry")  # with a single connection, which all that follows uses
    machine.wait_for(lambda: asks_the_database(machine) == 200, "served")
    vanish()
    time.sleep(30)
    began = time.monotonic()
    machine.wait_for(lambda: asks_the_database(machine) == 200, "served again", 10)
    assert time.monotonic() - began < 10


# Mail


def test_a_mail_service_that_refuses_costs_mail_and_nothing_else(start):
    machine = start("marketplace", {"SmtpHost": "smtp.example.com", "SmtpPort": "2525"})
    machine.run("ip address add 10.42.3.1/32 dev lo; echo 10.42.3.1 smtp.example.com >>/etc/hosts")
    assert machine.boot().returncode == 0
    assert machine.get(HOST, "/api/mail") == (500, "ConnectionRefusedError")
    assert machine.healthy()
    assert asks_the_database(machine) == 200
    machine.run(f"python3 {STAND_INS}/mail.py 10.42.3.1 2525 >/dev/null 2>&1 &")
    machine.wait_for(lambda: machine.get(HOST, "/api/mail") == (200, "250"), "mail goes out", 10)


# The disk


def test_a_full_disk_fails_the_launch_with_one_signal(start):
    machine = start("registry", disk="120m")
    machine.run("head --bytes 500M /dev/zero >/filler")
    done = machine.boot()
    assert done.returncode != 0
    ((status, unique),) = machine.signals()
    assert (status, unique) == ("FAILURE", "i-0123456789abcdef0-failed-in-step-fetch-files")
    machine.run("rm /filler")
    assert machine.boot().returncode == 0, "with room it goes through"
    assert machine.signals()[1:] == [("SUCCESS", "i-0123456789abcdef0")]


def test_a_disk_that_fills_up_later_loses_nothing(start):
    machine = start("marketplace", disk="150m")
    assert machine.boot().returncode == 0
    files = "cat /home/ec2-user/env/* /opt/quilt/aws/credentials"
    before = machine.run(files).stdout
    machine.run("head --bytes 500M /dev/zero >/filler")
    machine.store({"SmtpPasswordSecret": "a new one"})
    machine.renew_credentials("ASIASECOND")
    assert machine.refresh().returncode != 0
    assert machine.run(files).stdout == before
    assert machine.healthy()
    machine.run("rm /filler")
    assert machine.refresh().returncode == 0
    after = machine.run(files).stdout
    assert "SMTP_PASSWORD='a new one'" in after
    assert "ASIASECOND" in after
    machine.wait_for(machine.healthy, "healthy after the restart")


# The clock

TWENTY_MINUTES_FAST = (
    f"LD_PRELOAD={FAKETIME}",
    "FAKETIME_TIMESTAMP_FILE=/run/clock",
    "FAKETIME_NO_CACHE=1",
)


def test_a_wrong_clock_is_set_before_aws_is_called(machine):
    machine.run("echo +20m >/run/clock")
    done = machine.boot(*TWENTY_MINUTES_FAST)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_clock_that_cannot_be_set_fails_the_launch_by_name(machine):
    machine.run("echo +20m >/run/clock; touch /run/no-time")
    machine.boot(*TWENTY_MINUTES_FAST)
    machine.run("rm /run/no-time")
    assert machine.signals()[-1] == ("FAILURE", "i-0123456789abcdef0-failed-in-step-set-clock")


def test_a_clock_that_goes_wrong_later_stops_the_refresh_and_not_the_service(machine):
    machine.run("echo +20m >/run/clock")
    wrong = f"env {' '.join(TWENTY_MINUTES_FAST)} python3 /opt/quilt/configure.py --restart"
    done = machine.run(wrong)
    assert done.returncode != 0
    assert "Signature expired" in done.stderr
    assert machine.healthy()
    machine.run("echo +0 >/run/clock")
    assert machine.run(wrong).returncode == 0


# The containers


@pytest.mark.parametrize("container", ["registry", "catalog", "registry-nginx"])
def test_a_container_whose_process_is_killed_comes_back_by_itself(machine, container):
    pid = machine.run(f"docker inspect --format '{{{{.State.Pid}}}}' {container}").stdout.strip()
    machine.run(f"kill -KILL {pid}")
    gone = "docker inspect --format '{{.State.Pid}} {{.State.Running}}' " + container
    machine.wait_for(lambda: machine.run(gone).stdout.split() not in ([pid, "true"], ["0", "false"]), "it runs again")
    machine.wait_for(lambda: machine.healthy() and machine.get(DOCUMENTED["CatalogHost"])[0] == 200, "both sites", 20)


def test_two_who_start_the_containers_at_once_do_not_meet(machine):
    """The administrator by hand, and the refresh because a secret changed."""
    done = machine.run(
        "cd /home/ec2-user; ./start.sh & first=$!; ./start.sh && wait $first && timeout 30 ./start.sh --wait",
        user="ec2-user",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.healthy()


# The role's credentials


def in_use(machine):
    return machine.get(HOST, "/api/key")[1]


def test_a_refresh_that_fails_is_logged_keeps_the_old_credentials_and_is_made_up_for(machine):
    machine.renew_credentials("ASIAOLD")
    machine.refresh()
    machine.wait_for(lambda: in_use(machine) == "ASIAOLD", "the reload", 5)
    machine.renew_credentials("ASIANEW")
    machine.refuse("InstanceMetadata")
    failed = machine.refresh()
    assert "could not be renewed, the old ones stay, and the next run tries again" in failed.stderr
    assert in_use(machine) == "ASIAOLD"
    machine.refuse()
    assert machine.refresh().stderr == ""
    machine.wait_for(lambda: in_use(machine) == "ASIANEW", "the reload", 5)


def test_a_refresh_that_was_killed_before_the_reload_is_made_up_for(machine):
    machine.renew_credentials("ASIAWRITTEN")
    machine.trace()
    machine.run("echo refresh >/run/quilt-step; echo 'kill refresh docker inspect' >/run/victim")
    assert "could not be renewed" in machine.refresh(PROGRAMS_TRACED).stderr
    assert "ASIAWRITTEN" in machine.run("cat /opt/quilt/aws/credentials").stdout
    assert in_use(machine) != "ASIAWRITTEN"
    machine.run(": >/run/programs")
    machine.refresh(PROGRAMS_TRACED)
    machine.wait_for(lambda: in_use(machine) == "ASIAWRITTEN", "the reload", 5)
    # Docker would not start the registry again after a crash or a reboot: https://github.com/moby/moby/issues/41302
    assert not set(machine.run("cat /run/programs").stdout.split()) & {"kill", "stop"}


def test_requests_are_answered_while_credentials_are_reloaded(machine):
    with Load(machine) as load:
        for number in range(3):
            machine.renew_credentials(f"ASIA{number}")
            machine.refresh()
    assert load.statuses == {200}


def test_secrets_that_cannot_be_read_are_logged_and_the_service_goes_on(machine):
    before = registry(machine)
    machine.store({"SmtpPasswordSecret": "a newer one"})
    machine.refuse("GetSecretValue")
    failed = machine.refresh()
    assert failed.returncode != 0
    assert "get-secret-value" in failed.stderr
    assert registry(machine) == before
    machine.refuse()
    assert machine.refresh().returncode == 0
    assert json.loads(machine.get(HOST)[1])[1]["SMTP_PASSWORD"] == "a newer one"
