"""Creates the immutable folder of a release, which is what ``quilt-cfn release`` does.

Everything is checked before anything is written, the folder appears complete or not at all, and it never changes
afterwards. Publishing copies it, byte for byte.

What keeps a version from being released is in ``gates``. A draft is made of the same parts in the same way. Its version
says that it is one, it may lack what the vendor has not supplied yet, and it is published to folders only.
"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import quilt_cfn
from quilt_cfn.cloudformation.facts.quotas import TEMPLATE_INLINE
from quilt_cfn.cloudformation.template.write import to_compact_json, to_yaml
from quilt_cfn.delivery.release import gates
from quilt_cfn.delivery.release.artifact import RELEASES, SUMS, Artifact, compose, released_versions, sha256
from quilt_cfn.delivery.release.checkout import git
from quilt_cfn.delivery.release.diagram import DIAGRAM
from quilt_cfn.delivery.release.reading import reading
from quilt_cfn.editions import EDITIONS, TEMPLATE_FILES
from quilt_cfn.errors import UserError
from quilt_cfn.files import write_to_disk
from quilt_cfn.inputs.changelog import changelog_entry, read_changelog
from quilt_cfn.inputs.release import DRAFT, IN_CHECKOUT, Release, read_release
from quilt_cfn.stack import BUILDERS
from quilt_cfn.stack.compact import without_script_comments

BILL_OF_MATERIALS = "sbom.cdx.json"


class ReleasePlan(NamedTuple):
    """A version that can be released."""

    artifact: Artifact
    folder: Path
    """The folder to create."""
    warnings: tuple[str, ...]


def release(root: Path, draft: bool = False, python: str = sys.executable) -> Iterator[str]:
    """Release the version of ``marketplace/release.yaml`` in the checkout whose top folder is ``root``, or a draft.

    ``python`` runs the tests of the checkout. Yields lines about what was done and what to do next. Raises
    ``UserError``, having written nothing, when the version can't be released.
    """
    root = root.resolve()
    plan = plan_release(root, draft, python)
    yield from (f"warning: {warning}" for warning in plan.warnings)
    write(plan)
    artifact = plan.artifact
    folder = plan.folder.relative_to(root)
    done = "is a draft" if draft else "is released"
    yield f"{artifact.version} {done} in {folder}: {len(artifact.everything)} files"
    yield from (_made(name, artifact) for name in TEMPLATE_FILES)
    if draft:
        yield f"Next: quilt-cfn publish --version {artifact.version} FOLDER; a draft is published to no bucket"
        return
    hashed = sha256(artifact.manifest.sums)
    yield f"{folder / SUMS} has the SHA-256 {hashed}: add it to tests/delivery/publish/test_released.py"
    yield f"Next: commit {folder}, tag the commit v{artifact.version}, and run quilt-cfn publish"


def plan_release(root: Path, draft: bool = False, python: str = sys.executable) -> ReleasePlan:
    """Check everything, and make the artifact; raises ``UserError`` with a line for each thing that is in the way.

    What takes a moment is checked first and reported together, then come the templates, and last, if nothing else is in
    the way, the tests, which take minutes. A draft does without the tests, and only warns of what the vendor has not
    supplied.
    """
    commit = _commit(root)
    release = read_release(root / IN_CHECKOUT)
    changelog = read_changelog(root)
    reviewed = _templates(release)
    made = release._replace(version=_next_draft(release.version, root)) if draft else release
    templates = _templates(made) if draft else reviewed
    candidate = gates.Candidate(root, release, draft, changelog, reviewed, templates)
    missing = gates.not_supplied(candidate)
    _refuse([*gates.in_the_way(candidate), *(() if draft else missing)], made.version, draft)
    released = _date(root, changelog, release.version)
    files = {**templates, **reading(root, made, released, templates)}
    artifact = _artifact(made, files, commit, released)
    if not draft:
        _refuse([*gates.failed_tests(root, python), *gates.uncommitted(root)], made.version, draft)
    return ReleasePlan(artifact, root / RELEASES / made.version, (*(each.what for each in missing), *_later(made)))


def _refuse(obstacles: Sequence[UserError], version: str, draft: bool) -> None:
    """Raises ``UserError`` with a line for each of the obstacles, if there are any."""
    if obstacles:
        lines = "".join(f"\n  {obstacle}" for obstacle in obstacles)
        raise UserError(
            f"{version} can't be released:{lines}",
            f"Fix what is listed and run quilt-cfn release{' --draft' if draft else ''} again; nothing was written.",
        )


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
    """The commit that is checked out; raises ``UserError`` unless the code that runs is in that checkout."""
    if Path(git(root, "rev-parse", "--show-toplevel")).resolve() != root:
        raise UserError(f"{root} is not the top folder of a checkout.", "Run quilt-cfn release there.")
    if not Path(quilt_cfn.__file__).resolve().is_relative_to(root):
        raise UserError(
            f"The quilt-cfn that runs is not the one of this checkout, {root}.",
            "Run bin/quilt-cfn release there: the manifest names the commit that made the release.",
        )
    return git(root, "rev-parse", "HEAD")


# What a release is made of.


def _artifact(release: Release, files: Mapping[str, bytes], commit: str, released: str) -> Artifact:
    from quilt_cfn.delivery.release.sbom import bill_of_materials  # late: imports cyclonedx

    contents = {**files, BILL_OF_MATERIALS: bill_of_materials(release, released)}
    return compose(_facts(release, released, commit), contents)


def _date(root: Path, changelog: str, version: str) -> str:
    """The date of the release, which the changelog states; that of the commit as long as it does not."""
    entry = changelog_entry(changelog, version)
    return (entry.date if entry else None) or git(root, "show", "--no-patch", "--format=%cs", "HEAD")


def _next_draft(version: str, root: Path) -> str:
    """The draft of a version that comes after those that there are."""
    drafts = [match for name in released_versions(root / RELEASES, DRAFT) if (match := DRAFT.fullmatch(name))]
    numbers = [int(match["number"]) for match in drafts if match["version"] == version]
    return f"{version}-draft.{max(numbers, default=0) + 1}"


def _templates(release: Release) -> dict[str, bytes]:
    """Every template in both formats."""
    contents: dict[str, bytes] = {}
    for name, file in TEMPLATE_FILES.items():
        template = BUILDERS[name](release)
        contents[file] = to_yaml(template).encode()
        contents[_json_name(file)] = to_compact_json(without_script_comments(template)).encode()
    return contents


def _json_name(file: str) -> str:
    return Path(file).with_suffix(".json").name


def _made(name: str, artifact: Artifact) -> str:
    """A line about a template: its files, and whether the compact one is small enough for ``--template-body``."""
    file, compact = TEMPLATE_FILES[name], _json_name(TEMPLATE_FILES[name])
    size = len(artifact.contents[compact])
    fits = f"{'fits' if size <= TEMPLATE_INLINE else 'does not fit'} into the {TEMPLATE_INLINE:,} of --template-body"
    return f"{name}: {file} and {compact}, which has {size:,} bytes and {fits}"


def _facts(release: Release, released: str, commit: str) -> dict[str, Any]:
    return {
        "version": release.version,
        "draft": bool(DRAFT.fullmatch(release.version)),
        "released": released,
        "commit": commit,
        "editions": {
            name: {"yaml": edition.file, "json": _json_name(edition.file)} for name, edition in EDITIONS.items()
        },
        "diagram": DIAGRAM,
        "images": {name: {"name": image.name, "digest": image.digest} for name, image in release.images.items()},
        "database": {"postgres": release.postgres},
        "ami": {"default": release.ami_default, "id": release.ami_id},
        "signing_key": release.key_fingerprint,
        "tools": _tools(),
    }


def _tools() -> dict[str, str]:
    """The versions of Python, of this package and of the packages that it requires."""
    from packaging.requirements import Requirement  # late: only a release needs it

    needs = [Requirement(line) for line in metadata.requires("quilt-cfn") or ()]
    names = sorted({need.name for need in needs if not need.marker or need.marker.evaluate({"extra": ""})})
    versions = {name: metadata.version(name) for name in names}
    return {"python": platform.python_version(), "quilt-cfn": quilt_cfn.__version__, **versions}


def _later(release: Release) -> Iterator[str]:
    """Sentences about what a release may lack, and what that means for what comes after it."""
    if not release.key_fingerprint:
        yield f"{IN_CHECKOUT} has no signing.key_fingerprint: whoever reads the release can't tell whose it should be."
