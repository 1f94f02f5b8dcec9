"""Checkouts that can be released, and one that was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.delivery.release.checkouts import Checkout, make_checkout


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that no test changes."""
    if shutil.which("git") is None:
        pytest.skip("a release is made from a commit, and git is not installed")
    return make_checkout(tmp_path_factory.mktemp("original")).root


@pytest.fixture
def checkout(original: Path, tmp_path: Path) -> Checkout:
    shutil.copytree(original, tmp_path / "checkout", symlinks=True)
    return Checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def released(original: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, str]:
    """A checkout after ``quilt-cfn release``, and what that printed."""
    root = tmp_path_factory.mktemp("released") / "checkout"
    shutil.copytree(original, root)
    checkout = Checkout(root)
    return checkout, "\n".join(checkout.release())
