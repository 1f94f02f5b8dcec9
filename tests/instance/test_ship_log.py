"""What the instance sends to CloudWatch Logs: the log of its boot, which says why a launch failed, and how it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

from quilt_cfn import instance

FILES = {
    "/opt/quilt/config.json": json.dumps({"Region": "eu-west-1", "LogGroup": "the-group"}),
    "/var/lib/cloud/data/instance-id": "i-1\n",
    "/var/log/quilt-boot.log": "what the boot did\n",
}
DENIED = 'echo "An error occurred (AccessDeniedException): no" >&2; exit 254'
# Streams that were made are lines of a file; what was put into one is in a file of its name.
AWS = """#!/bin/bash
cd "${0%/*}"
echo "$*" >>calls
all="$*" stream=${all#*--log-stream-name } stream=${stream%% *}
case $2 in
create-log-stream) {CREATE} ;;
put-log-events)
  {PUT}
  if ! grep -qx "$stream" streams; then echo "An error occurred (ResourceNotFoundException)" >&2; exit 254; fi
  cat >"$stream"
  ;;
esac
"""


class Logs:
    """A folder with the programs that send, their files, and an AWS CLI that keeps what it gets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("ship_log.py", "watch.py"):
            text = instance.read(name)
            for path, content in FILES.items():
                (folder / Path(path).name).write_text(content)
                text = text.replace(path, str(folder / Path(path).name))
            (folder / name).write_text(text)
        (folder / "streams").touch()
        self.answer()

    def answer(self, create: str = 'echo "$stream" >>streams', put: str = "") -> None:
        """What the AWS CLI does when it makes a stream, and before it puts something into one."""
        (self.folder / "aws").write_text(AWS.replace("{CREATE}", create).replace("{PUT}", put))
        (self.folder / "aws").chmod(0o755)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        program = [sys.executable, str(self.folder / command[0]), *command[1:]]
        return subprocess.run(program, env=environment, capture_output=True, text=True, check=False)

    @property
    def sent(self) -> dict[str, list[str]]:
        """Stream -> the messages of what was put into it last."""
        streams = (self.folder / "streams").read_text().split()
        texts = {stream: (self.folder / stream).read_text() for stream in streams if (self.folder / stream).exists()}
        return {stream: [event["message"] for event in json.loads(text)] for stream, text in texts.items()}

    @property
    def operations(self) -> list[str]:
        return [line.split()[1] for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def logs(tmp_path):
    return Logs(tmp_path)


def test_the_log_of_a_boot_has_a_stream_of_its_own(logs):
    assert logs.run("ship_log.py").returncode == 0
    ((stream, messages),) = logs.sent.items()
    assert stream.startswith("boot-i-1-")
    assert messages == ["what the boot did\n"]


def test_it_is_sent_even_where_a_lost_answer_hid_that_its_stream_is_there(logs):
    logs.answer('echo "$stream" >>streams; echo "An error occurred (ResourceAlreadyExistsException)" >&2; exit 254')
    assert logs.run("ship_log.py").returncode == 0
    assert list(logs.sent.values()) == [["what the boot did\n"]]


@pytest.mark.parametrize("refuse", [{"create": DENIED}, {"put": DENIED}])
def test_what_cloudwatch_refuses_fails_with_its_sentence(logs, refuse):
    logs.answer(**refuse)
    done = logs.run("ship_log.py")
    assert (done.returncode, done.stderr) == (1, "An error occurred (AccessDeniedException): no\n\n")
    assert logs.sent == {}


def test_no_call_waits_for_long(logs):
    logs.run("ship_log.py")
    for call in (logs.folder / "calls").read_text().splitlines():
        assert "--cli-connect-timeout 8 --cli-read-timeout 8 --region eu-west-1 --log-group-name the-group " in call


@pytest.mark.parametrize("failed", [0, 1])
def test_how_the_instance_is_goes_into_one_stream_as_numbers(logs, failed):
    for _ in range(2):
        assert logs.run("watch.py", str(failed)).returncode == 0
    assert logs.operations == ["put-log-events", "create-log-stream", "put-log-events", "put-log-events"]
    ((stream, (message,)),) = logs.sent.items()
    assert stream == "watch-i-1"
    line = json.loads(message)
    percents = [line.pop(f"{name}_percent") for name in ("disk_used", "memory_available", "swap_used")]
    assert all(isinstance(percent, int) and 0 <= percent <= 100 for percent in percents)
    assert line == {"watch": "instance", "refresh_failed": failed}


@pytest.fixture
def line(monkeypatch):
    """line(MEMINFO): what is reported of a disk that is 3/4 full, and of this memory."""
    monkeypatch.syspath_prepend(Path(instance.__file__).parent)
    watch = run_path(str(Path(instance.__file__).parent / "watch.py"))
    full = os.statvfs_result((4096, 4096, 1000, 325, 225, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: full)

    def line(meminfo):
        monkeypatch.setattr(Path, "read_text", lambda path: meminfo)
        return watch["line"](0)

    return line


def test_percents_are_those_of_df_and_free(line):
    meminfo = "MemTotal: 2000 kB\nMemFree: 10 kB\nMemAvailable: 500 kB\nSwapTotal: 1000 kB\nSwapFree: 900 kB\n"
    shown = line(meminfo + "HugePages_Total:       0\n")
    assert shown["disk_used_percent"] == 75, "of what anybody but root may use"
    assert (shown["memory_available_percent"], shown["swap_used_percent"]) == (25, 10)


def test_without_swap_none_of_it_is_used(line):
    meminfo = "MemTotal: 2000 kB\nMemAvailable: 500 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
    assert line(meminfo)["swap_used_percent"] == 0
