"""``quilt-cfn images try`` on an instance of the boot harness: Docker's command line, and containers that run for real.

It runs as an ordinary user who may use Docker. Each image of the harness is spoiled in every way that the list of
docs/guide/open-source.md is about, and exactly the lines about what was spoiled complain.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pytest
import yaml

from quilt_cfn.delivery.images.trial_checks import CHECKS
from tests.boot.instance import Instance, missing
from tests.command_line import ROOT
from tests.launches import DOCUMENTED, launch_stack

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

HERE = Path(__file__).parent
BOOT = ROOT / "tests/boot/stand_ins"
NAMES = [check.name for check in CHECKS]

AFTER_START = NAMES[NAMES.index("start") + 1 :]
AFTER_PROTOCOL = [name for name in AFTER_START if name not in ("catalog", "catalog-values", "protocol")]

MAKE_POSTGRES = """
set -e
mkdir /tmp/postgres
podman export $(podman create "$1") | tar -C /tmp/postgres -x
mkdir -p /tmp/postgres/run /tmp/postgres/var/lib/postgresql
echo postgres:x:999:999::/:/bin/bash >>/tmp/postgres/etc/passwd
echo postgres:x:999: >>/tmp/postgres/etc/group
install -m 755 /run/harness/checkout/tests/delivery/images/postgres_entry_point.sh /tmp/postgres/opt/entry_point
tar -C /tmp/postgres -c . | podman import --change 'ENTRYPOINT ["/opt/entry_point"]' - docker.io/library/postgres:16
podman rm --all
"""

UWSGI = "python3 /venv/bin/uwsgi --ini /opt/uwsgi.ini"


class Spoiled(NamedTuple):
    """What is done to an image of the harness: changes of its configuration, and files of it."""

    image: str
    change: str | None = None
    path: str | None = None
    text: str = ""


SPOILED = {
    "system": Spoiled("nginx", path="etc/os-release", text='ID=ubuntu\nVERSION_ID="16.04"\n'),
    "programs": Spoiled("registry", "ENV PATH=/opt"),
    "user": Spoiled("registry", "USER root"),
    "folder": Spoiled("registry", "WORKDIR /home"),
    "migrations": Spoiled("registry", path="opt/flask", text="#!/bin/sh\necho no such revision; exit 1\n"),
    "start": Spoiled("nginx", "ENV PATH=/usr/bin"),
    "catalog": Spoiled("catalog", 'CMD ["nginx", "-c", "/etc/catalog.conf", "-g", "daemon off;"]', "etc/catalog.conf"),
    "catalog-values": Spoiled("catalog", 'CMD ["sh", "-c", "TEAM_NAME=${TEAM_NAME%+} exec /stand-ins/catalog.sh"]'),
    "protocol": Spoiled("registry", f'CMD ["sh", "-c", "exec {UWSGI.replace(".ini", "-http.ini")}"]'),
    "openssl": Spoiled("registry", "ENV LD_PRELOAD=libssl.so.3"),
    "body": Spoiled("registry", "ENV UWSGI_LIMIT_POST=1048576"),
    "admin": Spoiled(
        "registry", path="home/quilt/scripts/create_admin.py", text="#!/bin/sh\necho usage: create_admin NAME; exit 2\n"
    ),
    "reload": Spoiled("registry", f'CMD ["sh", "-c", "trap exit TERM; {UWSGI} & wait"]'),
    "restart": Spoiled("registry", f'CMD ["sh", "-c", "[ ! -e /tmp/started ] && touch /tmp/started && exec {UWSGI}"]'),
    "variables": Spoiled("registry", "ENV QUILT_SECRET_KEY=everybodys"),
}
"""Line of the list -> how what it is about is spoiled. The others are faults of spoiled_registry.py."""
UWSGI_INI = (BOOT / "uwsgi.ini").read_text(encoding="ascii")
FILES = {
    "opt/spoiled_registry.py": (HERE / "spoiled_registry.py").read_text(encoding="ascii"),
    "opt/uwsgi.ini": UWSGI_INI.replace("module = registry", "module = spoiled_registry\npythonpath = /opt"),
    "opt/uwsgi-http.ini": UWSGI_INI.replace("socket =", "http-socket ="),
    "etc/catalog.conf": (BOOT / "catalog.conf").read_text(encoding="ascii").replace("/index.html", "=404"),
}
"""What is in every spoiled image: path -> text."""


@pytest.fixture(scope="module")
def laptop(templates: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A computer that has Docker, PostgreSQL's image, and a container of its owner's with the name of one of ours."""
    stack = launch_stack(templates["registry"], DOCUMENTED)
    with Instance(tmp_path_factory.mktemp("instance"), stack) as instance:
        for command in (
            "dnf install docker && systemctl start docker && usermod --append --groups docker ec2-user",
            f"docker pull {instance.environments['stack']['REGISTRY_IMAGE']}",
            f"set -- {instance.environments['stack']['REGISTRY_IMAGE']}\n{MAKE_POSTGRES}",
            f"docker run --detach --name registry {instance.environments['stack']['REGISTRY_IMAGE']} sleep 3600",
        ):
            done = instance.run(command)
            assert done.returncode == 0, done.stderr
        yield instance


