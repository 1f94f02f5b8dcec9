"""``quilt-cfn release``: creates the immutable release folder of a version."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from quilt_cfn.commands.arguments import add_command


def add_to(commands: Any) -> None:
    add_command(
        commands,
        "release",
        run,
        help="create the immutable release folder of a version",
        description="Write the folder of the version in marketplace/release.yaml into templates/releases: templates, "
        "documents, bill of materials, hashes and manifest. Refuses uncommitted changes, versions that exist or "
        "go backwards, images with a moving tag, a version that CHANGELOG.md does not date, and findings.",
        epilog="Example: quilt-cfn release",
    )


def run(options: argparse.Namespace) -> int:
    from quilt_cfn.delivery.release.make import release

    for line in release(Path()):
        print(line)
    return 0
