"""``make bench``: what a build costs beside its floor, check beside cfn-lint, and ten Regions beside one.

The floor is a process that does nothing but import the troposphere modules that the stack uses and dump the finished
template as JSON; check judges every edition in every launch, beside two runs of the cfn-lint command line over one
edition in all Regions; publishing is described in its own module. All commands run in turn, round after round, so that
a machine that slows down slows them all.
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
CHECK_ROUNDS = 3
BUILD_TARGET = 1.5
"""The most that a cold build of one edition may cost, in floors."""
CHECK_TARGET = 2.0
"""The most that check of all launches may cost, in runs of cfn-lint over one edition in all Regions."""

TEN_TARGET = 3.0
"""The most that publishing to ten Regions may cost, in times of one."""

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
        rendered = str(folder / "registry.yaml")
        commands = {
            "floor": [sys.executable, str(floor), str(template)],
            "build": [quilt_cfn, "build", "registry", "--output", rendered],
        }
        times = measure(commands, ROUNDS)
        subprocess.run([quilt_cfn, "build", "--output", f"{folder}/templates/"], stdout=subprocess.DEVNULL, check=True)
        judges = {
            "cfn-lint": [str(Path(quilt_cfn).with_name("cfn-lint")), "--regions", "ALL_REGIONS", "--", rendered],
            "check": [quilt_cfn, "check"],
            "lint": [quilt_cfn, "lint", rendered],
        }
        times |= measure(judges, CHECK_ROUNDS, folder)

    one, ten = publishing.measure()
    ten_ratio = ten / one

    ratio = times["build"] / times["floor"]
    check_ratio = times["check"] / times["cfn-lint"]
    built, checked, linted = (f"{times[name]:6.3f} s" for name in ("build", "check", "lint"))
    print(f"cold, wall time, median of {ROUNDS} rounds")
    print(f"  floor: {len(modules)} troposphere modules and json.dump   {times['floor']:6.3f} s    1.00")
    print(f"  quilt-cfn build registry                      {built}    {ratio:4.2f}   at most {BUILD_TARGET}")
    print(f"cold, wall time, median of {CHECK_ROUNDS} rounds")
    print(f"  cfn-lint, one edition, all Regions            {times['cfn-lint']:6.3f} s    1.00")
    print(f"  quilt-cfn check, every launch              {checked}    {check_ratio:4.2f}   at most {CHECK_TARGET}")
    print(f"  quilt-cfn lint registry, both engines         {linted}")
    print(f"{publishing.DELAY * 1000:.0f} ms added to each request, median of {publishing.ROUNDS} rounds")
    print(f"  quilt-cfn publish to one Region               {one:6.3f} s    1.00")
    print(f"  quilt-cfn publish to ten Regions              {ten:6.3f} s    {ten_ratio:4.2f}   at most {TEN_TARGET}")
    if ratio > BUILD_TARGET:
        print("A cold build costs more than it may: look at what it imports (python -X importtime -m quilt_cfn build).")
    if check_ratio > CHECK_TARGET:
        print("A check costs more than it may: profile quilt_cfn.cloudformation.checks.check.judge_edition.")
    if ten_ratio > TEN_TARGET:
        print("Ten Regions cost more than they may: count the requests, and those that wait for others.")
    return 1 if ratio > BUILD_TARGET or check_ratio > CHECK_TARGET or ten_ratio > TEN_TARGET else 0


def measure(commands: dict[str, list[str]], rounds: int, folder: Path | None = None) -> dict[str, float]:
    """Median seconds of each command, run in turn after one round that is not counted."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for round_number in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False)
            seconds = time.perf_counter() - start
            if done.returncode not in (0, 1, 4):  # cfn-lint exits with 4 for warnings
                raise SystemExit(f"{name} failed: {' '.join(command)}")
            if round_number:
                times[name].append(seconds)
    return {name: statistics.median(all_times) for name, all_times in times.items()}


if __name__ == "__main__":
    sys.exit(main())
