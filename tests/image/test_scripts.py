"""The programs of the machine image as files: what an instance and Image Builder can take."""

from __future__ import annotations

import ast
import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from quilt_cfn import image

FOLDER = Path(image.__file__).parent
SHELL = [FOLDER / name for name in image.PROGRAMS if name.endswith(".sh")]
PYTHON = [FOLDER / name for name in image.PROGRAMS if name.endswith(".py")]


def test_every_program_is_named():
    not_there = {"__init__.py", "explanations.py"}
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} - not_there == set(image.PROGRAMS)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing():
    assert len(SHELL) == 3
    done = subprocess.run(["shellcheck", *SHELL], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.name)
def test_the_programs_are_for_python_3_9(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "__future__" in modules, "annotations are not evaluated"
    # What Python 3.10 brought, and would fail only when it runs.
    names = {getattr(node, "id", None) for node in ast.walk(tree)}
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert not names & {"aiter", "anext", "pairwise"}
    assert "strict" not in keywords
    assert "match" not in {type(node).__name__.lower() for node in ast.walk(tree)}


@pytest.mark.parametrize("name", image.PROGRAMS)
def test_image_builder_takes_the_file(name):
    """A document has at most 16,000 characters, each line 8 further to the right; two braces begin a variable."""
    text = image.read(name)
    assert len(text) + 8 * text.count("\n") < 15_000
    assert "{{" not in text
    assert text.endswith("\n")


@pytest.mark.parametrize("name", [name for name in image.PROGRAMS if name.endswith(".csv")])
def test_every_row_of_a_table_has_a_value_in_every_column(name):
    rows = list(csv.reader(line for line in image.read(name).splitlines() if not line.startswith("#")))
    assert {len(row) for row in rows} == {len(rows[0])}
