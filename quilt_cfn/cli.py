"""The command line: builds the parser, runs one command, and turns errors into sentences and exit codes.

Exit codes: 0 when all is well, 1 for findings, 2 for a ``UserError`` (a sentence and a next step on standard error),
130 when interrupted. Output that could not be written is 2 as well. Whoever closes a pipe early has seen enough, and
the code stays what it was, unless the output was JSON, of which a part is of no use.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from quilt_cfn import __version__, streams
from quilt_cfn.commands import (
    build,
    check,
    check_image,
    cost,
    diagram,
    docs,
    images,
    lint,
    marketplace,
    permissions,
    publish,
    rehearse,
    release,
    timeline,
    verify,
)
from quilt_cfn.commands.arguments import STANDARD_OUTPUT, Parser
from quilt_cfn.errors import UserError
from quilt_cfn.text import printable

COMMANDS = (
    build,
    check,
    lint,
    docs,
    diagram,
    cost,
    timeline,
    permissions,
    images,
    check_image,
    release,
    publish,
    verify,
    marketplace,
    rehearse,
)

TRACEBACK = "QUILT_CFN_TRACEBACK"
"""The environment variable with which an error that nobody foresaw is shown with its traceback, and exits with 1."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Without ``arguments`` takes those and the streams of this process."""
    if arguments is not None:
        return _main(arguments, None)
    with streams.taken_over() as output:
        return _main(None, output)


def make_parser() -> Parser:
    """The parser of the command line, with every command."""
    parser = Parser(
        prog="quilt-cfn",
        description="Generate, prove and publish the CloudFormation templates of the Quilt Teams Registry.",
        epilog="Example: quilt-cfn build && quilt-cfn check. Exits with 0 when all is well, with 1 for findings, and "
        f"with 2 for an error. {TRACEBACK}=1 in the environment shows where an error of quilt-cfn's own happened.",
    )
    parser.add_argument("--version", action="version", version=f"quilt-cfn {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser, prog=parser.prog)
    for command in COMMANDS:
        command.add_to(commands)
    return parser


def _main(arguments: Sequence[str] | None, output: streams.Output | None) -> int:
    options = argparse.Namespace()
    try:
        if output and output.failure:
            raise _lost(output.failure)
        exit_code = _run(arguments, options)
        sys.stdout.flush()
        if output and output.failure:
            return _after_loss(output.failure, exit_code, options)
        return exit_code
    except UserError as error:
        return _fail(error)
    except KeyboardInterrupt:
        print("quilt-cfn: interrupted; every file is as it was or complete.", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        return _fail(_unforeseen(error))


def _run(arguments: Sequence[str] | None, options: argparse.Namespace) -> int:
    """The exit code of the command; ``options`` gets what was parsed."""
    try:
        make_parser().parse_args(arguments, options)
    except SystemExit:  # of --help and --version, when they have printed
        return 0
    exit_code: int = options.run(options)
    return exit_code


def _fail(error: UserError) -> int:
    # A sentence has line ends where it lists findings. Whatever else in it is not printable came from outside.
    lines = f"quilt-cfn: {error.what}\n{error.next_step}".split("\n")
    print("\n".join(map(printable, lines)), file=sys.stderr)
    return 2


def _after_loss(failure: OSError, exit_code: int, options: argparse.Namespace) -> int:
    """The exit code when the end of the output could not be written."""
    if not isinstance(failure, BrokenPipeError):
        return _fail(_lost(failure))
    is_json = getattr(options, "format", "text") in ("json", "sarif")
    to_a_file = getattr(options, "output", STANDARD_OUTPUT) != STANDARD_OUTPUT
    if exit_code or not is_json or to_a_file:
        return exit_code
    what = "The reader of the output closed it before its end."
    return _fail(UserError(what, "Read it to the end, or write it to a file: a part of it is not valid JSON."))


def _lost(failure: OSError) -> UserError:
    reason = failure.strerror or failure
    return UserError(
        f"Standard output could not be written: {reason}.",
        "Run the command again with an output that takes it, such as > FILE where there is room.",
    )


def _unforeseen(error: Exception) -> UserError:
    """A sentence about an error that no command expected. It has no text of the error's, which may hold a secret."""
    where = f"{TRACEBACK}=1 in the environment shows where this happened"
    if isinstance(error, OSError):
        file = f": {error.filename}" if error.filename else ""
        return UserError(
            f"The operating system refused something: {error.strerror or type(error).__name__}{file}.",
            f"Change that and run the command again; {where}.",
        )
    if isinstance(error, MemoryError):
        return UserError("There is not enough memory.", f"Free some, or give it less to do; {where}.")
    import traceback  # late: 3 ms, and it is seldom needed

    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "quilt_cfn" in Path(frame.filename).parts]
    place = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
    return UserError(
        f"This is a fault of quilt-cfn: {type(error).__name__}{place}.",
        f"Report it on the repository's page, with the command; {where}.",
    )
