"""latest.json: which version is the newest, as a text that anybody can read and that our key signs.

Without a signature, whoever can write to the store can point customers back to an older version, which is signed. The
signature is therefore over the version and a date, and ``verify`` shows that date.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.delivery.release.artifact import (
    LARGEST_LATEST,
    MANIFEST,
    SHA256,
    Manifest,
)
from quilt_cfn.delivery.release.envelope import opened, seal
from quilt_cfn.delivery.release.signing import fingerprint
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import VERSION, precedence

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey as PublicKey

# In the tree of media types that nobody registers: https://www.rfc-editor.org/rfc/rfc6838#section-3.4
PAYLOAD_TYPE = "application/x.quilt-registry.latest+json"

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Latest(NamedTuple):
    """What a latest.json says."""

    version: str
    sha256: str
    """Of the version's manifest."""
    withdrawn: tuple[str, ...]
    """The versions above this one that were withdrawn: they may still be in the store, and nobody is to have them."""
    date: str | None
    """When it was signed, in UTC: 2026-11-30T12:00:00Z. Without a signature it has none."""
    fields: Mapping[str, Any]
    """All of this as it is in the file, which is what the signature is over."""
    envelope: object
    """The signed form of the fields, which nobody has looked at yet; None when the file is not signed."""


def content(manifest: Manifest, key: PrivateKey | None, now: datetime, withdrawn: Iterable[str] = ()) -> bytes:
    """The latest.json that names a version, signed at ``now`` if there is a key."""
    fields = _fields(manifest, withdrawn)
    document: dict[str, Any] = fields
    if key:
        fields = {**fields, "date": now.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}
        document = {**fields, "envelope": seal(json.dumps(fields).encode(), PAYLOAD_TYPE, key)}
    return (json.dumps(document, indent=2) + "\n").encode()


def read(content: bytes, where: str) -> Latest:
    """Parse a latest.json, checking no signature; raises ``UserError``, whose sentence begins with ``where``."""
    document: object = None
    if len(content) <= LARGEST_LATEST:
        with contextlib.suppress(ValueError, RecursionError):
            document = json.loads(content)
    fields = dict(document) if isinstance(document, dict) else {}
    envelope = fields.pop("envelope", None)
    version, digest, date = (
        _text(fields.get("version"), VERSION),
        _text(fields.get("sha256"), SHA256),
        fields.get("date"),
    )
    withdrawn = fields.get("withdrawn", [])
    if (
        version
        and digest
        and fields.get("product") == PRODUCT
        and fields.get("manifest") == f"{version}/{MANIFEST}"
        and (date is None or _text(date, _DATE))
        and isinstance(withdrawn, list)
        and all(_text(each, VERSION) for each in withdrawn)
    ):
        return Latest(version, digest, tuple(withdrawn), date, fields, envelope)
    raise UserError(
        f"{where} does not name a version.",
        "quilt-cfn did not write it: restore an earlier version of it, or delete it, and run the command again.",
    )


def check(latest: Latest, public_key: PublicKey) -> Iterator[tuple[str, str]]:
    """What is wrong with the signature of a latest.json: the ids of findings, see ``explanations``, and messages."""
    if latest.envelope is None:
        yield "V09", "latest.json is not signed: nobody vouches that the version it names is the newest."
    elif not is_signed_by(latest, public_key):
        yield "V10", f"latest.json was not signed with the key {fingerprint(public_key)}, or was changed afterwards."


def is_signed_by(latest: Latest, public_key: PublicKey) -> bool:
    """Whether the owner of a key signed exactly these fields."""
    payload = opened(latest.envelope, PAYLOAD_TYPE, public_key)
    return payload is not None and payload == json.dumps(latest.fields).encode()


def names(latest: Latest, manifest: Manifest, withdrawn: Iterable[str] = ()) -> bool:
    """Whether it names this version already, with the same bytes; when it was signed makes no difference."""
    return {key: value for key, value in latest.fields.items() if key != "date"} == _fields(manifest, withdrawn)


def _fields(manifest: Manifest, withdrawn: Iterable[str]) -> dict[str, Any]:
    above = [each for each in withdrawn if precedence(each) > precedence(manifest.version)]
    return {
        "product": PRODUCT,
        "version": manifest.version,
        "manifest": f"{manifest.version}/{MANIFEST}",
        "sha256": manifest.sha256,
        **({"withdrawn": sorted(above, key=precedence)} if above else {}),
    }


def _text(value: object, pattern: re.Pattern[str]) -> str | None:
    """The value if it is a string of this pattern."""
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
