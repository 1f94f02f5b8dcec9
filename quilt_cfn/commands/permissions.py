"""``quilt-cfn permissions``: the policies of a role with which CloudFormation launches a template."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from quilt_cfn.commands import one_template
from quilt_cfn.commands.arguments import add_command
from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.errors import UserError

_STACK = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "permissions",
        run,
        help="print the policies of a role that launches a template",
        epilog="Examples: quilt-cfn permissions; quilt-cfn permissions marketplace --stack-name quilt --output role/",
    )
    one_template.add_arguments(parser)
    parser.add_argument(
        "--stack-name",
        metavar="NAME",
        type=_stack,
        default="quilt",
        help="the name of the stack, with which the names of its roles begin; default: %(default)s",
    )
    parser.add_argument("--output", metavar="FOLDER", type=Path, help="write a file for each policy there")


def run(options: argparse.Namespace) -> int:
    """Print, as JSON, the policies of a service role with which CloudFormation may launch, update and delete the stack
    of a template: what the handlers of its resource types call, for all of its conditions, and nothing else. Each is
    small enough for a managed policy. Types of which that is not known are named.
    """
    from quilt_cfn.cloudformation.describe.deployment_role import files, unknown_types
    from quilt_cfn.files import write_atomically
    from quilt_cfn.text import shown

    one = one_template.read(options)
    template = one.launch.template
    unknown = unknown_types(template)
    if unknown:
        names = ", ".join(map(shown, unknown))
        print(f"quilt-cfn: nobody says what CloudFormation calls for {names}: add it by hand.", file=sys.stderr)
    prefix = f"deployment-role-{one.name}" if one.name in TEMPLATE_FILES else "deployment-role"
    try:
        made = files(template, options.stack_name, prefix)
    except ValueError as many:
        what = f"A role for {shown(one.name)} would need {many}."
        raise UserError(what, "Launch it as an administrator, or divide the template.") from None
    if not options.output:
        print(json.dumps({name.removesuffix(".json"): json.loads(text) for name, text in made.items()}, indent=2))
        return 0
    for name, text in made.items():
        changed = write_atomically(options.output / name, text.encode())
        print(f"{options.output / name}: {'written' if changed else 'unchanged'}")
    return 0


def _stack(text: str) -> str:
    if not _STACK.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is no name of a stack: letters, digits and hyphens, a letter first")
    return text
