"""A checkout of its own for ``quilt-cfn release``: a copy of this one with everything a release takes, and one commit.

Releasing runs in this process, whose code counts as that checkout's; the check of the templates, which takes seconds,
is left to a test of its own and to the command in `make prove`. The checkout has tests of its own, two that pass.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import quilt_cfn
from quilt_cfn.delivery.release import gates, make
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import read_release
from tests.delivery.marketplace.checkouts import AMI

HERE = Path(__file__).resolve().parents[3]
COPIED = ("quilt_cfn", "templates", "marketplace", "docs", "CHANGELOG.md", ".gitignore", "setup.cfg")
VERSION = "7.8.9"
DRAFT = f"{VERSION}-draft.1"
RELEASE = "marketplace/release.yaml"
PASSING = "def test_it():\n    pass\n\n\ndef test_it_again():\n    pass\n"
TEMPLATES = functools.cache(make._templates)
"""Those of a release are built once, for all tests."""


class Checkout:
    """A git checkout that a test may do anything to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *identity, "-C", str(self.root), *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "as it is")

    def edit(self, file: str, change: Callable[[str], str]) -> None:
        path = self.root / file
        before = path.read_text(encoding="utf-8")
        assert change(before) != before
        path.write_text(change(before), encoding="utf-8")

    def change(self, change: Callable[[Any], None]) -> None:
        """Change the content of release.yaml, build the templates that follow, and commit both."""
        file = self.root / RELEASE
        document = yaml.safe_load(file.read_text())
        change(document)
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        self.build()
        self.commit()

    def without_digests(self, *images: str) -> dict[str, str]:
        """Have no digest of these images, and the templates that follow; returns what each of them is called."""

        def forget(document: Any) -> None:
            for image in images:
                document["images"][image]["digest"] = None

        self.change(forget)
        named = yaml.safe_load((self.root / RELEASE).read_text())["images"]
        return {image: named[image]["name"] for image in images}

    def build(self) -> None:
        """What ``quilt-cfn build`` does in this checkout."""
        for name, content in TEMPLATES(read_release(self.root / RELEASE)).items():
            if name.endswith(".yaml"):
                (self.root / "templates" / name).write_bytes(content)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "quilt_cfn", *arguments],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )

    def release(
        self, checked: bool = False, draft: bool = False, python: object = sys.executable, parallel: bool = False
    ) -> list[str]:
        """What ``quilt-cfn release`` prints; ``python`` runs the tests."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(quilt_cfn, "__file__", str(self.root / "quilt_cfn/__init__.py"))
            patch.setattr(make, "_templates", TEMPLATES)
            if not checked:
                patch.setattr(gates, "findings", lambda root: ())
            if python == sys.executable and not parallel:
                patch.setattr(gates, "PYTEST", ("-m", "pytest", "--quiet"))  # two seconds less
            return list(make.release(self.root, draft, str(python)))

    def refusal(
        self, checked: bool = False, draft: bool = False, python: object = sys.executable, parallel: bool = False
    ) -> str:
        """The error of ``quilt-cfn release``, which wrote nothing: every byte of the checkout is as it was."""
        before = self.content()
        with pytest.raises(UserError) as error:
            self.release(checked, draft, python, parallel)
        assert self.content() == before
        return str(error.value)

    def content(self) -> Mapping[str, bytes | None]:
        """Path -> bytes of each file, and None for each folder, but for git's own and for what Python compiles."""
        found: dict[str, bytes | None] = {"git": self.git("show-ref").encode()}
        for folder, folders, files in os.walk(self.root):
            folders[:] = [each for each in folders if each not in (".git", "__pycache__", ".pytest_cache")]
            paths = [Path(folder, each) for each in (*folders, *files)]
            found |= {str(path): path.read_bytes() if path.is_file() else None for path in paths}
        return found


def complete(text: str) -> str:
    """A release file with what the vendor supplies: tag and digest of every image, and the machine image."""
    document = yaml.safe_load(text)
    document["version"] = VERSION
    for number, (name, image) in enumerate(document["images"].items()):
        tagged = image["name"] if name == "nginx" else f"{image['name'].partition(':')[0]}:2.9"
        document["images"][name] = {"name": tagged, "digest": f"sha256:{str(number) * 64}"}
    document["ami"]["id"] = AMI
    return yaml.safe_dump(document, sort_keys=False)


def make_checkout(root: Path) -> Checkout:
    """A checkout in a folder, about which nothing is in the way of a release."""
    for name in COPIED:
        source = HERE / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", "releases"))
        else:
            shutil.copy(source, root / name)
    checkout = Checkout(root)
    checkout.edit(
        "CHANGELOG.md", lambda text: text.replace("\n## ", f"\n## {VERSION} (2026-11-30)\n\n- News.\n\n## ", 1)
    )
    checkout.edit(RELEASE, complete)
    (root / "tests").mkdir()
    (root / "tests/test_it.py").write_text(PASSING)
    checkout.git("init", "--quiet")
    checkout.build()
    checkout.commit()
    return checkout
