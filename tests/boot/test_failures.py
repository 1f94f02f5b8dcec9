"""What happens when the database, the bucket, mail, the disk, the clock, a container or an AWS call fails."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from glob import glob

import pytest

from quilt_cfn.editions import EDITIONS
from tests.boot.conftest import Start
from tests.boot.instance import FAKETIME, PROGRAMS_TRACED, STAND_INS, SUCCESS, Instance, failure
from tests.launches import DOCUMENTED

pytestmark = pytest.mark.exhaustive

HOST, CATALOG = DOCUMENTED["RegistryHost"], DOCUMENTED["CatalogHost"]
PASSWORD = DOCUMENTED["DBPassword"]


@pytest.fixture(scope="module")
def booted(start: Start) -> Instance:
    instance = start("marketplace")
    shorten_pauses(instance)
    assert instance.boot().returncode == 0
    return instance


@pytest.fixture
def instance(booted: Instance) -> Iterator[Instance]:
    """An instance that serves, and has to serve again after each test without anybody's help."""
    yield booted
    booted.refuse()
    booted.wait_for(lambda: status_of_packages(booted) == 200, "the registry serves again")


def status_of_packages(instance: Instance) -> int:
    """The status of a request that needs the database."""
    return instance.get(HOST, "/api/packages")[0]


def shorten_pauses(instance: Instance) -> None:
    """The pauses between tries of steps.sh, which the boot installs, and those between signals and boots."""
    metadata = (instance.folder / "metadata.json").read_text()
    assert "for pause in 2 4 8 16 30;" in metadata
    instance.write("metadata.json", metadata.replace("for pause in 2 4 8 16 30;", "for pause in 0 0 0 0 1;"))
    user_data = (instance.folder / "user-data").read_text()
    for long, short in {"sleep 5\n": "sleep 0.5\n", "sleep 60\n": "sleep 2\n", "=10 60 /opt": "=1 3 /opt"}.items():
        assert long in user_data
        user_data = user_data.replace(long, short)
    instance.write("user-data", user_data)


def registry_container(instance: Instance) -> str:
    """The container's ID and start."""
    return instance.run("docker inspect --format '{{.Id}} {{.State.StartedAt}}' registry").stdout


# The database


def test_a_migration_that_fails_leaves_the_old_version_serving_and_says_so(instance):
    instance.sql("create table refused ()")
    before = registry_container(instance)
    done = instance.boot()
    instance.sql("drop table refused")
    assert instance.signals()[-1] == failure("migrate")
    assert "this migration does not fit the data" in done.stdout
    assert "migration failed, see above; what ran before goes on running" in done.stdout
    assert registry_container(instance) == before
    assert instance.healthy()


def test_a_migration_that_takes_too_long_is_ended_and_so_is_what_it_does_in_the_database(instance):
    """Whoever waits for the lock, another instance for example, gets it, although something holds the table."""
    short = "sed 's/registry migrate 230/registry migrate 5/' start.sh >short.sh && bash short.sh --migrate"
    assert instance.sql("select to_regclass('steps')") == "steps"
    holder = threading.Thread(target=instance.sql, args=["begin; lock table steps; select pg_sleep(15)", True])
    holder.start()
    instance.wait_for(lambda: locks(instance, "relation") > 0, "the table is locked")
    began = time.monotonic()
    done = instance.run(f"cd /home/ec2-user && {short}", user="ec2-user")
    assert (done.returncode, time.monotonic() - began < 12) == (137, True)
    assert "migration was ended, because it took 5 seconds" in done.stderr
    waiting = "select count(*) from pg_stat_activity where usename = 'registry' and wait_event_type = 'Lock'"
    instance.wait_for(lambda: instance.sql(waiting, True) == "0", "nothing of it waits in the database", 5)
    assert locks(instance, "advisory") == 0
    assert locks(instance, "relation") > 0
    holder.join()
    assert status_of_packages(instance) == 200


def locks(instance: Instance, kind: str) -> int:
    query = "select count(*) from pg_locks where locktype = '{}' and mode in ('ExclusiveLock', 'AccessExclusiveLock')"
    return int(instance.sql(query.format(kind), superuser=True))


def test_a_database_that_comes_late_is_waited_for(instance):
    instance.run("database stop")
    threading.Timer(4, instance.run, ["database start"]).start()
    done = instance.boot()
    assert done.returncode == 0, done.stdout
    assert instance.signals()[-1] == SUCCESS


