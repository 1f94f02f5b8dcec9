"""What happens when the bucket, RDS's certificates or the time are not what they should be."""

from __future__ import annotations

import json
from glob import glob

import pytest

from quilt_cfn.editions import EDITIONS
from tests.boot.instance import FAKETIME, failure
from tests.launches import DOCUMENTED

pytestmark = pytest.mark.exhaustive

HOST = DOCUMENTED["RegistryHost"]


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
    instance.shorten_pauses()
    instance.create_buckets({"their-packages": region})
    done = instance.boot()
    assert instance.signals() == [failure("check-bucket")]
    assert words in done.stdout
    assert "The registry can't use the bucket their-packages" in done.stdout
    for each in ("name", "us-east-1", "account", "bucket policy"):
        assert each in done.stdout
    assert instance.get(HOST)[0] == 503, "nobody is let in"


def test_certificates_that_cannot_be_downloaded_fail_the_launch_by_name_and_later_change_nothing(start):
    instance = start("registry")
    instance.shorten_pauses()
    instance.refuse("Certificates")
    never = instance.boot()
    assert instance.signals() == [failure("fetch-certificates")]
    assert "No certificates of RDS at https://truststore.pki.rds.amazonaws.com/us-east-1/" in never.stdout
    instance.refuse()
    assert instance.boot().returncode == 0
    instance.refuse("Certificates")
    later = instance.boot()
    assert later.returncode == 0, later.stdout
    assert "RDS's certificates from before stay." in later.stdout


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
