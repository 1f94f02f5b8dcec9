"""``quilt-cfn release`` in a checkout in which nothing is in its way, and drafts of what is not complete."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.cloudformation.template.write import to_compact_json
from quilt_cfn.delivery.release import make
from quilt_cfn.delivery.release.artifact import MANIFEST, RELEASES, SUMS, compose, read_artifact, read_released
from quilt_cfn.delivery.release.diagram import diagram_fault
from quilt_cfn.editions import EDITIONS, IMAGE_FACTORY, LARGEST_TEMPLATE, TEMPLATE_FILES
from quilt_cfn.errors import UserError
from quilt_cfn.stack.compact import without_script_comments
from tests.delivery.release.checkouts import DRAFT, VERSION


def test_a_release_is_a_folder_with_every_template_in_both_formats_and_its_hashes(released):
    checkout, _ = released
    folder = checkout.root / RELEASES / VERSION
    artifact = read_artifact(folder)
    templates = {name for file in TEMPLATE_FILES.values() for name in (file, file.replace("yaml", "json"))}
    pictures = {"diagram.png", *(f"diagram-{name}.svg" for name in EDITIONS)}
    others = {"launch.html", "guide.html", "CHANGELOG.md", "sbom.cdx.json"} | pictures
    others |= {
        name
        for name in artifact.contents
        if re.fullmatch(r"deployment-role-(registry|marketplace)-(\d|trust)\.json", name)
    }
    assert set(artifact.contents) == templates | others
    for file in TEMPLATE_FILES.values():
        reviewed = checkout.root / "templates" / file
        assert artifact.contents[file] == reviewed.read_bytes()
        compact = without_script_comments(read_template(reviewed).data)
        assert artifact.contents[file.replace("yaml", "json")] == to_compact_json(compact).encode()
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=folder, check=True)
    assert len((folder / SUMS).read_text().splitlines()) == len(list(folder.iterdir())) - 1


def test_the_manifest_has_the_commit_the_images_and_the_tools_of_the_release(released):
    checkout, _ = released
    manifest = json.loads((checkout.root / RELEASES / VERSION / MANIFEST).read_text())
    assert (manifest["version"], manifest["released"]) == (VERSION, "2026-11-30")
    assert manifest["commit"] == checkout.git("rev-parse", "HEAD")
    release = yaml.safe_load((checkout.root / "marketplace/release.yaml").read_text())
    assert manifest["images"] == release["images"]
    assert manifest["editions"].keys() == EDITIONS.keys(), "a template that is no edition is a file among the others"
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


@pytest.mark.parametrize("draft", [False, True])
def test_a_release_without_a_key_says_what_that_means(checkout, draft):
    printed = "\n".join(checkout.release(draft=draft))
    release = yaml.safe_load((checkout.root / "marketplace/release.yaml").read_text())
    assert ("no signing.key_fingerprint" in printed) is (not release["signing"]["key_fingerprint"])


@pytest.mark.parametrize("name", TEMPLATE_FILES)
def test_a_release_says_which_templates_it_made_and_whether_they_can_be_sent_inline(released, name):
    checkout, printed = released
    file = TEMPLATE_FILES[name].replace("yaml", "json")
    size = len((checkout.root / RELEASES / VERSION / file).read_bytes())
    fits = "fits" if size <= 51_200 else "does not fit"
    line = f"{name}: {TEMPLATE_FILES[name]} and {file}, which has {size:,} bytes and {fits} into the 51,200 of"
    assert sum(each.startswith(line) for each in printed.splitlines()) == 1


def test_a_checkout_without_git_is_refused(checkout):
    shutil.rmtree(checkout.root / ".git")
    with pytest.raises(UserError, match=r"Run this in a git checkout\."):
        checkout.release()


def test_a_release_has_the_policies_of_a_role_that_launches_each_edition(released):
    checkout, _ = released
    contents = read_artifact(checkout.root / RELEASES / VERSION).contents
    for name in EDITIONS:
        policy, trust = (json.loads(contents[f"deployment-role-{name}-{each}.json"]) for each in (1, "trust"))
        assert policy["Statement"][0]["Effect"] == "Allow"
        assert trust["Statement"][0]["Principal"] == {"Service": "cloudformation.amazonaws.com"}


def test_a_release_has_a_picture_of_each_edition_and_one_as_aws_marketplace_wants_it(released):
    checkout, _ = released
    contents = read_artifact(checkout.root / RELEASES / VERSION).contents
    assert diagram_fault(contents["diagram.png"], (1100, 700)) is None
    for name in EDITIONS:
        assert VERSION in contents[f"diagram-{name}.svg"].decode()
    assert b"RegistryUser" in contents["diagram-registry.svg"]
    assert b"RegistryUser" not in contents["diagram-marketplace.svg"]


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


def test_a_draft_is_made_of_what_there_is_and_says_everywhere_that_it_is_one(checkout):
    checkout.without_digests("catalog")
    checkout.edit("tests/test_it.py", lambda text: f"{text}    assert 0\n")
    checkout.edit("CHANGELOG.md", lambda text: text.replace(f"{VERSION} (2026-11-30)", f"{VERSION} (unreleased)"))
    checkout.commit()
    printed = checkout.release(draft=True)
    warnings = [line for line in printed if line.startswith("warning: ")]
    assert sum("The image catalog, " in warning for warning in warnings) == 1
    assert f"{DRAFT} is a draft in {RELEASES / DRAFT}: " in "\n".join(printed)
    artifact = read_artifact(checkout.root / RELEASES / DRAFT)
    document = artifact.manifest.document
    assert (document["version"], document["draft"], document["diagram"]) == (DRAFT, True, "diagram.png")
    assert document["released"] == checkout.git("show", "--no-patch", "--format=%cs")
    assert json.loads(artifact.contents["sbom.cdx.json"])["metadata"]["component"]["version"] == DRAFT
    for edition in EDITIONS.values():
        assert f"Quilt Teams Registry {DRAFT}: " in artifact.contents[edition.file].decode()
    # Image Builder's own versions are three numbers, whatever the name beside them says.
    of_image_builder = re.compile(rf"(?m)^ +Version: '?{re.escape(VERSION)}'?$")
    for name, content in artifact.contents.items():
        if name.endswith(("html", "md", "yaml")):
            assert DRAFT.encode() in content, name
        if name.endswith(("html", "yaml")):
            rest = of_image_builder.sub("", content.decode()) if name == IMAGE_FACTORY.file else content.decode()
            assert not re.search(rf"{re.escape(VERSION)}(?!-draft)", rest), name


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
    checkout.build()
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