def test_a_password_that_the_database_refuses_is_not_waited_for(instance):
    instance.store({"DBPasswordSecret": "another-password"})
    began = time.monotonic()
    done = instance.boot()
    instance.store({"DBPasswordSecret": PASSWORD})
    assert instance.signals()[-1] == failure("create-database")
    assert time.monotonic() - began < 60
    assert "password authentication failed" in done.stdout
    assert "another-password" not in done.stdout + done.stderr
    instance.refresh()


def test_a_database_that_never_comes_fails_the_launch_within_the_steps_deadline(instance):
    instance.run("database stop")
    began = time.monotonic()
    done = instance.boot()
    instance.run("database start")
    assert instance.signals()[-1] == failure("create-database")
    assert time.monotonic() - began < 240
    assert "The database does not answer the registry" in done.stdout


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_restored_database_is_served_as_it_is(start, edition):
    """Its master user owned everything, and its registry's user has another password."""
    instance = start(edition)
    instance.sql("create role registry login password 'another'; create database quilt", database="postgres")
    instance.sql("create table steps (number int, host text); create table kept (words text)")
    instance.sql("insert into steps select n, 'before' from generate_series(0, 13) n; insert into kept values ('here')")
    done = instance.boot()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to migrate" in done.stdout
    assert status_of_packages(instance) == 200
    assert instance.sql("set role registry; select words from kept") == "here"


def test_a_database_of_another_master_user_fails_the_launch_with_a_sentence(start):
    instance = start("marketplace")
    instance.sql("alter role quilt rename to postgres", superuser=True, database="postgres")
    done = instance.boot()
    assert instance.signals() == [failure("create-database")]
    assert "only snapshots whose master user is quilt can be restored" in done.stdout


def test_a_database_that_could_be_anybodys_fails_the_launch(start):
    instance = start("marketplace")
    instance.run("mkdir /run/another && certify /run/another && database restart")
    done = instance.boot()
    assert instance.signals() == [failure("create-database")]
    assert "certificate verify failed" in done.stdout


def test_certificates_that_cannot_be_downloaded_fail_the_launch_by_name_and_later_change_nothing(start, instance):
    new = start("marketplace")
    new.refuse("Certificates")
    shorten_pauses(new)
    instance.refuse("Certificates")
    with ThreadPoolExecutor(2) as pool:
        never, later = pool.map(Instance.boot, [new, instance])
    assert new.signals() == [failure("fetch-certificates")]
    assert "No certificates of RDS at https://truststore.pki.rds.amazonaws.com/us-east-1/" in never.stdout
    assert later.returncode == 0, later.stdout


class Load:
    """Requests that need the database, one after the other in each of four threads."""

    def __init__(self, instance: Instance) -> None:
        self.instance, self.over = instance, False
        self.answers: list[tuple[int, float, float]] = []
        """Status, seconds and end of each."""
        self.threads = [threading.Thread(target=self._send) for _ in range(4)]

    def _send(self) -> None:
        while not self.over:
            began = time.monotonic()
            status = status_of_packages(self.instance)
            self.answers.append((status, time.monotonic() - began, time.monotonic()))

    def __enter__(self) -> Load:
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
        return {status for status, _, _ in self.answers}

    def served_again(self, seconds: float) -> None:
        """Wait until the next eight requests are served; an error if that takes longer."""
        now = time.monotonic()

        def served() -> bool:
            return [status for status, _, end in self.answers if end > now][-8:] == [200] * 8

        self.instance.wait_for(served, "served again", seconds)


def test_a_database_that_restarts_under_load_is_back_by_itself(instance):
    before = registry_container(instance)
    with Load(instance) as load:
        instance.run("database restart")
        load.served_again(20)
    assert load.statuses <= {200, 500}, "an answer to each request"
    assert instance.healthy()
    assert registry_container(instance) == before


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
    with Load(instance) as load:
        vanish()
        load.served_again(40)
    assert load.statuses <= {200, 500}, "an answer to each request"
    assert max(seconds for _, seconds, _ in load.answers) < 40


def test_a_database_host_that_vanishes_between_requests_is_noticed_meanwhile(instance, vanish):
    instance.run("docker restart registry")  # with a single connection, which all that follows uses
    instance.wait_for(lambda: status_of_packages(instance) == 200, "served")
    vanish()
    time.sleep(30)
    began = time.monotonic()
    instance.wait_for(lambda: status_of_packages(instance) == 200, "served again", 10)
    assert time.monotonic() - began < 10


# The bucket


