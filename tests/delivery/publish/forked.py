"""Runs the command line in processes that start in milliseconds: forks of one that has everything imported.

The rule: a process of its own, so that a test may kill it, with nothing in it that ``quilt-cfn`` doesn't have. The
parent has one thread, which is why it is a process of its own, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple


class Process(NamedTuple):
    """A command that runs. ``wait`` gives its exit code; a killed one has minus the signal's number."""

    pid: int
    answers: IO[str]

    def wait(self) -> int:
        return int(self.answers.readline())


class Runner(NamedTuple):
    """Starts one command at a time."""

    requests: IO[str]
    answers: IO[str]

    def start(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Process:
        self.requests.write(json.dumps([list(arguments), str(folder), dict(environment)]) + "\n")
        self.requests.flush()
        return Process(int(self.answers.readline()), self.answers)


@contextmanager
def runner() -> Iterator[Runner]:
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield Runner(process.stdin, process.stdout)
        process.stdin.close()


def main() -> None:
    from quilt_cfn import aws, cli

    aws.client("s3", "us-east-1", anonymous=True)  # imports boto3 and reads its data
    for line in sys.stdin:
        arguments, folder, environment = json.loads(line)
        pid = os.fork()
        if not pid:
            os.environ.clear()
            os.environ |= environment
            os.chdir(folder)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            code = cli.main(arguments)
            os._exit(code)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
