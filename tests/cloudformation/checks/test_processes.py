"""Tasks run in processes of their own: what they find and raise comes back, and no task holds or ends the others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from quilt_cfn.cloudformation.checks import processes
from quilt_cfn.cloudformation.checks.processes import MOST_MEMORY, Task, run
from quilt_cfn.errors import UserError
from quilt_cfn.finding import Finding

ROOT = Path(__file__).parents[3]


def finding(message: Any) -> Finding:
    return Finding("stack.yaml", 1, "quilt-cfn", "X01", "error", "", str(message))


def find(message: Any) -> list[Finding]:
    return [finding(message)]


def process() -> list[Finding]:
    return [finding(os.getpid())]


def refuse() -> list[Finding]:
    raise UserError("It is so.", "Change it.")


def fail() -> list[Finding]:
    raise ValueError("something unexpected")


def die() -> list[Finding]:
    os._exit(1)


def hang() -> list[Finding]:
    threading.Event().wait()
    return []


def fill_memory() -> list[Finding]:
    return [finding(len(bytearray(2 * MOST_MEMORY)))]


def compute(started: str) -> list[Finding]:
    Path(started).write_text(str(os.getpid()))
    while True:
        pass


UNFINISHED = (finding("unfinished"),)


def test_the_findings_of_all_tasks_come_sorted_and_from_other_processes():
    assert run([Task(find, (message,)) for message in (3, 1, 2)]) == [finding(1), finding(2), finding(3)]
    assert run([Task(process, ())]) != [finding(os.getpid())]
    assert run([]) == []


def test_what_a_task_raises_is_raised_with_the_place_where_it_came_from():
    with pytest.raises(UserError, match=r"It is so\. Change it\."):
        run([Task(refuse, ()), Task(hang, ())])
    with pytest.raises(ValueError, match="something unexpected") as raised:
        run([Task(fail, ())])
    assert "in fail" in str(raised.value.__cause__)


def test_a_process_that_is_killed_is_an_error_and_ends_the_others():
    with pytest.raises(UserError, match="was killed, perhaps because memory ran out"):
        run([Task(die, ()), Task(hang, ())])


@pytest.mark.parametrize("task", [hang, die, fill_memory])
def test_a_task_with_a_limit_neither_holds_nor_ends_the_others(task):
    """It does not end, its process dies, or it needs more memory than it may."""
    tasks = [Task(task, (), seconds=0.5, unfinished=UNFINISHED), *(Task(find, (number,)) for number in range(5))]
    assert run(tasks) == sorted([*UNFINISHED, *(finding(number) for number in range(5))])


def test_a_task_with_a_limit_that_ends_in_time_is_not_called_unfinished():
    assert run([Task(find, (1,), seconds=60, unfinished=UNFINISHED)]) == [finding(1)]


@pytest.mark.parametrize("started", [0, 1])
def test_where_the_system_starts_no_more_processes_fewer_do_the_work(monkeypatch, started):
    start = processes._start

    def start_or_refuse(tasks, workers):
        if len(workers) >= started:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return start(tasks, workers)

    monkeypatch.setattr(processes, "_start", start_or_refuse)
    found = run([Task(process, ()) for _ in range(4)])
    assert len(found) == 4
    assert (finding(os.getpid()) in found) == (started == 0)


def test_a_check_needs_no_shared_memory(tmp_path):
    """Some containers have no /dev/shm, or one that nobody may write to; locks of multiprocessing need it."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("only root can take /dev/shm away, with unshare")
    (tmp_path / "stack.yaml").write_text("Resources:\n  A: {Type: AWS::SNS::Topic, Properties: {Colour: red}}\n")
    script = f"""
        mount -t tmpfs -o ro none /dev/shm
        ! {sys.executable} -c 'import multiprocessing; multiprocessing.Lock()' 2>/dev/null || exit 99
        exec {sys.executable} -m quilt_cfn check {tmp_path}/stack.yaml --linters --region us-east-1
    """
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "E3002 [cfn-lint] A: " in done.stdout


@pytest.mark.exhaustive
def test_a_task_with_a_limit_ends_by_itself_when_the_command_was_killed(tmp_path):
    started = tmp_path / "started"
    program = f"""
        from tests.cloudformation.checks import test_processes as here
        here.run([here.Task(here.compute, ({str(started)!r},), seconds=1)] * 2)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT)
    deadline = time.monotonic() + 60
    while not (started.exists() and started.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    process = int(started.read_text())
    while Path(f"/proc/{process}/stat").exists() and Path(f"/proc/{process}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)
