"""Says on a terminal what a command waits for."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from quilt_cfn.text import shown


@contextlib.contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Shows a line on standard error, if that is a terminal, for as long as the context lasts."""
    from tqdm import tqdm  # late: only who waits needs it

    with tqdm(desc=shown(what), bar_format="{desc} …", leave=False, disable=not sys.stderr.isatty()):
        yield
