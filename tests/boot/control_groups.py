"""Control groups of version 1: what all processes of an instance may use together, and its containers on their own.

Where version 1 has the controller of memory, version 2 has none, and there containers are limited by version 1 only.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
HAVE_MEMORY = (ROOT / "memory").exists()
MIB = 2**20


def controllers() -> list[str]:
    """The hierarchies of version 1, as mount names them; none where version 2 has all controllers."""
    hierarchies = [line.split(":")[1] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    return [each for each in hierarchies if each and "=" not in each and (ROOT / each).exists()] if HAVE_MEMORY else []


def make_groups(name: str) -> list[Path]:
    """A new group of this name in every hierarchy."""
    groups = [ROOT / controller / name for controller in controllers()]
    for group in groups:
        group.mkdir()
        # A group of processors is empty at first, and takes no process then.
        for each in (group / "cpuset.cpus", group / "cpuset.mems"):
            if each.exists():
                each.write_text((group.parent / each.name).read_text())
                (group / "cgroup.clone_children").write_text("1")
    return groups


def limit_memory(name: str, mib: int, swap_mib: int) -> None:
    """What a group may use from now on: memory, and swap beside it."""
    group = ROOT / "memory" / name
    (group / "memory.limit_in_bytes").write_text(str(mib * MIB))
    (group / "memory.memsw.limit_in_bytes").write_text(str((mib + swap_mib) * MIB))


def most_memory(name: str) -> tuple[int, int]:
    """The most that a group has used, in MiB: memory, and memory and swap together."""
    group = ROOT / "memory" / name
    most = [int((group / f"memory.{what}max_usage_in_bytes").read_text()) // MIB for what in ("", "memsw.")]
    return most[0], most[1]


def kills(name: str) -> int:
    """How many processes of a group, and of those in it, the kernel has killed because there was no memory for them."""
    return sum(
        int(re.findall(r"oom_kill (\d+)", control.read_text())[0])
        for control in (ROOT / "memory" / name).rglob("memory.oom_control")
    )
