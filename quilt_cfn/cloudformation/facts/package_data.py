"""Finds data files in other packages without importing these packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def file_of(package: str, name: str) -> Path:
    """The path of a file in an installed package; ``name`` is relative to the package's folder."""
    spec = find_spec(package)
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / name
