"""``quilt-cfn release``: creates the immutable release folder of a version."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from quilt_cfn.commands.arguments import add_command, print_lines


def add_to(commands: Any) -> None:
    add_command(
        commands,
        "release",
        run,
        help="create the immutable release folder of a version",
        epilog="Example: quilt-cfn release",
    )


def run(options: argparse.Namespace) -> int:
    """Write the folder of the version in marketplace/release.yaml into templates/releases: templates, documents, bill
    of materials, hashes and manifest.

    Refuses uncommitted changes, versions that exist, were withdrawn or go backwards, images with a moving tag, a
    version that CHANGELOG.md does not date, and findings.
    """
    from quilt_cfn.delivery.release.make import release

    return print_lines(release(Path()))
