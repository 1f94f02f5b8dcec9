"""A released version: its files, the manifest that names them, and SHA256SUMS.

The manifest has the hash of each file, and SHA256SUMS follows from it. Whoever has a manifest can therefore check every
byte beside it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.changelog import CHANGELOG, day, read_changelog, withdrawn_versions
from quilt_cfn.inputs.release import DIGEST, DRAFT, VERSION, precedence

RELEASES = Path("templates/releases")
"""The folder of the released versions, seen from the top folder of a checkout."""

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
"""The signature of SHA256SUMS, which has a hash of every file: openssl and sha256sum are enough to check both."""
PROVENANCE = "provenance.intoto.jsonl"
"""From what the version was made, signed: ``provenance`` makes it, and docs/guide/provenance.md explains it."""
LATEST = "latest.json"

# Whoever reads what was published reads no more than this, whatever a server sends. LARGEST_... are numbers of bytes.
MOST_FILES = 64
"""How many files a manifest may name."""
LARGEST_FILE = 16 * 1024**2
LARGEST_VERSION = 64 * 1024**2
"""All files of a manifest together."""
LARGEST_MANIFEST = 256 * 1024
LARGEST_SUMS = 64 * 1024
LARGEST_SIGNATURE = 1024
LARGEST_PROVENANCE = 64 * 1024
LARGEST_LATEST = 16 * 1024

SHA256 = re.compile(r"[0-9a-f]{64}")
"""As ``sha256`` writes it."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # of git's SHA-1 and of its SHA-256


class Entry(NamedTuple):
    """A file that a manifest names."""

    name: str
    sha256: str
    size: int
    """In bytes."""

    def describes(self, content: bytes) -> bool:
        """Whether these are the bytes of the file."""
        return (self.size, self.sha256) == (len(content), sha256(content))


class Manifest(NamedTuple):
    """What was released, and from which commit, images and tools."""

    content: bytes
    document: Mapping[str, Any]
    version: str
    editions: Mapping[str, Mapping[str, str]]
    """Name of an edition -> format (``yaml`` or ``json``) -> name of its template's file."""
    diagram: str | None
    """The name of the architecture diagram's file."""
    files: tuple[Entry, ...]
    commit: str
    """The git commit that made the release."""
    released: str
    """The date of the release, YYYY-MM-DD, as the changelog states it."""
    signing_key: str | None
    """The fingerprint of the key that has to sign the version, as the manifest claims; see ``signing.fingerprint``."""
    draft: bool
    """Whether it is only a draft of its version."""

    @property
    def sha256(self) -> str:
        return sha256(self.content)

    @property
    def sums(self) -> bytes:
        """SHA256SUMS, in the format of ``sha256sum --check``: all files and the manifest itself."""
        entries = sorted([*((entry.name, entry.sha256) for entry in self.files), (MANIFEST, self.sha256)])
        return "".join(f"{digest}  {name}\n" for name, digest in entries).encode()


class Artifact(NamedTuple):
    """A complete version: the manifest, and the content of each file that it names."""

    manifest: Manifest
    contents: Mapping[str, bytes]

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def everything(self) -> Mapping[str, bytes]:
        """Each file of the version's folder: SHA256SUMS first, which no two versions share, and the manifest last."""
        return {SUMS: self.manifest.sums, **self.contents, MANIFEST: self.manifest.content}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def compose(facts: Mapping[str, Any], contents: Mapping[str, bytes]) -> Artifact:
    """Make the artifact of some files; ``facts`` are the manifest's fields besides ``product`` and ``files``."""
    files = [{"name": name, "sha256": sha256(body), "size": len(body)} for name, body in sorted(contents.items())]
    document = {"product": PRODUCT, **facts, "files": files}
    return Artifact(read_manifest((json.dumps(document, indent=2) + "\n").encode(), "The new manifest"), contents)


def read_released(root: Path, version: str | None = None) -> Artifact:
    """A released version of the checkout at ``root``, by default the newest that was not withdrawn.

    A draft is read only when ``version`` names it. Raises ``UserError`` if there is no such version, if it was
    withdrawn, or if it is not as it was released.
    """
    withdrawn = withdrawn_versions(read_changelog(root))
    versions = [each for each in released_versions(root / RELEASES) if each not in withdrawn]
    if version in withdrawn:
        raise UserError(
            f"{version} was withdrawn, as {CHANGELOG} says: nobody gets it any more.",
            f"Take another version; there are: {', '.join(versions)}." if versions else "Release the next version.",
        )
    drafts = released_versions(root / RELEASES, DRAFT)
    if not versions and version not in drafts:
        has = f"only drafts, such as {drafts[-1]}" if drafts else "none"
        raise UserError(f"No version has been released: {RELEASES} has {has}.", "Make one with quilt-cfn release.")
    chosen = version or versions[-1]
    if chosen not in (*versions, *drafts):
        raise UserError(f"{chosen} is not a released version.", f"There are: {', '.join(versions)}.")
    artifact = read_artifact(root / RELEASES / chosen)
    if artifact.version != chosen:
        raise UserError(
            f"{RELEASES / chosen} is the release {artifact.version}.",
            "A released version is never edited: restore the folder with git restore, or a fresh clone.",
        )
    return artifact


