"""``quilt-cfn lint``: the old name of ``quilt-cfn check --linters``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from quilt_cfn.commands.arguments import TEMPLATES, add_command
from quilt_cfn.commands.checkout import find_own_checkout


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "lint",
        run,
        help="the old name of check --linters",
        epilog="Examples: quilt-cfn lint; quilt-cfn lint my-template.yaml --explain",
    )
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help=f"default: the editions in {TEMPLATES}")
    parser.add_argument("--explain", action="store_true", help="also print what was suppressed, and why")


def run(options: argparse.Namespace) -> int:
    """Report every error and warning of cfn-lint and of cloudformation-validate in every Region: quilt-cfn check
    --linters does the same, and has more options.

    Exits with 1 for findings that are not suppressed.
    """
    from quilt_cfn.cloudformation.checks.check import lint
    from quilt_cfn.cloudformation.checks.report import as_text
    from quilt_cfn.finding import fails
    from quilt_cfn.inputs.subjects import read_subjects

    folder = Path() if options.files else find_own_checkout() / TEMPLATES
    subjects = read_subjects(options.files, None, folder)
    print("quilt-cfn lint is now quilt-cfn check --linters; the old name goes on working.", file=sys.stderr)
    result = lint(subjects)
    print(as_text(result, with_suppressed=options.explain))
    return 1 if fails(result.findings) else 0
