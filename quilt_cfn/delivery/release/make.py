"""Creates the immutable folder of a release, which is what ``quilt-cfn release`` does.

Everything is checked before anything is written, the folder appears complete or not at all, and it never changes
afterwards. Publishing copies it, byte for byte.
"""

from __future__ import annotations

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
from quilt_cfn.delivery.release.artifact import DIAGRAM, RELEASES, SUMS, Artifact, compose, released_versions, sha256
from quilt_cfn.editions import EDITIONS
from quilt_cfn.errors import UserError
from quilt_cfn.files import write_to_disk
from quilt_cfn.inputs.changelog import changelog_entry, read_changelog, withdrawn_versions
from quilt_cfn.inputs.release import IN_CHECKOUT, Image, Release, precedence, read_release
from quilt_cfn.stack import build
from quilt_cfn.stack.compact import without_script_comments

DOCUMENTS = tuple(
    f"docs/{name}.md" for name in ("guide", "instance", "monitoring", "lifecycle", "recovery", "costs", "decisions")
)
"""What customers read; a release contains those that exist."""
BILL_OF_MATERIALS = "sbom.cdx.json"


class ReleasePlan(NamedTuple):
    """A version that can be released."""

    artifact: Artifact
    folder: Path
    """The folder to create."""
    warnings: tuple[str, ...]


def release(root: Path) -> Iterator[str]:
    """Release the version of ``marketplace/release.yaml`` in the checkout whose top folder is ``root``.

    Yields lines about what was done and what to do next. Raises ``UserError``, having written nothing, when the version
    can't be released.
    """
    root = root.resolve()
    plan = plan_release(root)
    yield from (f"warning: {warning}" for warning in plan.warnings)
    write(plan)
    artifact = plan.artifact
    folder = plan.folder.relative_to(root)
    yield f"{artifact.version} is released in {folder}: {len(artifact.everything)} files"
    for edition in artifact.manifest.editions.values():
        yield _size(edition["json"], artifact)
    hashed = sha256(artifact.manifest.sums)
    yield f"{folder / SUMS} has the SHA-256 {hashed}: add it to tests/delivery/publish/test_released.py"
    yield f"Next: commit {folder}, tag the commit v{artifact.version}, and run quilt-cfn publish"


def plan_release(root: Path) -> ReleasePlan:
    """Check everything, what is quick first, and make the artifact; raises ``UserError`` if it can't be released."""
    commit = _commit(root)
    release = read_release(root / IN_CHECKOUT)
    images = {"registry": release.registry, "catalog": release.catalog, "nginx": release.nginx}
    _refuse_moving_tags(images)
    changelog = read_changelog(root)
    _refuse_old_version(release.version, root, withdrawn_versions(changelog))
    released = _changelog_date(release.version, changelog)
    contents = {**_templates(release, root), **_documents(root)}
    _refuse_findings(root)
    from quilt_cfn.delivery.release.sbom import bill_of_materials  # late: imports cyclonedx

    contents[BILL_OF_MATERIALS] = bill_of_materials(release.version, released)
    artifact = compose(_facts(release, released, commit, images, (root / DIAGRAM).name in contents), contents)
    return ReleasePlan(artifact, root / RELEASES / release.version, tuple(_missing(release, images, artifact)))


def write(plan: ReleasePlan) -> None:
    """Create the folder, complete; raises ``UserError``, and leaves nothing, if it exists or can't be written."""
    new = plan.folder.with_name(f".{plan.folder.name}.new")
    try:
        shutil.rmtree(new, ignore_errors=True)  # of a run that was killed
        new.mkdir(parents=True)
        for name, content in plan.artifact.everything.items():
            write_to_disk(new / name, content)
        new.rename(plan.folder)
    except OSError as error:
        raise UserError(
            f"{plan.folder} could not be written: {error.strerror or error}.",
            "Nothing was released; make room, or make the folder writable, and run quilt-cfn release again.",
        ) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _commit(root: Path) -> str:
    """The commit that is checked out; raises ``UserError`` unless it is the code that runs, without any change."""
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
                f"The image {name} is {image.name}, a tag that moves to another image.",
                "Give marketplace/release.yaml a tag that does not move.",
            )


