"""Checkouts that can be released, and one that was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from quilt_cfn.cloudformation.launch import Contract
from quilt_cfn.delivery.release import reading
from quilt_cfn.delivery.site.launch_page import page
from quilt_cfn.inputs.release import Release
from tests.delivery.release.checkouts import Checkout, make_checkout


@pytest.fixture(scope="session", autouse=True)
def launch_pages() -> Iterator[None]:
    """Each launch page is made once, by the code that makes it: that takes seconds, and most releases have the same."""
    made: dict[str, str] = {}

    def launch_page(release: Release, templates: Mapping[str, Any], contract: Contract) -> str:
        content = f"{release} {json.dumps(templates)}"
        if content not in made:
            made[content] = page.launch_page(release, templates, contract)
        return made[content]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "launch_page", launch_page)
        yield


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
