"""``quilt-cfn diagram``: draws the architecture of a template."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quilt_cfn.commands import one_template
from quilt_cfn.commands.arguments import STANDARD_OUTPUT, add_command
from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.errors import UserError

PICTURES = "docs/guide/pictures"
"""Where the pictures of our templates lie in a checkout."""
THEMES = ("light", "dark")
LARGEST = 8000
"""Pixels in one direction of a PNG."""


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "diagram",
        run,
        help="draw the architecture of a template",
        epilog="Examples: quilt-cfn diagram --output registry.svg; "
        "quilt-cfn diagram template.yaml --output template.png --size 1560x878",
    )
    one_template.add_arguments(parser)
    parser.add_argument("--theme", choices=THEMES, default="light", help="its colours, default: %(default)s")
    parser.add_argument(
        "--size",
        metavar="WIDTHxHEIGHT",
        type=_size,
        help="pixels of a .png, default: 1100x700; AWS Marketplace takes that and 1560x878",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        default=STANDARD_OUTPUT,
        help="a file that ends in .svg or .png, or - for SVG on standard output, which is the default",
    )


def run(options: argparse.Namespace) -> int:
    """Draw what a launch of a template creates, as SVG or PNG: the network with its zones, who connects to whom on
    which ports, and the services beside it. Any template can be drawn; the same launch gives the same bytes."""
    from quilt_cfn.cloudformation.describe.diagram import picture
    from quilt_cfn.files import write_atomically

    ending = "" if options.output == STANDARD_OUTPUT else Path(options.output).suffix.lower()
    if ending not in ("", ".svg", ".png") or (not ending and options.output != STANDARD_OUTPUT):
        raise UserError(f"A diagram is written as .svg or .png, not as {options.output}.", "Name such a file.")
    if options.size and ending != ".png":
        raise UserError("--size is for a .png; an SVG has none in pixels.", "Leave --size out, or name a .png.")
    one = one_template.read(options)
    drawn = picture(one.launch, one.contract, options.theme)
    if not ending:
        print(drawn.svg(), end="")
        return 0
    content = drawn.png(*(options.size or (1100, 700))) if ending == ".png" else drawn.svg().encode()
    changed = write_atomically(Path(options.output), content)
    print(f"{options.output}: {'written' if changed else 'unchanged'}")
    return 0


def pictures(templates: Path) -> Iterator[tuple[str, str]]:
    """(path in the checkout, SVG) of the pictures of our templates in a folder, in both themes."""
    from quilt_cfn.cloudformation.describe.diagram import picture
    from quilt_cfn.cloudformation.launch import evaluate, values_for
    from quilt_cfn.cloudformation.template.read import read_template
    from quilt_cfn.inputs.contract import read_contract

    for name, file in TEMPLATE_FILES.items():
        template = read_template(templates / file).data
        contract = read_contract().for_template(file)
        values = values_for(template, contract.parameter_sets[one_template.DOCUMENTED])
        launch = evaluate(template, values)
        for theme in THEMES:
            yield f"{PICTURES}/{name}-{theme}.svg", picture(launch, contract, theme).svg()


def _size(text: str) -> tuple[int, int]:
    """The type of an argument such as 1100x700."""
    found = re.fullmatch(r"([0-9]{2,4})x([0-9]{2,4})", text, re.ASCII)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(50 <= each <= LARGEST for each in size):
        raise argparse.ArgumentTypeError(f"{text} is not a size such as 1100x700, of 50 to {LARGEST} pixels each way")
    return size