def read_artifact(folder: Path) -> Artifact:
    """Read the artifact in a folder; raises ``UserError`` unless exactly the released files are there."""
    try:
        found = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    except OSError as error:
        raise UserError(
            f"{error.filename} of a released version could not be read: {error.strerror}.",
            "Name a version that quilt-cfn release has written, in a checkout that has it.",
        ) from error
    if MANIFEST not in found:
        raise UserError(f"{folder} has no {MANIFEST}.", "Restore the folder: git restore, or a fresh clone.")
    manifest = read_manifest(found[MANIFEST], str(folder / MANIFEST))
    artifact = Artifact(manifest, {entry.name: found.get(entry.name, b"") for entry in manifest.files})
    differing = sorted(
        {name for name, content in artifact.everything.items() if found.get(name) != content}
        | {entry.name for entry in manifest.files if not entry.describes(artifact.contents[entry.name])}
        | (found.keys() - artifact.everything.keys())
    )
    if SUMS in differing and SUMS in found:
        differing.append(MANIFEST)  # the two don't belong together, and either of them may have been edited
    if differing:
        raise UserError(
            f"{folder} is not as it was released: {', '.join(differing)}.",
            "A released version is never edited: restore the folder with git restore, or a fresh clone.",
        )
    return artifact


def read_manifest(content: bytes, where: str) -> Manifest:
    """Parse a manifest; raises ``UserError``, whose sentence begins with ``where``, for anything else."""
    if len(content) > LARGEST_MANIFEST:
        raise _not_a_manifest(where, f"it has more than {LARGEST_MANIFEST:,} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise _not_a_manifest(where, "it is not JSON") from None
    if not isinstance(document, dict) or document.get("product") != PRODUCT:
        raise _not_a_manifest(where, f"its product is not {PRODUCT}")
    version, editions, diagram = document.get("version"), document.get("editions"), document.get("diagram")
    draft = document.get("draft", False)
    if not isinstance(version, str) or not (DRAFT if draft is True else VERSION).fullmatch(version):
        raise _not_a_manifest(where, "its version is not three numbers" + (" and those of a draft" if draft else ""))
    if not isinstance(draft, bool):
        raise _not_a_manifest(where, "whether it is a draft is not true or false")
    commit, released, signing_key = document.get("commit"), document.get("released"), document.get("signing_key")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise _not_a_manifest(where, "its commit is not the 40 or 64 hexadecimal digits of a git commit")
    if not isinstance(released, str) or not day(released):
        raise _not_a_manifest(where, "its date is not YYYY-MM-DD")
    if signing_key is not None and not (isinstance(signing_key, str) and DIGEST.fullmatch(signing_key)):
        raise _not_a_manifest(where, "its signing_key is not sha256: and 64 hexadecimal digits")
    items = document.get("files")
    if isinstance(items, list) and len(items) > MOST_FILES:
        raise _not_a_manifest(where, f"it names more than {MOST_FILES} files")
    files = tuple(_entry(item, where) for item in items) if isinstance(items, list) else ()
    names = {entry.name for entry in files}
    if not files or len(names) < len(files) or names & {MANIFEST, SUMS, SIGNATURE, PROVENANCE}:
        raise _not_a_manifest(where, "its files are not a list of different files")
    if sum(entry.size for entry in files) > LARGEST_VERSION:
        raise _not_a_manifest(where, f"its files have more than {LARGEST_VERSION:,} bytes together")
    if not isinstance(editions, dict) or not all(
        isinstance(formats, dict)
        and formats.keys() == {"yaml", "json"}
        and all(isinstance(name, str) and name in names for name in formats.values())
        for formats in editions.values()
    ):
        raise _not_a_manifest(where, "its editions don't name their templates")
    if diagram is not None and (not isinstance(diagram, str) or diagram not in names):
        raise _not_a_manifest(where, "its diagram is not one of its files")
    return Manifest(content, document, version, editions, diagram, files, commit, released, signing_key, draft)


def released_versions(releases: Path, pattern: re.Pattern[str] = VERSION) -> list[str]:
    """The versions that have a folder in ``releases``, or with the pattern ``DRAFT`` the drafts; lowest first."""
    folders = [path.name for path in releases.iterdir() if pattern.fullmatch(path.name)] if releases.is_dir() else []
    return sorted(folders, key=precedence)


def _entry(item: object, where: str) -> Entry:
    fields = item if isinstance(item, dict) else {}
    name, digest, size = fields.get("name"), fields.get("sha256"), fields.get("size")
    named = isinstance(name, str) and _NAME.fullmatch(name)
    hashed = isinstance(digest, str) and SHA256.fullmatch(digest)
    if not (named and hashed and type(size) is int and size >= 0):
        raise _not_a_manifest(where, "a file in it has no proper name, sha256 and size")
    if size > LARGEST_FILE:
        raise _not_a_manifest(where, f"{name} has more than {LARGEST_FILE:,} bytes")
    return Entry(str(name), str(digest), size)


def _not_a_manifest(where: str, why: str) -> UserError:
    return UserError(
        f"{where} is not a manifest of {PRODUCT}: {why}.", "Check the location; compare with git's history."
    )
