"""The command line: builds the parser, runs one command, and turns errors into sentences and exit codes.

Exit codes: 0 when all is well, 1 for findings, 2 for a ``UserError`` (a sentence and a next step on standard error),
130 when interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from quilt_cfn import __version__
from quilt_cfn.commands import build, check, docs, lint, marketplace, publish, release, verify
from quilt_cfn.commands.arguments import Parser
from quilt_cfn.errors import UserError

COMMANDS = (build, check, lint, docs, release, publish, verify, marketplace)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        options = make_parser().parse_args(arguments)
        exit_code: int = options.run(options)
        sys.stdout.flush()
        return exit_code
    except UserError as error:
        print(f"quilt-cfn: {error.what}\n{error.next_step}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("quilt-cfn: interrupted; every file is as it was or complete.", file=sys.stderr)
        return 130


def make_parser() -> Parser:
    """The parser of the command line, with every command."""
    parser = Parser(
        prog="quilt-cfn",
        description="Generate, prove and publish the CloudFormation templates of the Quilt Teams Registry.",
        epilog="Example: quilt-cfn build && quilt-cfn check",
    )
    parser.add_argument("--version", action="version", version=f"quilt-cfn {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser, prog=parser.prog)
    for command in COMMANDS:
        command.add_to(commands)
    return parser
