"""``quilt-cfn release`` in a checkout of its own: a copy of this one with everything a release takes, and one commit.

Releasing runs in this process, whose code counts as that checkout's; the check of the templates, which takes seconds,
is left to a test of its own and to the command in `make prove`. The checkout has tests of its own, two that pass.
"""

from __future__ import annotations

import functools
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import venv
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
from quilt_cfn.delivery.release.artifact import DIAGRAM, MANIFEST, RELEASES, SUMS, compose, read_artifact, read_released
from quilt_cfn.editions import EDITIONS, LARGEST_TEMPLATE
from quilt_cfn.errors import UserError
from quilt_cfn.inputs import subjects
from quilt_cfn.stack.compact import without_script_comments

HERE = Path(__file__).resolve().parents[3]
COPIED = ("quilt_cfn", "templates", "marketplace", "docs", "CHANGELOG.md", ".gitignore", "setup.cfg")
VERSION = "7.8.9"
DRAFT = f"{VERSION}-draft.1"
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

    def without_digests(self, *images: str) -> dict[str, str]:
        """Have no digest of these images, and the templates that follow; returns what each of them is called."""
        file = self.root / "marketplace/release.yaml"
        release = yaml.safe_load(file.read_text())
        for image in images:
            release["images"][image]["digest"] = None
        file.write_text(yaml.safe_dump(release, sort_keys=False))
        assert self.run("build").returncode == 0
        self.commit()
        return {image: release["images"][image]["name"] for image in images}

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
                patch.setattr(make, "_findings", lambda root: ())
            if python == sys.executable and not parallel:
                patch.setattr(make, "PYTEST", ("-m", "pytest", "--quiet"))  # two seconds less
            return list(make.release(self.root, draft, str(python)))

    def refusal(
        self, checked: bool = False, draft: bool = False, python: object = sys.executable, parallel: bool = False
    ) -> str:
        """The error of ``quilt-cfn release``, which wrote nothing."""
        before = self.status()
        with pytest.raises(UserError) as error:
            self.release(checked, draft, python, parallel)
        assert self.status() == before
        return str(error.value)

    def status(self) -> list[str]:
        """What is changed, new or ignored in the checkout, but for what Python compiles while tests run."""
        lines = self.git("status", "--porcelain", "--ignored=matching").splitlines()
        return [line for line in lines if "__pycache__" not in line]


PASSING = "def test_it():\n    pass\n\n\ndef test_it_again():\n    pass\n"


def with_digests(text: str) -> str:
    """A release file with a digest of every image."""
    document = yaml.safe_load(text)
    for number, image in enumerate(document["images"].values()):
        image["digest"] = f"sha256:{str(number) * 64}"
    return yaml.safe_dump(document, sort_keys=False)


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
    checkout.edit("marketplace/release.yaml", with_digests)
    (root / "docs/guide.md").write_text("# Guide\n")
    (root / DIAGRAM).write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "tests").mkdir()
    (root / "tests/test_it.py").write_text(PASSING)
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
    documents = {
        "accepted-findings",
        "guide",
        "costs",
        "decisions",
        "instance",
        "lifecycle",
        "monitoring",
        "provenance",
        "recovery",
    }
    others = {"diagram.png", "sbom.cdx.json"}
    assert set(artifact.contents) == templates | {f"{name}.md" for name in documents} | others
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
    assert manifest["signing_key"] == release["signing"]["key_fingerprint"]
    assert manifest["draft"] is False
    assert manifest["tools"]["python"] == sys.version.split()[0]
    assert {"troposphere", "awacs", "cfn-lint", "cloudformation-validate", "PyYAML"} <= manifest["tools"].keys()
    assert "pytest" not in manifest["tools"]


def test_a_release_changes_nothing_but_its_own_folder(released):
    checkout, _ = released
    assert checkout.git("status", "--porcelain", "--untracked-files=normal") == f"?? {RELEASES}/"
    assert [path.name for path in (checkout.root / RELEASES).iterdir()] == [VERSION]


def test_with_the_digests_of_all_images_every_template_stays_within_its_limit(released):
    checkout, _ = released
    contents = read_artifact(checkout.root / RELEASES / VERSION).contents
    for edition in EDITIONS.values():
        assert contents[edition.file].count(b"@sha256:") >= 3
        for name in (edition.file, edition.file.replace("yaml", "json")):
            assert len(contents[name]) <= LARGEST_TEMPLATE


