"""From what a version was made, by whom and where, in the form that other programs verify.

It is an in-toto statement with SLSA's provenance, in an envelope that the release's key signs. It follows from the
manifest alone, so the same manifest and key give the same bytes. docs/guide/provenance.md says what each field means.

https://slsa.dev/spec/v1.1/provenance
https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from quilt_cfn.delivery.release.artifact import LARGEST_PROVENANCE, MANIFEST, PROVENANCE, Manifest
from quilt_cfn.delivery.release.envelope import opened, seal
from quilt_cfn.delivery.release.sbom import OURSELVES, image_url
from quilt_cfn.inputs.release import Image

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey as PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
# SLSA wants URIs that nobody uses for anything else. The project has no domain to take them from, so both are UUIDs
# (https://www.rfc-editor.org/rfc/rfc9562), which docs/guide/provenance.md explains. Another meaning needs another UUID.
BUILD_TYPE = "urn:uuid:3714d33f-b31b-4562-b13a-cf554c2fb6ac"
"""``quilt-cfn release`` in a checkout."""
BUILDER = "urn:uuid:1e74daaf-bbc3-4a53-acd4-508dbcd51b23"
"""A computer of the vendor's, and whoever works at it: no service builds the release."""


def provenance(manifest: Manifest, key: PrivateKey) -> bytes:
    """The provenance of a version, signed: one line of JSON, as https://jsonlines.org has it."""
    payload = json.dumps(statement(manifest)).encode()
    return (json.dumps(seal(payload, PAYLOAD_TYPE, key)) + "\n").encode()


def statement(manifest: Manifest) -> dict[str, Any]:
    """The in-toto statement about all files of a version, the manifest among them."""
    tools = manifest.document.get("tools", {})
    return {
        **_about(manifest),
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"version": manifest.version},
                "resolvedDependencies": [
                    {"name": "source", "digest": {"gitCommit": manifest.commit}},
                    *(_image(name, image) for name, image in manifest.document.get("images", {}).items()),
                    *(_tool(name, version) for name, version in tools.items() if name != OURSELVES),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {OURSELVES: tools[OURSELVES]} if OURSELVES in tools else {}},
                # The date that the changelog states. When the command ran is recorded nowhere.
                "metadata": {"quilt_released": manifest.released},
            },
        },
    }


def check(content: bytes | None, manifest: Manifest, public_key: PublicKey) -> Iterator[tuple[str, str]]:
    """What is wrong with a version's provenance: the ids of findings, see ``explanations``, and messages."""
    if content is None:
        yield "V12", f"{PROVENANCE} is missing: nothing signed says from what {manifest.version} was made."
    elif not vouches(content, manifest, public_key):
        yield "V12", f"{PROVENANCE} is not about these files, or was not signed with this key."


def vouches(content: bytes, manifest: Manifest, public_key: PublicKey) -> bool:
    """Whether the owner of a key signed a provenance of exactly these files.

    Other fields may differ from what ``provenance`` gives: an earlier version of this package may have made it.
    """
    if len(content) > LARGEST_PROVENANCE:
        return False
    for line in content.splitlines():
        # What others signed is not looked at: https://github.com/in-toto/attestation/blob/main/spec/v1/bundle.md
        payload = opened(_parsed(line), PAYLOAD_TYPE, public_key)
        theirs = _parsed(payload) if payload else None
        if isinstance(theirs, dict) and theirs.items() >= _about(manifest).items():
            return True
    return False


def _about(manifest: Manifest) -> dict[str, Any]:
    """What makes a statement one of this kind about these files."""
    files = {**{entry.name: entry.sha256 for entry in manifest.files}, MANIFEST: manifest.sha256}
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(files.items())],
        "predicateType": PREDICATE,
    }


def _parsed(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _image(name: str, image: Mapping[str, Any]) -> dict[str, Any]:
    descriptor = {"name": name, "uri": str(image_url(Image(image["name"], image["digest"])))}
    digest = image["digest"]
    return {**descriptor, **({"digest": {"sha256": digest.removeprefix("sha256:")}} if digest else {})}


def _tool(name: str, version: str) -> dict[str, Any]:
    return {"name": name, "uri": str(f"pkg:{'generic' if name == 'python' else 'pypi'}/{name}@{version}")}