def command(arguments: str, options: str = "") -> str:
    """The command for an ordinary user of the computer, whose Python is not root's."""
    packages = Path(yaml.__file__).parents[1].relative_to(ROOT)
    checkout = "/run/harness/checkout"
    environment = f"PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={checkout}:{checkout}/{packages} LANG=C.UTF-8"
    return f"cd {checkout}; exec env {options} {environment} /usr/bin/python3 -m quilt_cfn images try {arguments}"


def try_images(laptop: Instance, *arguments: str) -> CompletedProcess[str]:
    return laptop.run(command(" ".join(arguments)), "ec2-user")


def left(laptop: Instance) -> str:
    """What there is on the computer that a trial could have made, and the one container of its owner's."""
    return laptop.run(
        "docker ps --all --format '{{.Names}} {{.State}}'; docker network ls --format '{{.Name}}'; "
        "docker volume ls --quiet; ls -d /tmp/quilt-try* 2>/dev/null; true"
    ).stdout


NOTHING = "registry running\nbridge\n"


def states(done: CompletedProcess[str]) -> dict[str, str]:
    """Line of the list -> what became of it."""
    found = re.findall(r"(?m)^(fits|does not fit|not tried): ([a-z-]+): .{20}", done.stdout)
    assert done.stderr == ""
    return {name: state for state, name in found}


def spoil(laptop: Instance, faults: list[str]) -> list[str]:
    """Make images with faults; returns the arguments that name them."""
    arguments = []
    if "platform" in faults:
        done = laptop.run(
            f"made=$(podman create {laptop.environments['stack']['REGISTRY_IMAGE']}); "
            "podman export $made | podman import --quiet --arch arm64 - example/catalog:arm64; podman rm $made"
        )
        assert done.returncode == 0, done.stderr
        arguments += ["--catalog-image", "example/catalog:arm64"]
        faults = [fault for fault in faults if fault != "platform"]
    ways = [SPOILED.get(fault, Spoiled("registry")) for fault in faults]
    for image in sorted({way.image for way in ways}):
        ours = [way for way in ways if way.image == image]
        folder = laptop.folder / "spoiled"
        for path, text in {**FILES, **{way.path: way.text or FILES[way.path] for way in ours if way.path}}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
            (folder / path).chmod(0o755)
        changes = [way.change for way in ours if way.change]
        if image == "registry":
            known = [fault for fault in faults if fault not in SPOILED]
            changes.append(f"ENV SPOILED=of-{'-'.join(known)}")
            if not any(change.startswith("CMD") for change in changes):
                changes.append(f"CMD {json.dumps(UWSGI.split())}")
        name, original = f"example/{image}:{'-'.join(faults)}", laptop.environments["stack"][f"{image.upper()}_IMAGE"]
        options = " ".join(f"--change {shlex.quote(change)}" for change in changes)
        done = laptop.run(f"""
            set -e
            docker pull --quiet {original}
            made=$(podman create {original} {"" if image != "nginx" else "true"})
            podman cp /run/harness/folder/spoiled/. $made:/
            podman commit --quiet {options} $made {name}
            podman rm $made
        """)
        assert done.returncode == 0, done.stderr
        shutil.rmtree(folder)
        arguments += [f"--{image}-image", name]
    return arguments


