"""A new access key for the registry: by hand as documented, and with rotate_key.sh, which stores it in the secret."""

from __future__ import annotations

from subprocess import CompletedProcess

import pytest

from tests.boot.conftest import Start
from tests.boot.instance import COMMANDS_TRACED, PROGRAMS_TRACED, SUCCESS, Instance
from tests.launches import DOCUMENTED

HOST = DOCUMENTED["RegistryHost"]
FIRST = ("AKIAFIRST", "s/e+c")
SECOND = ("AKIASECOND", "second/secret+of=40")
THIRD = ("AKIATHIRD", "third/secret+of=40")


@pytest.fixture(scope="module")
def instance(start: Start) -> Instance:
    """An instance of the edition that signs with an IAM user's key, and two further keys of that user."""
    instance = start("registry")
    instance.create_access_keys(FIRST, SECOND, THIRD)
    instance.trace()
    done = instance.boot()
    assert (done.returncode, instance.signals()) == (0, [SUCCESS]), done.stdout + done.stderr
    return instance


def signs_with(instance: Instance) -> str:
    return instance.get(HOST, "/api/key")[1]


def rotate(instance: Instance, pair: tuple[str, str], command: str = "./rotate_key.sh") -> CompletedProcess[str]:
    """Run the script and type the ID and the secret of a key."""
    return instance.run(f"cd /home/ec2-user && {command}", user="ec2-user", input="\n".join([*pair, ""]))


def check_rotated(instance: Instance, pair: tuple[str, str], done: CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert signs_with(instance) == pair[0]
    assert instance.stored("RegistryUserKeySecret") == ":".join(pair)
    assert pair[1] not in done.stdout + done.stderr


def test_the_registry_signs_with_the_key_that_the_stack_created(instance):
    assert signs_with(instance) == FIRST[0]


def test_the_documented_way_by_hand(instance):
    edit = f"s|_KEY_ID=.*|_KEY_ID={SECOND[0]}|; s|SECRET_ACCESS_KEY=.*|SECRET_ACCESS_KEY={SECOND[1]}|"
    restart = "docker rm -f registry catalog registry-nginx && ./start.sh && timeout 120 ./start.sh --wait"
    done = instance.run(f"cd /home/ec2-user && sed -i '{edit}' env/registry && {restart}", user="ec2-user")
    assert done.returncode == 0, done.stderr
    assert signs_with(instance) == SECOND[0]
    instance.refresh()
    assert signs_with(instance) == SECOND[0], "the refresh leaves what was edited"


def test_the_script_tries_stores_restarts_and_says_when_the_old_key_may_go(instance):
    in_a_day = "date --utc --date '24 hours' +%F"
    days = [instance.run(in_a_day).stdout.strip()]
    done = rotate(instance, THIRD)
    days.append(instance.run(in_a_day).stdout.strip())
    check_rotated(instance, THIRD, done)
    (call,) = instance.calls("PutSecretValue")
    assert call["By"] == "the role"
    assert f"The registry signs with {THIRD[0]}." in done.stdout
    assert any(f"after {day}" in done.stdout for day in days)


def test_where_the_environment_was_sourced_the_role_stores_it_too_and_no_argument_shows_the_secret(instance):
    instance.run(": >/run/programs")
    done = rotate(instance, SECOND, f". env/registry && {PROGRAMS_TRACED} ./rotate_key.sh")
    check_rotated(instance, SECOND, done)
    assert instance.calls("PutSecretValue")[-1]["By"] == "the role"
    arguments = instance.run("cat /run/programs").stdout
    assert "put-secret-value" in arguments
    assert SECOND[1] not in arguments


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (("AKIAUNKNOWN", "its+secret"), "refuses this key; nothing was changed."),
        ((FIRST[0], THIRD[1]), "refuses this key; nothing was changed."),
        (("", ""), "That is no access key; nothing was changed."),
        (("AKIA'; touch /run/never; '", "x"), "That is no access key; nothing was changed."),
    ],
)
def test_a_pair_that_does_not_work_changes_nothing(instance, pair, sentence):
    instance.run("cd /home/ec2-user && sed 's/for pause in .*; do/for pause in 0; do/' rotate_key.sh >no_pauses.sh")
    before = signs_with(instance), instance.stored("RegistryUserKeySecret")
    done = rotate(instance, pair, "bash no_pauses.sh")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert (signs_with(instance), instance.stored("RegistryUserKeySecret")) == before
    assert instance.run("test -e /run/never").returncode == 1


@pytest.mark.exhaustive
def test_an_instance_that_replaces_this_one_has_the_new_key(instance, start):
    replacement = start("registry", database_of=instance, number=1)
    replacement.create_access_keys(THIRD)
    replacement.store({"RegistryUserKeySecret": ":".join(THIRD)})
    done = replacement.boot()
    assert done.returncode == 0, done.stdout + done.stderr
    assert signs_with(replacement) == THIRD[0]


def test_the_classic_mistake_is_explained_and_nothing_stops(instance):
    registry = "/home/ec2-user/env/registry"
    instance.run(f"cp --preserve {registry} /run/registry; echo AWS_SECRET_KEY={SECOND[1]} >>{registry}")
    done = instance.run("/home/ec2-user/start.sh", user="ec2-user")
    instance.run(f"mv /run/registry {registry}")
    assert done.returncode == 1
    assert "rename it to AWS_SECRET_ACCESS_KEY, then run ./start.sh again." in done.stderr
    assert SECOND[1] not in done.stdout + done.stderr
    assert instance.healthy()


@pytest.mark.exhaustive
def test_interrupted_anywhere_it_can_be_run_again(instance):
    """Killed at each of its commands in turn, which a trace of a whole run lists; then run once more."""
    traced = f"{COMMANDS_TRACED} ./rotate_key.sh"
    check_rotated(instance, THIRD, rotate(instance, THIRD, traced))
    trace = instance.run("cat /run/commands").stdout.splitlines()
    lines = dict.fromkeys(line for line in trace if " rotate_key.sh:" in line)
    assert len(lines) > 20
    for pair, line in zip([SECOND, THIRD] * len(lines), lines, strict=False):
        instance.run("cat >/run/victim", input=f"{line}\n")
        rotate(instance, pair, traced)
        assert instance.run("test -s /run/victim").returncode == 1, f"not reached: {line}"
        assert instance.healthy(), line
        check_rotated(instance, pair, rotate(instance, pair))
