"""Signs a JSON document so that the signature covers its bytes and its type: DSSE, the Dead Simple Signing Envelope.

in-toto and SLSA prescribe it (https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md), and many programs
verify it. OpenSSL can, too: docs/guide/provenance.md has the command.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from quilt_cfn.delivery.release.signing import fingerprint, verifies

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey as PublicKey


def seal(payload: bytes, payload_type: str, key: PrivateKey) -> dict[str, Any]:
    """The envelope of some bytes, of a media type, as a JSON object. The same arguments give the same envelope.

    https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md
    """
    signature = key.sign(signed_bytes(payload, payload_type))
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": fingerprint(key.public_key()), "sig": base64.b64encode(signature).decode()}],
    }


def opened(document: object, payload_type: str, public_key: PublicKey) -> bytes | None:
    """The bytes in an envelope of this type that the public key's owner signed; None for anything else.

    What the envelope says about the key is only a hint, and is not looked at. One of its signatures is enough.
    """
    envelope = document if isinstance(document, dict) else {}
    payload, signatures = _decoded(envelope.get("payload")), envelope.get("signatures")
    if payload is None or envelope.get("payloadType") != payload_type or not isinstance(signatures, list):
        return None
    content = signed_bytes(payload, payload_type)
    for each in signatures:
        signature = _decoded(each.get("sig")) if isinstance(each, dict) else None
        if signature and verifies(public_key, content, signature):
            return payload
    return None


def signed_bytes(payload: bytes, payload_type: str) -> bytes:
    """What a signature is over, which DSSE calls PAE: the lengths keep type and payload apart.

    https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _decoded(text: object) -> bytes | None:
    """Base64 in either of its two alphabets, as DSSE has every verifier accept both; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return None
