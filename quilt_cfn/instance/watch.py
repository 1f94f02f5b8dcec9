"""Sends how the instance is to CloudWatch Logs, as a line of JSON, of which the stack's metric filters make metrics.

Its argument is 1 if a part of the refresh failed, and else 0.
"""

import json
import os
import sys
from pathlib import Path

from ship_log import send


def percent(part, whole):
    return round(100 * part / whole) if whole else 0


def line(refresh_failed):
    disk = os.statvfs("/")
    used = disk.f_blocks - disk.f_bfree
    sizes = (each.split() for each in Path("/proc/meminfo").read_text().splitlines())
    memory = {name: int(size) for name, size, *_ in sizes}
    return {
        "watch": "instance",
        # As df counts: without what is reserved for root.
        "disk_used_percent": percent(used, used + disk.f_bavail),
        "memory_available_percent": percent(memory["MemAvailable:"], memory["MemTotal:"]),
        "swap_used_percent": percent(memory["SwapTotal:"] - memory["SwapFree:"], memory["SwapTotal:"]),
        "refresh_failed": refresh_failed,
    }


if __name__ == "__main__":
    send("watch", json.dumps(line(int(sys.argv[1]))))
