"""Decides which templates a command checks, each with its part of the contract and its suppressions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quilt_cfn.cloudformation.checks.check import Subject
from quilt_cfn.cloudformation.launch import EMPTY_CONTRACT
from quilt_cfn.editions import LARGEST_TEMPLATE, TEMPLATE_FILES, nearest
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.contract import read_contract
from quilt_cfn.inputs.suppressions import read_suppressions


def read_subjects(files: Sequence[Path], edition: str | None, folder: Path) -> list[Subject]:
    """These files, or those of ``folder``, with the contract and the suppressions of ``edition``.

    Without ``edition``, a file with the name of one of our templates is taken for that. Raises ``UserError`` if there
    is no such file or edition.
    """
    named = [
        (file, TEMPLATE_FILES[edition] if edition else file.name) for file in template_files(files, edition, folder)
    ]
    ours = TEMPLATE_FILES.values()
    # Not for other templates: they are checked outside of a checkout as well.
    contract = read_contract() if any(name in ours for _, name in named) else EMPTY_CONTRACT
    suppressions = read_suppressions()
    return [
        Subject(
            file,
            contract.for_template(name),
            tuple(each for each in suppressions if name in each.templates),
            LARGEST_TEMPLATE,
        )
        if name in ours
        else Subject(file)
        for file, name in named
    ]


def template_files(files: Sequence[Path], edition: str | None, folder: Path) -> list[Path]:
    """``files``; if there are none, the template of ``edition`` in ``folder``, or all there. Raises ``UserError``."""
    if edition is not None and edition not in TEMPLATE_FILES:
        raise UserError(f"There is no edition {edition!r}.", nearest(edition))
    names = [TEMPLATE_FILES[edition]] if edition else sorted(path.name for path in folder.glob("*.yaml"))
    found = list(dict.fromkeys(files)) or [folder / name for name in names]
    if not found:
        missing = "" if folder.is_dir() else ", which does not exist"
        raise UserError(
            f"There are no templates in {folder}{missing}.", "Run quilt-cfn build first, or name the files."
        )
    for file in found:
        if not file.is_file():
            raise UserError(f"{file} is not a file.", "Check the name, or run quilt-cfn build first.")
    return found
