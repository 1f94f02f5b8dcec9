"""Publishers to a folder in processes of their own: a program that has everything imported forks one when asked to.

The rule: what is killed or starved here is a real process, in the middle of real calls of the operating system.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parents[3]


class Job(NamedTuple):
    """A publication of an artifact to a folder, which may end early."""

    folder: str
    version: str = "1.0.0"
    note: str = ""
    killed_at: int | None = None
    """The call to the operating system's files, from 1, before which it kills itself."""
    largest: int | None = None
    """The bytes of a file at which the kernel kills it, in the middle of a write."""


class Ended(NamedTuple):
    """How a publisher ended: the exit status, negative for a signal, and what it said."""

    status: int
    said: str


class Publishers:
    """The program, as long as it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *jobs: Job) -> list[Ended]:
        """All at the same time; returns when the last one has ended."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(jobs), file=self._process.stdin, flush=True)
        return [Ended(*each) for each in json.loads(self._process.stdout.readline())]


@contextmanager
def start_publishers() -> Iterator[Publishers]:
    """The program for as long as the context lasts."""
    command = [sys.executable, "-m", "tests.delivery.publish.publishers"]
    with subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Publishers(process)
        process.communicate()


def serve() -> None:
    """Fork a publisher for each job of each line of the standard input."""
    for line in sys.stdin:
        start, gate = os.pipe()
        children = [fork(Job(*job), start, gate) for job in json.loads(line)]
        os.close(gate)  # the moment that all wait for
        os.close(start)
        ended = []
        for child, answers in children:
            with open(answers) as said:
                text = said.read()
            _, status = os.waitpid(child, 0)
            ended.append(Ended(os.waitstatus_to_exitcode(status), text))
        print(json.dumps(ended), flush=True)


def fork(job: Job, start: int, gate: int) -> tuple[int, int]:
    answers, answer = os.pipe()
    child = os.fork()
    if child:
        os.close(answer)
        return child, answers
    os.close(gate)
    os.read(start, 1)
    try:
        said, status = run(job), 0
    except UserError as trouble:
        said, status = str(trouble), 2
    except BaseException as error:
        said, status = repr(error), 1
    os.write(answer, said.encode())
    os._exit(status)


def run(job: Job) -> str:
    release = artifact(job.version, job.note)
    if job.largest is not None:
        # Python ignores the signal, and gets an error instead.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.largest, job.largest))
    with ThreadPoolExecutor(1 if job.killed_at else 4) as pool:
        if job.killed_at:
            kill_before(job.killed_at)
        try:
            pointer = publish(release, Directory(Path(job.folder)), pool)
        finally:
            threading.setprofile(None)
            sys.setprofile(None)
    return pointer.version


def kill_before(number: int) -> None:
    """Have this process killed before it asks for the `number`th thing about a file, in whichever thread."""
    left = iter(range(number - 1))
    asking = {os.mkdir, os.open, os.close, os.fsync, os.replace, os.unlink, os.lstat, os.listdir, fcntl.flock, io.open}

    def asks(function: Any) -> bool:
        return function in asking or isinstance(getattr(function, "__self__", None), io.IOBase)

    def count(frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and asks(function) and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    threading.setprofile(count)


if __name__ == "__main__":
    from quilt_cfn.delivery.publish.stores.directory import Directory
    from quilt_cfn.errors import UserError
    from tests.delivery.publish.artifacts import artifact, publish

    serve()
