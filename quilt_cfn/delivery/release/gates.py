"""What keeps a version from being released: each gate yields an error for every thing that is in the way.

Each error names what to do, as a command where there is one. No gate writes anything, and all that can be known in a
moment is known at once. The tests of the checkout, which take minutes, are the last gate.

What makes a version impossible to launch or to submit is in ``not_supplied``: only the vendor has it, and a draft does
without it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.delivery.release.artifact import MANIFEST, RELEASES, read_manifest, released_versions
from quilt_cfn.delivery.release.checkout import git, last_line, read
from quilt_cfn.delivery.site.navigation import GUIDE
from quilt_cfn.delivery.site.pages import read_pages
from quilt_cfn.editions import LARGEST_TEMPLATE, TEMPLATE_FILES
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.changelog import changelog_entry, withdrawn_versions
from quilt_cfn.inputs.release import IN_CHECKOUT, Release, precedence

PYTEST = ("-m", "pytest", "--quiet", "--numprocesses", "3", "--dist", "loadfile", "--no-loadscope-reorder")
"""The arguments with which Python runs the tests of a checkout, as ``make test`` does."""
MACHINE_IMAGE = "docs/releasing.md, “The machine image”"
"""Where the commands are that make the product's AMI."""


class Candidate(NamedTuple):
    """A version that is to be released, and what it would be made of."""

    root: Path
    """The top folder of the checkout."""
    release: Release
    """What release.yaml says."""
    draft: bool
    """Whether only a draft of the version is to be made."""
    changelog: str
    reviewed: Mapping[str, bytes]
    """Name -> content of each template that the code builds of ``release``."""
    templates: Mapping[str, bytes]
    """The same of what would be released, which for a draft has another version."""


def in_the_way(candidate: Candidate) -> list[UserError]:
    """What keeps even a draft from being made."""
    stale = [*_stale_templates(candidate)]
    return [
        *uncommitted(candidate.root),
        *_used_version(candidate),
        *_no_entry(candidate),
        *stale,
        *_large_templates(candidate),
        *_broken_guide(candidate.root),
        *(() if stale else findings(candidate.root)),
    ]


def not_supplied(candidate: Candidate) -> list[UserError]:
    """What the vendor has to supply before a version can be launched and submitted; a draft is only warned of it."""
    return [
        *_images(candidate.release),
        *_machine_image(candidate),
    ]


def uncommitted(root: Path) -> Iterator[UserError]:
    changed = git(root, "status", "--porcelain").splitlines()
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        yield UserError(
            f"The checkout has changes that no commit has: {', '.join(line[3:] for line in changed[:3])}{more}.",
            "Commit or remove them (git status lists them): a release is made from a commit.",
        )


def _used_version(candidate: Candidate) -> Iterator[UserError]:
    """A version that has been used, or that comes before one that has."""
    version, root, withdrawn = candidate.release.version, candidate.root, withdrawn_versions(candidate.changelog)
    next_step = f"Give {IN_CHECKOUT} the next version."
    tags = git(root, "tag", "--list", "v[0-9]*").splitlines()
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


def _no_entry(candidate: Candidate) -> Iterator[UserError]:
    """A version about which the changelog says nothing, or on which it has no date; a draft needs none."""
    version, draft = candidate.release.version, candidate.draft
    entry = changelog_entry(candidate.changelog, version)
    if entry is None or not entry.text.strip():
        yield UserError(
            f"CHANGELOG.md says nothing about {version}.",
            f'Write what customers will notice under "## {version} {"(unreleased)" if draft else "(YYYY-MM-DD)"}".',
        )
    elif entry.date is None and not draft:
        yield UserError(
            f"The entry of {version} in CHANGELOG.md has no date.", f'Head it "## {version} (YYYY-MM-DD)" and commit.'
        )