def test_all_of_it_fits_and_what_is_kept_is_removed_by_the_command_that_is_printed(laptop):
    done = try_images(laptop, "--keep")
    *_, catalog, registry, removal, end = done.stdout.splitlines()
    assert states(done) == dict.fromkeys(NAMES, "fits"), done.stdout
    assert (done.returncode, end) == (0, "All of it fits.")
    for line, path, answer in ((catalog, "", "<title>catalog</title>"), (registry, "healthcheck", "ok")):
        url = line.split()[-1]
        port = url.rpartition(":")[2].rstrip("/")
        get = f"curl --silent --insecure --resolve '*:{port}:127.0.0.1' {url}{path}"
        assert laptop.run(get, "ec2-user").stdout == answer
    assert left(laptop) != NOTHING
    laptop.run(removal.partition(": ")[2], "ec2-user")
    assert left(laptop) == NOTHING


TOGETHER = [
    (["catalog-values", "openssl", "mail", "push", "reload", "variables"], ["new-key"]),
    (["body", "new-key"], []),
    (["catalog", "admin", "restart"], ["catalog-values", "mail", "push", "new-key", "variables"]),
    (["user", "folder", "login"], ["body", "admin", "mail", "push", "reload", "new-key"]),
    (["migrations", "protocol"], AFTER_PROTOCOL),
    (["system", "start"], AFTER_START),
    (["platform", "programs"], NAMES[NAMES.index("user") :]),
]
"""What can be spoiled at once, and what can't be tried then: each line is spoiled in one of them."""


def test_every_line_is_spoiled_in_a_test():
    assert sorted(fault for faults, _ in TOGETHER for fault in faults) == sorted(NAMES)


@pytest.mark.parametrize(("faults", "not_tried"), TOGETHER, ids=["+".join(faults) for faults, _ in TOGETHER])
def test_exactly_what_was_spoiled_complains(laptop, faults, not_tried):
    arguments = spoil(laptop, faults)
    done = try_images(laptop, *arguments)
    found = states(done)
    assert [name for name in NAMES if found[name] == "does not fit"] == [name for name in NAMES if name in faults], (
        done.stdout
    )
    assert [name for name in NAMES if found[name] == "not tried"] == not_tried
    assert done.returncode == 1
    assert done.stdout.endswith(f"\n{len(faults)} do not fit, {len(not_tried)} were not tried.\n")
    assert left(laptop) == NOTHING


@pytest.mark.parametrize("signal", ["INT", "TERM"])
def test_an_interruption_leaves_nothing(laptop, signal):
    """In the middle of what a script of the instance does."""
    done = laptop.run(
        f"""
        rm --force /tmp/said
        ({command("", "--default-signal=INT")}) >/tmp/said 2>&1 &
        until grep --quiet --no-messages "fits: folder" /tmp/said; do sleep 0.1; done
        kill -{signal} $!
        wait $!
        code=$?
        cat /tmp/said
        exit $code
        """,
        "ec2-user",
    )
    assert done.returncode == 130, done.stdout + done.stderr
    assert "fits: variables" not in done.stdout
    assert done.stdout.endswith("quilt-cfn: interrupted; every file is as it was or complete.\n")
    assert left(laptop) == NOTHING


def test_an_image_that_nobody_has_is_a_sentence(laptop):
    done = try_images(laptop, "--nginx-image", "127.0.0.1:9/nobody/nginx:1")
    assert done.returncode == 2
    assert "The image 127.0.0.1:9/nobody/nginx:1 is not on this computer and can't be downloaded (" in done.stderr
    assert left(laptop) == NOTHING