def test_a_template_above_its_limit_is_refused(checkout, monkeypatch):
    sizes = {file.name: file.stat().st_size for file in (checkout.root / "templates").glob("*.yaml")}
    largest = max(sizes, key=lambda name: sizes[name])
    monkeypatch.setattr(make, "LARGEST_TEMPLATE", sizes[largest] - 1)
    sentence = f"{largest} would have {sizes[largest]:,} bytes, and a template may have {sizes[largest] - 1:,}."
    assert sentence in checkout.refusal()
    assert f"{largest} would have" in checkout.refusal(draft=True)


@pytest.mark.parametrize("draft", [False, True])
def test_what_may_come_later_is_said(checkout, draft):
    printed = "\n".join(checkout.release(draft=draft))
    release = yaml.safe_load((checkout.root / "marketplace/release.yaml").read_text())
    assert ("no ami.id" in printed) is (not release["ami"]["id"])
    assert ("no signing.key_fingerprint" in printed) is (not release["signing"]["key_fingerprint"])


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


def test_an_image_without_a_digest_is_refused_and_the_command_that_shows_it_is_named(checkout):
    images = checkout.without_digests("registry", "catalog", "nginx")
    error = checkout.refusal()
    for name, image in images.items():
        assert f"The image {name}, {image}, has no digest: whoever can move that tag decides what" in error
        assert f"docker buildx imagetools inspect {image}" in error


def test_a_document_or_a_diagram_that_is_not_there_is_refused(checkout):
    for file in (*make.DOCUMENTS, DIAGRAM):
        (checkout.root / file).unlink()
    checkout.commit()
    error = checkout.refusal()
    for file in (*make.DOCUMENTS, DIAGRAM):
        assert f"There is no {file}, and a released version can't get one later." in error


def test_everything_that_is_in_the_way_is_listed_at_once_and_no_test_is_run(checkout):
    checkout.without_digests("nginx")
    checkout.edit("templates/quilt-registry.yaml", lambda text: text + "# by hand\n")
    checkout.edit("CHANGELOG.md", lambda text: text.replace(f"{VERSION} (2026-11-30)", f"{VERSION} (unreleased)"))
    checkout.edit("tests/test_it.py", lambda text: "import pathlib\n\npathlib.Path('ran').touch()\n")
    (checkout.root / "docs/guide.md").unlink()
    first, *lines = checkout.refusal().replace(" Fix what", "\nFix what").split("\n")
    assert first == f"{VERSION} can't be released:"
    beginnings = (
        "  The checkout has changes that no commit has: CHANGELOG.md, ",
        f"  The entry of {VERSION} in CHANGELOG.md has no date. Head it",
        "  templates/quilt-registry.yaml is not what this code builds. Run make template",
        "  The image nginx, docker.io/library/nginx:",
        "  There is no docs/guide.md, and a released version can't get one later. Make it",
        "Fix what is listed and run quilt-cfn release again; nothing was written.",
    )
    for line, beginning in zip(lines, beginnings, strict=True):
        assert line.startswith(beginning)
    assert not (checkout.root / "ran").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            f"{PASSING}    assert 0\n",
            "The tests of this checkout don't pass (exit code 1 of pytest): 1 failed, 1 passed in",
        ),
        ("", "There are no tests (exit code 5 of pytest): no tests ran in"),
    ],
)
def test_a_checkout_whose_tests_do_not_pass_is_refused(checkout, content, sentence):
    checkout.edit("tests/test_it.py", lambda text: content)
    checkout.commit()
    error = checkout.refusal(parallel=bool(content))
    assert sentence in error
    assert f"Look at all of it: {sys.executable} -m pytest --quiet" in error


def test_the_tests_are_run_as_make_test_runs_them():
    assert f"-m pytest {' '.join(make.PYTEST[3:])}\n" in (HERE / "Makefile").read_text()


def test_nothing_in_the_environment_leaves_out_a_test(checkout, monkeypatch):
    checkout.edit("tests/test_it.py", lambda text: f"{text}    assert 0\n")
    checkout.commit()
    monkeypatch.setenv("PYTEST_ADDOPTS", "--deselect tests/test_it.py::test_it_again")
    assert "1 failed, 1 passed" in checkout.refusal()


def test_a_change_that_the_tests_leave_behind_is_refused(checkout):
    checkout.edit("tests/test_it.py", lambda text: f"{text}    open('left', 'w').close()\n")
    checkout.commit()
    with pytest.raises(UserError, match=r"The checkout has changes that no commit has: left\."):
        checkout.release()
    assert not (checkout.root / RELEASES).exists()


def test_without_pytest_a_version_is_refused_and_a_draft_is_made(checkout, tmp_path):
    venv.create(tmp_path / "bare", symlinks=True)
    python = tmp_path / "bare/bin/python"
    error = checkout.refusal(python=python)
    assert "The tests of this checkout can't run: ModuleNotFoundError: No module named 'pytest'. Run make test" in error
    assert f"{DRAFT} is a draft" in "\n".join(checkout.release(draft=True, python=python))


