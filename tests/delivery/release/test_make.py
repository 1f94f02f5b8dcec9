"""``quilt-cfn release`` in a checkout of its own: a copy of this one with a history of one commit.

Releasing runs in this process, whose code counts as that checkout's; the check of the templates, which takes seconds,
is left to a test of its own and to the command in `make prove`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import quilt_cfn
from quilt_cfn.cloudformation.checks.check import Subject
from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.cloudformation.template.write import to_compact_json
from quilt_cfn.delivery.release import make
from quilt_cfn.delivery.release.artifact import MANIFEST, RELEASES, SUMS, compose, read_artifact
from quilt_cfn.editions import EDITIONS
from quilt_cfn.errors import UserError
from quilt_cfn.inputs import subjects
from quilt_cfn.stack.compact import without_script_comments

HERE = Path(__file__).resolve().parents[3]
COPIED = ("quilt_cfn", "templates", "marketplace", "docs", "CHANGELOG.md", ".gitignore")
VERSION = "7.8.9"


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

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "quilt_cfn", *arguments],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )

    def release(self, checked: bool = False) -> list[str]:
        """What ``quilt-cfn release`` prints."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(quilt_cfn, "__file__", str(self.root / "quilt_cfn/__init__.py"))
            if not checked:
                patch.setattr(make, "_refuse_findings", lambda root: None)
            return list(make.release(self.root))

    def refusal(self, checked: bool = False) -> str:
        """The error of ``quilt-cfn release``, which wrote nothing."""
        before = self.git("status", "--porcelain")
        with pytest.raises(UserError) as error:
            self.release(checked)
        assert self.git("status", "--porcelain") == before
        return str(error.value)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("a release is made from a commit, and git is not installed")
    root = tmp_path_factory.mktemp("original")
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
    version = yaml.safe_load((root / "marketplace/release.yaml").read_text())["version"]
    checkout.edit("marketplace/release.yaml", lambda text: text.replace(f"version: {version}", f"version: {VERSION}"))
    checkout.git("init", "--quiet")
    assert checkout.run("build").returncode == 0
    checkout.commit()
    return root


@pytest.fixture
def checkout(original: Path, tmp_path: Path) -> Checkout:
    shutil.copytree(original, tmp_path / "checkout", symlinks=True)
    return Checkout(tmp_path / "checkout")


@pytest.fixture(scope="module")
def released(original: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, str]:
    """A checkout after ``quilt-cfn release``, and what that printed."""
    root = tmp_path_factory.mktemp("released") / "checkout"
    shutil.copytree(original, root)
    checkout = Checkout(root)
    return checkout, "\n".join(checkout.release())


def test_a_release_is_a_folder_with_every_edition_in_both_formats_and_its_hashes(released):
    checkout, _ = released
    folder = checkout.root / RELEASES / VERSION
    artifact = read_artifact(folder)
    templates = {name for edition in EDITIONS.values() for name in (edition.file, edition.file.replace("yaml", "json"))}
    documents = {"costs.md", "decisions.md", "instance.md", "lifecycle.md", "recovery.md"}
    assert templates | documents | {"sbom.cdx.json"} <= set(artifact.contents)
    for edition in EDITIONS.values():
        reviewed = checkout.root / "templates" / edition.file
        assert artifact.contents[edition.file] == reviewed.read_bytes()
        compact = without_script_comments(read_template(reviewed).data)
        assert artifact.contents[edition.file.replace("yaml", "json")] == to_compact_json(compact).encode()
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=folder, check=True)
    assert len((folder / SUMS).read_text().splitlines()) == len(list(folder.iterdir())) - 1


