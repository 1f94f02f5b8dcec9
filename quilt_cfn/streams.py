"""The standard streams of the process, taken over so that none of them can end a command halfway.

A command runs to its end although its output goes nowhere: what it writes to a store or a disk is then complete, and
the command line says at the end that the output was lost, by its exit code and in a sentence. On a terminal, a command
that prints nothing for a while is said to be at work.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

SILENCE = 2.0
"""After as many seconds without a word on a terminal, there is a line that says that the command is working."""


class Output(io.FileIO):
    """Standard output or standard error. What can't be written is dropped, and ``failure`` says why."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)
        self.failure: OSError | None = None
        self.notice: _Notice | None = None
        """What appears on the same terminal meanwhile."""

    def write(self, content: Any) -> int:
        if self.notice:
            self.notice.make_way(bytes(content))
        if self.failure is None:
            try:
                return super().write(content)
            except OSError as error:
                self.failure = error
        return memoryview(content).nbytes


class _Notice:
    """A line on the terminal while nothing else is said, which disappears when something is.

    A signal makes it, and no thread: the processes of a check are forked, which threads may keep from working.
    """

    def __init__(self) -> None:
        self.start = self.last = time.monotonic()
        self.length = 0
        """Characters of the line that is shown."""
        self.at_line_end = True
        """Whether the cursor is where a line begins, and not behind a progress bar."""

    def look(self) -> None:
        """Show the line, or how long it takes by now, if it is time."""
        now = time.monotonic()
        if self.at_line_end and now - self.last >= SILENCE:
            line = f"quilt-cfn: working for {now - self.start:.0f} seconds ..."
            self._write(f"\r{line}")
            self.length = len(line)

    def make_way(self, content: bytes = b"") -> None:
        """Remove the line because this is printed next."""
        self.last = time.monotonic()
        if self.length:
            self._write(f"\r{' ' * self.length}\r")
        self.length = 0
        self.at_line_end = content.endswith((b"\n", b"\r")) if content else self.at_line_end

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone, which whoever prints next gets to know
            os.write(2, text.encode())


@contextlib.contextmanager
def taken_over() -> Iterator[Output]:
    """Replace ``sys.stdin``, ``sys.stdout`` and ``sys.stderr`` while a command runs; gives what is behind the second.

    A closed one becomes ``/dev/null``, because Python would give its number to the next file that is opened, and None
    to whoever prints. Reading from a closed standard input is an ``OSError``. Characters that the encoding lacks are
    escaped.
    """
    closed = [number for number in (0, 1, 2) if not _is_open(number)]
    for number in closed:
        # The lowest number that is free is the one that is closed. Input can't be read: it was not empty.
        os.open(os.devnull, os.O_RDWR if number else os.O_WRONLY)
    if 0 in closed:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    output, errors = Output(1), Output(2)
    if 1 in closed:
        output.failure = OSError("it is closed")
    sys.stdout, sys.stderr = _text(output, sys.stdout), _text(errors, sys.stderr)
    if not errors.isatty():
        yield output
        return
    errors.notice = notice = _Notice()
    output.notice = notice if output.isatty() else None
    signal.signal(signal.SIGALRM, lambda *_: notice.look())
    signal.setitimer(signal.ITIMER_REAL, SILENCE, SILENCE / 2)
    try:
        yield output
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        notice.make_way()


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _text(output: Output, before: Any) -> io.TextIOWrapper:
    encoding = before.encoding if before else "utf-8"
    buffering = output.isatty() or output.fileno() == 2
    return io.TextIOWrapper(io.BufferedWriter(output), encoding, "backslashreplace", line_buffering=buffering)
