"""Data that comes with other packages, which are not imported for it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def file_of(package: str, name: str) -> Path:
    """A file of an installed package; importing cfn-lint, for one, would cost 0.8 s."""
    spec = find_spec(package)
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / name
