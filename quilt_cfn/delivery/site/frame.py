"""Fills the HTML around the guide's text: the list of pages, the style, and the policy that forbids every request."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_STYLES = ("style.css", "guide.css")


def fill(template: str, **values: Any) -> str:
    """The HTML of a template of this folder."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # late: 0.1 s, which only pages need

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _STYLES)
    return environment.get_template(template).render(style=style, policy=_policy(style), **values)


def _policy(style: str) -> str:
    """The Content-Security-Policy: nothing is loaded, no script runs, and only the page's own style counts.

    https://www.w3.org/TR/CSP3/#framework-directive-source-list
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
