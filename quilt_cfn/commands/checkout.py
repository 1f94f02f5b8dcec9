"""Finds the checkout that a command is about, which is the current folder's, in whichever of its folders that is.

Outside of every checkout it is the one whose code runs: ``bin/quilt-cfn`` and an editable install know theirs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from quilt_cfn.errors import UserError

_OWN = Path(__file__).resolve().parents[2]
"""The checkout whose code runs; of an installed package, the folder of all packages."""
_SIGNS = (Path("marketplace", "release.yaml"), Path("templates", "releases"))
"""One of these is in the top folder of a checkout."""


def find_checkout() -> Path:
    """The top folder of the checkout: ``Path()`` if that is the current folder, otherwise an absolute path.

    What is not the current folder's is named on standard error. Raises ``UserError`` where there is no checkout.
    """
    try:
        here = Path.cwd()
    except OSError:
        raise UserError("The current folder is gone.", "Change into another one.") from None
    found = next((folder for folder in (here, *here.parents, _OWN) if _is_checkout(folder)), None)
    if found is None:
        raise UserError(
            f"There is no checkout of quilt-cfn in {here} or above it.",
            "Change into a checkout: its top folder has marketplace/release.yaml.",
        )
    if found == here:
        return Path()
    print(f"quilt-cfn: the checkout is {found}", file=sys.stderr)
    return found


def find_own_checkout() -> Path:
    """The same for what is made by the code of a checkout: raises ``UserError`` if the code that runs is of another."""
    found = find_checkout()
    if found.resolve() != _OWN:
        raise UserError(
            f"The quilt-cfn that runs is not the one of the checkout {found.resolve()}.",
            f"Run {found / 'bin' / 'quilt-cfn'}, which is its own, or name the files.",
        )
    return found


def _is_checkout(folder: Path) -> bool:
    return any((folder / sign).exists() for sign in _SIGNS)
