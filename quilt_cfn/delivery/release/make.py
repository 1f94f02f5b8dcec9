"""What ``quilt-cfn release`` does: write down, once, what a version is.

The rule: everything is asked before anything is written, the folder of a version appears complete or not at all, and
it never changes afterwards. Whoever publishes later copies it, byte for byte.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import quilt_cfn
from quilt_cfn.cloudformation.facts.quotas import TEMPLATE_INLINE
from quilt_cfn.cloudformation.template.write import to_compact_json, to_yaml
from quilt_cfn.delivery.release.artifact import RELEASES, SUMS, Artifact, compose, released_versions, sha256
from quilt_cfn.editions import EDITIONS
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.changelog import changelog_entry
from quilt_cfn.inputs.release import IN_CHECKOUT, Image, Release, precedence, read_release
from quilt_cfn.stack import build
from quilt_cfn.stack.compact import without_script_comments

DOCUMENTS = ("docs/guide.md", "docs/instance.md", "docs/lifecycle.md")
"""What customers read; those that exist belong to a release."""
DIAGRAM = "marketplace/diagram.png"
BILL_OF_MATERIALS = "sbom.cdx.json"


class ReleasePlan(NamedTuple):
    """A version that nothing keeps from being released."""

    artifact: Artifact
    folder: Path
    warnings: tuple[str, ...]


def release(root: Path) -> Iterator[str]:
    """Release the version of ``marketplace/release.yaml`` in the checkout whose top folder is ``root``.

    Yields what was done and what is next. Raises ``UserError`` for whatever keeps a version from being released; then
    nothing is written.
    """
    root = root.resolve()
    decided = plan_release(root)
    yield from (f"warning: {warning}" for warning in decided.warnings)
    write(decided)
    artifact = decided.artifact
    folder = decided.folder.relative_to(root)
    yield f"{artifact.version} is released in {folder}: {len(artifact.everything)} files"
    for edition in artifact.manifest.editions.values():
        yield _size(edition["json"], artifact)
    yield f"{folder / SUMS} has the SHA-256 {sha256(artifact.manifest.sums)}: add it to tests/publish/test_released.py"
    yield f"Next: commit {folder}, tag the commit v{artifact.version}, and run quilt-cfn publish"


def plan_release(root: Path) -> ReleasePlan:
    """Ask everything, the quick questions first."""
    commit = _commit(root)
    decided = read_release(root / IN_CHECKOUT)
    images = {"registry": decided.registry, "catalog": decided.catalog, "nginx": decided.nginx}
    _refuse_moving_tags(images)
    _refuse_old_version(decided.version, root)
    released = _changelog_date(decided.version, root)
    contents = {**_templates(decided, root), **_documents(root)}
    _refuse_findings(root)
    from quilt_cfn.delivery.release.sbom import bill_of_materials  # late: imports cyclonedx

    contents[BILL_OF_MATERIALS] = bill_of_materials(decided.version, released)
    artifact = compose(_facts(decided, released, commit, images, (root / DIAGRAM).name in contents), contents)
    return ReleasePlan(artifact, root / RELEASES / decided.version, tuple(_missing(decided, images, artifact)))


def write(decided: ReleasePlan) -> None:
    """Let the folder appear, complete."""
    new = decided.folder.with_name(f".{decided.folder.name}.new")
    try:
        shutil.rmtree(new, ignore_errors=True)  # of a run that was killed
        new.mkdir(parents=True)
        for name, content in decided.artifact.everything.items():
            with (new / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        new.rename(decided.folder)
    except OSError as error:
        raise UserError(
            f"{decided.folder} could not be written: {error.strerror or error}.",
            "Nothing was released; make room, or make the folder writable, and run quilt-cfn release again.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(new)


def _commit(root: Path) -> str:
    """The commit that is checked out, which must be all there is, and be the code that runs."""
    if Path(_git(root, "rev-parse", "--show-toplevel")).resolve() != root:
        raise UserError(f"{root} is not the top folder of a checkout.", "Run quilt-cfn release there.")
    if not Path(quilt_cfn.__file__).resolve().is_relative_to(root):
        raise UserError(
            f"The quilt-cfn that runs is not the one of this checkout, {root}.",
            "Run bin/quilt-cfn release there: the manifest names the commit that made the release.",
        )
    changed = _git(root, "status", "--porcelain").splitlines()
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UserError(
            f"The checkout has changes that no commit has: {', '.join(line[3:] for line in changed[:3])}{more}.",
            "Commit or remove them: a release is made from a commit.",
        )
    return _git(root, "rev-parse", "HEAD")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise UserError("git is not installed.", "Install it: a release is made from a commit.") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1:] or ["it gave no reason"]
        raise UserError(
            f"git {' '.join(arguments)} failed in {root}: {reason[0].rstrip('.')}.", "Run this in a git checkout."
        ) from None
    return done.stdout.rstrip()


def _refuse_moving_tags(images: dict[str, Image]) -> None:
    for name, image in images.items():
        if image.name.endswith(":latest"):
            raise UserError(
                f"The image {name} is {image.name}, which may be another one tomorrow.",
                "Give marketplace/release.yaml a tag that stays what it is.",
            )


def _refuse_old_version(version: str, root: Path) -> None:
    tags = _git(root, "tag", "--list", "v[0-9]*").splitlines()
    versions = released_versions(root / RELEASES)
    if version in versions or f"v{version}" in tags:
        raise UserError(
            f"{version} has been released, and a release never changes.",
            "Give marketplace/release.yaml the next version.",
        )
    higher = [each for each in versions if precedence(each) > precedence(version)]
    if higher:
        raise UserError(
            f"{version} comes before {higher[-1]}, which has been released.",
            f"Give marketplace/release.yaml a version above {higher[-1]}.",
        )


def _changelog_date(version: str, root: Path) -> str:
    """The day of the release, which the changelog decides."""
    try:
        entry = changelog_entry((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    except (OSError, UnicodeDecodeError):
        entry = None
    if entry is None or not entry.text.strip():
        raise UserError(
            f"CHANGELOG.md says nothing about {version}.",
            f'Write what customers will notice under "## {version} (YYYY-MM-DD)".',
        )
    if entry.date is None:
        raise UserError(
            f"The entry of {version} in CHANGELOG.md has no date.", f'Head it "## {version} (YYYY-MM-DD)" and commit.'
        )
    return entry.date


def _templates(decided: Release, root: Path) -> dict[str, bytes]:
    """Every edition in both formats; those in ``templates/``, which people reviewed, must be the same."""
    contents: dict[str, bytes] = {}
    for edition in EDITIONS.values():
        template = build(edition, decided)
        contents[edition.file] = to_yaml(template).encode()
        contents[_json_name(edition.file)] = to_compact_json(without_script_comments(template)).encode()
        reviewed = root / "templates" / edition.file
        if not reviewed.is_file() or reviewed.read_bytes() != contents[edition.file]:
            raise UserError(
                f"templates/{edition.file} is not what this code builds.", "Run make template, and commit its diff."
            )
    return contents


def _json_name(file: str) -> str:
    return Path(file).with_suffix(".json").name


def _size(name: str, artifact: Artifact) -> str:
    """Whether the compact template can be sent inline, in a line."""
    size = len(artifact.contents[name])
    inline = "fits" if size <= TEMPLATE_INLINE else "does not fit"
    return f"{name} has {size:,} bytes and {inline} into the {TEMPLATE_INLINE:,} of --template-body"


def _documents(root: Path) -> dict[str, bytes]:
    files = [root / name for name in (*DOCUMENTS, DIAGRAM)]
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def _refuse_findings(root: Path) -> None:
    from quilt_cfn.cloudformation.checks.check import check  # late, with the rules; the check itself takes seconds
    from quilt_cfn.inputs.subjects import read_subjects

    findings = check(read_subjects([], None, root / "templates")).findings
    if findings:
        raise UserError(
            f"quilt-cfn check has {len(findings)} findings, the first: {findings[0]}",
            "Run quilt-cfn check, and correct what it finds.",
        )


def _facts(decided: Release, released: str, commit: str, images: dict[str, Image], has_diagram: bool) -> dict[str, Any]:
    return {
        "version": decided.version,
        "released": released,
        "commit": commit,
        "editions": {
            name: {"yaml": edition.file, "json": _json_name(edition.file)} for name, edition in EDITIONS.items()
        },
        "diagram": Path(DIAGRAM).name if has_diagram else None,
        "images": {name: image._asdict() for name, image in images.items()},
        "database": {"postgres": decided.postgres},
        "ami": {"default": decided.ami_default, "id": decided.ami_id},
        "tools": _tools(),
    }


def _tools() -> dict[str, str]:
    """The versions of Python, of this package and of the packages that it asks for."""
    from packaging.requirements import Requirement  # late: only a release asks

    needs = [Requirement(line) for line in metadata.requires("quilt-cfn") or ()]
    names = sorted({need.name for need in needs if not need.marker or need.marker.evaluate({"extra": ""})})
    versions = {name: metadata.version(name) for name in names}
    return {"python": platform.python_version(), "quilt-cfn": quilt_cfn.__version__, **versions}


def _missing(decided: Release, images: dict[str, Image], artifact: Artifact) -> Iterator[str]:
    """What the vendor has yet to supply."""
    for name, image in images.items():
        if not image.digest:
            yield f"the image {name}, {image.name}, has no digest: who can move that tag decides what customers run"
    if not decided.ami_id:
        yield "release.yaml has no ami.id: quilt-cfn marketplace submit will refuse without it"
    if not artifact.manifest.diagram:
        yield f"there is no {DIAGRAM}: quilt-cfn marketplace submit will refuse this version, which can't get one later"
