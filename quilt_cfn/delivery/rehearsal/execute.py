"""Executes the plan of a rehearsal: asks whether it may, takes the steps in order, and removes everything at the end.

Nothing is made before every guard has let it through: the account is the one that was named, nothing of these names
exists, and somebody has typed the stack's name or named the money. Ctrl-C ends the steps and begins the removal; a
second one ends that as well. Whatever is left is said, with the command that removes it.
"""

from __future__ import annotations

import math
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.delivery.rehearsal import journal as journals
from quilt_cfn.delivery.rehearsal import report, web
from quilt_cfn.delivery.rehearsal.account import TAG, Account, Refused
from quilt_cfn.delivery.rehearsal.clean_up import clean_up
from quilt_cfn.delivery.rehearsal.journal import Journal
from quilt_cfn.delivery.rehearsal.plan import Plan
from quilt_cfn.delivery.rehearsal.steps import TAKE, Run, Unmet, stack_names
from quilt_cfn.errors import UserError
from quilt_cfn.files import write_atomically

Say = Callable[[str], None]
"""Prints a line about what is going on."""


class Request(NamedTuple):
    """What somebody wants rehearsed."""

    account: str
    """Its number."""
    name: str
    """Of the first stack, and the beginning of all other names."""
    edition: str
    version: str
    journal: Path
    template: bytes
    document: Mapping[str, Any]
    """The same template, read."""
    values: Mapping[str, str]
    """Of the template's parameters, with secrets."""
    spend: float | None
    """USD that may be spent without asking; None asks for the stack's name on the terminal."""


class Terminal(NamedTuple):
    """Where somebody may type; the tests have another one."""

    is_there: Callable[[], bool] = lambda: sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    ask: Callable[[str], str] = input


def guard(request: Request, plan: Plan, account: Account, terminal: Terminal) -> None:
    """Raises ``UserError`` unless the rehearsal may begin; changes nothing."""
    if request.spend is None and not terminal.is_there():
        raise UserError(
            "There is no terminal on which the name of the stack could be typed, so nothing was begun.",
            f"Run the command on a terminal, or add --yes-spend {plan.most_usd}.",
        )
    if request.spend is not None and not (request.spend >= plan.most_usd and math.isfinite(request.spend)):
        raise UserError(
            f"The rehearsal may cost USD {plan.most_usd}, and --yes-spend allows less.",
            f"Allow that much with --yes-spend {plan.most_usd}, or plan less with --only.",
        )
    number = account.number()
    if number != request.account:
        raise UserError(
            f"The credentials are those of the account {number or 'of nobody'}, and --account says {request.account}.",
            "Sign in to the account that the rehearsal is for.",
        )
    for name in stack_names(request.name):
        if account.stack(name):
            raise UserError(
                f"There is a stack {name} already in {account.region}, and a rehearsal touches none that exists.",
                "Choose another name with --stack-name.",
            )
    if request.spend is None:
        try:
            typed = terminal.ask(f"Type the name of the stack, {request.name}, to begin in the account {number}: ")
        except EOFError:
            typed = ""
        if typed.strip() != request.name:
            raise UserError("That is not the name of the stack, so nothing was begun.", "Run the command again.")


def rehearse(
    request: Request,
    plan: Plan,
    account: Account,
    pull: Callable[[], Iterable[str]],
    say: Say,
    terminal: Terminal,
    doors: web.Doors,
) -> bool:
    """Take every step of the plan, then remove everything; returns whether all steps have passed.

    Raises ``UserError`` when a guard refuses, and at the end when something is left.
    """
    guard(request, plan, account, terminal)
    head = {
        "run": secrets.token_hex(6),
        "account": request.account,
        "region": account.region,
        "name": request.name,
        "version": request.version,
        "edition": request.edition,
    }
    journal = journals.create(request.journal, head)
    run = Run(account, journal, request.template, request.document, request.values, pull, doors, 0)
    interrupted = ""
    try:
        say(f"The journal is {request.journal}. Everything has the tag {TAG} = {journal.tag}.")
        _take(plan, run, say)
    except KeyboardInterrupt:
        interrupted = (
            f"Interrupted: everything is removed now. Ctrl-C again ends that; {_command(journal)} then goes on."
        )
    except Exception:  # which no step has raised: it is a fault of ours, and no reason to leave anything
        finish(account, journal, say)
        raise
    finish(account, journal, say, interrupted)
    return all(each["result"] == "passed" for each in journal.entries if "result" in each)


