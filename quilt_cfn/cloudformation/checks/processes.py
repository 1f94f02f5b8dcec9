"""Runs checks in as many processes as there are processors, and collects their findings."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children
from signal import SIG_IGN, SIGINT, signal
from typing import Any, NamedTuple

from quilt_cfn.errors import UserError
from quilt_cfn.finding import Finding


class Task(NamedTuple):
    """A call that returns findings, in another process."""

    function: Callable[..., list[Finding]]
    arguments: tuple[Any, ...]


_tasks: Sequence[Task] = ()
"""What a process started with, and finds by number: a template sent to a process that was killed meanwhile would block
the pool for ever (https://github.com/python/cpython/issues/94777, until Python 3.11.4)."""


def run(tasks: Sequence[Task]) -> list[Finding]:
    """The findings of all tasks, sorted, with a progress bar on a terminal. Put the longest tasks first.

    Raises what a task raises, and ``UserError`` if a process is killed; the other tasks are then cancelled.
    """
    if not tasks:
        return []
    found: list[Finding] = []
    processes = ProcessPoolExecutor(
        min(len(tasks), os.cpu_count() or 1), initializer=_prepare_process, initargs=(tasks,)
    )
    try:
        waiting = [processes.submit(_run_task, number) for number in range(len(tasks))]
        from tqdm import tqdm  # late: only what takes seconds needs it, and the other processes work by now

        bar = tqdm(as_completed(waiting), total=len(waiting), leave=False, disable=not sys.stderr.isatty(), unit="task")
        for done in bar:
            found += done.result()
        return sorted(found)
    except BrokenProcessPool:
        raise UserError(
            "A process that checked a template was killed, perhaps because memory ran out.", "Run the command again."
        ) from None
    finally:
        # After an interrupt or an exception nobody wants to wait for the other tasks.
        for process in active_children():
            process.terminate()
        processes.shutdown(cancel_futures=True)


def _prepare_process(tasks: Sequence[Task]) -> None:
    """Leave interrupts to the parent process, and switch the garbage collector off.

    Without the collector a check takes a third less time and a fifth more memory.
    """
    global _tasks
    _tasks = tasks
    signal(SIGINT, SIG_IGN)
    gc.disable()


def _run_task(number: int) -> list[Finding]:
    return _tasks[number].function(*_tasks[number].arguments)
