"""What happens when a container ends, and when an image can't be downloaded."""

from __future__ import annotations

from subprocess import CompletedProcess

import pytest

from tests.boot.conftest import Start
from tests.boot.instance import Instance, failure
from tests.launches import DOCUMENTED

pytestmark = pytest.mark.exhaustive

CATALOG = DOCUMENTED["CatalogHost"]
PULL = """#!/bin/bash -p
# docker, before which a download fails as often as /run/pulls says.
PATH=${PATH#*:}
left=$(</run/pulls)
if [ "$1" = pull ] && [ "$left" -gt 0 ]; then
  echo $((left - 1)) >/run/pulls
  echo "toomanyrequests: You have reached your pull rate limit." >&2
  exit 1
fi
exec docker "$@"
"""
PULLS = "PATH=/run/before:/usr/local/bin:/usr/bin:/usr/sbin"


@pytest.mark.parametrize("container", ["registry", "catalog", "registry-nginx"])
def test_a_container_whose_process_is_killed_comes_back_by_itself(instance, container):
    pid = instance.run(f"docker inspect --format '{{{{.State.Pid}}}}' {container}").stdout.strip()
    instance.run(f"kill -KILL {pid}")
    state = "docker inspect --format '{{.State.Pid}} {{.State.Running}}' " + container
    dead = ([pid, "true"], ["0", "false"])
    instance.wait_for(lambda: instance.run(state).stdout.split() not in dead, "it runs again")
    instance.wait_for(lambda: instance.healthy() and instance.get(CATALOG)[0] == 200, "both sites")


def test_the_containers_can_be_started_twice_at_once(instance):
    """The administrator by hand, and the refresh because a secret changed."""
    done = instance.run(
        "cd /home/ec2-user; ./start.sh & first=$!; ./start.sh && wait $first && timeout 120 ./start.sh --wait",
        user="ec2-user",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert instance.healthy()


@pytest.fixture(scope="module")
def tried_again(start: Start) -> tuple[Instance, CompletedProcess[str]]:
    """An instance that downloads its images, and its first boot, in which four downloads fail."""
    instance = start("registry")
    instance.shorten_pauses()
    instance.change("metadata.json", {"for pause in 4 8 16 32 60 0;": "for pause in 0 0 0 0 0 0;"})
    instance.run("mkdir /run/before; cat >/run/before/docker; chmod 755 /run/before/docker", input=PULL)
    instance.run("dnf install docker; echo 4 >/run/pulls")
    return instance, instance.boot(PULLS)


def test_an_image_that_cannot_be_downloaded_at_first_is_tried_for_again(tried_again):
    _, done = tried_again
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("toomanyrequests") == 4


def test_an_image_that_cannot_be_downloaded_at_all_fails_the_launch_by_name(tried_again):
    """After an update of the stack, for instance, that names an image which its registry does not have."""
    instance, _ = tried_again
    name, _, digest = instance.environments["stack"]["NGINX_IMAGE"].partition("@sha256:")
    instance.change("metadata.json", {digest: 64 * "0"})
    instance.run("echo 5 >/run/pulls")
    done = instance.boot(PULLS)
    assert instance.signals()[-1] == failure("fetch-images")
    assert f"The image {name}@sha256:{64 * '0'} can't be downloaded" in done.stdout
    assert done.stdout.count("toomanyrequests") == 5
    assert "manifest unknown" in done.stdout, "the answer to the sixth try"
    assert instance.healthy(), "what ran before goes on running"
