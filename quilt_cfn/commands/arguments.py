"""What the commands' parsers have in common."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from quilt_cfn.errors import UserError

TEMPLATES = f"templates{os.sep}"
"""Where the templates of a checkout lie, seen from its top folder."""
PUBLISHED = f"published{os.sep}"
"""Where versions are published to when no destination is named, seen from the checkout's top folder."""

STANDARD_OUTPUT = "-"
"""What names standard output where a command takes the path of a file."""

Run = Callable[[argparse.Namespace], int]
"""What carries a command out and returns its exit code."""


class _HelpFormatter(argparse.HelpFormatter):
    """argparse's, which would import shutil for the width of the terminal: 2 ms in every command."""

    def __init__(self, prog: str) -> None:
        try:
            width = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns) or 80
        except (OSError, ValueError):
            width = 80
        super().__init__(prog, width=width - 2)


class Parser(argparse.ArgumentParser):
    """argparse, with an error as a sentence and a next step."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, formatter_class=_HelpFormatter)

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """argparse's, which takes an empty value for a value: '' as a path is the current folder, for instance."""
        if not arg_string and action.nargs != argparse.PARSER:  # that one has the words of the whole command
            raise argparse.ArgumentError(action, "it is empty; give it a value, or leave it out")
        return super()._get_value(action, arg_string)

    def _print_message(self, message: str, file: Any = None) -> None:
        """argparse's, which hides that a message could not be written."""
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:]
        raise UserError(f"{sentence.rstrip('.')}.", f"See: {self.prog} --help")


def add_command(commands: Any, name: str, run: Run, *, help: str, epilog: str) -> argparse.ArgumentParser:
    """Add a command to argparse's subparsers; the docstring of ``run`` describes it to users."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=run.__doc__, epilog=epilog)
    parser.set_defaults(run=run)
    return parser


def seconds(text: str) -> float:
    """The type of an argument that is a number of seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0 and up to 3600")
    return number


def print_lines(lines: Iterable[str]) -> int:
    """Print each line as soon as there is one; returns the exit code 0."""
    for line in lines:
        print(line, flush=True)
    return 0
