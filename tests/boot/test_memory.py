"""Eight large uploads at once, in as much memory as a t3.small has, and the swap that the boot makes.

All processes of the instance are in a control group of that size. The swap is real, and so is the limit of the
registry's container.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.boot.control_groups import HAVE_MEMORY, MIB, kills, most_memory
from tests.boot.instance import ENVIRONMENT, Instance
from tests.boot.network import Network
from tests.launches import DOCUMENTED

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(not HAVE_MEMORY, reason="memory is limited here by version 1 of control groups only"),
]

REGISTRY = DOCUMENTED["RegistryHost"]
MEMORY, SWAP = 1900, 4096
"""MiB of a t3.small, and of the swap that the boot makes."""
FILES, UPLOADS = 335_000, 8
CONTAINERS = "docker inspect --format '{{.Name}} {{.Id}} {{.State.StartedAt}}' catalog registry registry-nginx"


@pytest.fixture
def swap(tmp_path: Path) -> Iterator[None]:
    """The kernel has swap, until this ends or the test run is killed."""
    file = tmp_path / "swap"
    make = f"fallocate --length {SWAP}M {file} && chmod 600 {file} && mkswap {file} && swapon {file}"
    script = f"{make} && echo there is swap; cat; swapoff {file}; rm {file}"
    command = ["setsid", "sh", "-c", script]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=ENVIRONMENT) as guard:
        assert guard.stdin is not None
        assert guard.stdout is not None
        assert any("there is swap" in line for line in iter(guard.stdout.readline, ""))
        yield
        guard.stdin.close()
        guard.wait()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A push of many files, of nearly 70 MB."""
    file = tmp_path / "push.json"
    children = {
        f"folder-{number % 1000:03}/file-{number:07}.csv": {
            "type": "FILE",
            "hashes": [f"{number:064x}"],
            "metadata": {"q_path": "x", "q_target": "bytes", "size": number},
        }
        for number in range(FILES)
    }
    file.write_text(json.dumps({"contents": {"type": "ROOT", "children": children}}))
    assert 60e6 < file.stat().st_size < 75e6
    return file


def engine(instance: Instance) -> str:
    """The process numbers of the engine."""
    return instance.run("pgrep --full '^podman system service'").stdout


def test_eight_large_uploads_at_once_are_all_answered_and_nothing_is_killed(start, swap, package):
    with Network() as network:
        instance: Instance = start("marketplace", network=network, disk="real", memory=(MEMORY, SWAP))
        done = instance.boot()
        assert done.returncode == 0, done.stdout + done.stderr
        assert instance.run("stat --format %s $(cat /run/swaps)").stdout == f"{SWAP * MIB}\n"
        before = instance.run(CONTAINERS).stdout, engine(instance)
        answers: list[object] = []

        headers = {"Host": REGISTRY, "Content-Type": "application/json"}

        def upload() -> None:
            connection = HTTPConnection(instance.address, 80, timeout=350)
            try:
                with package.open("rb") as body, closing(connection):
                    connection.request("POST", "/api/push", body, headers)
                    answer = connection.getresponse()
                    answers.append((answer.status, answer.read()))
            except (OSError, HTTPException) as error:
                answers.append(error)

        for thread in [network.thread(upload) for _ in range(UPLOADS)]:
            thread.join()
        memory, with_swap = most_memory(instance.control_group)
        use = f"{memory} MiB of memory, {with_swap} with swap, {kills(instance.control_group)} killed"
        assert answers == UPLOADS * [(200, str(FILES).encode())], use
        assert (instance.run(CONTAINERS).stdout, engine(instance)) == before, use
        assert kills(instance.control_group) == 0, use
        assert with_swap > MEMORY, f"it would have gone without swap: {use}"
        assert instance.healthy()
