"""What keeps a version from being released: nothing is written then, and what is said names what to do about it."""

from __future__ import annotations

import os
import pty
import shutil
import sys
import venv
from collections.abc import Callable
from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.check import Subject
from quilt_cfn.delivery.release import gates
from quilt_cfn.delivery.release.artifact import MANIFEST, RELEASES, compose
from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.errors import UserError
from quilt_cfn.inputs import subjects
from tests.delivery.marketplace.checkouts import AMI
from tests.delivery.release.checkouts import DRAFT, HERE, PASSING, VERSION, Checkout


def test_a_template_above_its_limit_is_refused(checkout, monkeypatch):
    sizes = {file.name: file.stat().st_size for file in (checkout.root / "templates").glob("*.yaml")}
    largest = max(sizes, key=lambda name: sizes[name])
    monkeypatch.setattr(gates, "LARGEST_TEMPLATE", sizes[largest] - 1)
    sentence = f"{largest} would have {sizes[largest]:,} bytes, and a template may have {sizes[largest] - 1:,}."
    assert sentence in checkout.refusal()
    assert f"{largest} would have" in checkout.refusal(draft=True)


def test_a_version_that_exists_is_refused(released, tmp_path):
    shutil.copytree(released[0].root, tmp_path / "released")
    checkout = Checkout(tmp_path / "released")
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
    checkout.edit("docs/guide/instance.md", lambda text: text + "\nOne more thing.\n")
    assert "The checkout has changes that no commit has: docs/guide/instance.md." in checkout.refusal()
    checkout.git("checkout", "--", "docs/guide/instance.md")
    (checkout.root / "quilt_cfn" / "forgotten.py").touch()
    assert "The checkout has changes that no commit has: quilt_cfn/forgotten.py." in checkout.refusal()


def unconfirmed(document: Any) -> None:
    document["images"]["catalog"]["unconfirmed"] = "Nobody saw it."


def without_tag(document: Any) -> None:
    document["images"]["registry"]["name"] = "localhost:5000/registry"


def with_latest(document: Any) -> None:
    document["images"]["registry"]["name"] = "docker.io/quiltdata/registry:latest"


def without_digest(document: Any) -> None:
    document["images"]["nginx"]["digest"] = None


def without_machine_image(document: Any) -> None:
    document["ami"]["id"] = None


RESOLVE = "run quilt-cfn images resolve"
BAKE = "docs/releasing.md, “The machine image” says: aws imagebuilder start-image-pipeline-execution"
LACKING: dict[Callable[[Any], None], tuple[str, str]] = {
    unconfirmed: (
        "Nobody has confirmed the image catalog, docker.io/quiltdata/catalog:2.9: Nobody saw it.",
        f"remove images.catalog.unconfirmed, and {RESOLVE}.",
    ),
    without_tag: ("The image registry is localhost:5000/registry, a name that moves to another image.", RESOLVE),
    with_latest: ("The image registry is docker.io/quiltdata/registry:latest, a name that moves", RESOLVE),
    without_digest: ("The image nginx, docker.io/library/nginx:", "Run quilt-cfn images resolve, and commit"),
    without_machine_image: ("marketplace/release.yaml has no ami.id", BAKE),
}
"""What may be missing in release.yaml -> what is said about it, and the command that makes it."""


@pytest.mark.parametrize("lack", LACKING)
def test_what_is_missing_in_the_release_file_is_refused_with_the_command_that_makes_it(checkout, lack):
    checkout.change(lack)
    _, *lines = checkout.refusal().splitlines()
    assert len(lines) == 1, "nothing else is in the way"
    for words in LACKING[lack]:
        assert words in lines[0]
    warnings = [line for line in checkout.release(draft=True) if line.startswith("warning: ")]
    assert sum(LACKING[lack][0] in warning for warning in warnings) == 1, "a draft is made, and says it"


def test_the_machine_image_of_another_version_is_refused(checkout):
    facts = {"version": "7.8.8", "released": "2026-11-29", "commit": "0" * 40, "editions": {}, "ami": {"id": AMI}}
    earlier = checkout.root / RELEASES / "7.8.8"
    earlier.mkdir(parents=True)
    for name, content in compose(facts, {"a.md": b"a"}).everything.items():
        (earlier / name).write_bytes(content)
    checkout.commit()
    error = checkout.refusal()
    assert f"{AMI}, ami.id in marketplace/release.yaml, is the image of 7.8.8: it boots no other." in error
    assert BAKE in error


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
    for file in TEMPLATE_FILES.values():
        checkout.edit(f"templates/{file}", lambda text: text + "# by hand\n")
    checkout.commit()
    error = checkout.refusal()
    for file in TEMPLATE_FILES.values():
        assert f"templates/{file} is not what this code builds. Run make template, and commit its diff." in error


def test_a_template_with_findings_is_refused(checkout, tmp_path, monkeypatch):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("Resources: {Bucket: {Type: AWS::S3::Bucket, Properties: {Colour: red}}}\n")
    monkeypatch.setattr(subjects, "read_subjects", lambda *_: [Subject(wrong)])
    error = checkout.refusal(checked=True)
    assert "quilt-cfn check has 2 findings, the first: " in error, "each linter has its own"
    assert "E3002" in error


def test_a_guide_with_a_link_that_leads_nowhere_is_refused_and_so_is_a_draft(checkout):
    (checkout.root / "docs/guide/removal.md").write_text(
        "# Removal\n\n[Gone](gone.md), and [no heading](cost.md#no).\n"
    )
    checkout.commit()
    for draft in (False, True):
        error = checkout.refusal(draft=draft)
        assert "removal.md links to gone.md, and there is no such page" in error
        assert "removal.md links to cost.md#no, and cost.md has no such heading" in error


def test_everything_that_is_in_the_way_is_listed_at_once_and_no_test_is_run(checkout):
    """All that a version takes is missing, whatever the checkout has already."""
    checkout.change(lambda document: [lack(document) for lack in (unconfirmed, without_tag, without_digest)])
    checkout.change(without_machine_image)
    checkout.edit("templates/quilt-registry.yaml", lambda text: text + "# by hand\n")
    checkout.edit("CHANGELOG.md", lambda text: text.replace(f"{VERSION} (2026-11-30)", f"{VERSION} (unreleased)"))
    checkout.edit("tests/test_it.py", lambda text: "import pathlib\n\npathlib.Path('ran').touch()\n")
    (checkout.root / "docs/guide/cost.md").unlink()
    first, *lines = checkout.refusal().replace(" Fix what", "\nFix what").split("\n")
    assert first == f"{VERSION} can't be released:"
    beginnings = (
        "  The checkout has changes that no commit has: CHANGELOG.md, ",
        f"  The entry of {VERSION} in CHANGELOG.md has no date. Head it",
        "  templates/quilt-registry.yaml is not what this code builds. Run make template",
        f"  {checkout.root}/docs/guide/navigation.yaml does not fit the pages beside it: cost.md is not there. Name",
        "  The image registry is localhost:5000/registry, a name that moves",
        "  Nobody has confirmed the image catalog, docker.io/quiltdata/catalog:2.9",
        "  The image nginx, docker.io/library/nginx:",
        "  marketplace/release.yaml has no ami.id",
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
    assert f"-m pytest {' '.join(gates.PYTEST[3:])}\n" in (HERE / "Makefile").read_text()


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
