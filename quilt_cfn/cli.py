"""The command line: parse, call one function, print.

The rule: no command does anything itself, and none imports what another one needs. Exit codes are 0 for fine, 1 for
findings, 2 for trouble (a sentence and a next step on standard error), 130 when interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from quilt_cfn import __version__
from quilt_cfn.errors import Trouble

TEMPLATES = Path("templates")
"""Where the rendered templates of a checkout lie, seen from its top folder."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        exit_code: int = options.run(options)
        sys.stdout.flush()
        return exit_code
    except Trouble as trouble:
        print(f"quilt-cfn: {trouble.what}\n{trouble.next_step}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it closes the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("quilt-cfn: interrupted; every file is as it was or complete.", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """argparse whose complaints are a sentence and a next step."""

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:]
        raise Trouble(f"{sentence.rstrip('.')}.", f"See: {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="quilt-cfn",
        description="Generate, prove and publish the CloudFormation templates of the Quilt Teams Registry.",
        epilog="Example: quilt-cfn build && quilt-cfn lint",
    )
    parser.add_argument("--version", action="version", version=f"quilt-cfn {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser, prog=parser.prog)

    build = commands.add_parser(
        "build",
        help="render the templates",
        description="Render the template of every edition, or of the editions named.",
        epilog="Examples: quilt-cfn build; quilt-cfn build registry --output /tmp/registry.yaml; "
        "quilt-cfn build marketplace --format json --output -",
    )
    build.add_argument("editions", metavar="EDITION", nargs="*", help="registry or marketplace; all when none is named")
    build.add_argument(
        "--output",
        metavar="PATH",
        default=f"{TEMPLATES}{os.sep}",
        help="a folder (existing, or ending in /), a file for a single edition, or - for standard output; "
        "default: %(default)s",
    )
    build.add_argument("--format", choices=("yaml", "json"), default="yaml", help="default: %(default)s")
    build.add_argument(
        "--release", metavar="FILE", type=Path, help="default: marketplace/release.yaml of this checkout"
    )
    build.set_defaults(run=_build)

    lint = commands.add_parser(
        "lint",
        help="ask cfn-lint and cloudformation-validate about templates, in every Region",
        description="Report every error and warning of cfn-lint and of cloudformation-validate in every Region. "
        "Exits with 1 when anything is found that quilt_cfn/checks/suppressions.yaml does not explain.",
        epilog="Examples: quilt-cfn lint; quilt-cfn lint my-template.yaml --explain",
    )
    lint.add_argument("templates", metavar="FILE", nargs="*", type=Path, help=f"default: the editions in {TEMPLATES}/")
    lint.add_argument("--explain", action="store_true", help="also print what was suppressed, and why")
    lint.set_defaults(run=_lint)

    check = commands.add_parser(
        "check",
        help="judge templates by everything that they come to",
        description="Without FILE, judge every edition in every Region, both sizes and both sides of every condition, "
        "by our own rules, cfn-lint and cloudformation-validate. With FILE, judge anybody's template by our own rules, "
        "as one form in one Region makes it. docs/rules.md lists the rules. Exits with 1 for findings that nothing "
        "explains, and with 2 where there is nothing to judge or CloudFormation would refuse the form.",
        epilog="Examples: quilt-cfn check; quilt-cfn check stack.yaml --region eu-west-1 --parameters KeyName=admin; "
        "quilt-cfn check stack.json --parameters parameters.json --format sarif; quilt-cfn check --explain W08",
    )
    check.add_argument("file", metavar="FILE", nargs="?", type=Path, help="a template, or - for standard input")
    check.add_argument(
        "--parameters",
        metavar="FILE|KEY=VALUE",
        action="append",
        default=[],
        help="values for the form, repeatable; a file holds a map, or the list that the AWS CLI takes. Parameters "
        "without a value and a default stay unknown",
    )
    check.add_argument("--region", metavar="REGION", help="the Region of FILE's launch; default: us-east-1")
    check.add_argument("--marketplace", action="store_true", help="also ask what AWS Marketplace would refuse in FILE")
    check.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="default: %(default)s")
    check.add_argument("--explain", metavar="ID", help="say how what a rule finds comes about, and nothing else")
    check.set_defaults(run=_check)

    docs = commands.add_parser(
        "docs",
        help="write the generated pages of docs/",
        description="Write docs/rules.md and docs/lifecycle.md from the rules and the templates of this checkout.",
        epilog="Example: quilt-cfn docs",
    )
    docs.set_defaults(run=_docs)
    return parser


def _build(options: argparse.Namespace) -> int:
    from quilt_cfn import building  # late: troposphere costs 0.1 s, which lint and --help don't need

    for line in building.build_all(options.editions, options.output, options.format, options.release):
        print(line)
    return 0


def _lint(options: argparse.Namespace) -> int:
    from quilt_cfn.checks import linting

    result = linting.lint(options.templates, default_folder=TEMPLATES)
    for finding in result.findings:
        print(finding)
    if options.explain:
        for finding, reason in result.suppressed:
            print(f"{finding}\n    suppressed: {reason}")
    print(result.summary)
    return 1 if result.findings else 0


def _docs(options: argparse.Namespace) -> int:
    from quilt_cfn import documenting

    for line in documenting.write_pages(TEMPLATES, Path("docs")):
        print(line)
    return 0


def _check(options: argparse.Namespace) -> int:
    from quilt_cfn.checks import checking, explaining, report

    if options.explain:
        print(explaining.explain(options.explain))
        return 0
    if options.file:
        from quilt_cfn.checks import given

        form = given.form(options.parameters)
        result = checking.check_file(options.file, form, given.region(options.region), options.marketplace)
    else:
        if options.parameters or options.region or options.marketplace:
            raise Trouble(
                "--parameters, --region and --marketplace are about a template of yours.",
                "Name its file, or leave them out to check the editions in every Region.",
            )
        result = checking.check_editions(TEMPLATES)
    print(report.FORMATS[options.format](result))
    return 1 if result.findings else 0
