"""``quilt-cfn check-image``: finds what AWS Marketplace does not allow in a machine image."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from quilt_cfn.commands.arguments import add_command
from quilt_cfn.errors import UserError


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "check-image",
        run,
        help="find what AWS Marketplace does not allow in a machine image",
        epilog="Examples: sudo quilt-cfn check-image /mnt/image; quilt-cfn check-image /mnt/image --format json; "
        "quilt-cfn check --explain I07",
    )
    parser.add_argument(
        "root", metavar="ROOT", type=Path, help="the image's root folder, for instance a mounted volume"
    )
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="default: %(default)s")


def run(options: argparse.Namespace) -> int:
    """Check the root folder of a machine image by AWS's policies for AMIs: passwords, keys, credentials, histories,
    what is left of the build, operating systems and programs without support, in it and in its container images.

    Nothing outside of ROOT is read, and nothing is changed. It takes root to read everything. Exits with 1 when
    something is found.
    """
    import datetime

    from quilt_cfn.cloudformation.checks.report import FORMATS, make_report
    from quilt_cfn.finding import QUILT_CFN, Finding
    from quilt_cfn.image import check_image

    if not options.root.is_dir():
        raise UserError(
            f"{options.root} is no folder.", "Mount the image's volume, and name the folder that it is mounted at."
        )
    findings = [
        Finding(f"{options.root}".rstrip("/") + fault.path, 0, QUILT_CFN, fault.id, "error", "", fault.sentence)
        for fault in check_image.check(str(options.root), datetime.date.today())
    ]
    print(FORMATS[options.format](make_report(findings, f"The machine image in {options.root} was checked")))
    return 1 if findings else 0
