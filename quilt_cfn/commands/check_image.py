"""``quilt-cfn check-image``: finds what AWS Marketplace does not allow in a machine image."""

from __future__ import annotations

import argparse
import datetime
import os
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
    parser.add_argument("root", metavar="ROOT", type=Path, help="the image's root folder, such as a mounted volume")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")


def run(options: argparse.Namespace) -> int:
    """Check the root folder of a machine image by AWS's policies for AMIs: passwords, keys, credentials, histories,
    what is left of the build, operating systems and programs without support, in it and in its container images.

    Nothing outside of ROOT is read, and nothing is changed. It takes root to read everything. Exits with 1 when
    something is found.
    """
    from quilt_cfn.cloudformation.checks.report import as_json, as_text, make_report  # late: only this command needs it
    from quilt_cfn.finding import QUILT_CFN, Finding
    from quilt_cfn.image.check_image import check

    root = os.fspath(options.root)
    if not options.root.is_dir():
        raise UserError(f"{root} is no folder.", "Mount the image's volume, and name the folder that it is mounted at.")
    findings = [
        Finding(root.rstrip("/") + fault.path, 0, QUILT_CFN, fault.id, "error", "", fault.sentence)
        for fault in check(root, datetime.date.today())
    ]
    note = "quilt-cfn check --explain ID says what one means, and what to do." if findings else ""
    print({"text": as_text, "json": as_json}[options.format](make_report(findings, root, note=note)))
    return 1 if findings else 0
