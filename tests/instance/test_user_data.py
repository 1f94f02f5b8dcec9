"""user-data.sh: CloudFormation gets one signal, whatever fails, is killed or hangs; until then requests get 503."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from quilt_cfn import instance
from quilt_cfn.cloudformation.launch.evaluator import STACK
from tests.launches import launch_stack
from tests.ports import reserved_ports

INSTANCE = "i-0123456789abcdef0"
PATHS = [
    "/opt/aws/bin/cfn-init",
    "/opt/aws/bin/cfn-signal",
    "/opt/quilt/boot",
    "/run/quilt-heals",
    "/run/quilt-signal",
    "/run/quilt-step",
    "/var/lib/cloud/data/instance-id",
]
NOT_WAITED_FOR = "ValidationError: Stack arn:x is in UPDATE_COMPLETE state and cannot be signaled"


class UserData:
    """The user data with its absolute paths moved into a folder, which has stand-ins for what they name."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        used = set(re.findall(r"(?<![\w#!$:/.])/(?:opt|run|var|home|etc)/[\w./-]+", text))
        assert used == set(PATHS)
        for path in PATHS:
            text = text.replace(path, f"{folder}{path}")
            (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        assert {"sleep 5\n", "sleep 60\n"} == set(re.findall(r"sleep .*\n", text))
        self.text = text.replace("sleep 5\n", "sleep 0.05\n").replace("sleep 60\n", "sleep 0.06\n")
        (folder / "var/lib/cloud/data/instance-id").write_text(f"{INSTANCE}\n")
        self.answer()
        # Each line of the file is the answer to one signal: 0, or a status and what goes to stderr.
        self.program(
            "opt/aws/bin/cfn-signal",
            f"""
            cd {folder}
            echo "$@" >>signals
            read -r status sentence < <(sed -n "$(wc -l <signals)p" answers)
            [ -z "$sentence" ] || echo "$sentence" >&2
            exit "${{status:-0}}"
            """,
        )
        self.program("opt/aws/bin/cfn-init", "true")
        self.program("opt/quilt/boot", "true")
        self.program("bin/systemctl", "exit 3")
        self.program("bin/systemd-run", "true")

    def program(self, name: str, body: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def answer(self, *sentences: str) -> None:
        """What CloudFormation answers to signals, one after the other: nothing where it takes one, else an error."""
        lines = [f"1 {sentence}" if sentence else "0" for sentence in sentences]
        (self.folder / "answers").write_text("".join(f"{line}\n" for line in lines))

    def start(self) -> subprocess.Popen[bytes]:
        (self.folder / "user-data").write_text(self.text)
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        return subprocess.Popen(
            ["bash", self.folder / "user-data"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
        )

    def run(self) -> int:
        """Start it and wait until it and all that it started have ended: its exit code."""
        process = self.start()
        process.communicate(timeout=120)
        return process.returncode

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
        process.communicate(timeout=120)

    def wait_for(self, name: str) -> None:
        """Wait until a file exists."""
        deadline = time.monotonic() + 120
        while not (self.folder / name).exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def signals(self) -> list[tuple[int, str]]:
        """Each signal: exit code and ID."""
        found = []
        for line in (self.folder / "signals").read_text().splitlines():
            code, unique_id = line.removeprefix("--exit-code ").split(" ")[::2][:2]
            rest = f"--stack {STACK} --resource ServerGroup --region us-east-1"
            assert line == f"--exit-code {code} --id {unique_id} {rest}"
            assert len(unique_id) <= 64, "the API's limit"
            found.append((int(code), unique_id))
        return found

    def signal(self) -> tuple[int, str]:
        """The one signal."""
        (only,) = self.signals()
        return only


@pytest.fixture
def user_data(tmp_path, templates):
    return UserData(tmp_path, launch_stack(templates["registry"]).user_data)


def test_success_is_signalled_once(user_data):
    assert user_data.run() == 0
    assert user_data.signal() == (0, INSTANCE)


def test_files_that_cannot_be_fetched_are_a_failure_with_the_steps_name(user_data):
    user_data.program("opt/aws/bin/cfn-init", "exit 7")
    user_data.program("opt/quilt/boot", f"touch {user_data.folder}/booted")
    user_data.run()
    assert user_data.signal() == (7, f"{INSTANCE}-failed-in-step-fetch-files")
    assert not (user_data.folder / "booted").exists()


def test_a_failed_step_of_the_boot_is_named(user_data):
    user_data.program("opt/quilt/boot", f"echo migrate >{user_data.folder}/run/quilt-step; exit 1")
    user_data.run()
    assert user_data.signal() == (1, f"{INSTANCE}-failed-in-step-migrate")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_signal_that_ends_the_boot_is_one_failure(user_data, sent):
    process = user_data.start_and_boot()
    process.send_signal(sent)
    user_data.end_boot(process)
    code, unique_id = user_data.signal()
    assert code != 0
    assert unique_id == f"{INSTANCE}-failed-in-step-migrate"


def test_the_process_that_reports_may_be_killed_too(user_data):
    process = user_data.start_and_boot()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (reporter,) = [pid for pid in children if b"user-data" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(int(reporter), signal.SIGKILL)
    user_data.end_boot(process)
    assert user_data.signal() == (1, f"{INSTANCE}-failed-in-step-migrate")


def test_a_boot_that_never_ends_is_reported_in_time(user_data):
    assert "read -r -t 3088 " in user_data.text
    user_data.text = user_data.text.replace("read -r -t 3088 ", "read -r -t 0.5 ")
    process = user_data.start_and_boot()
    user_data.wait_for("signals")
    user_data.end_boot(process)
    assert user_data.signal() == (1, f"{INSTANCE}-failed-in-step-migrate"), "and no second one at its end"


def test_every_steps_name_fits_into_the_signals_id():
    for name in re.findall(r"\bstep ([a-z-]+) \d", instance.read("boot")):
        assert len(f"{INSTANCE}-failed-in-step-{name}") <= 64


# What CloudFormation answers


def test_the_refusal_outside_of_a_create_or_update_counts_as_success(user_data):
    user_data.answer(NOT_WAITED_FOR)
    assert user_data.run() == 0
    assert user_data.signal() == (0, INSTANCE)


@pytest.mark.parametrize(
    "sentence",
    [
        "Throttling: Rate exceeded",
        "HTTP Error 500 : Internal failure",
        "AccessDenied: User is not authorized to perform cloudformation:SignalResource",
        "ValidationError: Stack arn:x does not exist",
    ],
)
def test_a_signal_that_fails_otherwise_is_not_success(user_data, sentence):
    user_data.answer(*[sentence] * 10)
    assert user_data.run() == 1
    failed = f"{INSTANCE}-failed-in-step-signal"
    assert user_data.signals() == [(0, INSTANCE)] * 3 + [(1, failed), (1, INSTANCE), (1, INSTANCE)]


def test_a_signal_that_is_throttled_is_sent_again(user_data):
    user_data.answer("Throttling: Rate exceeded", "HTTP Error 500 : Internal failure", "")
    assert user_data.run() == 0
    assert user_data.signals() == [(0, INSTANCE)] * 3


def test_where_a_named_failure_is_refused_a_plain_one_follows(user_data):
    user_data.answer("ValidationError: UniqueId is not an instance of the group", "")
    user_data.program("opt/aws/bin/cfn-init", "exit 7")
    assert user_data.run() == 7
    assert user_data.signals() == [(7, f"{INSTANCE}-failed-in-step-fetch-files"), (7, INSTANCE)]


def test_a_failed_boot_that_nobody_waits_for_starts_over_until_it_succeeds(user_data):
    """The group replaced an instance by itself, and there is no other."""
    user_data.answer(*[NOT_WAITED_FOR] * 10)
    count = f"echo >>{user_data.folder}/boots; [ $(wc -l <{user_data.folder}/boots) = 3 ]"
    user_data.program("opt/quilt/boot", count)
    assert user_data.run() == 0
    failed = f"{INSTANCE}-failed-in-step-fetch-files"
    assert user_data.signals() == [(1, failed), (1, failed), (0, INSTANCE)]


def test_a_boot_that_starts_over_knows_that_it_replaces_an_instance(user_data):
    """So that it serves while there is no mail; see try-mail."""
    user_data.answer(*[NOT_WAITED_FOR] * 10)
    marker = user_data.folder / "run/quilt-heals"
    user_data.program("opt/quilt/boot", f"ls {marker} >>{user_data.folder}/seen; [ -s {user_data.folder}/seen ]")
    assert user_data.run() == 0
    assert (user_data.folder / "seen").read_text() == f"{marker}\n", "the first one did not know it"


def test_a_failed_boot_that_cloudformation_waits_for_does_not_start_over(user_data):
    user_data.program("opt/quilt/boot", f"echo >>{user_data.folder}/boots; exit 1")
    assert user_data.run() == 1
    assert (user_data.folder / "boots").read_text() == "\n"
    assert len(user_data.signals()) == 1
    assert not (user_data.folder / "run/quilt-heals").exists()


# Requests before nginx answers them


@pytest.fixture
def ports():
    with reserved_ports(2) as ports:
        yield ports


@pytest.fixture
def starting(user_data, ports):
    """The ports of the server that the user data starts, which runs."""
    assert "for port in 80, 8080:" in user_data.text
    user_data.text = user_data.text.replace("80, 8080", f"{ports[0]}, {ports[1]}")
    arguments = 'while [[ $1 == --* ]]; do shift; done; "$@" </dev/null >log 2>&1 & echo $! >server'
    user_data.program("bin/systemd-run", f"cd {user_data.folder}; {arguments}")
    user_data.program("opt/quilt/boot", f"cp {user_data.folder}/server {user_data.folder}/started")
    user_data.run()
    pid = int((user_data.folder / "started").read_text())
    deadline = time.monotonic() + 120
    for port in ports:
        with socket.socket() as tried:
            while tried.connect_ex(("127.0.0.1", port)):
                assert time.monotonic() < deadline
                time.sleep(0.02)
    yield ports
    os.kill(pid, signal.SIGTERM)
    assert (user_data.folder / "log").read_text() == "", "no request is an error"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/healthcheck", b""),
        ("GET", "/" + "x" * 8000, b""),
        ("POST", "/api/x", b"x" * 9_000_000),
        ("PUT", "/", b"x"),
    ],
)
def test_every_request_gets_503_on_both_ports_and_a_person_one_sentence(starting, method, path, body):
    for port in starting:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, path, body, headers={"Host": "quilt.example.com"})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Retry-After"), answer.will_close) == (503, "60", True)
        assert answer.read() == b"The registry is starting: try again in a few minutes.\n"
        connection.close()


def test_what_is_no_request_disturbs_no_other(starting):
    for noise in (b"", b"\x16\x03\x01", b"x" * 200_000, b"GET / HTTP/1.1\r\n"):
        with socket.create_connection(("127.0.0.1", starting[0])) as broken:
            broken.sendall(noise)
    connection = HTTPConnection("127.0.0.1", starting[0], timeout=60)
    connection.request("HEAD", "/")
    assert connection.getresponse().status == 503
    connection.close()


def test_the_server_may_listen_on_the_ports_and_is_nobody_else(user_data):
    words = " ".join(user_data.text.replace("\\\n", "").split())
    assert "--property=DynamicUser=yes --property=AmbientCapabilities=CAP_NET_BIND_SERVICE python3 -c" in words


def test_it_is_not_started_twice_when_a_boot_starts_over(user_data):
    user_data.program("bin/systemctl", '[ "$*" = "is-active --quiet quilt-starting" ]')
    user_data.program("bin/systemd-run", "exit 1")
    assert user_data.run() == 0


def test_where_it_cannot_be_started_the_boot_fails_by_name(user_data):
    user_data.program("bin/systemd-run", "exit 1")
    assert user_data.run() != 0
    assert user_data.signal() == (3, f"{INSTANCE}-failed-in-step-say-starting")
