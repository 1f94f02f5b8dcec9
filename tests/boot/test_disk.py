"""What happens when the disk is full."""

from __future__ import annotations

import pytest

from tests.boot.instance import SUCCESS, failure

pytestmark = pytest.mark.exhaustive


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
