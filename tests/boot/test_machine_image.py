"""The machine image: baked by the programs of the image factory, checked, and booted without downloading anything.

``baked`` is the image from which the marketplace edition boots in all tests.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pytest

from quilt_cfn import image
from quilt_cfn.editions import IMAGE_FACTORY, MARKETPLACE, REGISTRY
from quilt_cfn.stack import BUILDERS
from tests.boot import images
from tests.boot.conftest import Start
from tests.boot.instance import COMMANDS_TRACED, SUCCESS, Instance, failure
from tests.boot.machine_image import run_phase
from tests.launches import DOCUMENTED, launch_stack

pytestmark = pytest.mark.exhaustive

NAME_SERVER, AWS = ("UDP", "169.254.169.253", 53), ("TCP", "127.0.0.1", 9000)
DATABASE, MAIL = ("TCP", "10.42.1.10", 5432), ("TCP", "10.42.3.1", 587)
DOCKER_HUB, WEB = ("TCP", "198.51.100.1", 443), ("TCP", "198.51.100.2", 443)
MAIL_NAME = "email-smtp.us-east-1.amazonaws.com"
PACKAGES = "al2023-repos-us-east-1-de612dc2.s3.dualstack.us-east-1.amazonaws.com"
CERTIFICATES = "truststore.pki.rds.amazonaws.com"


class Recorded(NamedTuple):
    instance: Instance
    boot: CompletedProcess[str]
    destinations: set[tuple[str, str, int]]
    """Protocol, address and port of all that the boot connected to, but for what the containers say to each other."""
    names: set[str]
    """What name servers were asked, but for the names of the containers."""

    def steps(self) -> list[str]:
        """The boot's steps that have begun."""
        return re.findall(r"(?m)^20\S+Z ([a-z-]+)$", self.boot.stdout)


def boot(instance: Instance) -> Recorded:
    done = instance.boot()
    connections = instance.connections()
    shown = instance.run("docker network inspect --format '{{(index .IPAM.Config 0).Subnet}}' quilt").stdout
    containers = ipaddress.ip_network(shown.strip() or "192.0.2.1")
    outside = {each[0:1] + each[2:4] for each in connections if ipaddress.ip_address(each.address) not in containers}
    names = {each.name for each in connections if each.name} - {"registry", "catalog"}
    return Recorded(instance, done, outside, names)


# The record itself


def test_whatever_is_sent_on_an_instance_is_recorded(start):
    instance = start(MARKETPLACE.name, record=True)
    before = len(instance.connections())
    instance.run(
        """
        for port in {1001..3000}; do echo >/dev/udp/198.18.0.1/$port; done
        for address in 198.18.0.2 2001:db8::1; do timeout 0.1 bash -c "echo >/dev/tcp/$address/443"; done
        curl --silent http://example.com
        systemctl start docker
        docker run --rm --entrypoint timeout $(head -n 1 /opt/quilt-image/images) \
            0.1 bash -c 'echo >/dev/tcp/198.18.0.3/22'
        """
    )
    found = instance.connections()[before:]
    assert {each.port for each in found if each.address == "198.18.0.1"} == set(range(1001, 3001))
    assert {("TCP", "198.18.0.2", 443), ("TCP", "198.18.0.3", 22)} <= {each[0:1] + each[2:4] for each in found}
    assert any(each.address == "2001:db8::1" for each in found) or not Path("/proc/sys/net/ipv6").exists()
    assert "example.com" in {each.name for each in found}


# The boot


@pytest.fixture(scope="module")
def recorded(start: Start) -> Recorded:
    return boot(start(MARKETPLACE.name, record=True))


def test_a_boot_from_the_machine_image_downloads_nothing(recorded):
    """All that it connects to is AWS, the database, the mail service and its own name server."""
    assert recorded.instance.signals() == [SUCCESS], recorded.boot.stdout + recorded.boot.stderr
    assert recorded.destinations == {NAME_SERVER, AWS, DATABASE, MAIL}
    assert recorded.names == {MAIL_NAME}
    assert "install-docker" not in recorded.steps()