def _refuse_old_version(version: str, root: Path, withdrawn: frozenset[str]) -> None:
    """Raises ``UserError`` for a version that has been used, or that comes before one that has."""
    next_step = "Give marketplace/release.yaml the next version."
    if version in withdrawn:
        raise UserError(f"{version} was withdrawn, and its number is never used again.", next_step)
    tags = _git(root, "tag", "--list", "v[0-9]*").splitlines()
    versions = {*released_versions(root / RELEASES), *withdrawn}
    if version in versions or f"v{version}" in tags:
        raise UserError(f"{version} has been released, and a release never changes.", next_step)
    highest = max(versions, key=precedence, default=version)
    if precedence(highest) > precedence(version):
        fate = "was withdrawn" if highest in withdrawn else "has been released"
        raise UserError(
            f"{version} comes before {highest}, which {fate}.",
            f"Give marketplace/release.yaml a version above {highest}.",
        )


def _changelog_date(version: str, changelog: str) -> str:
    """The date of the release, which the changelog states."""
    entry = changelog_entry(changelog, version)
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


def _templates(release: Release, root: Path) -> dict[str, bytes]:
    """Every edition in both formats; raises ``UserError`` unless the YAML is the one in ``templates/``."""
    contents: dict[str, bytes] = {}
    for edition in EDITIONS.values():
        template = build(edition, release)
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
    """A line about whether the compact template is small enough for ``--template-body``."""
    size = len(artifact.contents[name])
    inline = "fits" if size <= TEMPLATE_INLINE else "does not fit"
    return f"{name} has {size:,} bytes and {inline} into the {TEMPLATE_INLINE:,} of --template-body"


def _documents(root: Path) -> dict[str, bytes]:
    files = [root / name for name in (*DOCUMENTS, DIAGRAM)]
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def _refuse_findings(root: Path) -> None:
    from quilt_cfn.cloudformation.checks.check import check  # late, with the rules; the check itself takes seconds
    from quilt_cfn.finding import counted, fails
    from quilt_cfn.inputs.subjects import read_subjects

    report = check(read_subjects([], None, root / "templates"))
    findings = [finding for finding in report.findings if fails([finding])]
    if findings:
        raise UserError(
            f"quilt-cfn check has {counted(len(findings), 'finding')}, the first: {findings[0]}",
            "Run quilt-cfn check, and fix what it finds.",
        )


def _facts(release: Release, released: str, commit: str, images: dict[str, Image], has_diagram: bool) -> dict[str, Any]:
    return {
        "version": release.version,
        "released": released,
        "commit": commit,
        "editions": {
            name: {"yaml": edition.file, "json": _json_name(edition.file)} for name, edition in EDITIONS.items()
        },
        "diagram": Path(DIAGRAM).name if has_diagram else None,
        "images": {name: image._asdict() for name, image in images.items()},
        "database": {"postgres": release.postgres},
        "ami": {"default": release.ami_default, "id": release.ami_id},
        "tools": _tools(),
    }


def _tools() -> dict[str, str]:
    """The versions of Python, of this package and of the packages that it requires."""
    from packaging.requirements import Requirement  # late: only a release needs it

    needs = [Requirement(line) for line in metadata.requires("quilt-cfn") or ()]
    names = sorted({need.name for need in needs if not need.marker or need.marker.evaluate({"extra": ""})})
    versions = {name: metadata.version(name) for name in names}
    return {"python": platform.python_version(), "quilt-cfn": quilt_cfn.__version__, **versions}


def _missing(release: Release, images: dict[str, Image], artifact: Artifact) -> Iterator[str]:
    """Sentences about what the vendor has not supplied yet."""
    for name, image in images.items():
        if not image.digest:
            yield f"the image {name}, {image.name}, has no digest: whoever can move that tag decides what customers run"
    if not release.ami_id:
        yield "release.yaml has no ami.id: quilt-cfn marketplace submit will refuse without it"
    if not artifact.manifest.diagram:
        yield f"there is no {DIAGRAM}: quilt-cfn marketplace submit will refuse this version, which can't get one later"
