"""Runs checks in as many processes as there are processors, and collects their findings."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children
from signal import SIG_IGN, SIGINT, getsignal, signal
from threading import current_thread, main_thread
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
    with _interrupts_at_safe_points() as raise_interrupt:
        processes = ProcessPoolExecutor(
            min(len(tasks), os.cpu_count() or 1), initializer=_prepare_process, initargs=(tasks,)
        )
        try:
            return sorted(
                _findings([processes.submit(_run_task, number) for number in range(len(tasks))], raise_interrupt)
            )
        except BrokenProcessPool:
            raise UserError(
                "A process that checked a template was killed, perhaps because memory ran out.",
                "Run the command again.",
            ) from None
        finally:
            # After an interrupt or an exception nobody wants to wait for the other tasks.
            for process in active_children():
                process.terminate()
            processes.shutdown(cancel_futures=True)


def _findings(tasks: Sequence[Future[list[Finding]]], raise_interrupt: Callable[[], None]) -> Iterator[Finding]:
    from tqdm import tqdm  # late: only what takes seconds needs it, and the other processes work by now

    waiting = set(tasks)
    with tqdm(total=len(tasks), leave=False, disable=not sys.stderr.isatty(), unit="task") as bar:
        while waiting:
            done, waiting = wait(waiting, timeout=0.1, return_when=FIRST_COMPLETED)
            raise_interrupt()
            for each in done:
                yield from each.result()
            bar.update(len(done))


@contextmanager
def _interrupts_at_safe_points() -> Iterator[Callable[[], None]]:
    """Note interrupts, and give a function that raises KeyboardInterrupt if there was one.

    Raised wherever the main thread happens to be, it could leave a lock of ``concurrent.futures`` taken for ever, and
    the shutdown of the processes would wait for it.
    """
    interrupts: list[int] = []

    def raise_interrupt() -> None:
        if interrupts:
            raise KeyboardInterrupt

    # Only the main thread gets interrupts; and a shell has what it starts in the background ignore them.
    if current_thread() is not main_thread() or getsignal(SIGINT) is SIG_IGN:
        yield raise_interrupt
        return
    previous = signal(SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield raise_interrupt
    finally:
        signal(SIGINT, previous)


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
