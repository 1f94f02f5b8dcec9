"""``quilt-cfn release``: creates the immutable release folder of a version."""

from __future__ import annotations

import argparse
from typing import Any

from quilt_cfn.commands.arguments import add_command, print_lines
from quilt_cfn.commands.checkout import find_checkout


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "release",
        run,
        help="create the immutable release folder of a version",
        epilog="Examples: quilt-cfn release; quilt-cfn release --draft",
    )
    parser.add_argument(
        "--draft",
        action="store_true",
        help="make a draft to try and to show, such as 1.2.3-draft.1: it may lack images, "
        "runs no tests, and is published to folders only",
    )


def run(options: argparse.Namespace) -> int:
    """Write the folder of the version in marketplace/release.yaml into templates/releases: templates, guide, launch
    page, changelog, pictures, bill of materials, hashes and manifest.

    Before anything is written, lists all that is in the way: uncommitted changes; a version that exists, was withdrawn,
    goes backwards or has no date in CHANGELOG.md; container images that nobody has confirmed, without a digest, or with
    a tag that moves; no machine image of this version; templates that are too large or not what build makes; links in
    the guide that lead nowhere; findings of check; and last, tests of the checkout that fail.
    """
    from quilt_cfn.delivery.release.make import release

    return print_lines(release(find_checkout(), options.draft))
