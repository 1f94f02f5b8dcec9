"""Ask whether a published version is what its manifest says, and who signed it.

The rule: nothing is believed for where it lies. The pointer gives the manifest's hash, the manifest that of every file,
and a signature, checked with a key that came another way, says whose manifest it is.
"""

from __future__ import annotations

import json
from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.delivery.publish.plan import latest_key, pointed_to, version_key
from quilt_cfn.delivery.publish.stores.protocols import Source
from quilt_cfn.delivery.release.artifact import MANIFEST, PRODUCT, SIGNATURE, SUMS, Manifest, read_manifest
from quilt_cfn.errors import UserError


class Verification(NamedTuple):
    """What came of it."""

    manifest: Manifest
    findings: tuple[str, ...]
    """What is wrong; empty when all is well."""
    notes: tuple[str, ...]
    """What one should know besides."""

    def __str__(self) -> str:
        what = f"{PRODUCT} {self.manifest.version} of commit {self.manifest.document.get('commit')}"
        if self.findings:
            return "\n".join([*self.findings, f"{what} is not what was released."])
        files = f"all {len(self.manifest.files)} files are what its manifest says"
        return "; ".join([f"{what}: {files}", *self.notes])


def verify(source: Source, version: str | None, public_key: Path | None, pool: Executor) -> Verification:
    """Compare a published version, by default the one that ``latest.json`` names, with its manifest.

    With ``public_key``, a file, the signature is checked as well, and must be there. Raises ``UserError`` when there is
    no such version, or when it can't be read.
    """
    expected = None
    if version is None:
        version, expected = _latest(source)
    where = f"{source.name}/{version_key(version, MANIFEST)}"
    stored = source.read(version_key(version, MANIFEST))
    if stored is None:
        raise UserError(
            f"{version} is not published at {source.name}: it has no manifest.", "Check location and version."
        )
    manifest = read_manifest(stored.content, where)
    findings, notes = [], []
    if manifest.version != version:
        findings.append(f"{where} is the manifest of {manifest.version}.")
    if expected is not None and manifest.sha256 != expected:
        findings.append(f"{where} is not the manifest that {latest_key()} names.")
    names = (SUMS, SIGNATURE, *(entry.name for entry in manifest.files))
    reading = {name: pool.submit(source.read, version_key(version, name)) for name in names}
    found = {name: there for name in names if (there := reading[name].result())}
    if SUMS not in found:
        findings.append(f"{SUMS} is missing.")
    elif not found[SUMS].intact:
        findings.append(f"{SUMS} is not what was released.")
    elif found[SUMS].content != manifest.sums:
        findings.append(f"{SUMS} and {MANIFEST} don't belong together: one of them is not what was released.")
    for entry in manifest.files:
        if entry.name not in found:
            findings.append(f"{entry.name} is missing.")
        elif not found[entry.name].intact or not entry.describes(found[entry.name].content):
            findings.append(f"{entry.name} is not what was released.")
    listed = source.names(f"{PRODUCT}/{version}")
    for name in sorted(set(listed or ()) - {*names, MANIFEST}):
        findings.append(f"{name} is there, and the manifest does not name it: it is no part of the release.")
    signature = found[SIGNATURE].content if SIGNATURE in found else None
    if public_key:
        findings += _unsigned(manifest, signature, public_key)
        notes += [] if findings else [f"signed with {public_key}"]
    elif signature:
        notes.append("there is a signature, which was not checked: name the signer's key with --public-key")
    return Verification(manifest, tuple(findings), tuple(notes))


def _latest(source: Source) -> tuple[str, str | None]:
    """The newest version and the hash of its manifest."""
    stored = source.read(latest_key())
    if stored is None:
        raise UserError(f"Nothing is published at {source.name}: it has no {latest_key()}.", "Check the location.")
    version = pointed_to(stored.content, source)
    return version, str(json.loads(stored.content).get("sha256"))


def _unsigned(manifest: Manifest, signature: bytes | None, public_key: Path) -> list[str]:
    from quilt_cfn.delivery.release import signing  # late: imports cryptography

    key = signing.read_public_key(public_key)
    if signature is None:
        return [f"{SIGNATURE} is missing: {manifest.version} is not signed."]
    if signing.verifies(key, manifest.sums, signature):
        return []
    return [f"{SIGNATURE} was not made with the key in {public_key}."]