def test_a_boot_from_amazon_linux_is_seen_to_download(start):
    recorded = boot(start(REGISTRY.name, record=True))
    assert recorded.instance.signals() == [SUCCESS], recorded.boot.stdout + recorded.boot.stderr
    assert recorded.destinations == {NAME_SERVER, AWS, DATABASE, MAIL, DOCKER_HUB, WEB}
    assert recorded.names == {MAIL_NAME, PACKAGES, CERTIFICATES, "registry-1.docker.io"}
    assert "install-docker" in recorded.steps()


def test_the_database_is_verified_with_the_certificates_of_the_image(recorded):
    instance = recorded.instance
    used = instance.run("cat /opt/quilt/aws/rds-certificates.pem").stdout
    assert used == instance.run("cat /opt/quilt-image/rds-certificates.pem").stdout
    assert "-----BEGIN CERTIFICATE-----" in used
    variables = instance.run(". /home/ec2-user/env/registry && echo $PGSSLMODE $PGSSLROOTCERT").stdout
    assert variables == "verify-full /etc/quilt/aws/rds-certificates.pem\n"


def test_the_swap_is_that_of_the_image(recorded):
    assert recorded.instance.run("cat /run/swaps").stdout == "/swapfile\n"
    assert recorded.instance.run("grep -c swapfile /etc/fstab").stdout == "1\n"


# Another image


def fails_at_once(recorded: Recorded, sentence: str) -> None:
    """No step but this one has begun, and nothing was asked but for AWS."""
    assert recorded.instance.signals() == [failure("check-image")]
    assert recorded.steps() == ["check-image"]
    assert sentence in recorded.boot.stdout
    assert recorded.destinations == {AWS}
    assert sentence in str(recorded.instance.calls("PutLogEvents"))


@pytest.mark.parametrize("of", ["stack", "image"])
def test_an_image_of_another_release_fails_the_boot_at_once(start, release, baked, tmp_path, of):
    if of == "stack":
        template = BUILDERS[MARKETPLACE.name](release._replace(version="99.0.0"))
        with Instance(tmp_path, launch_stack(template, DOCUMENTED), baked=baked, record=True) as instance:
            sentence = f"is the one of release {release.version}, and this stack needs the one of release 99.0.0"
            fails_at_once(boot(instance), sentence)
    else:
        instance = start(MARKETPLACE.name, record=True)
        instance.run("echo 0.9.0 >/opt/quilt-image/release")
        sentence = f"is the one of release 0.9.0, and this stack needs the one of release {release.version}"
        fails_at_once(boot(instance), sentence)


def test_plain_amazon_linux_fails_the_boot_of_an_edition_that_wants_its_own_image(start):
    fails_at_once(boot(start(MARKETPLACE.name, baked=None, record=True)), "is not one that was made for the registry")


# Image Builder's phases


def test_the_test_of_an_image_passes_before_the_boot_and_after_it(recorded, start, templates):
    for instance in (start(MARKETPLACE.name), recorded.instance):
        done = run_phase(instance, templates[IMAGE_FACTORY.name], "test")
        assert done.returncode == 0, done.stdout


def test_the_test_of_an_image_finds_what_is_wrong_with_it(start, templates):
    instance = start(MARKETPLACE.name)
    for fault, sentence in (
        ("touch --date 2026-01-01 /home/ec2-user/.ssh/authorized_keys", "older than this instance: /home/ec2-user"),
        ("rm /run/swaps", "the swap file is not in use"),
        ("docker rmi --force $(tail -n 1 /opt/quilt-image/images)", "docker.io/library/nginx"),
        ("echo 0.9.0 >/opt/quilt-image/release", "this is the image of release 0.9.0"),
    ):
        done = instance.run(f"systemctl start docker; {fault}")
        assert done.returncode == 0, done.stderr
        done = run_phase(instance, templates[IMAGE_FACTORY.name], "test")
        assert done.returncode != 0
        assert sentence in done.stdout.splitlines()[-1]


@pytest.fixture
def amazon_linux(templates: dict[str, dict[str, Any]], tmp_path: Path) -> Iterator[Instance]:
    """An instance on which an image can be baked."""
    with Instance(tmp_path, launch_stack(templates[REGISTRY.name], DOCUMENTED), record=True) as instance:
        yield instance


