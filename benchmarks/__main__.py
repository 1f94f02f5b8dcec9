"""``make bench``: build beside its floor, check beside cfn-lint, and publishing to ten Regions beside one, as ratios.

The floor is a process that does nothing but import the troposphere modules that the stack uses and dump the finished
template as JSON. Check covers every edition, Region and parameter set with three engines; beside it runs cfn-lint's own
command line over the same templates in all Regions. Publishing is described in its own module. All commands run in
turn, round after round, so that a machine that slows down slows them all.
"""

from __future__ import annotations

import marshal
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import publishing
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.release import read_release
from quilt_cfn.stack import build

ROUNDS = 25
CHECK_ROUNDS = 5
BUILD_TARGET = 1.3
"""The most that a cold build of one edition may cost, in floors."""
CHECK_TARGET = 1.0
"""The most that a check of every edition may cost, in runs of cfn-lint over the same templates in all Regions."""
TEN_TARGET = 3.0
"""The most that publishing to ten Regions may cost, in times of one."""

ROOT = Path(__file__).parents[1]
"""The checkout, whose templates are checked."""

FLOOR = """\
import {modules}
import json, marshal, sys
with open(sys.argv[1], "rb") as file:
    json.dump(marshal.load(file), sys.stdout)
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        template = folder / "template"
        template.write_bytes(marshal.dumps(build(EDITIONS["registry"], read_release())))
        floor = folder / "floor.py"
        modules = sorted(name for name in sys.modules if name.partition(".")[0] == "troposphere")
        floor.write_text(FLOOR.format(modules=", ".join(modules)))
        quilt_cfn = str(Path(sys.executable).with_name("quilt-cfn"))
        commands = {
            "floor": [sys.executable, str(floor), str(template)],
            "build": [quilt_cfn, "build", "registry", "--output", str(folder / "registry.yaml")],
        }
        times = measure(commands, ROUNDS)
        templates = [str(ROOT / "templates" / edition.file) for edition in EDITIONS.values()]
        commands = {
            "cfn-lint": [str(Path(quilt_cfn).with_name("cfn-lint")), "--regions", "ALL_REGIONS", "--", *templates],
            "check": [quilt_cfn, "check"],
        }
        times |= measure(commands, CHECK_ROUNDS)
    one, ten = publishing.measure()
    delay = f"{publishing.DELAY * 1000:.0f} ms added to each request"
    good = [
        compare(
            f"cold, median of {ROUNDS} rounds",
            (f"floor: {len(modules)} troposphere modules and json.dump", times["floor"]),
            ("quilt-cfn build registry", times["build"]),
            BUILD_TARGET,
            "look at what a build imports: python -X importtime -m quilt_cfn build",
        ),
        compare(
            f"cold, median of {CHECK_ROUNDS} rounds",
            (f"cfn-lint, {len(templates)} editions, all Regions", times["cfn-lint"]),
            ("quilt-cfn check, every edition, three engines", times["check"]),
            CHECK_TARGET,
            "profile quilt_cfn.cloudformation.checks.check.check_launches",
        ),
        compare(
            f"{delay}, median of {publishing.ROUNDS} rounds",
            ("quilt-cfn publish to one Region", one),
            ("quilt-cfn publish to ten Regions", ten),
            TEN_TARGET,
            "count the requests, and those that wait for others",
        ),
    ]
    return 0 if all(good) else 1


def compare(how: str, base: tuple[str, float], measured: tuple[str, float], most: float, next_step: str) -> bool:
    """Print what (name, seconds) costs beside a base; whether the ratio is at most ``most``."""
    ratio = measured[1] / base[1]
    print(how)
    print(f"  {base[0]:50} {base[1]:7.3f} s   1.00")
    print(f"  {measured[0]:50} {measured[1]:7.3f} s   {ratio:4.2f}   at most {most}")
    if ratio > most:
        print(f"  That is more than it may cost: {next_step}.")
    return ratio <= most


def measure(commands: dict[str, list[str]], rounds: int) -> dict[str, float]:
    """Median seconds of each command, run in turn after one round that is not counted."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for round_number in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False)
            seconds = time.perf_counter() - start
            if done.returncode not in (0, 1, 4):  # cfn-lint exits with 4 for warnings
                raise SystemExit(f"{name} failed: {' '.join(command)}")
            if round_number:
                times[name].append(seconds)
    return {name: statistics.median(all_times) for name, all_times in times.items()}


if __name__ == "__main__":
    sys.exit(main())