@pytest.mark.parametrize("edition", EDITIONS)
def test_an_existing_bucket_is_used(start, edition):
    instance = start(edition, {"ExistingBucket": "their-packages"})
    assert instance.boot().returncode == 0
    assert json.loads(instance.get(HOST)[1])[1]["PACKAGE_BUCKET_NAME"] == "their-packages"
    (call,) = instance.calls("HeadBucket")
    assert (call["Bucket"], call["By"]) == ("their-packages", "AKIAFIRST" if edition == "registry" else "the role")


@pytest.mark.parametrize(("region", "words"), [("Forbidden", "(403)"), ("eu-west-1", "which is in eu-west-1")])
def test_a_bucket_that_cannot_be_used_fails_the_launch_with_what_to_check(start, region, words):
    instance = start("registry", {"ExistingBucket": "their-packages"})
    shorten_pauses(instance)
    instance.create_buckets({"their-packages": region})
    done = instance.boot()
    assert instance.signals() == [failure("check-bucket")]
    assert words in done.stdout
    assert "The registry can't use the bucket their-packages" in done.stdout
    for each in ("name", "us-east-1", "account", "bucket policy"):
        assert each in done.stdout
    assert instance.get(HOST)[0] == 503, "nobody is let in"


# What CloudFormation and the load balancer answer


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
        complete.wait_for(lambda: len(complete.calls("RefusedSignal")) == before + 2, "it has failed twice")
        complete.refuse()
        assert boot.result().returncode == 0
    refused = [(call["Status"], call["UniqueId"]) for call in complete.calls("RefusedSignal")[before:]]
    assert refused == [failure("configure"), failure("configure"), SUCCESS]
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
    with ThreadPoolExecutor(1) as pool:
        boot = pool.submit(instance.boot)
        asked = len(instance.calls("DescribeTargetHealth"))
        instance.wait_for(lambda: len(instance.calls("DescribeTargetHealth")) > asked, "it asks")
        targets_are({"State": "healthy"}, initial)
        time.sleep(7)
        assert instance.holder() == "i-another", "one target group is not enough"
        assert len(instance.signals()) == signals
        targets_are({"State": "healthy"}, {"State": "healthy"})
        done = boot.result()
    targets.unlink()
    assert done.returncode == 0, done.stdout
    assert instance.holder() == instance.id
    assert instance.signals()[signals:] == [SUCCESS]
    assert "<RedirectTargetGroup>: initial\tElb.RegistrationInProgress" in done.stdout


# Mail


def test_a_mail_service_that_refuses_costs_mail_and_nothing_else(start):
    instance = start("marketplace", {"SmtpHost": "smtp.example.com", "SmtpPort": "2525"})
    instance.run("ip address add 10.42.3.1/32 dev lo; echo 10.42.3.1 smtp.example.com >>/etc/hosts")
    assert instance.boot().returncode == 0
    assert instance.get(HOST, "/api/mail") == (500, "ConnectionRefusedError")
    assert instance.healthy()
    assert status_of_packages(instance) == 200
    instance.run(f"python3 {STAND_INS}/mail.py 10.42.3.1 2525 >/dev/null 2>&1 &")
    instance.wait_for(lambda: instance.get(HOST, "/api/mail") == (200, "250"), "mail goes out", 10)


# The disk


def test_a_full_disk_fails_the_launch_with_one_signal(start):
    instance = start("registry", disk="120m")
    instance.run("head --bytes 500M /dev/zero >/filler")
    done = instance.boot()
    assert done.returncode != 0
    assert instance.signals() == [failure("fetch-files")]
    instance.run("rm /filler")
    assert instance.boot().returncode == 0, "with room it goes through"
    assert instance.signals()[1:] == [SUCCESS]


def test_a_disk_that_fills_up_later_loses_nothing(start):
    instance = start("marketplace", disk="150m")
    assert instance.boot().returncode == 0
    files = "cat /home/ec2-user/env/* /opt/quilt/aws/credentials"
    before = instance.run(files).stdout
    instance.run("head --bytes 500M /dev/zero >/filler")
    instance.store({"SmtpPasswordSecret": "a new one"})
    instance.renew_credentials("ASIASECOND")
    assert instance.refresh().returncode != 0
    assert instance.run(files).stdout == before
    assert instance.healthy()
    instance.run("rm /filler")
    assert instance.refresh().returncode == 0
    after = instance.run(files).stdout
    assert "SMTP_PASSWORD='a new one'" in after
    assert "ASIASECOND" in after
    instance.wait_for(instance.healthy, "healthy after the restart")


# The clock

FAKE_CLOCK = (f"LD_PRELOAD={''.join(glob(FAKETIME))}", "FAKETIME_TIMESTAMP_FILE=/run/clock", "FAKETIME_NO_CACHE=1")