def check_root(instance: Instance) -> list[str]:
    """What check_image.py finds on the disk of an instance that has been shut down."""
    for name in image.PROGRAMS:
        instance.run(f"mkdir -p /run/check && cat >/run/check/{name}", input=image.read(name))
    done = instance.run("python3 /run/check/check_image.py")
    assert done.returncode == (1 if done.stdout else 0), done.stderr
    return done.stdout.splitlines()


IN_A_CONTAINER = "docker run --name left --user root --entrypoint sh $(head -n 1 /opt/quilt-image/images) -c"
# What could still have got into the image -> what check_image.py says about that.
FAULTS = {
    "docker pull --quiet docker.io/quiltdata/ended:9": r"I02 /var/lib/instance/\S+/etc/os-release: debian 9 has had no",
    f"{IN_A_CONTAINER} 'mkdir /root/.ssh; echo key >/root/.ssh/authorized_keys'": (
        r"I08 /var/lib/instance/\S+/root/.ssh/authorized_keys: is an authorized key"
    ),
    "echo ls >/root/.bash_history": r"I15 /root/.bash_history: is a history",
    "printf password | dd of=/swapfile bs=1 seek=9000 conv=notrunc": r"I20 /swapfile: is swap that was used",
    "sed -i 's/^PermitRootLogin no/PermitRootLogin yes/' /etc/ssh/sshd_config": r"I07 /etc/ssh/sshd_config: sshd takes",
}


def test_the_image_passes_the_pipelines_checks_and_what_is_planted_then_is_all_that_is_found(amazon_linux, templates):
    factory = templates[IMAGE_FACTORY.name]
    images.store(amazon_linux.common / "images", "registry", "docker.io/quiltdata/ended:9", ("debian", "9"))
    for phase in ("build", "validate"):
        done = run_phase(amazon_linux, factory, phase)
        assert done.returncode == 0, done.stdout
    amazon_linux.become_image()
    amazon_linux.run("systemctl start docker")
    for command in FAULTS:
        done = amazon_linux.run(command)
        assert done.returncode == 0, done.stderr
    found = check_root(amazon_linux)
    for pattern in FAULTS.values():
        assert [line for line in found if re.match(pattern, line)], found
    assert len(found) == len(FAULTS), found


STATE = """
    cd /opt/quilt-image && sha256sum -- * && stat --format '%n %a %u %s' -- * /swapfile && cat /etc/fstab
    docker images --digests --format '{{.Repository}} {{.Digest}}' | sort
"""
ANEW = """
    rm -rf /opt/quilt-image /swapfile
    sed -i /swapfile/d /etc/fstab
    docker rmi --force $(docker images --quiet)
"""
VICTIMS = ("[[ $found = ", 'mv "$certificates', "mkswap ", 'mv "$root$swap', 'echo "$release" >')
"""Commands of bake.sh: between two images, and where each part is about to be complete."""


def test_a_bake_that_was_killed_is_no_image_and_a_second_one_completes_it(amazon_linux, templates):
    instance, factory = amazon_linux, templates[IMAGE_FACTORY.name]
    instance.trace()
    instance.run("echo build >/run/quilt-step")
    assert run_phase(instance, factory, "build", COMMANDS_TRACED).returncode == 0
    instance.run("systemctl start docker")
    state = instance.run(STATE).stdout
    assert state.count("sha256:") == 3
    trace = instance.file("/run/commands").read_text().splitlines()
    for victim in VICTIMS:
        line = next(line for line in trace if re.match(rf"build bake\.sh:\d+ {re.escape(victim)}", line))
        instance.run(ANEW)
        instance.file("/run/victim").write_text(f"{line}\n")
        killed = run_phase(instance, factory, "build", COMMANDS_TRACED)
        assert killed.returncode != 0
        assert instance.file("/run/victim").read_text() == ""
        assert instance.run("cat /opt/quilt-image/release").returncode != 0, line
        assert run_phase(instance, factory, "build").returncode == 0, line
        instance.run("systemctl start docker")
        assert instance.run(STATE).stdout == state, line
