"""A new access key for the registry: the documented way by hand, and rotate_key.sh, which makes it last."""

from __future__ import annotations

import pytest

from tests.boot.machine import COMMANDS_TRACED, PROGRAMS_TRACED
from tests.launches import DOCUMENTED

HOST = DOCUMENTED["RegistryHost"]
SECOND = ("AKIASECOND", "second/secret+of=40")
THIRD = ("AKIATHIRD", "third/secret+of=40")


@pytest.fixture(scope="module")
def machine(start):
    machine = start("registry")
    machine.trace()
    assert machine.boot().returncode == 0
    return machine


@pytest.fixture
def first_key(machine):
    """The registry as it came: it signs with its first key."""
    machine.create_access_keys(("AKIAFIRST", "s/e+c"), SECOND, THIRD)
    machine.run("sed -i /AWS_SECRET_KEY/d /home/ec2-user/env/registry")
    if signs_with(machine) != "AKIAFIRST":
        machine.store({"RegistryUserKeySecret": "AKIAFIRST:s/e+c"})
        machine.run("rm /home/ec2-user/env/registry; python3 /opt/quilt/configure.py; /home/ec2-user/start.sh")
        machine.wait_for(lambda: signs_with(machine) == "AKIAFIRST", "the first key is back")


def signs_with(machine):
    return machine.get(HOST, "/api/key")[1]


def rotate(machine, pair, command="./rotate_key.sh"):
    return machine.run(f"cd /home/ec2-user && {command}", user="ec2-user", input="\n".join([*pair, ""]))


def test_the_documented_way_by_hand(machine, first_key):
    edit = f"s|_KEY_ID=.*|_KEY_ID={SECOND[0]}|; s|SECRET_ACCESS_KEY=.*|SECRET_ACCESS_KEY={SECOND[1]}|"
    restart = "docker rm -f registry catalog registry-nginx && ./start.sh && timeout 30 ./start.sh --wait"
    done = machine.run(f"cd /home/ec2-user && sed -i '{edit}' env/registry && {restart}", user="ec2-user")
    assert done.returncode == 0, done.stderr
    assert signs_with(machine) == SECOND[0]
    machine.refresh()
    assert signs_with(machine) == SECOND[0], "the refresh leaves what was edited"


def test_the_script_tries_stores_restarts_and_says_when_the_old_key_may_go(machine, first_key):
    before = len(machine.calls("PutSecretValue"))
    done = rotate(machine, SECOND)
    assert done.returncode == 0, done.stderr
    assert signs_with(machine) == SECOND[0]
    assert machine.stored("RegistryUserKeySecret") == ":".join(SECOND)
    (put,) = machine.calls("PutSecretValue")[before:]
    assert put["By"] == "the role"
    assert f"The registry signs with {SECOND[0]}." in done.stdout
    in_a_day = machine.run("date --utc --date '24 hours' +%F").stdout.strip()
    assert f"after {in_a_day}" in done.stdout
    assert SECOND[1] not in done.stdout + done.stderr


def test_it_works_where_the_environment_was_sourced_as_documented(machine, first_key):
    assert rotate(machine, SECOND, ". env/registry && ./rotate_key.sh").returncode == 0
    assert machine.calls("PutSecretValue")[-1]["By"] == "the role"
    assert signs_with(machine) == SECOND[0]


def test_the_secret_is_in_no_programs_arguments(machine, first_key):
    machine.run(": >/run/programs")
    assert rotate(machine, SECOND, f"{PROGRAMS_TRACED} ./rotate_key.sh").returncode == 0
    arguments = machine.run("cat /run/programs").stdout
    assert "put-secret-value" in arguments
    assert SECOND[1] not in arguments


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (("AKIAUNKNOWN", "its+secret"), "refuses this key; nothing was changed."),
        ((SECOND[0], THIRD[1]), "refuses this key; nothing was changed."),
        (("", ""), "That is no access key; nothing was changed."),
        (("AKIA'; touch /run/never; '", "x"), "That is no access key; nothing was changed."),
    ],
)
def test_a_pair_that_does_not_work_changes_nothing(machine, first_key, pair, sentence):
    machine.run("sed -i 's/for pause in .*; do/for pause in 0; do/' /home/ec2-user/rotate_key.sh")
    done = rotate(machine, pair)
    assert (done.returncode, machine.stored("RegistryUserKeySecret")) == (1, "AKIAFIRST:s/e+c")
    assert sentence in done.stderr
    assert signs_with(machine) == "AKIAFIRST"
    assert machine.run("test -e /run/never").returncode == 1


def test_a_replaced_instance_has_the_new_key(machine, first_key, start):
    assert rotate(machine, SECOND).returncode == 0
    replacement = start("registry", database_of=machine)
    replacement.store({"RegistryUserKeySecret": machine.stored("RegistryUserKeySecret")})
    done = replacement.boot()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to migrate" in done.stdout
    assert signs_with(replacement) == SECOND[0]


def test_the_classic_mistake_is_explained_and_nothing_stops(machine, first_key):
    done = machine.run(
        f"cd /home/ec2-user && echo AWS_SECRET_KEY={SECOND[1]} >>env/registry && ./start.sh", user="ec2-user"
    )
    assert done.returncode == 1
    assert "rename it to AWS_SECRET_ACCESS_KEY, then run ./start.sh again." in done.stderr
    assert SECOND[1] not in done.stdout + done.stderr
    assert machine.healthy()


@pytest.mark.exhaustive
def test_interrupted_anywhere_it_can_be_run_again(machine, first_key):
    """Killed at each of its commands in turn, which a trace of a whole run lists; then run once more."""
    traced = f"{COMMANDS_TRACED} ./rotate_key.sh"
    assert rotate(machine, THIRD, traced).returncode == 0
    lines = dict.fromkeys(
        line for line in machine.run("cat /run/commands").stdout.splitlines() if " rotate_key.sh:" in line
    )
    assert len(lines) > 20
    for pair, line in zip([SECOND, THIRD] * len(lines), lines, strict=False):
        machine.run("cat >/run/victim", input=f"{line}\n")
        rotate(machine, pair, traced)
        assert machine.run("test -s /run/victim").returncode == 1, f"not reached: {line}"
        assert machine.healthy(), line
        done = rotate(machine, pair)
        assert done.returncode == 0, (line, done.stderr)
        assert signs_with(machine) == pair[0], line
        assert machine.stored("RegistryUserKeySecret") == ":".join(pair), line
