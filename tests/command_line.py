"""Runs ``quilt-cfn`` as a user does: as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
"""The top folder of the checkout."""


def run(*arguments: object, folder: Path = ROOT, **options: Any) -> subprocess.CompletedProcess[str]:
    """What a command prints, and how it exits, in this folder."""
    return subprocess.run(
        [sys.executable, "-m", "quilt_cfn", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
