"""Run tasks on every processor, and put together what they find.

The rule: a task is a function and its arguments, so it can run in any process; the order in which tasks end changes
nothing.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import active_children
from signal import SIG_IGN, SIGINT, signal
from typing import Any, NamedTuple

from quilt_cfn.errors import UserError
from quilt_cfn.finding import Finding


class Task(NamedTuple):
    """``function(*arguments)`` gives findings."""

    function: Callable[..., list[Finding]]
    arguments: tuple[Any, ...]


def run(tasks: Sequence[Task]) -> list[Finding]:
    """The findings of all tasks, in order; the longest tasks should come first. A terminal sees a progress bar."""
    from tqdm import tqdm  # late: only what takes seconds needs it

    found: list[Finding] = []
    processes = ProcessPoolExecutor(max_workers=min(len(tasks), os.cpu_count() or 1), initializer=_begin)
    try:
        waiting = [processes.submit(task.function, *task.arguments) for task in tasks]
        bar = tqdm(as_completed(waiting), total=len(waiting), leave=False, disable=not sys.stderr.isatty(), unit="task")
        for done in bar:
            found += done.result()
        return sorted(found)
    except BrokenProcessPool:
        raise UserError(
            "A process that judged a template was killed, perhaps for want of memory.", "Run the command again."
        ) from None
    finally:
        # Whoever interrupts, or has heard of trouble, doesn't want to wait for the other tasks.
        for process in active_children():
            process.terminate()
        processes.shutdown(cancel_futures=True)


def _begin() -> None:
    """How a process begins: an interrupt is for the parent to hear, and what little becomes garbage may lie there.

    Without the collector of cycles a check takes a third less time, and a fifth more memory.
    """
    signal(SIGINT, SIG_IGN)
    gc.disable()


def merged(findings: Iterable[Finding], regions: Sequence[str]) -> Iterator[Finding]:
    """Findings that are equal but for their Regions become one; what holds in every Region names none."""
    regions_of: dict[Finding, set[str]] = {}
    for finding in findings:
        regions_of.setdefault(replace(finding, regions=()), set()).update(finding.regions or regions)
    for finding, where in regions_of.items():
        everywhere = where >= set(regions)
        yield finding if everywhere else replace(finding, regions=tuple(sorted(where)))