def _stale_templates(candidate: Candidate) -> Iterator[UserError]:
    """Templates of the checkout that are not, byte for byte, what its code builds."""
    for file in TEMPLATE_FILES.values():
        if read(candidate.root / "templates" / file) != candidate.reviewed[file]:
            yield UserError(
                f"templates/{file} is not what this code builds.", "Run make template, and commit its diff."
            )


def _large_templates(candidate: Candidate) -> Iterator[UserError]:
    for name, content in candidate.templates.items():
        if len(content) > LARGEST_TEMPLATE:
            yield UserError(
                f"{name} would have {len(content):,} bytes, and a template may have {LARGEST_TEMPLATE:,}.",
                "Shorten what is installed on the instance, and look at the sizes that quilt-cfn build prints.",
            )


def _broken_guide(root: Path) -> Iterator[UserError]:
    """Links and pictures of the guide that lead nowhere."""
    try:
        read_pages(root / GUIDE)
    except UserError as error:
        yield error


def findings(root: Path) -> Iterator[UserError]:
    """What ``quilt-cfn check`` finds in the templates of the checkout."""
    from quilt_cfn.cloudformation.checks.check import check  # late, with the rules; the check itself takes seconds
    from quilt_cfn.finding import counted, fails
    from quilt_cfn.inputs.subjects import read_subjects

    report = check(read_subjects([], None, root / "templates"))
    found = [finding for finding in report.findings if fails([finding])]
    if found:
        yield UserError(
            f"quilt-cfn check has {counted(len(found), 'finding')}, the first: {found[0]}",
            "Run quilt-cfn check, and fix what it finds.",
        )


def _images(release: Release) -> Iterator[UserError]:
    """Images that nobody has confirmed, that a name stands for which moves, or that no digest pins."""
    for name, image in release.images.items():
        if image.unconfirmed:
            yield UserError(
                f"Nobody has confirmed the image {name}, {image.name}: {image.unconfirmed}",
                f"Give {IN_CHECKOUT} the image and the tag that the vendor built, remove images.{name}.unconfirmed, "
                "and run quilt-cfn images resolve.",
            )
        elif image.moves:
            yield UserError(
                f"The image {name} is {image.name}, a name that moves to another image.",
                f"Give {IN_CHECKOUT} a tag that does not move, and run quilt-cfn images resolve.",
            )
        elif not image.digest:
            yield UserError(
                f"The image {name}, {image.name}, has no digest: whoever can move that tag decides what customers run.",
                "Run quilt-cfn images resolve, and commit what it writes.",
            )


def _machine_image(candidate: Candidate) -> Iterator[UserError]:
    """No AMI, or that of another version, which carries that version's number and refuses to boot this one."""
    ami, root = candidate.release.ami_id, candidate.root
    make = (
        f"Make one as {MACHINE_IMAGE} says: aws imagebuilder start-image-pipeline-execution; then write its ID there."
    )
    if not ami:
        yield UserError(f"{IN_CHECKOUT} has no ami.id: instances of the marketplace edition have no image.", make)
        return
    for version in released_versions(root / RELEASES):
        manifest = read(root / RELEASES / version / MANIFEST)
        document = read_manifest(manifest, str(RELEASES / version / MANIFEST)).document if manifest else {}
        if document.get("ami", {}).get("id") == ami:
            yield UserError(f"{ami}, ami.id in {IN_CHECKOUT}, is the image of {version}: it boots no other.", make)


def failed_tests(root: Path, python: str) -> Iterator[UserError]:
    """The tests of the checkout, unless they pass; what pytest prints is seen on a terminal."""
    wanted = [python, "-c", "import pytest, xdist"]
    without = subprocess.run(wanted, cwd=root, capture_output=True, text=True, check=False)
    if without.returncode:
        yield UserError(
            f"The tests of this checkout can't run: {last_line(without.stderr)}.",
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
            f"{what} (exit code {tests.returncode} of pytest): {last_line(output.decode(errors='replace'))}.",
            f"Look at all of it: {shlex.join(command)}",
        )
