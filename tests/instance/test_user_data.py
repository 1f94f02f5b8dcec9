"""user-data.sh: CloudFormation gets one signal, whatever fails, is killed or hangs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from quilt_cfn import instance
from quilt_cfn.cloudformation.launch.evaluator import STACK
from tests.launches import launch_stack

PATHS = [
    "/opt/aws/bin/cfn-init",
    "/opt/aws/bin/cfn-signal",
    "/opt/quilt/boot",
    "/run/quilt-step",
    "/var/lib/cloud/data/instance-id",
]


class UserData:
    """The user data with its absolute paths moved into a folder, which has stand-ins for what they name."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        used = set(re.findall(r"(?<![\w#!$:/.])/(?:opt|run|var|home|etc)/[\w./-]+", text))
        assert used == set(PATHS)
        for path in PATHS:
            text = text.replace(path, f"{folder}{path}")
            (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        self.text = text
        (folder / "var/lib/cloud/data/instance-id").write_text("i-0123456789abcdef0\n")
        self.program("opt/aws/bin/cfn-signal", f'echo "$@" >>{folder}/signals')
        # The real one takes longer than it takes to name the first step.
        self.program("opt/aws/bin/cfn-init", f"until [ -s {folder}/run/quilt-step ]; do sleep 0.01; done")
        self.program("opt/quilt/boot", "true")

    def program(self, name: str, body: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def start(self) -> subprocess.Popen[bytes]:
        (self.folder / "user-data").write_text(self.text)
        return subprocess.Popen(["bash", self.folder / "user-data"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self) -> None:
        """Start it and wait until it and all that it started have ended."""
        self.start().communicate(timeout=20)

    def start_and_boot(self) -> subprocess.Popen[bytes]:
        """Start it and wait until it is in a step of the boot, which lasts until ``end_boot``."""
        step = f"echo migrate >{self.folder}/run/quilt-step; touch {self.folder}/booting"
        self.program("opt/quilt/boot", f"{step}; until [ -e {self.folder}/end ]; do sleep 0.02; done")
        process = self.start()
        self.wait_for("booting")
        return process

    def end_boot(self, process: subprocess.Popen[bytes]) -> None:
        """End the boot, and wait until all that was started has ended."""
        (self.folder / "end").touch()
        process.communicate(timeout=20)

    def wait_for(self, name: str) -> None:
        """Wait until a file exists."""
        deadline = time.monotonic() + 20
        while not (self.folder / name).exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def signal(self) -> tuple[int, str]:
        """The one signal: exit code and ID."""
        (line,) = (self.folder / "signals").read_text().splitlines()
        code, unique_id = line.removeprefix("--exit-code ").split(" ")[::2][:2]
        assert line == f"--exit-code {code} --id {unique_id} --stack {STACK} --resource Server --region us-east-1"
        assert len(unique_id) <= 64, "the API's limit"
        return int(code), unique_id


@pytest.fixture
def user_data(tmp_path, templates):
    return UserData(tmp_path, launch_stack(templates["registry"]).user_data)


def test_success_is_signalled_once(user_data):
    user_data.run()
    assert user_data.signal() == (0, "i-0123456789abcdef0")


def test_files_that_cannot_be_fetched_are_a_failure_with_the_steps_name(user_data):
    user_data.program("opt/aws/bin/cfn-init", "exit 7")
    user_data.program("opt/quilt/boot", f"touch {user_data.folder}/booted")
    user_data.run()
    assert user_data.signal() == (7, "i-0123456789abcdef0-failed-in-step-fetch-files")
    assert not (user_data.folder / "booted").exists()


def test_a_failed_step_of_the_boot_is_named(user_data):
    user_data.program("opt/quilt/boot", f"echo migrate >{user_data.folder}/run/quilt-step; exit 1")
    user_data.run()
    assert user_data.signal() == (1, "i-0123456789abcdef0-failed-in-step-migrate")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_signal_that_ends_the_boot_is_one_failure(user_data, sent):
    process = user_data.start_and_boot()
    process.send_signal(sent)
    user_data.end_boot(process)
    code, unique_id = user_data.signal()
    assert code != 0
    assert unique_id == "i-0123456789abcdef0-failed-in-step-migrate"


def test_the_process_that_reports_may_be_killed_too(user_data):
    process = user_data.start_and_boot()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (reporter,) = [pid for pid in children if b"user-data" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(int(reporter), signal.SIGKILL)
    user_data.end_boot(process)
    assert user_data.signal()[0] == 1


def test_a_boot_that_never_ends_is_reported_in_time(user_data):
    assert "read -r -t 1650 " in user_data.text
    user_data.text = user_data.text.replace("read -r -t 1650 ", "read -r -t 0.5 ")
    process = user_data.start_and_boot()
    user_data.wait_for("signals")
    user_data.end_boot(process)
    assert user_data.signal() == (1, "i-0123456789abcdef0-failed-in-step-migrate"), "and no second one at its end"


def test_every_steps_name_fits_into_the_signals_id():
    for name in re.findall(r"\bstep ([a-z-]+) \d", instance.read("boot")):
        assert len(f"i-0123456789abcdef0-failed-in-step-{name}") <= 64
