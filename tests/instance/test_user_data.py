"""user-data.sh: one signal on every path, whatever is killed and whatever hangs."""

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
    """The user data with its absolute paths led into a folder, where stand-ins for AWS's helpers are."""

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
        self.program("opt/aws/bin/cfn-init", "true")
        self.program("opt/quilt/boot", "true")

    def program(self, name, body):
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def start(self):
        (self.folder / "user-data").write_text(self.text)
        return subprocess.Popen(["bash", self.folder / "user-data"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self):
        """Start it and wait until it and all that it started have ended; what it printed."""
        return self.start().communicate(timeout=20)[0].decode()

    def boot_until(self, then):
        """Start it with a boot that says when it runs, and then does what is given."""
        self.program(
            "opt/quilt/boot", f"echo migrate >{self.folder}/run/quilt-step; touch {self.folder}/booting; {then}"
        )
        process = self.start()
        deadline = time.monotonic() + 10
        while not (self.folder / "booting").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return process

    def signal(self):
        """The one signal: exit code and ID."""
        (line,) = (self.folder / "signals").read_text().splitlines()
        code, unique = re.match(
            rf"--exit-code (\d+) --id (\S+) --stack {STACK} --resource Server --region us-east-1$", line
        ).groups()
        assert len(unique) <= 64, "the API's limit"
        return int(code), unique


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
def test_an_end_from_outside_is_a_failure_and_one_signal(user_data, sent):
    process = user_data.boot_until("sleep 1")
    process.send_signal(sent)
    process.communicate(timeout=20)
    code, unique = user_data.signal()
    assert code != 0
    assert unique == "i-0123456789abcdef0-failed-in-step-migrate"


def test_whoever_reports_may_be_killed_too(user_data):
    process = user_data.boot_until("sleep 1")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (reporter,) = [pid for pid in children if b"user-data" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(int(reporter), signal.SIGKILL)
    process.communicate(timeout=20)
    assert user_data.signal()[0] == 1


def test_a_boot_that_never_ends_is_reported_in_time(user_data):
    assert "read -r -t 1650 " in user_data.text
    user_data.text = user_data.text.replace("read -r -t 1650 ", "read -r -t 1 ")
    process = user_data.boot_until("trap '' TERM; sleep 5")
    start = time.monotonic()
    while not (user_data.folder / "signals").exists():
        assert time.monotonic() < start + 4
        time.sleep(0.05)
    assert user_data.signal() == (1, "i-0123456789abcdef0-failed-in-step-migrate")
    process.communicate(timeout=20)
    assert user_data.signal()[0] == 1, "no second one when it ends after all"


def test_every_steps_name_fits_into_the_signals_id():
    for name in re.findall(r"\bstep ([a-z-]+) \d", instance.read("boot")):
        assert len(f"i-0123456789abcdef0-failed-in-step-{name}") <= 64
