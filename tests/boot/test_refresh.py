"""What systemd runs every two minutes: other credentials and values reach the registry, and it reports how it went."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.boot.instance import PROGRAMS_TRACED, Instance
from tests.launches import DOCUMENTED

pytestmark = pytest.mark.exhaustive

HOST = DOCUMENTED["RegistryHost"]


def reports(instance: Instance) -> list[dict[str, Any]]:
    """What the refreshes have reported, of which the stack's metrics are made."""
    calls = [call for call in instance.calls("PutLogEvents") if call["logStreamName"] == f"watch-{instance.id}"]
    return [json.loads(event["message"]) for call in calls for event in call["logEvents"]]


def test_every_refresh_reports_how_the_instance_is(instance):
    instance.refresh()
    before = len(reports(instance))
    for _ in range(2):
        assert instance.refresh().returncode == 0
    reported = reports(instance)[before:]
    assert len(reported) == 2
    for each in reported:
        assert list(each) == [
            *("watch", "disk_used_percent", "memory_available_percent", "swap_used_percent", "refresh_failed"),
        ]
        used = int(instance.run("df --output=pcent / | tail -n 1").stdout.strip(" %\n"))
        assert abs(each["disk_used_percent"] - used) <= 1
        assert each["memory_available_percent"] == 60
        assert (each["watch"], each["swap_used_percent"], each["refresh_failed"]) == ("instance", 0, 0)


@pytest.mark.parametrize("part", ["InstanceMetadata", "AssociateAddress", "GetSecretValue"])
def test_a_refresh_of_which_a_part_failed_reports_that_and_does_the_others(instance, part):
    (instance.common / "address.json").write_text('{"holder": null}')
    instance.store({"SmtpPasswordSecret": f"while {part} fails"})
    instance.refuse(part)
    assert instance.refresh().returncode != 0
    assert reports(instance)[-1]["refresh_failed"] == 1
    assert (instance.holder() == instance.id) is (part != "AssociateAddress")
    configured = f"while {part} fails" in instance.run("cat /home/ec2-user/env/registry").stdout
    assert configured is (part != "GetSecretValue")
    instance.refuse()
    assert instance.refresh().returncode == 0
    assert reports(instance)[-1]["refresh_failed"] == 0
    assert instance.holder() == instance.id


def test_a_log_that_cannot_be_reached_fails_the_refresh(instance):
    instance.refuse("PutLogEvents")
    assert instance.refresh().returncode != 0


def key_in_use(instance: Instance) -> str:
    return instance.get(HOST, "/api/key")[1]


def test_a_refresh_that_fails_is_logged_keeps_the_old_credentials_and_is_tried_again(instance):
    instance.renew_credentials("ASIAOLD")
    instance.refresh()
    instance.wait_for(lambda: key_in_use(instance) == "ASIAOLD", "the reload")
    instance.renew_credentials("ASIANEW")
    instance.refuse("InstanceMetadata")
    failed = instance.refresh()
    assert "could not be renewed, the old ones stay, and the next run tries again" in failed.stderr
    assert key_in_use(instance) == "ASIAOLD"
    instance.refuse()
    assert instance.refresh().stderr == ""
    instance.wait_for(lambda: key_in_use(instance) == "ASIANEW", "the reload")


def test_after_a_refresh_that_was_killed_before_the_reload_the_next_one_reloads(instance):
    instance.renew_credentials("ASIAWRITTEN")
    instance.trace()
    instance.run("echo refresh >/run/quilt-step; echo 'kill refresh docker inspect' >/run/victim")
    assert "could not be renewed" in instance.refresh(PROGRAMS_TRACED).stderr
    assert "ASIAWRITTEN" in instance.run("cat /opt/quilt/aws/credentials").stdout
    assert key_in_use(instance) != "ASIAWRITTEN"
    instance.run(": >/run/programs")
    instance.refresh(PROGRAMS_TRACED)
    instance.wait_for(lambda: key_in_use(instance) == "ASIAWRITTEN", "the reload")
    # Docker would not start the registry again after a crash or a reboot: https://github.com/moby/moby/issues/41302
    assert not set(instance.run("cat /run/programs").stdout.split()) & {"kill", "stop"}


def test_secrets_that_cannot_be_read_are_logged_and_the_service_goes_on(instance):
    before = instance.registry_container()
    instance.store({"SmtpPasswordSecret": "a newer one"})
    instance.refuse("GetSecretValue")
    failed = instance.refresh()
    assert failed.returncode != 0
    assert "get-secret-value" in failed.stderr
    assert instance.registry_container() == before
    instance.refuse()
    assert instance.refresh().returncode == 0
    assert json.loads(instance.get(HOST)[1])[1]["SMTP_PASSWORD"] == "a newer one"
