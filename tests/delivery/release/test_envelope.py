"""An envelope opens for its bytes, its type and its key alone, here and in an implementation that is not ours."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # as its documentation has it

from quilt_cfn.delivery.release.envelope import opened, seal, signed_bytes
from quilt_cfn.delivery.release.signing import fingerprint
from tests.delivery.publish.artifacts import KEY, OTHER_KEY, flip

TYPE = "application/x.test+json"
PAYLOAD = '{"of": "ünïcode"}'.encode()
SEALED = seal(PAYLOAD, TYPE, KEY)
PUBLIC = KEY.public_key()


def accepted_elsewhere(document: dict[str, Any], public_key: Ed25519PublicKey) -> bytes | None:
    """What securesystemslib, on which in-toto and TUF are built, takes for signed by a key."""
    key = SSlibKey.from_crypto(public_key, fingerprint(public_key))
    envelope = Envelope.from_dict(copy.deepcopy(document))
    try:
        envelope.verify([key], 1)
    except VerificationError:
        return None
    return envelope.payload


def resigned(signatures: object) -> dict[str, Any]:
    return SEALED | {"signatures": signatures}


def test_the_key_opens_it_here_and_elsewhere():
    assert opened(SEALED, TYPE, PUBLIC) == PAYLOAD
    assert accepted_elsewhere(SEALED, PUBLIC) == PAYLOAD


def test_another_key_does_not():
    assert opened(SEALED, TYPE, OTHER_KEY.public_key()) is None
    assert accepted_elsewhere(SEALED, OTHER_KEY.public_key()) is None
    claimed = [SEALED["signatures"][0] | {"keyid": fingerprint(OTHER_KEY.public_key())}]
    assert opened(resigned(claimed), TYPE, OTHER_KEY.public_key()) is None
    assert accepted_elsewhere(resigned(claimed), OTHER_KEY.public_key()) is None


def test_another_type_does_not_open_it_whether_asked_for_or_claimed():
    assert opened(SEALED, "application/x.other+json", PUBLIC) is None
    claimed = SEALED | {"payloadType": "application/x.other+json"}
    assert opened(claimed, "application/x.other+json", PUBLIC) is None
    assert accepted_elsewhere(claimed, PUBLIC) is None


@given(st.integers(0, len(PAYLOAD) - 1))
def test_a_changed_byte_is_refused(offset):
    changed = SEALED | {"payload": base64.b64encode(flip(PAYLOAD, offset)).decode()}
    assert opened(changed, TYPE, PUBLIC) is None
    assert accepted_elsewhere(changed, PUBLIC) is None


@given(st.integers(0, 63))
def test_a_changed_signature_is_refused(offset):
    signature = base64.b64decode(SEALED["signatures"][0]["sig"])
    changed = resigned([{**SEALED["signatures"][0], "sig": base64.b64encode(flip(signature, offset)).decode()}])
    assert opened(changed, TYPE, PUBLIC) is None
    assert accepted_elsewhere(changed, PUBLIC) is None


@given(st.binary(max_size=40), st.text(min_size=1, max_size=10))
def test_whatever_is_sealed_opens_and_the_lengths_keep_type_and_payload_apart(payload, kind):
    kind = kind.encode(errors="replace").decode()
    sealed = seal(payload, kind, KEY)
    assert opened(json.loads(json.dumps(sealed)), kind, PUBLIC) == payload
    assert accepted_elsewhere(sealed, PUBLIC) == payload
    assert opened(sealed, f"{kind} ", PUBLIC) is None


def test_the_signed_bytes_are_those_of_the_specification():
    # The example of https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md#test-vectors
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert signed_bytes(b"hello world", "http://example.com/HelloWorld") == expected


def test_the_name_of_the_key_is_a_hint_that_decides_nothing():
    (signature,) = SEALED["signatures"]
    assert signature["keyid"] == fingerprint(PUBLIC)
    for hint in ({}, {"keyid": "another"}, {"keyid": None}):
        assert opened(resigned([{"sig": signature["sig"], **hint}]), TYPE, PUBLIC) == PAYLOAD


def test_one_of_several_signatures_is_enough():
    others = seal(PAYLOAD, TYPE, OTHER_KEY)["signatures"]
    for signatures in ([*others, *SEALED["signatures"]], [*SEALED["signatures"], *others]):
        assert opened(resigned(signatures), TYPE, PUBLIC) == PAYLOAD
    assert opened(resigned(others), TYPE, PUBLIC) is None


def test_base64_for_urls_is_accepted_as_well():
    payload = b"\xfb\xff\xfe" * 3
    sealed = seal(payload, TYPE, KEY)
    assert "+" in sealed["payload"]
    assert opened(sealed | {"payload": base64.urlsafe_b64encode(payload).decode()}, TYPE, PUBLIC) == payload


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "envelope",
        {},
        SEALED | {"payload": None},
        SEALED | {"payload": "ünïcode"},
        SEALED | {"payload": "A"},
        SEALED | {"payload": f"{SEALED['payload']}\n"},
        SEALED | {"payloadType": None},
        *map(resigned, (None, {}, [], [None], ["sig"], [{}], [{"sig": 1}], [{"sig": ""}], [{"sig": "\udc00"}])),
    ],
)
def test_what_is_no_envelope_is_not_opened(document):
    assert opened(document, TYPE, PUBLIC) is None
