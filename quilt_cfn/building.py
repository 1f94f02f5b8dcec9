"""What ``quilt-cfn build`` does: decide which text goes where, then write it.

The rule: everything is rendered before anything is written, so a failure leaves every file as it was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.errors import Trouble
from quilt_cfn.files import write_atomically
from quilt_cfn.release import RELEASE_FILE, read_release
from quilt_cfn.render import to_json, to_yaml
from quilt_cfn.stack import EDITIONS, Edition, build

STANDARD_OUTPUT = "-"


class Rendering(NamedTuple):
    """A template as text, and the file it belongs in; None is standard output."""

    text: str
    file: Path | None


def build_all(names: Sequence[str], output: str, format: str, release_file: Path | None) -> Iterator[str]:
    """Render the editions named, or all, and write them; yields a line for each file."""
    editions = [_edition(name) for name in dict.fromkeys(names)] or list(EDITIONS.values())
    files = [_file(edition, output, format, alone=len(editions) == 1) for edition in editions]
    release = read_release(release_file or RELEASE_FILE)
    to_text = to_json if format == "json" else to_yaml
    renderings = [
        Rendering(to_text(build(edition, release)), file) for edition, file in zip(editions, files, strict=True)
    ]
    for rendering in renderings:
        if rendering.file is None:
            sys.stdout.write(rendering.text)
            continue
        content = rendering.text.encode()
        changed = write_atomically(rendering.file, content)
        yield f"{rendering.file}: {'written' if changed else 'unchanged'}, {len(content):,} bytes"


def _edition(name: str) -> Edition:
    if name in EDITIONS:
        return EDITIONS[name]
    import difflib  # late: only for a mistake

    close = difflib.get_close_matches(name, EDITIONS, n=1)
    guess = f"Did you mean {close[0]}? " if close else ""
    raise Trouble(f"There is no edition {name!r}.", f"{guess}The editions are {' and '.join(EDITIONS)}.")


def _file(edition: Edition, output: str, format: str, *, alone: bool) -> Path | None:
    if not output:
        raise Trouble("--output is empty.", "Name a folder, a file, or - for standard output.")
    is_folder = output.endswith(os.sep) or Path(output).is_dir()
    if is_folder:
        return Path(output) / Path(edition.file).with_suffix(f".{format}")
    if not alone:
        what = "standard output" if output == STANDARD_OUTPUT else f"the file {output}"
        raise Trouble(
            f"Several editions don't fit into {what}.",
            f"Name one edition ({' or '.join(EDITIONS)}), or a folder ending in {os.sep}",
        )
    return None if output == STANDARD_OUTPUT else Path(output)
