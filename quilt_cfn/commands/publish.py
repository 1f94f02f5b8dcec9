"""``quilt-cfn publish``: publishes a released version to S3 or to a folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from quilt_cfn.commands.arguments import PUBLISHED, add_command, print_lines
from quilt_cfn.commands.checkout import find_checkout


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "publish",
        run,
        help="publish a released version to S3 or to a folder",
        epilog="Examples: quilt-cfn publish; quilt-cfn publish --dry-run s3://example-artifacts/quilt; "
        "quilt-cfn publish --version 1.2.3 --sign key.pem s3://artifacts-us/quilt s3://artifacts-eu/quilt",
    )
    parser.add_argument(
        "destinations",
        metavar="DESTINATION",
        nargs="*",
        help=f"s3://BUCKET/PREFIX, or a folder; default: {PUBLISHED} of the checkout",
    )
    parser.add_argument(
        "--version", metavar="VERSION", help="default: the newest in templates/releases; a draft has to be named"
    )
    parser.add_argument("--sign", metavar="FILE", type=Path, help="sign with this private key (Ed25519, PEM)")
    parser.add_argument("--dry-run", action="store_true", help="print what would be written, and write nothing")
    parser.add_argument(
        "--check-bucket",
        action="store_true",
        help="publish nothing; check whether customers can read from the buckets, and print the policy they need",
    )


def run(options: argparse.Namespace) -> int:
    """Copy a released version to every DESTINATION, read it back and compare, and let latest.json name it.

    May be run again at any time; what is published never changes. A draft goes into folders only, and latest.json does
    not name it. Ends by saying in a few lines what was published where, by whose signature, how to check it, and at
    which address customers launch it. Finds credentials as every AWS tool does. Exits with 1 for findings of
    --check-bucket.
    """
    from quilt_cfn.delivery.publish import publish  # late: imports boto3
    from quilt_cfn.delivery.release.artifact import read_released
    from quilt_cfn.finding import fails
    from quilt_cfn.inputs.changelog import read_changelog, withdrawn_versions

    if options.check_bucket:
        locations = options.destinations or [str(find_checkout() / PUBLISHED)]
        exit_code = 0
        for report, findings in publish.check_buckets(locations):
            print(report)
            exit_code |= fails(findings)
        return exit_code
    root = find_checkout()
    locations = options.destinations or [str(root / PUBLISHED)]
    artifact = read_released(root, options.version)
    withdrawn = withdrawn_versions(read_changelog(root))
    return print_lines(publish.publish(artifact, locations, options.sign, dry_run=options.dry_run, withdrawn=withdrawn))
