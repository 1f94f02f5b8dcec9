"""``quilt-cfn build``: builds templates and writes them.

Everything is built before anything is written, so that a failure leaves every file as it was.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quilt_cfn.commands.arguments import STANDARD_OUTPUT, TEMPLATES, add_command
from quilt_cfn.commands.checkout import find_own_checkout
from quilt_cfn.editions import LARGEST_TEMPLATE, TEMPLATE_FILES, nearest
from quilt_cfn.errors import UserError

_NAMES_OF_STANDARD_OUTPUT = (STANDARD_OUTPUT, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""A file behind it may have a beginning already, which is not to be replaced."""


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "build",
        run,
        help="build the templates",
        epilog="Examples: quilt-cfn build; quilt-cfn build registry --output /tmp/registry.yaml; "
        "quilt-cfn build marketplace --format json --compact --output -",
    )
    names = " or ".join(TEMPLATE_FILES)
    parser.add_argument("names", metavar="TEMPLATE", nargs="*", help=f"{names}; all when none is named")
    parser.add_argument(
        "--output",
        metavar="PATH",
        help="a folder (existing, or ending in /), a file for a single template, or - for standard output; "
        f"default: {TEMPLATES} of the checkout",
    )
    parser.add_argument("--format", choices=("yaml", "json"), default="yaml", help="default: %(default)s")
    parser.add_argument(
        "--compact",
        action="store_true",
        help="with --format json: without white space, and without the comments of the scripts that the instance gets",
    )
    parser.add_argument(
        "--release", metavar="FILE", type=Path, help="default: marketplace/release.yaml of this checkout"
    )


def run(options: argparse.Namespace) -> int:
    """Build every template, or those named, and say how large each is."""
    for name in options.names:
        if name not in TEMPLATE_FILES:
            raise UserError(f"There is no template {name!r}.", nearest(name))
    names = list(dict.fromkeys(options.names)) or list(TEMPLATE_FILES)
    if options.compact and options.format != "json":
        raise UserError("--compact is about JSON.", "Add --format json.")
    if options.output in _NAMES_OF_STANDARD_OUTPUT:
        options.output = STANDARD_OUTPUT
    output = options.output or f"{find_own_checkout() / TEMPLATES}{os.sep}"
    files = [_file(name, output, options.format, alone=len(names) == 1) for name in names]
    gc.disable()  # a build ends before garbage is worth collecting: 6% less time
    try:
        texts = _texts(names, options)
    finally:
        gc.enable()
    for text, file in zip(texts, files, strict=True):
        if file is None:
            sys.stdout.buffer.write(text.encode())  # UTF-8, whatever the terminal's encoding is
        else:
            print(_write(text, file, options.compact))
    return 0


def _texts(names: Sequence[str], options: argparse.Namespace) -> list[str]:
    from quilt_cfn.cloudformation.template.write import to_compact_json, to_json, to_yaml
    from quilt_cfn.inputs.release import RELEASE_FILE, read_release
    from quilt_cfn.stack import BUILDERS  # late: troposphere costs 0.1 s, which other commands don't need
    from quilt_cfn.stack.compact import without_script_comments

    release = read_release(options.release or RELEASE_FILE)
    templates = [BUILDERS[name](release) for name in names]
    if options.compact:
        return [to_compact_json(without_script_comments(template)) for template in templates]
    return [to_json(template) if options.format == "json" else to_yaml(template) for template in templates]


def _write(text: str, file: Path, compact: bool) -> str:
    from quilt_cfn.cloudformation.facts.quotas import TEMPLATE_INLINE
    from quilt_cfn.files import write_atomically

    content = text.encode()
    changed = write_atomically(file, content)
    line = f"{file}: {'written' if changed else 'unchanged'}, {len(content):,} bytes of at most {LARGEST_TEMPLATE:,}"
    if not compact:
        return line
    fits = "fits" if len(content) <= TEMPLATE_INLINE else "does not fit"
    return f"{line}; {fits} into the {TEMPLATE_INLINE:,} bytes of --template-body"


def _file(name: str, output: str, format: str, *, alone: bool) -> Path | None:
    """Where a template is written; None is standard output."""
    if output.endswith(os.sep) or Path(output).is_dir():
        return Path(output) / Path(TEMPLATE_FILES[name]).with_suffix(f".{format}")
    if not alone:
        what = "standard output" if output == STANDARD_OUTPUT else f"the file {output}"
        raise UserError(
            f"Several templates don't fit into {what}.",
            f"Name one template ({' or '.join(TEMPLATE_FILES)}), or a folder ending in {os.sep}",
        )
    return None if output == STANDARD_OUTPUT else Path(output)
