"""Threads that read from a source which may never answer."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as TimedOut
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, TypeVar

from quilt_cfn.errors import UserError

Result = TypeVar("Result")
Work = tuple[Future[Any], Callable[[], Any]]


class Readers(Executor):
    """Executes calls in so many threads.

    Those of a ``ThreadPoolExecutor`` keep the process from ending as long as a call lasts. These don't.
    """

    def __init__(self, threads: int) -> None:
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._threads = [Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[..., Result], /, *arguments: Any, **named: Any) -> Future[Result]:
        future: Future[Result] = Future()
        self._work.put((future, lambda: call(*arguments, **named)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel the calls that have not begun, and end each thread after its call; nobody waits for that."""
        with contextlib.suppress(Empty):
            while work := self._work.get_nowait():
                work[0].cancel()
        for _ in self._threads:
            self._work.put(None)

    def _run(self) -> None:
        while work := self._work.get():
            future, call = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # whoever asks for the result gets it
                future.set_exception(error)


class Deadline(NamedTuple):
    """The end of the time that reading from ``name`` may take."""

    name: str
    seconds: float
    at: float
    """As ``time.monotonic`` gives it."""
    next_step: str
    """What to do when it has passed."""

    def result(self, future: Future[Result]) -> Result:
        """What a call returned; raises what it raised, and ``UserError`` when it has not ended in time."""
        try:
            return future.result(max(0.0, self.at - time.monotonic()))
        except TimedOut:
            raise UserError(f"{self.name} could not be read within {self.seconds:g} seconds.", self.next_step) from None


def deadline(
    name: str, seconds: float, next_step: str = "Try again later, or give it more time with --timeout."
) -> Deadline:
    """The deadline in so many seconds from now."""
    return Deadline(name, seconds, time.monotonic() + seconds, next_step)
