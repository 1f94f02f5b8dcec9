"""The report of a rehearsal, as Markdown: a function of the journal, so that a crash loses none of it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quilt_cfn.delivery.rehearsal.journal import Journal
from quilt_cfn.delivery.rehearsal.plan import STEPS, Step
from quilt_cfn.text import printable


def as_markdown(journal: Journal) -> str:
    """The report, with a line end at its end."""
    return "\n".join([*_lines(journal), ""])


def _lines(journal: Journal) -> Iterator[str]:
    head = journal.head
    told = {step.name: [each for each in journal.entries if each.get("step") == step.name] for step in STEPS}
    yield f"# Rehearsal of quilt-registry {head['version']}, edition {head['edition']}"
    yield ""
    yield f"In the account {head['account']}, in {head['region']}, as {head['name']} (run {head['run']})."
    yield "What is in italics is AWS's answer, or what was measured; everything else is what the documentation says."
    yield ""
    yield "| Step | Result | Time | What it proves when it passes |"
    yield "|---|---|---|---|"
    for step in STEPS:
        end = _end(told[step.name])
        yield f"| {step.name} | {end['result']} | {_time(end)} | {step.proves} |"
    for step in STEPS:
        if told[step.name]:
            yield from _section(step, told[step.name], _events(journal, step.name))
    yield from _removal(journal)


def _end(told: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The entry with a step's result; one that says what is so if there is none."""
    if not told:
        return {"result": "not run"}
    return next((each for each in reversed(told) if "result" in each), {"result": "ended without a result"})


def _time(end: Mapping[str, Any]) -> str:
    return f"{end['seconds'] / 60:.1f} min" if "seconds" in end else ""


def _events(journal: Journal, name: str) -> list[str]:
    """The failed events that were told while a step was taken."""
    step, found = "", []
    for each in journal.entries:
        step = each.get("step", step)
        if "event" in each and step == name:
            found.append(each["event"])
    return found


def _section(step: Step, told: Sequence[Mapping[str, Any]], events: list[str]) -> Iterator[str]:
    end = _end(told)
    yield ""
    yield f"## {step.name}: {end['result']}"
    yield ""
    yield f"{step.does} Confirms {step.confirms}."
    yield ""
    for each in told:
        if "began" in each:
            began = datetime.datetime.fromtimestamp(each["began"], datetime.timezone.utc)
            yield f"- begun at {began:%Y-%m-%d %H:%M:%S} UTC"
        if "answer" in each:
            yield f"- {_quoted(each['answer'])}"
    if end.get("why"):
        yield f"- **{end['result']}:** {_quoted(end['why'])}"
    if events:
        yield ""
        yield "Events of the stack:"
        yield ""
        for event in events:
            yield f"- {_quoted(event)}"


def _removal(journal: Journal) -> Iterator[str]:
    yield ""
    yield "## What was made, and what is left"
    yield ""
    why = {(each["left"], each["name"]): each["why"] for each in journal.entries if "left" in each}
    gone = [each for each in journal.entries if "gone" in each]
    if any("interrupted" in each for each in journal.entries):
        yield "- The rehearsal was interrupted."
    for each in gone:
        yield f"- removed: {each['gone']} {_quoted(each['name'])}"
    for thing in journal.things():
        reason = why.get(thing, "")
        yield f"- **left:** {thing.kind} {_quoted(thing.name)}{f': {_quoted(reason)}' if reason else ''}"
    trouble = next((each["trouble"] for each in reversed(journal.entries) if "trouble" in each), "")
    yield ""
    if journal.things():
        if trouble:
            yield f"The removal ended early: {_quoted(trouble)}"
            yield ""
        yield "It may be charged. This removes it:"
        yield ""
        yield f"    quilt-cfn rehearse --clean-up {journal.path}"
    else:
        yield "Nothing is left." if gone else "Nothing was made."


def _quoted(text: str) -> str:
    """A text of AWS's in italics, in which nothing is a link, HTML or Markdown."""
    return f"*{_MARKDOWN.sub(_escaped, printable(text))}*"


_MARKDOWN = re.compile(r"[][<>*_`|#!&\\]")


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match[0]}"
