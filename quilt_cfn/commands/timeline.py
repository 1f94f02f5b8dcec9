"""``quilt-cfn timeline``: how long a launch or an update of a template takes, and what it waits for."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilt_cfn.commands import one_template
from quilt_cfn.commands.arguments import add_command, print_lines

if TYPE_CHECKING:
    from quilt_cfn.cloudformation.describe.timeline import Step, Timeline

BAR = 30
"""Characters of the whole time."""


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "timeline",
        run,
        help="say how long a launch or an update takes, and what it waits for",
        epilog="Examples: quilt-cfn timeline; quilt-cfn timeline marketplace --format json; "
        "quilt-cfn timeline new.yaml --update-from old.yaml",
    )
    one_template.add_arguments(parser)
    parser.add_argument(
        "--update-from",
        metavar="FILE",
        type=Path,
        help="the template that the stack has now, launched with the same values: say how long the update takes",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")


def run(options: argparse.Namespace) -> int:
    """Say how long a launch of a template takes: the longest chain of resources that wait for one another, each with
    its shortest, typical and longest time and where these are from, and what it would save if one took no time. Nobody
    at AWS promises these times.
    """
    from quilt_cfn.cloudformation.describe.timeline import timeline, update_timeline

    one = one_template.read(options)
    if options.update_from:
        before = one_template.launch_again(options.update_from, one)
        title, found = f"An update of {one.name} in {one.launch.region}", update_timeline(before, one.launch)
    else:
        title, found = f"A launch of {one.name} in {one.launch.region}", timeline(one.launch)
    if options.format == "json":
        print(json.dumps(_as_json(found), indent=2))
        return 0
    return print_lines(_lines(title, found))


def _lines(title: str, found: Timeline) -> Iterator[str]:
    from quilt_cfn.cloudformation.describe.timeline import in_words
    from quilt_cfn.text import shown

    if not found.steps:
        yield f"{shown(title)} changes nothing."
        return
    low, typical, high = map(in_words, found[:3])
    yield f"{shown(title)} takes {low} to {high}, typically {typical}."
    yield ""
    yield f"  {'begins':>7} {'takes':>7}  {'what it waits for':<34} {'sooner':>7}"
    for step in found.path:
        name = shown(f"{step.resource} {step.what}")[:34]
        saves = _clock(step.saves) if step.saves >= 1 else ""
        yield f"  {_clock(step.start):>7} {_clock(step.takes.typical):>7}  {name:<34} {saves:>7} {_bar(step, found)}"
    yield ""
    yield "In minutes and seconds of the typical case; sooner: all would end so much earlier if this took no time."
    assumed = [step.resource for step in found.path if step.takes.is_assumed]
    if assumed:
        yield f"Assumed, because no source says it: {', '.join(map(shown, dict.fromkeys(assumed)))}."
    yield "From:"
    sources = {part for step in found.path if not step.takes.is_assumed for part in step.takes.source.split("; ")}
    yield from (f"  - {source}" for source in sorted(sources))


def _bar(step: Step, found: Timeline) -> str:
    first = min(BAR - 1, round(BAR * step.start / found.typical))
    last = max(first + 1, round(BAR * step.end / found.typical))
    return f"|{'.' * first}{'#' * (last - first)}{'.' * (BAR - last)}|"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _as_json(found: Timeline) -> dict[str, Any]:
    def step(each: Step) -> dict[str, Any]:
        return {**each._asdict(), "takes": each.takes._asdict(), "after": list(each.after)}

    return {
        "low": found.low,
        "typical": found.typical,
        "high": found.high,
        "path": [each.resource for each in found.path],
        "steps": [step(each) for each in found.steps],
    }
