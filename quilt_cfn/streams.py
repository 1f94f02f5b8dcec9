"""The standard streams of the process, taken over so that none of them can end a command halfway.

A command runs to its end although its output goes nowhere: what it writes to a store or a disk is then complete, and
the command line says at the end that the output was lost, by its exit code and in a sentence.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

_NUMBERS = (0, 1, 2)


class Output(io.FileIO):
    """Standard output or standard error. What can't be written is dropped, and ``failure`` says why."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)
        self.failure: OSError | None = None

    def write(self, content: Any) -> int:
        if self.failure is None:
            try:
                return super().write(content)
            except OSError as error:
                self.failure = error
        return memoryview(content).nbytes


def take_over() -> Output:
    """Replace ``sys.stdin``, ``sys.stdout`` and ``sys.stderr``; returns what is behind the second.

    A closed one becomes ``/dev/null``, because Python would give its number to the next file that is opened, and None
    to whoever prints. Reading from a closed standard input is an ``OSError``. Characters that the encoding lacks are
    escaped.
    """
    closed = [number for number in _NUMBERS if not _is_open(number)]
    for number in closed:
        # The lowest number that is free is the one that is closed. Standard input can't be read: it was not empty.
        os.open(os.devnull, os.O_RDWR if number else os.O_WRONLY)
    if 0 in closed:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    output, errors = Output(1), Output(2)
    if 1 in closed:
        output.failure = OSError("it is closed")
    sys.stdout = _text(output, sys.stdout)
    sys.stderr = _text(errors, sys.stderr)
    return output


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
