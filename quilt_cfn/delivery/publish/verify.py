"""Compares a published version with its manifest, and checks its signature.

``latest.json`` has the hash of the manifest, and the manifest the hash of every file. A signature, checked with a
public key that was obtained in another way than from the bucket, shows who released the manifest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.delivery.publish.plan import latest_key, latest_version, version_key
from quilt_cfn.delivery.publish.stores.protocols import Source, Stored
from quilt_cfn.delivery.release.artifact import MANIFEST, PRODUCT, SIGNATURE, SUMS, Manifest, read_manifest
from quilt_cfn.errors import UserError
from quilt_cfn.finding import QUILT_CFN, Finding

_Difference = tuple[str, str]
"""The id of a finding, which ``explanations`` explains, and its message."""


class Verification(NamedTuple):
    """The manifest of a published version, and how the published files differ from it."""

    manifest: Manifest
    findings: tuple[Finding, ...]
    """All of them are errors."""
    notes: tuple[str, ...]
    """What else to know about a version without findings."""

    def __str__(self) -> str:
        what = f"{PRODUCT} {self.manifest.version} of commit {self.manifest.document.get('commit')}"
        if self.findings:
            return "\n".join([*map(str, self.findings), f"{what} is not what was released."])
        files = f"all {len(self.manifest.files)} files are what its manifest says"
        return "; ".join([f"{what}: {files}", *self.notes])


def verify(source: Source, version: str | None, public_key: Path | None, pool: Executor) -> Verification:
    """Compare a published version, by default the one that ``latest.json`` names, with its manifest.

    With ``public_key``, a PEM file, the version must have a signature made with that key. Files are read in ``pool``.
    Raises ``UserError`` when the version is not published, or can't be read.
    """
    sha256_in_latest = None
    if version is None:
        version, sha256_in_latest = _read_latest(source)
    where = f"{source.name}/{version_key(version, MANIFEST)}"
    stored = source.read(version_key(version, MANIFEST))
    if stored is None:
        raise UserError(
            f"{version} is not published at {source.name}: it has no manifest.", "Check location and version."
        )
    manifest = read_manifest(stored.content, where)
    names = (SUMS, SIGNATURE, *(entry.name for entry in manifest.files))
    reads = {name: pool.submit(source.read, version_key(version, name)) for name in names}
    found = {name: stored for name in names if (stored := reads[name].result())}
    differences = [
        *_compare_manifest(manifest, where, version, sha256_in_latest),
        *_compare_files(manifest, found),
        *_unnamed_files(source.names(f"{PRODUCT}/{version}") or (), {*names, MANIFEST}),
    ]
    notes: tuple[str, ...] = ()
    if public_key:
        differences += _check_signature(manifest, found.get(SIGNATURE), public_key)
        notes = () if differences else (f"signed with {public_key}",)
    elif SIGNATURE in found:
        notes = ("there is a signature, which was not checked: name the signer's key with --public-key",)
    findings = tuple(Finding(source.name, 0, QUILT_CFN, rule, "error", "", message) for rule, message in differences)
    return Verification(manifest, findings, notes)


def _read_latest(source: Source) -> tuple[str, str]:
    """The version that latest.json names, and the hash of that version's manifest."""
    stored = source.read(latest_key())
    if stored is None:
        raise UserError(
            f"Nothing is published at {source.name}: it has no {latest_key()}.",
            "Check the location, or publish a released version there with quilt-cfn publish.",
        )
    version = latest_version(stored.content, source)
    return version, str(json.loads(stored.content).get("sha256"))


def _compare_manifest(
    manifest: Manifest, where: str, version: str, sha256_in_latest: str | None
) -> Iterator[_Difference]:
    if manifest.version != version:
        yield "V05", f"{where} is the manifest of {manifest.version}."
    if sha256_in_latest not in (None, manifest.sha256):
        yield "V06", f"{where} is not the manifest that {latest_key()} names."


def _compare_files(manifest: Manifest, found: Mapping[str, Stored]) -> Iterator[_Difference]:
    sums = found.get(SUMS)
    if sums is None:
        yield _missing(SUMS)
    elif not sums.intact:
        yield _changed(SUMS)
    elif sums.content != manifest.sums:
        message = f"{SUMS} and {MANIFEST} don't belong together: one of them is not what was released."
        yield "V04", message
    for entry in manifest.files:
        stored = found.get(entry.name)
        if stored is None:
            yield _missing(entry.name)
        elif not stored.intact or not entry.describes(stored.content):
            yield _changed(entry.name)


def _missing(name: str) -> _Difference:
    return "V01", f"{name} is missing."


def _changed(name: str) -> _Difference:
    return "V02", f"{name} is not what was released."


def _unnamed_files(there: Iterable[str], named: set[str]) -> Iterator[_Difference]:
    for name in sorted({*there} - named):
        message = f"{name} is there, and the manifest does not name it: it is no part of the release."
        yield "V03", message


def _check_signature(manifest: Manifest, signature: Stored | None, public_key: Path) -> Iterator[_Difference]:
    from quilt_cfn.delivery.release import signing  # late: imports cryptography

    key = signing.read_public_key(public_key)
    if signature is None:
        yield "V07", f"{SIGNATURE} is missing: {manifest.version} is not signed."
    elif not signing.verifies(key, manifest.sums, signature.content):
        yield "V08", f"{SIGNATURE} was not made with the key in {public_key}."
