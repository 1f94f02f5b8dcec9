"""Signs a version, and checks its signature: Ed25519 (RFC 8032) over SHA256SUMS, with a key in a local PEM file.

A private key is read from a file that only its owner can read. No argument, environment variable, message or log ever
contains any part of it, or of its passphrase.

A signature is 64 raw bytes in a file beside SHA256SUMS. OpenSSL makes the keys, and checks it as
docs/guide/provenance.md says:

    openssl genpkey -algorithm ed25519 -aes256 -out key.pem      # leave out -aes256 for a key without passphrase
    openssl pkey -in key.pem -pubout -out key.pub
"""

from __future__ import annotations

import getpass
import hashlib
import os
import shlex
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from quilt_cfn.delivery.release.artifact import Manifest
from quilt_cfn.errors import UserError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey as PublicKey

PUBLIC_KEY = "key.pub"
"""The name of the reader's copy of our public key in the command that ``quilt-cfn publish`` prints."""

_LARGEST = 64 * 1024  # a key has a few hundred bytes
_GENERATE = "Make one: openssl genpkey -algorithm ed25519 -out key.pem"


def read_private_key(path: Path) -> PrivateKey:
    """Read an Ed25519 key from a PEM file (PKCS #8); raises ``UserError``, which contains nothing of the file.

    A passphrase is read from the terminal. A file that others than its owner can read is refused, as ssh does.
    """
    _require_cryptography()
    # late: 0.2 s, for signatures only
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    content, mode = _read(path)
    if b"PUBLIC KEY-----" in content and b"PRIVATE KEY-----" not in content:
        raise UserError(f"{path} is a public key, which can't sign.", "Name the private key that belongs to it.")
    if mode & 0o077:
        raise UserError(
            f"Others than its owner may read the private key {path} (mode {mode & 0o777:04o}).",
            f"Make it readable for its owner only: chmod 600 {shlex.quote(str(path))}",
        )
    key = _load_private(path, content)
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"The private key {path} is not an Ed25519 key.", _GENERATE)
    return key


def read_public_key(path: Path) -> PublicKey:
    """Read an Ed25519 public key from a PEM file (SubjectPublicKeyInfo); raises ``UserError``."""
    _require_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm  # late: see read_private_key
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content, _ = _read(path)
    if b"PRIVATE KEY-----" in content:
        raise UserError(
            f"{path} is a private key, which only its owner should have.",
            f"Name the public one: openssl pkey -in {shlex.quote(str(path))} -pubout -out {PUBLIC_KEY}",
        )
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(
            f"{path} contains no public key in PEM format.", "It begins with: -----BEGIN PUBLIC KEY-----"
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise UserError(
            f"The public key {path} is not an Ed25519 key.", "Name the one that belongs to the signing key."
        )
    return key


def verifies(public_key: PublicKey, content: bytes, signature: bytes) -> bool:
    """Whether a signature is that of exactly these bytes by the private key that belongs to the public key."""
    from cryptography.exceptions import InvalidSignature  # late: see read_private_key

    try:
        public_key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def fingerprint(public_key: PublicKey) -> str:
    """``sha256:`` and 64 hexadecimal digits that stand for a public key: the hash of its SubjectPublicKeyInfo in DER.

    OpenSSL prints the same: ``openssl pkey -pubin -in key.pub -outform DER | sha256sum``.
    https://www.rfc-editor.org/rfc/rfc8410#section-4
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # late: see read_private_key

    encoded = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def refuse_other_key(manifest: Manifest, key: PrivateKey | None) -> None:
    """Raises ``UserError`` unless a version is signed with the key that its manifest names; it may name none."""
    if manifest.signing_key is None:
        return
    if key is None:
        raise UserError(
            f"{manifest.version} has to be signed: its manifest names the key {manifest.signing_key}.",
            "Name that key's file with --sign.",
        )
    found = fingerprint(key.public_key())
    if found != manifest.signing_key:
        raise UserError(
            f"The manifest of {manifest.version} names the key {manifest.signing_key}, and this one is {found}.",
            "Sign with the key that it names; another key takes over with the next release (docs/releasing.md).",
        )


def _require_cryptography() -> None:
    try:
        import cryptography  # noqa: F401  # late: it is in an optional extra, and may be missing
    except ImportError:
        raise UserError(
            "Signatures take the package cryptography, which is not installed.",
            "Install it: pip install 'quilt-cfn[publish]'",
        ) from None


def _read(path: Path) -> tuple[bytes, int]:
    """The content and the mode of a key file, which has to be a regular file."""
    try:
        # Without O_NONBLOCK this would wait until somebody writes to a FIFO.
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        mode = os.fstat(opened).st_mode
        if stat.S_ISREG(mode):
            with open(opened, "rb") as file:
                return file.read(_LARGEST), mode
        os.close(opened)
        raise UserError(f"The key {path} is not a regular file.", "Name a PEM file that you may read.")
    except OSError as error:
        raise UserError(
            f"The key {path} could not be read: {error.strerror}.", "Name a PEM file that you may read."
        ) from None


def _load_private(path: Path, content: bytes) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm  # late: see read_private_key
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        try:
            return load_pem_private_key(content, None)
        except TypeError:  # raised for an encrypted key
            passphrase = _read_passphrase(f"Passphrase of {path}: ")
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(f"{path} contains no private key in PEM format (PKCS #8).", _GENERATE) from None
    try:
        return load_pem_private_key(content, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UserError(f"The passphrase does not open the private key {path}.", "Run the command again.") from None


def _read_passphrase(prompt: str) -> bytes:
    """Read a passphrase from the terminal without showing it; raises ``UserError`` where there is no terminal."""
    try:
        with warnings.catch_warnings():
            # getpass only warns when it would show what is typed, or read it from a file.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(prompt).encode()
    except (getpass.GetPassWarning, EOFError):
        raise UserError(
            "The private key has a passphrase, and there is no terminal to read it from.",
            "Run the command in a terminal, or use a key without passphrase that only its owner can read.",
        ) from None