def test_the_manifest_has_the_commit_the_images_and_the_tools_of_the_release(released):
    checkout, _ = released
    manifest = json.loads((checkout.root / RELEASES / VERSION / MANIFEST).read_text())
    assert (manifest["version"], manifest["released"]) == (VERSION, "2026-11-30")
    assert manifest["commit"] == checkout.git("rev-parse", "HEAD")
    release = yaml.safe_load((checkout.root / "marketplace/release.yaml").read_text())
    assert manifest["images"] == release["images"]
    assert manifest["database"] == release["database"]
    assert manifest["ami"] == release["ami"]
    assert manifest["tools"]["python"] == sys.version.split()[0]
    assert {"troposphere", "awacs", "cfn-lint", "cloudformation-validate", "PyYAML"} <= manifest["tools"].keys()
    assert "pytest" not in manifest["tools"]


def test_a_release_changes_nothing_but_its_own_folder(released):
    checkout, _ = released
    assert checkout.git("status", "--porcelain", "--untracked-files=normal") == f"?? {RELEASES}/"
    assert [path.name for path in (checkout.root / RELEASES).iterdir()] == [VERSION]


def test_what_the_vendor_has_not_supplied_is_reported_and_not_invented(released):
    checkout, printed = released
    release = yaml.safe_load((checkout.root / "marketplace/release.yaml").read_text())
    for name, image in release["images"].items():
        assert (f"the image {name}, {image['name']}, has no digest" in printed) is (not image["digest"])
    assert ("no ami.id" in printed) is (not release["ami"]["id"])


def test_a_version_that_exists_is_refused(released):
    checkout, _ = released
    checkout.commit()
    assert f"{VERSION} has been released, and a release never changes." in checkout.refusal()


def test_a_version_that_only_has_a_tag_is_refused(checkout):
    checkout.git("tag", f"v{VERSION}")
    assert f"{VERSION} has been released" in checkout.refusal()


@pytest.mark.parametrize("higher", ["7.8.10", "10.0.0"])
def test_a_version_that_goes_backwards_is_refused(checkout, higher):
    (checkout.root / RELEASES / higher).mkdir(parents=True)
    (checkout.root / RELEASES / higher / MANIFEST).touch()
    checkout.commit()
    assert f"{VERSION} comes before {higher}, which has been released." in checkout.refusal()


def test_a_withdrawn_version_is_refused_whatever_else_its_changelog_says(checkout):
    checkout.edit("CHANGELOG.md", lambda text: f"{text}\n## {VERSION} (withdrawn 2026-11-27)\n\nIt was wrong.\n")
    checkout.commit()
    error = checkout.refusal()
    assert f"{VERSION} was withdrawn, and its number is never used again." in error
    assert "Give marketplace/release.yaml the next version." in error


def test_a_version_before_a_withdrawn_one_is_refused(checkout):
    checkout.edit("CHANGELOG.md", lambda text: f"{text}\n## 7.8.10 (withdrawn 2026-11-27)\n\nIt was wrong.\n")
    checkout.commit()
    error = checkout.refusal()
    assert f"{VERSION} comes before 7.8.10, which was withdrawn." in error
    assert "Give marketplace/release.yaml a version above 7.8.10." in error


def test_a_change_that_no_commit_has_is_refused(checkout):
    checkout.edit("docs/instance.md", lambda text: text + "\nOne more thing.\n")
    assert "The checkout has changes that no commit has: docs/instance.md." in checkout.refusal()
    checkout.git("checkout", "--", "docs/instance.md")
    (checkout.root / "quilt_cfn" / "forgotten.py").touch()
    assert "The checkout has changes that no commit has: quilt_cfn/forgotten.py." in checkout.refusal()


def test_a_checkout_without_git_is_refused(checkout):
    shutil.rmtree(checkout.root / ".git")
    with pytest.raises(UserError, match=r"Run this in a git checkout\."):
        checkout.release()


def test_the_command_refuses_to_run_with_code_that_is_not_the_checkouts_own(checkout):
    done = subprocess.run(
        [Path(sys.executable).with_name("quilt-cfn"), "release"],
        cwd=checkout.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not the one of this checkout" in done.stderr


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ("docker.io/quiltdata/registry:latest", "The image registry is docker.io/quiltdata/registry:latest"),
        ("docker.io/quiltdata/registry", "has 'docker.io/quiltdata/registry' as images.registry.name"),
        ("localhost:5000/registry", "has 'localhost:5000/registry' as images.registry.name"),
    ],
)
def test_an_image_with_a_tag_that_moves_is_refused(checkout, image, sentence):
    release = yaml.safe_load((checkout.root / "marketplace/release.yaml").read_text())
    named = release["images"]["registry"]["name"]
    checkout.edit("marketplace/release.yaml", lambda text: text.replace(named, image))
    checkout.commit()
    assert sentence in checkout.refusal()


