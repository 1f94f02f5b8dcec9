"""Runs checks in as many processes as there are processors, and collects their findings.

Nothing but pipes joins the processes: the locks of ``concurrent.futures`` need /dev/shm, which some containers and
AWS Lambda don't have, and its pool can't end one process without losing the others. Where no process can be started at
all, the tasks run in this one.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection, wait
from resource import RLIM_INFINITY, RLIMIT_CPU, RLIMIT_DATA, getrlimit, setrlimit
from signal import SIG_IGN, SIGINT, getsignal, signal
from threading import current_thread, main_thread
from time import monotonic, process_time
from typing import Any, NamedTuple

from quilt_cfn.errors import UserError
from quilt_cfn.finding import Finding

MOST_MEMORY = 4 * 1024**3
"""Bytes that a task with a limit may take, beside what it shares with this process."""


CPU_SECONDS = 4
"""Seconds of computing for each second that such a task may take: a linter may have threads."""


class Task(NamedTuple):
    """A call that returns findings, in another process."""

    function: Callable[..., list[Finding]]
    arguments: tuple[Any, ...]
    seconds: float | None = None
    """When its process is ended, for a task that may take for ever."""
    unfinished: tuple[Finding, ...] = ()
    """What a task with ``seconds`` found if it was ended, failed, or used more than ``MOST_MEMORY``."""


class _Worker(NamedTuple):
    process: Process
    connection: Connection
    """To the process go the numbers of tasks, from it comes what they return or raise."""


class _Running(NamedTuple):
    worker: _Worker
    task: Task
    ends: float
    """When it is ended, by the clock ``monotonic``."""


class _Elsewhere(Exception):
    """The traceback of an exception in another process."""


def run(tasks: Sequence[Task]) -> list[Finding]:
    """The findings of all tasks, sorted, with a progress bar on a terminal. Put the longest tasks first.

    Raises what a task raises, and ``UserError`` if a process is killed; the other tasks are then ended.
    """
    with _interrupts_at_safe_points() as raise_interrupt:
        return sorted(_findings(tasks, raise_interrupt))


def _findings(tasks: Sequence[Task], raise_interrupt: Callable[[], None]) -> Iterator[Finding]:
    from tqdm import tqdm  # late: only what takes seconds needs it

    waiting = deque(range(len(tasks)))
    most = min(len(tasks), os.cpu_count() or 1)
    workers: list[_Worker] = []
    idle: list[_Worker] = []
    running: dict[Connection, _Running] = {}
    with tqdm(total=len(tasks), leave=False, disable=not sys.stderr.isatty(), unit="task") as bar:
        try:
            while waiting or running:
                raise_interrupt()
                while waiting and len(running) < most:
                    try:
                        worker = idle.pop() if idle else _start(tasks, workers)
                    except OSError:  # no process may be started: with fewer of them, or here
                        most = len(running)
                        break
                    task = tasks[waiting[0]]
                    worker.connection.send(waiting.popleft())
                    running[worker.connection] = _Running(worker, task, monotonic() + (task.seconds or float("inf")))
                if not running:
                    task = tasks[waiting.popleft()]
                    yield from task.function(*task.arguments)
                    bar.update()
                for ready in wait(list(running), timeout=0.1) if running else ():
                    ended = running.pop(ready)  # type: ignore[call-overload]  # one of those that were given
                    yield from _result(ended)
                    if ended.worker.process.is_alive():
                        idle.append(ended.worker)
                    bar.update()
                for late in [each for each in running.values() if monotonic() > each.ends]:
                    late.worker.process.kill()
                    del running[late.worker.connection]
                    yield from late.task.unfinished
                    bar.update()
        finally:
            # After an interrupt or an exception nobody wants to wait for the other tasks.
            for worker in workers:
                worker.process.kill()
                worker.process.join()
                worker.connection.close()


def _start(tasks: Sequence[Task], workers: list[_Worker]) -> _Worker:
    """Start a process and add it to ``workers``. Raises ``OSError``."""
    ours, theirs = Pipe()
    process = Process(target=_work, args=(tasks, theirs, ours), daemon=True)
    try:
        process.start()
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()  # so that the pipe ends with the process
    workers.append(_Worker(process, ours))
    return workers[-1]


def _result(ended: _Running) -> list[Finding]:
    """What a task returned. Raises what it raised, and ``UserError`` if its process was killed."""
    try:
        result, where = ended.worker.connection.recv()
    except (EOFError, OSError):
        ended.worker.process.join()
        if ended.task.seconds:
            return list(ended.task.unfinished)
        raise UserError(
            "A process that checked a template was killed, perhaps because memory ran out.",
            "Run the command again.",
        ) from None
    if isinstance(result, Exception):
        if ended.task.seconds:
            return list(ended.task.unfinished)
        raise result from _Elsewhere(where)
    return list(result)


def _work(tasks: Sequence[Task], connection: Connection, other_end: Connection) -> None:
    """Run the tasks whose numbers come, until the pipe ends.

    Interrupts are left to the parent process. The garbage collector is off: a check takes a third less time so, and a
    fifth more memory.
    """
    other_end.close()  # so that the pipe ends with the parent process
    signal(SIGINT, SIG_IGN)
    gc.disable()
    with suppress(EOFError, OSError):
        while True:
            task = tasks[connection.recv()]
            try:
                with _bounded(task.seconds) if task.seconds else nullcontext():
                    answer: tuple[Any, str] = (task.function(*task.arguments), "")
            except Exception as error:  # it is raised in the parent process
                answer = (error, traceback.format_exc())
            connection.send(answer)


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Let allocations beyond ``MOST_MEMORY`` fail, before the system ends some other program.

    And have the system end this process if it computes much longer than it may, in case nobody else does: the parent
    process may have been killed. Nothing is printed meanwhile: native code has words of its own for too little memory.
    """
    limits = {
        RLIMIT_DATA: MOST_MEMORY,
        RLIMIT_CPU: int(process_time() + CPU_SECONDS * seconds) + 1,
    }
    before = {each: getrlimit(each) for each in limits}
    standard_error = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    for each, (soft, hard) in before.items():
        setrlimit(each, (min(limit for limit in (limits[each], soft, hard) if limit != RLIM_INFINITY), hard))
    try:
        yield
    finally:
        for each, limit in before.items():
            setrlimit(each, limit)
        os.dup2(standard_error, 2)
        os.close(standard_error)


@contextmanager
def _interrupts_at_safe_points() -> Iterator[Callable[[], None]]:
    """Note interrupts, and give a function that raises KeyboardInterrupt if there was one.

    Raised wherever the main thread happens to be, it could leave a process behind that has just been started.
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