def test_a_wrong_clock_is_set_before_aws_is_called(instance):
    instance.run("echo +20m >/run/clock")
    done = instance.boot(*FAKE_CLOCK)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_clock_that_cannot_be_set_fails_the_launch_by_name(instance):
    instance.run("echo +20m >/run/clock; touch /run/no-time")
    instance.boot(*FAKE_CLOCK)
    instance.run("rm /run/no-time")
    assert instance.signals()[-1] == failure("set-clock")


def test_a_clock_that_goes_wrong_later_stops_the_refresh_and_not_the_service(instance):
    instance.run("echo +20m >/run/clock")
    wrong = f"env {' '.join(FAKE_CLOCK)} python3 /opt/quilt/configure.py --restart"
    done = instance.run(wrong)
    assert done.returncode != 0
    assert "Signature expired" in done.stderr
    assert instance.healthy()
    instance.run("echo +0 >/run/clock")
    assert instance.run(wrong).returncode == 0


# The containers


@pytest.mark.parametrize("container", ["registry", "catalog", "registry-nginx"])
def test_a_container_whose_process_is_killed_comes_back_by_itself(instance, container):
    pid = instance.run(f"docker inspect --format '{{{{.State.Pid}}}}' {container}").stdout.strip()
    instance.run(f"kill -KILL {pid}")
    state = "docker inspect --format '{{.State.Pid}} {{.State.Running}}' " + container
    dead = ([pid, "true"], ["0", "false"])
    instance.wait_for(lambda: instance.run(state).stdout.split() not in dead, "it runs again")
    instance.wait_for(lambda: instance.healthy() and instance.get(CATALOG)[0] == 200, "both sites", 20)


def test_the_containers_can_be_started_twice_at_once(instance):
    """The administrator by hand, and the refresh because a secret changed."""
    done = instance.run(
        "cd /home/ec2-user; ./start.sh & first=$!; ./start.sh && wait $first && timeout 30 ./start.sh --wait",
        user="ec2-user",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert instance.healthy()


# The role's credentials


def key_in_use(instance: Instance) -> str:
    return instance.get(HOST, "/api/key")[1]


def test_a_refresh_that_fails_is_logged_keeps_the_old_credentials_and_is_tried_again(instance):
    instance.renew_credentials("ASIAOLD")
    instance.refresh()
    instance.wait_for(lambda: key_in_use(instance) == "ASIAOLD", "the reload", 5)
    instance.renew_credentials("ASIANEW")
    instance.refuse("InstanceMetadata")
    failed = instance.refresh()
    assert "could not be renewed, the old ones stay, and the next run tries again" in failed.stderr
    assert key_in_use(instance) == "ASIAOLD"
    instance.refuse()
    assert instance.refresh().stderr == ""
    instance.wait_for(lambda: key_in_use(instance) == "ASIANEW", "the reload", 5)


def test_after_a_refresh_that_was_killed_before_the_reload_the_next_one_reloads(instance):
    instance.renew_credentials("ASIAWRITTEN")
    instance.trace()
    instance.run("echo refresh >/run/quilt-step; echo 'kill refresh docker inspect' >/run/victim")
    assert "could not be renewed" in instance.refresh(PROGRAMS_TRACED).stderr
    assert "ASIAWRITTEN" in instance.run("cat /opt/quilt/aws/credentials").stdout
    assert key_in_use(instance) != "ASIAWRITTEN"
    instance.run(": >/run/programs")
    instance.refresh(PROGRAMS_TRACED)
    instance.wait_for(lambda: key_in_use(instance) == "ASIAWRITTEN", "the reload", 5)
    # Docker would not start the registry again after a crash or a reboot: https://github.com/moby/moby/issues/41302
    assert not set(instance.run("cat /run/programs").stdout.split()) & {"kill", "stop"}


def test_requests_are_answered_while_credentials_are_reloaded(instance):
    with Load(instance) as load:
        for number in range(3):
            instance.renew_credentials(f"ASIA{number}")
            instance.refresh()
    assert load.statuses == {200}


def test_secrets_that_cannot_be_read_are_logged_and_the_service_goes_on(instance):
    before = registry_container(instance)
    instance.store({"SmtpPasswordSecret": "a newer one"})
    instance.refuse("GetSecretValue")
    failed = instance.refresh()
    assert failed.returncode != 0
    assert "get-secret-value" in failed.stderr
    assert registry_container(instance) == before
    instance.refuse()
    assert instance.refresh().returncode == 0
    assert json.loads(instance.get(HOST)[1])[1]["SMTP_PASSWORD"] == "a newer one"
