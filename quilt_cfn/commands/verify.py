"""``quilt-cfn verify``: compares a published version with its manifest and signature."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from quilt_cfn.commands.arguments import PUBLISHED, add_command
from quilt_cfn.commands.checkout import find_checkout


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "verify",
        run,
        help="compare a published version with its manifest and signature",
        epilog="Examples: quilt-cfn verify s3://example-artifacts/quilt; quilt-cfn verify --version 1.2.3 "
        "--public-key quilt.pub https://example-artifacts.s3.us-east-1.amazonaws.com/quilt",
    )
    parser.add_argument(
        "location",
        metavar="LOCATION",
        nargs="?",
        help=f"s3://BUCKET/PREFIX, a folder or https://HOST/PREFIX; default: {PUBLISHED} of the checkout",
    )
    parser.add_argument("--version", metavar="VERSION", help="default: the one that latest.json points to")
    parser.add_argument("--public-key", metavar="FILE", type=Path, help="the signer's public key (PEM)")


def run(options: argparse.Namespace) -> int:
    """Read a published version from S3, a folder or the web, and compare every byte with its manifest.

    With --public-key also check who signed it. Exits with 1 when something differs.
    """
    from quilt_cfn.delivery.publish import publish  # late: imports boto3
    from quilt_cfn.finding import fails

    location = options.location or str(find_checkout() / PUBLISHED)
    verification = publish.verify_at(location, options.version, options.public_key)
    print(verification)
    return int(fails(verification.findings))
