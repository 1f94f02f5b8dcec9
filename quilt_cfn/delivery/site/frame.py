"""Fills the HTML of what people read: styles, scripts, and the policy that forbids every request."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_GUIDE = ("style.css", "guide.css")


def fill(template: str, styles: Sequence[str] = _GUIDE, scripts: Sequence[str] = (), **values: Any) -> str:
    """The HTML of a template of this folder, with styles and scripts out of files of this folder."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late: 0.1 s, which only pages need

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, script = (
        "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in each) for each in (styles, scripts)
    )
    return environment.get_template(template).render(
        style=style, script=script, policy=_policy(style, script), **values
    )


def _policy(style: str, script: str) -> str:
    """The Content-Security-Policy: nothing is loaded, and only the page's own style and script count.

    https://www.w3.org/TR/CSP3/#framework-directive-source-list
    """
    own = f" script-src '{_hash(script)}';" if script else ""
    return f"default-src 'none'; style-src '{_hash(style)}';{own} img-src data:; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
