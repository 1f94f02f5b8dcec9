"""Whatever is killed or hangs in a boot, CloudFormation gets exactly one signal, and it never says success.

What is killed is taken from the traces of two whole boots: every command of every bash, and every program's call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from queue import Queue
from typing import NamedTuple

import pytest

from tests.boot.conftest import Start
from tests.boot.instance import COMMANDS_TRACED, PROGRAMS_TRACED, SUCCESS, Instance, failure

pytestmark = pytest.mark.exhaustive

# Its boot has every step that the other edition's has, and one more.
EDITION = "marketplace"
INSTANCES = 3
ANY_STEP = "[a-z-]+"
# Between two tries or health checks; a boot needs it only when the first one fails, as on a busy machine it may.
PAUSE = re.compile(r" (sleep ([1-9]\d*|\$pause)|silent=(registry|\"\$\{silent:.*)|\[ \$SECONDS -ge 90 \])$")

FIRST_STEP = "fetch-files\n"
FRESH = """
    docker rm --force registry catalog registry-nginx migration create-database
    docker network rm quilt
    rm -f /opt/quilt/loaded-credentials /opt/quilt/state/open /run/swaps
    sed -i /swapfile/d /etc/fstab
    systemctl stop quilt-starting
"""


class Boot:
    """A boot that was recorded; the victim is the command to kill, or "kill" or "hang" and a program's call."""

    def __init__(self, instance: Instance, victim: str = "", fresh: bool = False) -> None:
        self.fresh = fresh
        if fresh:
            instance.run(FRESH)
            (instance.common / "address.json").write_text('{"holder": null}')
        for name, text in (("commands", ""), ("programs", ""), ("victim", f"{victim}\n"), ("quilt-step", FIRST_STEP)):
            instance.file(f"/run/{name}").write_text(text)
        before = len(instance.signals())
        done = instance.boot(COMMANDS_TRACED, PROGRAMS_TRACED)
        self.output = done.stdout + done.stderr
        instance.run("pkill -KILL --full '^/bin/sh /run/traced'")
        self.signals = instance.signals()[before:]
        self.commands = instance.file("/run/commands").read_text().splitlines()
        # Without the time in the log stream's name; and tee runs beside the steps.
        programs = re.sub(r"-\d{10}.*", "", instance.file("/run/programs").read_text())
        self.programs = re.sub(r"(?m)^[a-z-]+ tee ", "* tee ", programs).splitlines()
        self.reached = instance.file("/run/victim").read_text().strip() == ""

    def failed(self, step: str) -> bool:
        """Whether there is one signal, and it says that this step failed; the step is a pattern."""
        status, unique_id = failure(step)
        return len(self.signals) == 1 and (
            self.signals[0][0] == status and re.fullmatch(unique_id, self.signals[0][1]) is not None
        )

    def times(self, line: str) -> int:
        """How often a command was run, or a program called."""
        return sum(each.endswith(line.removeprefix("*")) for each in self.commands + self.programs)


class Traces(NamedTuple):
    """Instances that have booted, and the first and the second boot of one of them, of which nothing was killed."""

    instances: list[Instance]
    first: Boot
    second: Boot


@pytest.fixture(scope="module")
def traces(start: Start) -> Traces:
    with ThreadPoolExecutor(INSTANCES) as pool:
        instances = list(pool.map(lambda _: start(EDITION), range(INSTANCES)))
        list(pool.map(Instance.trace, instances))
        boots = [*pool.map(Boot, instances), Boot(instances[0])]
    for boot in boots:
        assert boot.signals == [SUCCESS], boot.output
    return Traces(instances, boots[0], boots[-1])


def run_again(traces: Traces, boot: Boot, line: str) -> bool:
    """Whether a boot succeeded and ran a command more often than one of which nothing was killed."""
    as_often = (traces.first if boot.fresh else traces.second).times(line)
    if line.startswith(("wait-for-health ", "wait-for-target ")):
        as_often = 1  # these ask until they get their answer, in that boot perhaps more than once
    if line.endswith("systemctl stop quilt-starting"):
        as_often = 0  # where nginx has the ports already, there is nothing to stop
    return boot.signals == [SUCCESS] and boot.times(line) > as_often


