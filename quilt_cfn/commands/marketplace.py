"""``quilt-cfn marketplace``: submits the released version to AWS Marketplace, and says what became of it."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING, Any

from quilt_cfn.commands.arguments import Parser, add_command, print_lines, seconds
from quilt_cfn.commands.checkout import find_checkout

if TYPE_CHECKING:
    from quilt_cfn.delivery.marketplace.submit import Polling


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "marketplace",
        help="submit the released version to AWS Marketplace, validated first",
        description="Make a change set for the AWS Marketplace listing of marketplace/listing.yaml and the version in "
        "marketplace/release.yaml. What AWS Marketplace would refuse for its texts, sizes or names is refused before "
        "anything is sent. submit may be interrupted and repeated: it never starts a second change set.",
        epilog="Examples: quilt-cfn marketplace plan; quilt-cfn marketplace submit; "
        "quilt-cfn marketplace status --follow",
    )
    steps = parser.add_subparsers(metavar="STEP", required=True, parser_class=Parser, prog=parser.prog)
    for run in (_plan, _validate, _submit, _status, _drift):
        step, description = run.__name__.lstrip("_"), run.__doc__ or ""
        help = f"{description[:1].lower()}{description[1:].rstrip('.')}"
        parser_of_step = add_command(steps, step, run, help=help, epilog=f"Example: quilt-cfn marketplace {step}")
        if step in ("validate", "submit", "status"):
            parser_of_step.add_argument(
                "--every",
                metavar="SECONDS",
                type=seconds,
                help="how often to look while waiting; default: 15 seconds at first, 60 later",
            )
        if step == "plan":
            parser_of_step.set_defaults(format="json")  # a part of which is of no use to whoever reads it
        if step == "status":
            parser_of_step.add_argument(
                "about", metavar="ID", nargs="?", help="of a change set or a product; default: the listing's product"
            )
            parser_of_step.add_argument("--follow", action="store_true", help="wait for the end of what is going on")


def _plan(options: argparse.Namespace) -> int:
    """Print the request that would be sent, as JSON, or what is missing and the commands that make it."""
    from quilt_cfn.delivery.marketplace.plan import as_json, plan_submission

    sys.stdout.write(as_json(plan_submission(find_checkout())))
    return 0


def _validate(options: argparse.Namespace) -> int:
    """Have AWS validate it (Intent=VALIDATE), and wait for the result."""
    from quilt_cfn.delivery.marketplace import catalog, submit
    from quilt_cfn.delivery.marketplace.plan import plan_submission

    return print_lines(submit.validate(catalog.connect(), plan_submission(find_checkout()), _polling(options)))


def _submit(options: argparse.Namespace) -> int:
    """Validate, then apply, then wait for the result."""
    from quilt_cfn.delivery.marketplace import catalog, preflight, submit
    from quilt_cfn.delivery.marketplace.plan import plan_submission

    root = find_checkout()
    submission = plan_submission(root)
    verified = functools.partial(preflight.verify_published, root)
    return print_lines(submit.submit(catalog.connect(), submission, verified, _polling(options)))


def _status(options: argparse.Namespace) -> int:
    """Print the status of the product's change sets."""
    from quilt_cfn.delivery.marketplace import catalog, preflight, submit

    about = options.about or preflight.product(find_checkout())
    return print_lines(submit.status(catalog.connect(), about, options.follow, _polling(options)))


def _drift(options: argparse.Namespace) -> int:
    """Compare what buyers get with what was released; exits with 1 when it differs."""
    from quilt_cfn.delivery.marketplace import catalog, drift
    from quilt_cfn.delivery.marketplace.plan import plan_submission

    differences = drift.drift(catalog.connect(), plan_submission(find_checkout()))
    for difference in differences:
        print(difference)
    if not differences:
        print("Buyers get what was released.")
    return 1 if differences else 0


def _polling(options: argparse.Namespace) -> Polling:
    from quilt_cfn.delivery.marketplace import submit

    every = options.every
    return submit.POLLING._replace(first=every, longest=every) if every else submit.POLLING
