"""``quilt-cfn images``: what the registries have of the release's container images, and whether images fit."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any

from quilt_cfn.commands.arguments import Parser, add_command, print_lines
from quilt_cfn.commands.checkout import find_checkout, find_own_checkout


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "images",
        help="pin the release's container images by their digests, and try images on this computer",
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
    _add_try(steps)


def _add_try(steps: Any) -> None:
    parser = add_command(
        steps,
        "try",
        _try,
        help="run any such images on this computer as the stack would, and say what does not fit",
        epilog="It takes Docker, bash and openssl, and a minute or two. Example: quilt-cfn images try "
        "--registry-image example/registry:1 --catalog-image example/catalog:1",
    )
    for name in ("registry", "catalog", "nginx", "postgres"):
        default = "docker.io/library/postgres:16" if name == "postgres" else "that of marketplace/release.yaml"
        parser.add_argument(f"--{name}-image", metavar="IMAGE", help=f"as docker run takes it; default: {default}")
    parser.add_argument(
        "--keep", action="store_true", help="leave it running, and print the addresses to open and how to remove it"
    )


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


def _try(options: argparse.Namespace) -> int:
    """Run the registry's images on this computer, with the stack's own variables, files and options.

    PostgreSQL, S3, a mail service and a load balancer run beside them. Each line of what images have to offer in
    docs/guide/open-source.md is tried; exits with 1 when one does not fit. All that was made is removed at the end, and
    when it is interrupted.
    """
    from quilt_cfn.delivery.images.trial import POSTGRES, try_images
    from quilt_cfn.inputs.contract import read_contract
    from quilt_cfn.inputs.release import IN_CHECKOUT, Image, read_release

    release = read_release(find_own_checkout() / IN_CHECKOUT)

    def image(given: str | None, default: Image) -> Image:
        return Image(given, None) if given else default

    release = release._replace(
        registry=image(options.registry_image, release.registry),
        catalog=image(options.catalog_image, release.catalog),
        nginx=image(options.nginx_image, release.nginx),
    )
    parameters = read_contract().parameter_sets["documented"]
    states = []
    with closing(try_images(release, parameters, options.postgres_image or POSTGRES, options.keep)) as lines:
        for line in lines:
            print(line, flush=True)
            states.append(getattr(line, "state", "fits"))
    misfits, unknown = states.count("does not fit"), states.count("not tried")
    print(f"{misfits} do not fit, {unknown} were not tried." if misfits or unknown else "All of it fits.")
    return int(misfits + unknown > 0)
