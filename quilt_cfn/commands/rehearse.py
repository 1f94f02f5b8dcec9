"""``quilt-cfn rehearse``: tries a release out in a real AWS account, and removes it again."""

from __future__ import annotations

import argparse
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilt_cfn.commands.arguments import TEMPLATES, add_command
from quilt_cfn.commands.checkout import find_checkout
from quilt_cfn.editions import EDITIONS
from quilt_cfn.errors import UserError

if TYPE_CHECKING:
    from quilt_cfn.inputs.release import Release

_NAME = re.compile(r"[a-z][a-z0-9-]{0,28}[a-z0-9]")
_ACCOUNT = re.compile(r"[0-9]{12}")


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "rehearse",
        run,
        help="try a release out in a real AWS account; without --execute, print what that would do and cost",
        epilog="Examples: quilt-cfn rehearse; quilt-cfn rehearse --execute --account 111122223333 --region us-east-1 "
        "--stack-name quilt-rehearsal --parameters parameters.json; quilt-cfn rehearse --clean-up rehearsal.jsonl. "
        "docs/rehearsal.md says what it needs, and how to read its report.",
    )
    parser.add_argument("--edition", choices=tuple(EDITIONS), default="registry", help="default: %(default)s")
    parser.add_argument(
        "--template",
        metavar="FILE",
        type=Path,
        help=f"of the version in marketplace/release.yaml; default: the edition's in {TEMPLATES}releases of the "
        f"checkout, or in {TEMPLATES} as long as the version is not released",
    )
    parser.add_argument(
        "--parameters",
        metavar="FILE",
        type=Path,
        help="values of the template's parameters, as aws cloudformation takes them; secrets that it leaves out "
        "are asked for",
    )
    parser.add_argument("--region", metavar="REGION", help="where to launch; has to be given with --execute")
    parser.add_argument("--account", metavar="NUMBER", help="the account's number; has to be given with --execute")
    parser.add_argument(
        "--stack-name",
        metavar="NAME",
        default="quilt-rehearsal",
        help="of the first stack, and the beginning of all other names; default: %(default)s",
    )
    steps = parser.add_mutually_exclusive_group()
    steps.add_argument("--only", metavar="STEP", help="take this step, and those that it needs")
    steps.add_argument(
        "--from", metavar="STEP", dest="start", help="take this step, those after it, and what they need"
    )
    parser.add_argument("--execute", action="store_true", help="do it: create, break and remove stacks, for money")
    parser.add_argument(
        "--yes-spend",
        metavar="USD",
        type=float,
        help="begin without asking for the stack's name on the terminal; at least what the plan may cost",
    )
    parser.add_argument(
        "--journal",
        metavar="FILE",
        type=Path,
        help="a new file that remembers what was made; the report has its name and .md; default: NAME.jsonl",
    )
    parser.add_argument("--clean-up", metavar="JOURNAL", type=Path, help="remove what an earlier rehearsal has left")


def run(options: argparse.Namespace) -> int:
    """Launch, break, restore and delete the product in an AWS account, as a customer would, and write a report.

    Without --execute nothing is asked of AWS: the plan, its cost and its risks are printed. With it, the credentials
    have to be those of --account, no stack may have the names, and the first stack's name has to be typed on the
    terminal. Everything is removed at the end, also after a failure or Ctrl-C. Exits with 1 when a step has not passed.
    """
    from quilt_cfn.delivery.rehearsal import plan as plans  # late: most of it imports a template's reader

    if options.clean_up:
        return _clean_up(options.clean_up)
    names = [step.name for step in plans.STEPS]
    for step in filter(None, (options.only, options.start)):
        if step not in names:
            raise UserError(f"There is no step {step}.", f"The steps are {', '.join(names)}.")
    if not _NAME.fullmatch(options.stack_name):
        raise UserError(
            f"{options.stack_name} can't be the beginning of all names.",
            "Take 2 to 30 lower-case letters, digits and hyphens, beginning with a letter.",
        )
    if options.region:
        from quilt_cfn.inputs.cli_parameters import region

        region(options.region)
    journal = options.journal or Path(f"{options.stack_name}.jsonl")
    if options.journal or options.execute:
        from quilt_cfn.delivery.rehearsal.journal import exists_already

        if journal.exists() or journal.is_symlink():
            raise exists_already(journal)
    return _rehearse(options, journal)


def _rehearse(options: argparse.Namespace, journal: Path) -> int:
    """Print the plan, and with --execute execute it."""
    from quilt_cfn.delivery.rehearsal import execute, plan, prepare, steps

    if options.execute and not (options.region and _ACCOUNT.fullmatch(options.account or "")):
        raise UserError(
            "--execute needs --region, and --account with the twelve digits of the account's number.",
            "Name both, so that nothing is made in another account or Region than you think.",
        )
    release, template = _template(options)
    ask = None
    if options.execute:
        from getpass import getpass

        ask = getpass if execute.Terminal().is_there() else None
    prepared = prepare.prepare(template, options.parameters, ask=ask, complete=options.execute)
    if f" {release.version}:" not in str(prepared.document.get("Description")):
        raise UserError(
            f"{template} is not of the version {release.version}, which marketplace/release.yaml has.",
            "Take the checkout of that version, or another template.",
        )
    planned = plan.make_plan(prepared.document, prepared.values, options.region, options.only, options.start)
    for line in plan.describe(planned, steps.stack_names(options.stack_name)):
        print(line)
    if not options.execute:
        print("Nothing was asked of AWS. With --execute it is done.")
        return 0
    from quilt_cfn.delivery.rehearsal import images, web
    from quilt_cfn.delivery.rehearsal.account import connect

    request = execute.Request(
        options.account,
        options.stack_name,
        options.edition,
        release.version,
        journal,
        prepared.template,
        prepared.document,
        prepared.values,
        options.yes_spend,
    )
    passed = execute.rehearse(
        request,
        planned,
        connect(options.region, prepared.secrets),
        functools.partial(images.ask_registries, release, prepared.values),
        _say,
        execute.Terminal(),
        web.Doors(),
    )
    return 0 if passed else 1


def _clean_up(path: Path) -> int:
    """Remove what a journal names."""
    from quilt_cfn.delivery.rehearsal import execute, journal
    from quilt_cfn.delivery.rehearsal.account import connect

    found = journal.read(path)
    execute.finish(connect(found.head["region"]), found, _say)
    return 0


def _template(options: argparse.Namespace) -> tuple[Release, Path]:
    """The release that is rehearsed, and the file of its template."""
    from quilt_cfn.inputs.release import IN_CHECKOUT, read_release

    root = find_checkout()
    release = read_release(root / IN_CHECKOUT)
    file = EDITIONS[options.edition].file
    released = root / TEMPLATES / "releases" / release.version / file
    return release, options.template or (released if released.exists() else root / TEMPLATES / file)


def _say(line: str) -> None:
    from quilt_cfn.text import printable

    print(printable(line), flush=True)
