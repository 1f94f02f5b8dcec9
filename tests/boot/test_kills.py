"""Whatever is killed or hangs in a boot, CloudFormation gets exactly one signal, and it never says success.

The points are taken from the trace of two whole boots: every command of every bash, and every program that is started.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from queue import Queue

import pytest

from tests.boot.machine import COMMANDS_TRACED, PROGRAMS_TRACED, Machine

pytestmark = pytest.mark.exhaustive

# Its boot has every step that the other edition's has, and one more.
EDITION = "marketplace"
INSTANCE = "i-0123456789abcdef0"
MACHINES = 4

RESET = """
    for file in commands programs victim; do : >/run/$file; done
    echo fetch-files >/run/quilt-step
"""
FRESH = """
    docker rm --force registry catalog registry-nginx migration
    docker network rm quilt
    rm -f /opt/quilt/loaded-key-id
"""


class Boot:
    """A boot that was written down; the victim is the command to kill, or "kill" or "hang" and a program's call."""

    def __init__(self, machine, victim="", fresh=False):
        machine.run(FRESH if fresh else "true")
        machine.run(f"{RESET} cat >/run/victim", input=f"{victim}\n")
        before = len(machine.signals())
        self.done = machine.boot(COMMANDS_TRACED, PROGRAMS_TRACED)
        machine.run("pkill -KILL --full '^/bin/sh /run/traced'")
        self.signals = machine.signals()[before:]
        self.commands = machine.run("cat /run/commands").stdout.splitlines()
        # Without the time in the log stream's name; and tee runs beside the steps.
        programs = re.sub(r"-\d{10}.*", "", machine.run("cat /run/programs").stdout)
        self.programs = re.sub(r"(?m)^[a-z-]+ tee ", "* tee ", programs).splitlines()
        self.reached = machine.run("cat /run/victim").stdout.strip() == ""

    def failed(self, step):
        """Whether the one signal says that this step failed; a pattern."""
        if len(self.signals) != 1:
            return False
        ((status, unique),) = self.signals
        return status == "FAILURE" and re.fullmatch(f"{INSTANCE}-failed-in-step-{step}", unique) is not None


@pytest.fixture(scope="module")
def machines(start):
    """Instances that have booted once."""
    with ThreadPoolExecutor(MACHINES) as pool:
        machines = list(pool.map(lambda _: start(EDITION), range(MACHINES)))
        list(pool.map(Machine.trace, machines))
        for machine, boot in zip(machines, pool.map(Boot, machines), strict=True):
            assert boot.signals == [("SUCCESS", INSTANCE)], boot.done
            machine.first = boot
    return machines


@pytest.fixture(scope="module")
def again(machines):
    """A second boot, of which nothing is killed."""
    boot = Boot(machines[0])
    assert boot.signals == [("SUCCESS", INSTANCE)], boot.done
    return boot


def judged(machines, again, points, judge):
    """What is wrong, in sentences, when each point is the victim of a boot; a point is what happens, and a line."""
    free = Queue()
    for machine in machines:
        free.put(machine)

    def find(point):
        how, line = point
        machine = free.get()
        try:
            only_first = not any(each.endswith(line.removeprefix("*")) for each in again.commands + again.programs)
            boot = Boot(machine, line if how == "shell" else f"{how} {line}", fresh=only_first)
            wrong = judge(boot, line) if boot.reached else "was not reached"
            said = (boot.done.stdout + boot.done.stderr)[-500:]
            return f"{how} {line}: {wrong}: {boot.signals} {said}" if wrong else None
        finally:
            free.put(machine)

    with ThreadPoolExecutor(len(machines)) as pool:
        return [wrong for wrong in pool.map(find, points) if wrong]


def test_wherever_a_shell_is_killed_one_signal_says_failure_and_names_the_step(machines, again):
    """Each line of each script once, and the line that runs a step once for each step.

    The lines of an environment file are one command here, which is the line that sources it.
    """
    lines = {}
    for line in machines[0].first.commands + again.commands:
        _, place, command = line.split(" ", 2)
        if command.startswith("export ") and place.startswith(("stack:", "registry:", "catalog:")):
            continue
        victim = line if command.startswith("timeout") else f"* {place} {command}"
        lines.setdefault(victim, line)
    # From here on the boot has ended, and how it ended is known.
    handed_over = ('wait "$reporter"', 'exit "$result"')
    points = [("shell", victim) for victim, line in lines.items() if not line.endswith(handed_over)]
    assert len(points) > 100

    def judge(boot, line):
        if "exec 3> >(report)" in line:
            return "a signal from nobody" if boot.signals else None
        step = "[a-z-]+" if line.startswith("*") else line.split(" ")[0]
        return None if boot.failed(step) else "not one signal of this step's failure"

    wrong = judged(machines, again, points, judge)
    assert not wrong, "\n".join(wrong)


def test_whichever_program_is_killed_it_is_run_again_or_the_boot_fails(machines, again):
    lines = dict.fromkeys(machines[0].first.programs + again.programs)
    points = [("kill", line) for line in lines]
    assert len(points) > 60

    def judge(boot, line):
        if len(boot.signals) != 1:
            return "not one signal"
        run_again = boot.programs.count(line) > again.programs.count(line)
        return None if run_again or boot.signals[0][0] == "FAILURE" else "success without it"

    wrong = judged(machines, again, points, judge)
    assert not wrong, "\n".join(wrong)


def test_whatever_step_hangs_is_named_when_its_time_is_over(machines, again):
    """The program under each step's deadline, which ignores that it is asked to end."""
    inside = {}
    for before, line in pairwise(line for line in again.programs if not line.startswith("*")):
        if " timeout " in before:
            inside.setdefault(line.split(" ")[0], line)
    points = [("hang", line) for line in inside.values()]
    assert len(points) > 10

    def judge(boot, line):
        return None if boot.failed(line.split(" ")[0]) else "not one signal of this step's failure"

    wrong = judged(machines, again, points, judge)
    assert not wrong, "\n".join(wrong)