def check_each(traces: Traces, how: str, lines: Iterable[str], check: Callable[[Boot, str], str | None]) -> None:
    """Boot once for each line of a trace, which is the victim; ``check`` says what is wrong with such a boot, or None.

    ``how`` is shell for a command of a shell that is killed, kill or hang for a program.
    """
    free: Queue[Instance] = Queue()
    for instance in traces.instances:
        free.put(instance)
    second = traces.second.commands + traces.second.programs

    def boot(line: str) -> str | None:
        instance = free.get()
        try:
            only_first = not any(each.endswith(line.removeprefix("*")) for each in second)
            boot = Boot(instance, line if how == "shell" else f"{how} {line}", fresh=only_first)
            if not boot.reached and PAUSE.search(line):
                return None
            wrong = check(boot, line) if boot.reached else "was not reached"
            return f"{line}: {wrong}: {boot.signals} {boot.output[-500:]}" if wrong else None
        finally:
            free.put(instance)

    with ThreadPoolExecutor(len(traces.instances)) as pool:
        wrong = [sentence for sentence in pool.map(boot, lines) if sentence]
    assert not wrong, "\n".join(wrong)


def test_wherever_a_shell_is_killed_one_signal_says_failure_and_names_the_step(traces):
    """Or the command is run again. Each line of each script once; of a step's beginning, the line with its deadline.

    The lines of an environment file are one command here, which is the line that sources it.
    """
    lines: dict[str, str] = {}
    for line in traces.first.commands + traces.second.commands:
        _, place, command = line.split(" ", 2)
        if command.startswith("export ") and place.startswith(("stack:", "registry:", "catalog:", "database:")):
            continue
        # Before that line the step before is named, as after its last one.
        if place.startswith("boot:") and command.startswith("step "):
            continue
        victim = line if command.startswith("timeout") else f"* {place} {command}"
        lines.setdefault(victim, line)
    user_data = (traces.instances[0].folder / "user-data").read_text().splitlines()
    reporter, end = user_data.index("exec 3> >(report)"), user_data.index('wait "$reporter"')
    identify = user_data.index("id=$(</var/lib/cloud/data/instance-id)")
    # From that line on the boot has ended, and how it ended is known.
    known = tuple(f" user-data:{number + 1} " for number in range(end, len(user_data)))
    victims = [victim for victim, line in lines.items() if not any(place in line for place in known)]
    assert len(victims) > 100
    # The commands before there is a process that sends the signal.
    silent = tuple(f" user-data:{number + 1} " for number in (identify, reporter - 1, reporter))

    def check(boot: Boot, line: str) -> str | None:
        if any(place in line for place in silent) and not line.endswith(" report"):
            return "a signal before there is a process that sends it" if boot.signals else None
        step = ANY_STEP if line.startswith("*") else line.split(" ")[0]
        right = boot.failed(step) or run_again(traces, boot, line)
        return None if right else "not one signal of this step's failure"

    check_each(traces, "shell", victims, check)


def test_whichever_program_is_killed_it_is_run_again_or_the_boot_fails(traces):
    lines = dict.fromkeys(traces.first.programs + traces.second.programs)
    assert len(lines) > 60

    def check(boot: Boot, line: str) -> str | None:
        if len(boot.signals) != 1:
            return "not one signal"
        return None if boot.failed(ANY_STEP) or run_again(traces, boot, line) else "success without it"

    check_each(traces, "kill", lines, check)


def test_whatever_step_hangs_is_named_when_its_time_is_over(traces):
    """The program under each step's deadline, which ignores the signal that asks it to end.

    cfn-signal is called again.
    """
    inside: dict[str, str] = {}
    for before, line in pairwise(line for line in traces.second.programs if not line.startswith("*")):
        if " timeout " in before:
            inside.setdefault(line.split(" ")[0], line)
    assert len(inside) > 10

    def check(boot: Boot, line: str) -> str | None:
        step = line.split(" ")[0]
        as_expected = boot.signals == [SUCCESS] if step == "signal" else boot.failed(step)
        return None if as_expected else "not one signal of this step's failure"

    check_each(traces, "hang", inside.values(), check)
