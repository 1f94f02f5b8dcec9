"""Images in the account's own ECR: a real docker logs in to a real container registry with a token of the role.

The registry wants a user and a password, as ECR does, and has the images of the harness.
"""

from __future__ import annotations

import re

import pytest

from tests.boot.conftest import Start
from tests.boot.instance import COMMANDS_TRACED, PROGRAMS_TRACED, SUCCESS, Instance, failure

pytestmark = pytest.mark.exhaustive

ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
IMAGES = {"RegistryImage": f"{ECR}/team/registry:2.9.15", "CatalogImage": f"{ECR}/catalog:2.9.15"}
TOKEN = "token-of-the-instances-role"  # of stand_ins/aws_apis.py
HASH = "$2b$04$abcdefghijklmnopqrstuua6I0jcmDqCFkYmGJCDpjRuGkAgfr0my"  # bcrypt's
# The images of all registries lie in one folder; at this address nobody gets one without the token.
SERVE = f"""
ip address add 198.51.100.3/32 dev lo
echo "198.51.100.3 {ECR}" >>/etc/hosts
echo 'AWS:{HASH}' >/run/ecr.users
sed 's/198.51.100.1:443/198.51.100.3:443/' /run/registry.yml >/run/ecr.yml
echo 'auth: {{htpasswd: {{realm: ecr, path: /run/ecr.users}}}}' >>/run/ecr.yml
setsid docker-registry serve /run/ecr.yml >/run/ecr.log 2>&1 &
until curl -so /dev/null https://{ECR}/v2/; do sleep 0.05; done
"""


@pytest.fixture(scope="module")
def booted(start: Start) -> Instance:
    """An instance with both images in ECR, whose boot was traced."""
    instance = start("registry", IMAGES)
    assert instance.run(SERVE).returncode == 0
    instance.trace()
    done = instance.boot(COMMANDS_TRACED, PROGRAMS_TRACED)
    assert done.returncode == 0, done.stdout + done.stderr
    return instance


def test_without_the_token_the_registry_has_nothing_for_anybody(booted):
    assert booted.run(f"curl -so /dev/null -w '%{{http_code}}' https://{ECR}/v2/catalog/tags/list").stdout == "401"


def test_the_registry_runs_from_the_images_of_the_account(booted):
    assert booted.signals() == [SUCCESS]
    running = booted.run("docker inspect --format '{{.Config.Image}}' registry catalog").stdout
    assert running.split() == [*IMAGES.values()]
    assert booted.packages() == 200


def test_the_role_asks_for_a_token_once_an_image(booted):
    asked = booted.calls("GetAuthorizationToken")
    assert [call["By"] for call in asked] == ["the role"] * len(IMAGES)


def test_the_token_is_on_no_command_line_and_in_no_file(booted):
    called = booted.run("cat /run/programs /run/commands").stdout
    assert re.search(r"(?m)^fetch-images timeout .* docker login --username AWS --password-stdin 1", called)
    assert TOKEN not in called
    everything = (
        "find / -xdev -newer /run/registry.yml -type f -print0 | xargs -0 grep --files-with-matches --fixed-strings"
    )
    encoded = booted.run(f"printf AWS:{TOKEN} | base64").stdout.strip()
    for text in (TOKEN, encoded):
        found = booted.run(f"{everything} {text}; {everything.replace('/ -xdev', '/run /tmp /dev/shm -xdev')} {text}")
        assert found.stdout == ""


def test_a_later_start_downloads_nothing(booted):
    before = len(booted.calls("GetAuthorizationToken"))
    assert booted.run("/home/ec2-user/start.sh", user="ec2-user").returncode == 0
    assert len(booted.calls("GetAuthorizationToken")) == before


@pytest.fixture(scope="module")
def failing(start: Start) -> Instance:
    """An instance that boots in vain, with two tries for each image."""
    instance = start("registry", IMAGES)
    assert instance.run(SERVE).returncode == 0
    instance.change("metadata.json", {"for pause in 4 8 16 32 60 0;": "for pause in 0 0;"})
    return instance


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda instance: instance.refuse("GetAuthorizationToken"), "has to be in the stack's own account"),
        (lambda instance: instance.run("sed -i s/AWS/SWA/ /run/ecr.users"), "has to be in the stack's own account"),
        (lambda instance: instance.run("mv /run/harness/stack/images/docker /run"), "manifest unknown"),
    ],
    ids=["no permission", "the token is refused", "no such image"],
)
def test_an_image_that_can_not_be_pulled_fails_the_step_and_leaves_no_token(failing, prepare, said):
    prepare(failing)
    done = failing.boot()
    failing.refuse()
    failing.run("sed -i s/SWA/AWS/ /run/ecr.users")
    assert done.returncode != 0
    assert failing.signals()[-1] == failure("fetch-images")
    output = done.stdout + done.stderr
    assert said in output
    assert f"The image {IMAGES['RegistryImage']} can't be downloaded" in output
    assert TOKEN not in output
    assert failing.run(f"ls -A /tmp; grep -rl {TOKEN} /root /home /var/log").stdout == ""
