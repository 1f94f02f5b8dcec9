"""``quilt-cfn images``: what the registries have under the tags of the release's container images."""

from __future__ import annotations

import argparse
from typing import Any

from quilt_cfn.commands.arguments import Parser, add_command, print_lines
from quilt_cfn.commands.checkout import find_checkout


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "images",
        help="pin the release's container images by the digests that their registries have",
        description="Ask the registries of the container images in marketplace/release.yaml, over HTTPS, for the "
        "digests of the named tags on the release's platform. Credentials are those that docker login has written into "
        "config.json, in ~/.docker or the folder that DOCKER_CONFIG names. SSL_CERT_FILE names the certificates of "
        "other authorities than the system's.",
        epilog="Examples: quilt-cfn images resolve; quilt-cfn images check",
    )
    steps = parser.add_subparsers(metavar="STEP", required=True, parser_class=Parser, prog=parser.prog)
    for run in (_resolve, _check):
        step, description = run.__name__.lstrip("_"), run.__doc__ or ""
        help = f"{description[:1].lower()}{description[1:].rstrip('.')}"
        add_command(steps, step, run, help=help, epilog=f"Example: quilt-cfn images {step}")


def _resolve(options: argparse.Namespace) -> int:
    """Write the digests of the tags into release.yaml, and say what changed."""
    from quilt_cfn.delivery.images.resolve import resolve

    return print_lines(resolve(find_checkout()))


def _check(options: argparse.Namespace) -> int:
    """Compare the digests in release.yaml with those of the tags; exits with 1 when they differ."""
    from quilt_cfn.delivery.images.resolve import compare, refuse

    comparison = compare(find_checkout())
    for finding in comparison.findings:
        print(finding)
    refuse(comparison.failed, "could not be compared")
    if not comparison.findings:
        print("Every digest is that of its tag.")
    return 1 if comparison.findings else 0
