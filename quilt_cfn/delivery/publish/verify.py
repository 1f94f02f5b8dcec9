"""Compares a published version with its manifest, and checks its signature.

``latest.json`` has the hash of the manifest, and the manifest the hash of every file. A signature, checked with a
public key that was obtained in another way than from the bucket, shows who released the manifest.

Whoever published it may be an attacker. The signature is therefore checked before anything else is believed or read;
what is read has a limit, for each file and for all of them; and all of it has to end within a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.publish import pointer
from quilt_cfn.delivery.publish.plan import latest_key, version_key
from quilt_cfn.delivery.publish.pointer import Latest
from quilt_cfn.delivery.publish.readers import Deadline, deadline
from quilt_cfn.delivery.publish.stores.protocols import Source, Stored
from quilt_cfn.delivery.release import provenance
from quilt_cfn.delivery.release.artifact import (
    LARGEST_LATEST,
    LARGEST_MANIFEST,
    LARGEST_PROVENANCE,
    LARGEST_SIGNATURE,
    LARGEST_SUMS,
    MANIFEST,
    PROVENANCE,
    SIGNATURE,
    SUMS,
    Manifest,
    read_manifest,
)
from quilt_cfn.errors import UserError
from quilt_cfn.finding import QUILT_CFN, Finding, counted
from quilt_cfn.inputs.release import DRAFT, VERSION, precedence
from quilt_cfn.text import shown

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey as PublicKey

SECONDS = 300
"""How long a verification may take."""

_LIMITS = {
    SUMS: LARGEST_SUMS,
    SIGNATURE: LARGEST_SIGNATURE,
    MANIFEST: LARGEST_MANIFEST,
    PROVENANCE: LARGEST_PROVENANCE,
}
"""What says which files there have to be, and who says so -> the most bytes of it."""
_MOST_UNNAMED = 10
"""As many files that the manifest does not name have a finding of their own."""
_MOST_NEWER = 3
"""In as many folders of newer versions is looked for one that is published."""

_Difference = tuple[str, str]
"""The id of a finding, which ``explanations`` explains, and its message."""


class Verification(NamedTuple):
    """The manifest of a published version, and how the published files differ from it."""

    version: str
    manifest: Manifest | None
    """None where it can't be believed, and nothing that it names was read: the signature is missing or wrong."""
    findings: tuple[Finding, ...]
    """All of them are errors."""
    notes: tuple[str, ...]
    """What else to know about a version without findings."""

    def __str__(self) -> str:
        what = f"{PRODUCT} {self.version}"
        if self.manifest:
            what += f" of commit {self.manifest.commit}"
        if self.findings or not self.manifest:
            return "\n".join([*map(str, self.findings), f"{what} is not to be trusted."])
        files = f"all {len(self.manifest.files)} files are what its manifest says"
        return "; ".join([f"{what}: {files}", *self.notes])


def verify(
    source: Source,
    version: str | None,
    public_key: Path | None,
    pool: Executor,
    *,
    at_least: str | None = None,
    end: Deadline | None = None,
) -> Verification:
    """Compare a published version, by default the one that ``latest.json`` names, with its manifest.

    With ``public_key``, a PEM file, the version must have a signature made with that key, and so must ``latest.json``.
    A version older than ``at_least`` is a finding. Files are read in ``pool``. Raises ``UserError`` when the version is
    not published, or can't be read until ``end``, by default in ``SECONDS``.
    """
    from quilt_cfn.delivery.release import signing  # late: imports cryptography where there is a key

    key = signing.read_public_key(public_key) if public_key else None
    end = end or deadline(source.name, SECONDS)
    latest = None if version else _read_latest(source, pool, end)
    version = latest.version if latest else _checked(str(version))
    differences = [*_check_pointer(latest, key), *_check_age(version, at_least)]
    found = _read_small(source, version, pool, end)
    manifest, wrong = _believe(source, version, found, key)
    differences += wrong
    notes: tuple[str, ...] = ()
    if manifest:
        versions = pool.submit(source.names, PRODUCT) if key and latest else None
        differences += _compare_manifest(source, version, manifest, latest)
        differences += _compare_files(source, version, manifest, pool, end)
        if key:
            differences += provenance.check(_content(found.get(PROVENANCE)), manifest, key)
            if latest and versions:
                names = end.result(versions) or ()
                differences += _find_newer(source, latest, names, key, pool, end)
            notes = (f"signed with {public_key} ({signing.fingerprint(key)})", *_signed_pointer(latest))
        else:
            notes = tuple(_unproven(manifest, found))
    findings = tuple(Finding(source.name, 0, QUILT_CFN, rule, "error", "", message) for rule, message in differences)
    return Verification(version, manifest, findings, notes)


def _read_latest(source: Source, pool: Executor, end: Deadline) -> Latest:
    stored = end.result(pool.submit(source.read, latest_key(), LARGEST_LATEST))
    if stored is None:
        raise UserError(
            f"Nothing is published at {source.name}: it has no {latest_key()}.",
            "Check the location, or publish a released version there with quilt-cfn publish.",
        )
    return pointer.read(stored.content, f"{source.name}/{latest_key()}")


def _checked(version: str) -> str:
    if VERSION.fullmatch(version) or DRAFT.fullmatch(version):
        return version
    raise UserError(f"{shown(version)} is not a version.", "A version is three numbers, such as 1.2.3.")


def _read_small(source: Source, version: str, pool: Executor, end: Deadline) -> dict[str, Stored]:
    """What says which files there have to be, all at once: name -> content, of those that are there."""
    reads = {name: pool.submit(source.read, version_key(version, name), limit) for name, limit in _LIMITS.items()}
    return {name: stored for name, read in reads.items() if (stored := end.result(read))}


