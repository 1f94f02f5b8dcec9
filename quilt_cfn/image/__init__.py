"""What bakes, cleans, checks and tests the machine image, as the real programs that run in Image Builder's pipeline.

The programs need nothing but what Amazon Linux 2023 has: bash, and Python 3.9 with its standard library. Nothing here
knows CloudFormation. ``explanations`` says what a fault that ``check_image`` finds means, and what to do about it.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent

PROGRAMS = (
    *("bake.sh", "clean_up.sh", "test_image.sh"),
    *("check_image.py", "root_folder.py", "system_checks.py", "forbidden.csv", "ends_of_life.csv"),
)
"""The files that the pipeline needs. ``check_image.py`` reads those behind it, from its own folder."""


def read(name: str) -> str:
    """The text of a program of this folder."""
    return (_HERE / name).read_text(encoding="ascii")