def test_the_progress_of_the_tests_is_seen_on_a_terminal_and_nowhere_else(checkout, monkeypatch, capfd):
    here, there = pty.openpty()
    with open(there, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        checkout.release()
        print("the end", file=terminal, flush=True)  # so that there is something to read in any case
        seen = os.read(here, 65536).decode()
    os.close(here)
    assert seen.startswith("Running the tests of this checkout, which takes minutes.")
    assert "2 passed in" in seen
    shutil.rmtree(checkout.root / RELEASES)
    checkout.release()
    assert capfd.readouterr() == ("", "")


def test_a_draft_is_made_of_what_there_is_and_says_everywhere_that_it_is_one(checkout):
    checkout.without_digests("catalog")
    for file in ("docs/guide.md", DIAGRAM):
        (checkout.root / file).unlink()
    checkout.edit("tests/test_it.py", lambda text: f"{text}    assert 0\n")
    checkout.edit("CHANGELOG.md", lambda text: text.replace(f"{VERSION} (2026-11-30)", f"{VERSION} (unreleased)"))
    checkout.commit()
    printed = checkout.release(draft=True)
    warnings = [line for line in printed if line.startswith("warning: ")]
    for missing in ("The image catalog, ", "There is no docs/guide.md, ", f"There is no {DIAGRAM}, "):
        assert sum(missing in warning for warning in warnings) == 1
    assert f"{DRAFT} is a draft in {RELEASES / DRAFT}: " in "\n".join(printed)
    artifact = read_artifact(checkout.root / RELEASES / DRAFT)
    document = artifact.manifest.document
    assert (document["version"], document["draft"], document["diagram"]) == (DRAFT, True, None)
    assert document["released"] == checkout.git("show", "--no-patch", "--format=%cs")
    assert json.loads(artifact.contents["sbom.cdx.json"])["metadata"]["component"]["version"] == DRAFT
    for edition in EDITIONS.values():
        assert f"Quilt Teams Registry {DRAFT}: " in artifact.contents[edition.file].decode()
    for name, content in artifact.contents.items():
        if name.endswith(("md", "yaml")):
            assert DRAFT.encode() in content, name
            assert not re.search(rf"{re.escape(VERSION)}(?!-draft)", content.decode()), name


def test_drafts_are_numbered_are_ignored_by_git_and_change_nothing_about_the_version(checkout):
    for number in (1, 2):
        assert f"{VERSION}-draft.{number} is a draft" in "\n".join(checkout.release(draft=True))
    assert checkout.git("status", "--porcelain") == ""
    with pytest.raises(
        UserError, match=r"No version has been released: .* has only drafts, such as 7\.8\.9-draft\.2\."
    ):
        read_released(checkout.root)
    checkout.release()
    shutil.rmtree(checkout.root / RELEASES / DRAFT)
    checkout.commit()
    assert read_released(checkout.root).version == VERSION
    assert read_released(checkout.root, f"{VERSION}-draft.2").manifest.draft
    assert f"{VERSION} has been released" in checkout.refusal(draft=True)
    checkout.edit("marketplace/release.yaml", lambda text: text.replace(VERSION, "7.8.10"))
    checkout.edit("CHANGELOG.md", lambda text: text.replace(VERSION, "7.8.10"))
    checkout.run("build")
    checkout.commit()
    assert "7.8.10-draft.1 is a draft" in "\n".join(checkout.release(draft=True)), "numbers begin with every version"


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        (
            "CHANGELOG.md",
            lambda text: text.replace(VERSION, "6.0.0"),
            f'Write what customers will notice under "## {VERSION} (unr',
        ),
        ("templates/quilt-registry.yaml", lambda text: text + "# by hand\n", "is not what this code builds."),
        ("marketplace/release.yaml", lambda text: text.replace("registry:2.9", "registry:latest"), "a tag that moves"),
    ],
)
def test_a_draft_is_refused_for_everything_else(checkout, file, change, sentence):
    checkout.edit(file, change)
    assert "The checkout has changes that no commit has" in checkout.refusal(draft=True)
    checkout.commit()
    assert sentence in checkout.refusal(draft=True)


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
    facts: dict[str, Any] = {"version": VERSION, "released": "2026-11-30", "commit": "0" * 40, "editions": {}}
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
    other = plan._replace(artifact=compose({**plan.artifact.manifest.document, "commit": "1" * 40}, {"a.md": b"x"}))
    with pytest.raises(UserError, match="Nothing was released"):
        make.write(other)
    assert read_artifact(plan.folder) == plan.artifact
    assert list(plan.folder.parent.iterdir()) == [plan.folder]