def finish(account: Account, journal: Journal, say: Say, interrupted: str = "") -> None:
    """Remove everything that the journal names and write the report.

    ``interrupted`` is said first, if the steps were. Raises ``UserError`` when something is left.
    """
    trouble: UserError | None = None
    try:
        if interrupted:
            journal.note(interrupted=True)
            say(interrupted)
        for line in clean_up(account, journal):
            say(line)
    except UserError as error:
        trouble = error
        journal.note(trouble=str(error))
    except KeyboardInterrupt:
        _write_report(journal, say)
        say(f"The removal was interrupted as well. {_command(journal)} goes on.")
        raise
    _write_report(journal, say)
    left = [f"{thing.kind} {thing.name}" for thing in journal.things()]
    if trouble and not left:
        raise trouble
    if left:
        why = f" {trouble.what}" if trouble else ""
        next_step = f"{trouble.next_step} Then: " if trouble else "Remove the cause and run "
        raise UserError(
            f"This is left in the account {journal.head['account']}, in {journal.head['region']}, and may be charged: "
            f"{', '.join(left)}.{why}",
            f"{next_step}{_command(journal)}.",
        )


def _command(journal: Journal) -> str:
    return f"quilt-cfn rehearse --clean-up {journal.path}"


def report_path(path: Path) -> Path:
    """Where the report of a journal is written."""
    return path.with_suffix(".md")


def _write_report(journal: Journal, say: Say) -> None:
    """Write the report of a journal beside it; what keeps it from being written is said and keeps nothing else."""
    try:
        write_atomically(report_path(journal.path), report.as_markdown(journal).encode())
        say(f"The report is {report_path(journal.path)}.")
    except UserError as error:
        say(str(error))


def _take(plan: Plan, run: Run, say: Say) -> None:
    """Take the steps; a step that fails keeps those that need it from being taken, and a launch that fails, all."""
    failed: set[str] = set()
    clock, journal = run.account.clock, run.journal
    for index, step in enumerate(plan.steps):
        missing = failed & {*step.needs, "launch", "credentials"}
        if missing:
            failed.add(step.name)
            why = f"{', '.join(sorted(missing))} failed"
            journal.note(step=step.name, result="not run", why=why)
            say(f"{step.name}: not run, because {why}.")
            continue
        say(f"{step.name}: {step.does} At most {step.longest} minutes.")
        began = clock.now()
        journal.note(step=step.name, began=began)
        result, why = "passed", ""
        try:
            for sentence in TAKE[step.name](run._replace(deadline=began + step.longest * 60)):
                journal.note(step=step.name, answer=sentence)
                say(f"  {sentence}")
        except Unmet as unmet:
            result, why = "failed", str(unmet)
        except Refused as refused:
            result, why = "failed", refused.what
            if refused.ends_everything:
                failed.add("credentials")
        except UserError as error:
            result, why = "failed", str(error)
        except KeyboardInterrupt:
            journal.note(step=step.name, result="interrupted", seconds=clock.now() - began)
            for later in plan.steps[index + 1 :]:
                journal.note(step=later.name, result="not run", why="the rehearsal was interrupted")
            raise
        except Exception as error:  # whatever it is, what was made has to be removed
            result, why = (
                "failed",
                f"This is a fault of quilt-cfn or an answer that nobody foresaw: {type(error).__name__}.",
            )
        if result == "failed":
            failed.add(step.name)
        journal.note(step=step.name, result=result, why=why, seconds=clock.now() - began)
        say(f"  {result}{f': {why}' if why else ''}")
