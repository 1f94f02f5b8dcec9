"""Creates the immutable folder of a release, which is what ``quilt-cfn release`` does.

Everything is checked before anything is written, the folder appears complete or not at all, and it never changes
afterwards. Publishing copies it, byte for byte.

A draft is made of the same parts in the same way. Its version says that it is one, it may lack what the vendor has not
supplied yet, and it is published to folders only.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import quilt_cfn
from quilt_cfn.cloudformation.facts.quotas import TEMPLATE_INLINE
from quilt_cfn.cloudformation.template.write import to_compact_json, to_yaml
from quilt_cfn.delivery.release.artifact import DIAGRAM, RELEASES, SUMS, Artifact, compose, released_versions, sha256
from quilt_cfn.editions import EDITIONS, LARGEST_TEMPLATE
from quilt_cfn.errors import UserError
from quilt_cfn.files import write_to_disk
from quilt_cfn.inputs.changelog import changelog_entry, read_changelog, withdrawn_versions
from quilt_cfn.inputs.release import DRAFT, IN_CHECKOUT, Image, Release, precedence, read_release
from quilt_cfn.stack import build
from quilt_cfn.stack.compact import without_script_comments

DOCUMENTS = tuple(
    f"docs/{name}.md"
    for name in (
        "guide",
        "instance",
        "monitoring",
        "lifecycle",
        "recovery",
        "costs",
        "decisions",
        "accepted-findings",
        "provenance",
    )
)
"""What customers read; a release contains all of it, and a draft what there is."""
BILL_OF_MATERIALS = "sbom.cdx.json"
PYTEST = ("-m", "pytest", "--quiet", "--numprocesses", "3", "--dist", "loadfile", "--no-loadscope-reorder")
"""The arguments with which Python runs the tests of a checkout, as ``make test`` does."""


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
    for edition in artifact.manifest.editions.values():
        yield _size(edition["json"], artifact)
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
    documents = _documents(root, made.version)
    unsupplied = [*_without_digest(made), *_missing_files(documents)]
    stale = [*_stale_templates(reviewed, root)]
    obstacles = [
        *_uncommitted(root),
        *_moving_tags(release),
        *_used_version(release.version, root, withdrawn_versions(changelog)),
        *_no_entry(release.version, changelog, draft),
        *stale,
        *_large_templates(templates),
        *(() if draft else unsupplied),
        *(() if stale else _findings(root)),
    ]
    _refuse(obstacles, made.version, draft)
    artifact = _artifact(made, {**templates, **documents}, commit, _date(root, changelog, release.version))
    if not draft:
        _refuse([*_failed_tests(root, python), *_uncommitted(root)], made.version, draft)
    warnings = (*(each.what for each in unsupplied), *_later(made))
    return ReleasePlan(artifact, root / RELEASES / made.version, warnings)


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
    if Path(_git(root, "rev-parse", "--show-toplevel")).resolve() != root:
        raise UserError(f"{root} is not the top folder of a checkout.", "Run quilt-cfn release there.")
    if not Path(quilt_cfn.__file__).resolve().is_relative_to(root):
        raise UserError(
            f"The quilt-cfn that runs is not the one of this checkout, {root}.",
            "Run bin/quilt-cfn release there: the manifest names the commit that made the release.",
        )
    return _git(root, "rev-parse", "HEAD")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise UserError("git is not installed.", "Install it: a release is made from a commit.") from None
    except subprocess.CalledProcessError as error:
        raise UserError(
            f"git {' '.join(arguments)} failed in {root}: {_last_line(error.stderr)}.", "Run this in a git checkout."
        ) from None
    return done.stdout.rstrip()


# What is in the way of a release: each of these yields an error for every thing, with what to do about it.


def _uncommitted(root: Path) -> Iterator[UserError]:
    changed = _git(root, "status", "--porcelain").splitlines()
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        yield UserError(
            f"The checkout has changes that no commit has: {', '.join(line[3:] for line in changed[:3])}{more}.",
            "Commit or remove them (git status lists them): a release is made from a commit.",
        )


def _moving_tags(release: Release) -> Iterator[UserError]:
    for name, image in _images(release).items():
        if image.name.endswith(":latest"):
            yield UserError(
                f"The image {name} is {image.name}, a tag that moves to another image.",
                f"Give {IN_CHECKOUT} a tag that does not move.",
            )


def _used_version(version: str, root: Path, withdrawn: frozenset[str]) -> Iterator[UserError]:
    """A version that has been used, or that comes before one that has."""
    next_step = f"Give {IN_CHECKOUT} the next version."
    tags = _git(root, "tag", "--list", "v[0-9]*").splitlines()
    versions = {*released_versions(root / RELEASES), *withdrawn}
    highest = max(versions, key=precedence, default=version)
    if version in withdrawn:
        yield UserError(f"{version} was withdrawn, and its number is never used again.", next_step)
    elif version in versions or f"v{version}" in tags:
        yield UserError(f"{version} has been released, and a release never changes.", next_step)
    elif precedence(highest) > precedence(version):
        fate = "was withdrawn" if highest in withdrawn else "has been released"
        yield UserError(
            f"{version} comes before {highest}, which {fate}.", f"Give {IN_CHECKOUT} a version above {highest}."
        )


def _no_entry(version: str, changelog: str, draft: bool) -> Iterator[UserError]:
    """A version about which the changelog says nothing, or on which it has no date; a draft needs none."""
    entry = changelog_entry(changelog, version)
    if entry is None or not entry.text.strip():
        yield UserError(
            f"CHANGELOG.md says nothing about {version}.",
            f'Write what customers will notice under "## {version} {"(unreleased)" if draft else "(YYYY-MM-DD)"}".',
        )
    elif entry.date is None and not draft:
        yield UserError(
            f"The entry of {version} in CHANGELOG.md has no date.", f'Head it "## {version} (YYYY-MM-DD)" and commit.'
        )


def _stale_templates(templates: Mapping[str, bytes], root: Path) -> Iterator[UserError]:
    """Templates of the checkout that are not, byte for byte, what its code builds."""
    for edition in EDITIONS.values():
        if _read(root / "templates" / edition.file) != templates[edition.file]:
            yield UserError(
                f"templates/{edition.file} is not what this code builds.", "Run make template, and commit its diff."
            )


def _large_templates(templates: Mapping[str, bytes]) -> Iterator[UserError]:
    for name, content in templates.items():
        if len(content) > LARGEST_TEMPLATE:
            yield UserError(
                f"{name} would have {len(content):,} bytes, and a template may have {LARGEST_TEMPLATE:,}.",
                "Shorten what is installed on the instance, and look at the sizes that quilt-cfn build prints.",
            )


def _without_digest(release: Release) -> Iterator[UserError]:
    for name, image in _images(release).items():
        if not image.digest:
            yield UserError(
                f"The image {name}, {image.name}, has no digest: whoever can move that tag decides what customers run.",
                # https://docs.docker.com/reference/cli/docker/buildx/imagetools/inspect/
                f"Give {IN_CHECKOUT} the one that this prints: docker buildx imagetools inspect {image.name}",
            )


def _missing_files(found: Mapping[str, bytes]) -> Iterator[UserError]:
    """Documents that there are not, and the diagram, without which AWS Marketplace takes no version."""
    for file in (*DOCUMENTS, DIAGRAM):
        if Path(file).name not in found:
            yield UserError(
                f"There is no {file}, and a released version can't get one later.",
                f"Make it, and commit it: git add {file}",
            )


def _findings(root: Path) -> Iterator[UserError]:
    from quilt_cfn.cloudformation.checks.check import check  # late, with the rules; the check itself takes seconds
    from quilt_cfn.finding import counted, fails
    from quilt_cfn.inputs.subjects import read_subjects

    report = check(read_subjects([], None, root / "templates"))
    findings = [finding for finding in report.findings if fails([finding])]
    if findings:
        yield UserError(
            f"quilt-cfn check has {counted(len(findings), 'finding')}, the first: {findings[0]}",
            "Run quilt-cfn check, and fix what it finds.",
        )


def _failed_tests(root: Path, python: str) -> Iterator[UserError]:
    """The tests of the checkout, unless they pass; what pytest prints is seen on a terminal."""
    wanted = [python, "-c", "import pytest, xdist"]
    without = subprocess.run(wanted, cwd=root, capture_output=True, text=True, check=False)
    if without.returncode:
        yield UserError(
            f"The tests of this checkout can't run: {_last_line(without.stderr)}.",
            "Run make test, which installs what they take, and release with bin/quilt-cfn release.",
        )
        return
    command, shown = [python, *PYTEST], sys.stderr.isatty()
    if shown:
        print("Running the tests of this checkout, which takes minutes.", file=sys.stderr, flush=True)
    # Whoever starts the release could leave out tests by what is in the environment.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    output = b""
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    ) as tests:
        assert tests.stdout is not None
        while chunk := tests.stdout.read(4096):
            output = (output + chunk)[-4096:]
            if shown:
                sys.stderr.write(chunk.decode(errors="replace"))
                sys.stderr.flush()
    if tests.returncode:
        # 5 is pytest's for a folder without tests: https://docs.pytest.org/en/stable/reference/exit-codes.html
        what = "There are no tests" if tests.returncode == 5 else "The tests of this checkout don't pass"
        yield UserError(
            f"{what} (exit code {tests.returncode} of pytest): {_last_line(output.decode(errors='replace'))}.",
            f"Look at all of it: {shlex.join(command)}",
        )


def _last_line(output: str) -> str:
    """The last line of what a command printed, without a full stop."""
    lines = output.strip().splitlines() or ["it gave no reason"]
    return lines[-1].rstrip(".")


# What a release is made of.


def _artifact(release: Release, files: Mapping[str, bytes], commit: str, released: str) -> Artifact:
    from quilt_cfn.delivery.release.sbom import bill_of_materials  # late: imports cyclonedx

    contents = {**files, BILL_OF_MATERIALS: bill_of_materials(release, released)}
    return compose(_facts(release, released, commit, Path(DIAGRAM).name in contents), contents)


def _date(root: Path, changelog: str, version: str) -> str:
    """The date of the release, which the changelog states; that of the commit as long as it does not."""
    entry = changelog_entry(changelog, version)
    return (entry.date if entry else None) or _git(root, "show", "--no-patch", "--format=%cs", "HEAD")


def _images(release: Release) -> dict[str, Image]:
    return {"registry": release.registry, "catalog": release.catalog, "nginx": release.nginx}


def _next_draft(version: str, root: Path) -> str:
    """The draft of a version that comes after those that there are."""
    drafts = [match for name in released_versions(root / RELEASES, DRAFT) if (match := DRAFT.fullmatch(name))]
    numbers = [int(match["number"]) for match in drafts if match["version"] == version]
    return f"{version}-draft.{max(numbers, default=0) + 1}"


def _templates(release: Release) -> dict[str, bytes]:
    """Every edition in both formats."""
    contents: dict[str, bytes] = {}
    for edition in EDITIONS.values():
        template = build(edition, release)
        contents[edition.file] = to_yaml(template).encode()
        contents[_json_name(edition.file)] = to_compact_json(without_script_comments(template)).encode()
    return contents


def _json_name(file: str) -> str:
    return Path(file).with_suffix(".json").name


def _size(name: str, artifact: Artifact) -> str:
    """A line about whether the compact template is small enough for ``--template-body``."""
    size = len(artifact.contents[name])
    inline = "fits" if size <= TEMPLATE_INLINE else "does not fit"
    return f"{name} has {size:,} bytes and {inline} into the {TEMPLATE_INLINE:,} of --template-body"


def _documents(root: Path, version: str) -> dict[str, bytes]:
    """What there is of the documents and the diagram; the documents of a draft begin by saying that they are its."""
    found = {Path(file).name: _read(root / file) for file in (*DOCUMENTS, DIAGRAM)}
    first = f"> Of {version}, which is a draft and no release.\n\n".encode() if DRAFT.fullmatch(version) else b""
    return {
        name: first + content if name.endswith(".md") else content
        for name, content in found.items()
        if content is not None
    }


def _read(path: Path) -> bytes | None:
    """The content of a file, None if there is no such file; raises ``UserError`` if it can't be read."""
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise UserError(f"{path} could not be read: {error.strerror}.", "Make it a file that you may read.") from None


def _facts(release: Release, released: str, commit: str, has_diagram: bool) -> dict[str, Any]:
    return {
        "version": release.version,
        "draft": bool(DRAFT.fullmatch(release.version)),
        "released": released,
        "commit": commit,
        "editions": {
            name: {"yaml": edition.file, "json": _json_name(edition.file)} for name, edition in EDITIONS.items()
        },
        "diagram": Path(DIAGRAM).name if has_diagram else None,
        "images": {name: image._asdict() for name, image in _images(release).items()},
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
    if not release.ami_id:
        yield f"{IN_CHECKOUT} has no ami.id: quilt-cfn marketplace submit will refuse without it."
    if not release.key_fingerprint:
        yield f"{IN_CHECKOUT} has no signing.key_fingerprint: whoever reads the release can't tell whose it should be."
