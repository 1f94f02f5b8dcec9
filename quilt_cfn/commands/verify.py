"""``quilt-cfn verify``: compares a published version with its manifest and signature."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from quilt_cfn.commands.arguments import PUBLISHED, add_command, seconds
from quilt_cfn.commands.checkout import find_checkout

# What the tests compare with the constants, which would take an import to read: 30 ms in every command.
_BOUNDS = """Whoever published it may be an attacker. The signature is checked first, and where it is wrong nothing else
is read. A version has at most 64 files, of at most 16 MiB each and 64 MiB together; its manifest has at most 256 KiB.
It takes less than 150 MB of memory, and at most 300 seconds. """


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "verify",
        run,
        help="compare a published version with its manifest and signature",
        epilog=_BOUNDS + "Examples: quilt-cfn verify s3://example-artifacts/quilt; quilt-cfn verify --version 1.2.3 "
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
    parser.add_argument("--at-least", metavar="VERSION", help="report a version that is older than this one")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=seconds, default=300, help="give up after so long; default: %(default)s"
    )


def run(options: argparse.Namespace) -> int:
    """Read a published version from S3, a folder or the web, and compare every byte with its manifest.

    With --public-key also check who signed it, and whether latest.json names the newest one. Exits with 1 when
    something differs.
    """
    from quilt_cfn.delivery.publish import publish  # late: imports boto3
    from quilt_cfn.finding import fails

    location = options.location or str(find_checkout() / PUBLISHED)
    verification = publish.verify_at(location, options.version, options.public_key, options.at_least, options.timeout)
    print(verification)
    return int(fails(verification.findings))