@pytest.mark.parametrize(
    ("heading", "sentence"),
    [
        ("## 6.0.0 (2026-11-30)", f"CHANGELOG.md says nothing about {VERSION}."),
        (f"## {VERSION} (unreleased)", f"The entry of {VERSION} in CHANGELOG.md has no date."),
        (f"## {VERSION} (2026-11-30)\n\n## 6.0.0 (2026-11-29)", f"CHANGELOG.md says nothing about {VERSION}."),
    ],
)
def test_a_version_without_a_dated_entry_in_the_changelog_is_refused(checkout, heading, sentence):
    checkout.edit("CHANGELOG.md", lambda text: text.replace(f"## {VERSION} (2026-11-30)", heading))
    checkout.commit()
    assert sentence in checkout.refusal()


def test_templates_that_are_not_what_the_code_builds_are_refused(checkout):
    checkout.edit("templates/quilt-registry.yaml", lambda text: text + "# by hand\n")
    checkout.commit()
    assert "templates/quilt-registry.yaml is not what this code builds." in checkout.refusal()


def test_a_template_with_findings_is_refused(checkout, tmp_path, monkeypatch):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("Resources: {Bucket: {Type: AWS::S3::Bucket, Properties: {Colour: red}}}\n")
    monkeypatch.setattr(subjects, "read_subjects", lambda *_: [Subject(wrong)])
    error = checkout.refusal(checked=True)
    assert "quilt-cfn check has 2 findings, the first: " in error, "each linter has its own"
    assert "E3002" in error


@pytest.mark.exhaustive  # with the check of the templates
def test_the_command_makes_the_same_bytes_of_the_same_commit_whatever_a_killed_run_left(released, checkout):
    unfinished = checkout.root / RELEASES / f".{VERSION}.new"
    unfinished.mkdir(parents=True)
    (unfinished / SUMS).write_text("half")
    with (checkout.root / ".git/info/exclude").open("a") as file:
        file.write(".*.new\n")
    assert checkout.run("release").returncode == 0
    assert [path.name for path in (checkout.root / RELEASES).iterdir()] == [VERSION]
    first, second = (read_artifact(each.root / RELEASES / VERSION) for each in (released[0], checkout))
    assert first == second


@pytest.fixture
def plan(tmp_path):
    facts: dict[str, Any] = {"version": VERSION, "editions": {}, "diagram": None}
    return make.ReleasePlan(compose(facts, {"a.md": b"a", "b.md": b"b"}), tmp_path / "releases" / VERSION, ())


def test_a_folder_appears_complete(plan):
    unfinished = plan.folder.with_name(f".{VERSION}.new")
    unfinished.mkdir(parents=True)
    (unfinished / "left-over").write_text("of a run that was killed")
    make.write(plan)
    assert read_artifact(plan.folder) == plan.artifact
    assert list(plan.folder.parent.iterdir()) == [plan.folder]


def test_a_folder_that_cannot_be_written_leaves_nothing(plan):
    plan.folder.parent.write_text("a file in the way")
    with pytest.raises(UserError, match="Nothing was released"):
        make.write(plan)
    assert plan.folder.parent.read_text() == "a file in the way"


def test_a_folder_that_exists_is_left_as_it_is(plan):
    make.write(plan)
    other = plan._replace(artifact=compose({**plan.artifact.manifest.document, "commit": "other"}, {"a.md": b"x"}))
    with pytest.raises(UserError, match="Nothing was released"):
        make.write(other)
    assert read_artifact(plan.folder) == plan.artifact
    assert list(plan.folder.parent.iterdir()) == [plan.folder]