def _believe(
    source: Source, version: str, found: Mapping[str, Stored], key: PublicKey | None
) -> tuple[Manifest | None, list[_Difference]]:
    """The manifest, and what is wrong with SHA256SUMS and its signature.

    With a key there is no manifest unless that key signed it. Raises ``UserError`` when none is there.
    """
    if MANIFEST not in found:
        raise UserError(
            f"{version} is not published at {source.name}: it has no manifest.", "Check location and version."
        )
    if key and (wrong := _check_signature(version, found, key)):
        return None, [wrong]
    manifest = read_manifest(found[MANIFEST].content, f"{source.name}/{version_key(version, MANIFEST)}")
    sums = found.get(SUMS)
    if sums is None:
        return manifest, [_missing(SUMS)]
    if not sums.intact:
        return manifest, [_changed(SUMS)]
    if sums.content != manifest.sums:
        message = f"{SUMS} and {MANIFEST} don't belong together: one of them is not what was released."
        return None if key else manifest, [("V04", message)]
    if manifest.signing_key and SIGNATURE not in found:
        return manifest, [_unsigned(version)]
    return manifest, []


def _check_signature(version: str, found: Mapping[str, Stored], key: PublicKey) -> _Difference | None:
    from quilt_cfn.delivery.release import signing  # late: imports cryptography

    sums, signature = _content(found.get(SUMS)), _content(found.get(SIGNATURE))
    if signature is None:
        return _unsigned(version)
    if sums is None:
        return _missing(SUMS)
    if signing.verifies(key, sums, signature):
        return None
    return "V08", f"{SIGNATURE} was not made with the key {signing.fingerprint(key)} for this {SUMS}."


def _check_pointer(latest: Latest | None, key: PublicKey | None) -> Iterator[_Difference]:
    if latest and key:
        yield from pointer.check(latest, key)


def _check_age(version: str, at_least: str | None) -> Iterator[_Difference]:
    if at_least and precedence(version) < precedence(_checked(at_least)):
        yield "V11", f"{version} is older than {at_least}: customers get an old version as the newest one."


def _find_newer(
    source: Source, latest: Latest, names: Iterable[str], key: PublicKey, pool: Executor, end: Deadline
) -> Iterator[_Difference]:
    """Whether one of these names is a newer version that the same key signed, and that was not withdrawn."""
    newer = {name for name in names if VERSION.fullmatch(name) and precedence(name) > precedence(latest.version)}
    for version in sorted(newer - {*latest.withdrawn}, key=precedence, reverse=True)[:_MOST_NEWER]:
        found = _read_small(source, version, pool, end)
        try:
            manifest, wrong = _believe(source, version, found, key)
        except UserError:  # it is published in part, or is no version at all
            continue
        if manifest and manifest.version == version and not wrong:
            message = f"{latest_key()} names {latest.version}, and {version} is published, signed and not withdrawn: "
            yield "V11", message + "customers get an old version as the newest one."
            return


def _compare_manifest(source: Source, version: str, manifest: Manifest, latest: Latest | None) -> Iterator[_Difference]:
    where = f"{source.name}/{version_key(version, MANIFEST)}"
    if manifest.version != version:
        yield "V05", f"{where} is the manifest of {manifest.version}."
    if latest and latest.sha256 != manifest.sha256:
        yield "V06", f"{where} is not the manifest that {latest_key()} names."


def _compare_files(
    source: Source,
    version: str,
    manifest: Manifest,
    pool: Executor,
    end: Deadline,
) -> Iterator[_Difference]:
    listing = pool.submit(source.names, f"{PRODUCT}/{version}")
    reads = [
        (entry, pool.submit(source.digest, version_key(version, entry.name), entry.size)) for entry in manifest.files
    ]
    for entry, read in reads:
        there = end.result(read)
        if there is None:
            yield _missing(entry.name)
        elif not there.intact or (there.size, there.sha256) != (entry.size, entry.sha256):
            yield _changed(entry.name)
    named = {*_LIMITS, *(entry.name for entry in manifest.files)}
    yield from _unnamed_files(sorted({*(end.result(listing) or ())} - named))


def _unnamed_files(names: list[str]) -> Iterator[_Difference]:
    for name in names[:_MOST_UNNAMED]:
        message = f"{shown(name)} is there, and the manifest does not name it: it is no part of the release."
        yield "V03", message
    if (rest := len(names) - _MOST_UNNAMED) > 0:
        yield "V03", f"{counted(rest, 'more file')} that the manifest does not name."


def _signed_pointer(latest: Latest | None) -> Iterator[str]:
    if latest:
        yield f"{latest_key()} was signed on {latest.date}"


def _unproven(manifest: Manifest, found: Iterable[str]) -> Iterator[str]:
    """What to know about a version whose signature was not checked."""
    if SIGNATURE in found:
        yield "there is a signature, which was not checked: name the signer's key with --public-key"
    else:
        yield "it is not signed, so nobody vouches for it"
    if manifest.signing_key:
        yield f"its manifest claims that the key {manifest.signing_key} signs it"


def _content(stored: Stored | None) -> bytes | None:
    return stored.content if stored else None


def _missing(name: str) -> _Difference:
    return "V01", f"{name} is missing."


def _changed(name: str) -> _Difference:
    return "V02", f"{name} is not what was released."


def _unsigned(version: str) -> _Difference:
    return "V07", f"{SIGNATURE} is missing: {version} is not signed."
