"""What happens when a container ends, and when an image can't be downloaded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.boot.instance import Instance, failure
from tests.launches import DOCUMENTED

pytestmark = pytest.mark.exhaustive

CATALOG = DOCUMENTED["CatalogHost"]
PULL = """#!/bin/bash -p
# docker, before which a download fails as often as /run/pulls says.
PATH=${PATH#*:}
if [ "$1" = pull ]; then
  left=$(</run/pulls)
  echo $((left - 1)) >/run/pulls
  if [ "$left" -gt 0 ]; then
    echo "toomanyrequests: You have reached your pull rate limit." >&2
    exit 1
  fi
  exec docker tag kept "${@: -1}"
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


@pytest.fixture
def registry_of_images(instance: Instance) -> Iterator[Instance]:
    """An instance that lacks nginx's image; /run/pulls says how many tries to download it fail."""
    instance.change("metadata.json", {"for pause in 4 8 16 32 60 0;": "for pause in 0 0 0 0 0 0;"})
    instance.run("mkdir -p /run/before; cat >/run/before/docker; chmod 755 /run/before/docker", input=PULL)
    instance.run(". /home/ec2-user/env/stack; docker tag $NGINX_IMAGE kept && docker rmi $NGINX_IMAGE")
    yield instance
    instance.run(". /home/ec2-user/env/stack; docker tag kept $NGINX_IMAGE")


def test_an_image_that_cannot_be_downloaded_at_first_is_tried_for_again(registry_of_images):
    registry_of_images.run("echo 4 >/run/pulls")
    done = registry_of_images.boot(PULLS)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("toomanyrequests") == 4


def test_an_image_that_cannot_be_downloaded_at_all_fails_the_launch_by_name(registry_of_images):
    registry_of_images.run("echo 100 >/run/pulls")
    done = registry_of_images.boot(PULLS)
    assert registry_of_images.signals()[-1] == failure("fetch-images")
    image = registry_of_images.environments["stack"]["NGINX_IMAGE"]
    assert f"The image {image} can't be downloaded" in done.stdout
    assert done.stdout.count("toomanyrequests") == 6
    assert registry_of_images.healthy(), "what ran before goes on running"
