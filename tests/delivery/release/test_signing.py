"""A signature is valid for exactly the signed bytes, and a private key stays with its owner."""

from __future__ import annotations

import base64
import os
import pty
import select
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from quilt_cfn.delivery.release.artifact import SIGNATURE, SUMS, compose
from quilt_cfn.delivery.release.signing import (
    fingerprint,
    read_private_key,
    read_public_key,
    refuse_other_key,
    verifies,
)
from quilt_cfn.errors import UserError
from tests.delivery.publish.artifacts import artifact, facts, flip

ROOT = Path(__file__).parents[3]
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CONTENT = b"f358513181aae9d21a87738c29ba7d91e1aefdaad23ca5e4a12645cfa0972d15  manifest.json\n"
PASSPHRASE = "correct horse: ünïcode"
READ = """
import sys
from pathlib import Path
from quilt_cfn.errors import UserError
from quilt_cfn.delivery.release.signing import read_private_key
try:
    print(read_private_key(Path(sys.argv[1])).sign(b"content").hex())
except UserError as error:
    sys.exit(str(error))
"""

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


def private(
    key: Any = KEY, format: PrivateFormat = PrivateFormat.PKCS8, encryption: KeySerializationEncryption | None = None
) -> bytes:
    content: bytes = key.private_bytes(Encoding.PEM, format, encryption or NoEncryption())
    return content


def public(key: Any = KEY) -> bytes:
    content: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return content


def put(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def openssl(*arguments: object, input: bytes = b"") -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, input=input)


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, Path]:
    """A version's folder with a space in its name, and a customer's folder with our public key."""
    folder, customer = tmp_path / "the 1.0.0", tmp_path / "customer"
    folder.mkdir()
    customer.mkdir()
    (folder / SUMS).write_bytes(CONTENT)
    (folder / SIGNATURE).write_bytes(KEY.sign(CONTENT))
    (customer / "key.pub").write_bytes(public())
    return folder, customer


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(64),
        KEY.sign(CONTENT)[:-1],
        KEY.sign(CONTENT) + b"\n",
        base64.b64encode(KEY.sign(CONTENT)),
        ed25519.Ed25519PrivateKey.generate().sign(CONTENT),
    ],
    ids=["empty", "zeros", "short", "long", "base64", "of another key"],
)
def test_nothing_but_the_signature_verifies(signature):
    assert not verifies(KEY.public_key(), CONTENT, signature)


@needs_openssl
def test_a_key_that_openssl_makes_signs_and_its_public_half_verifies(tmp_path):
    openssl("genpkey", "-algorithm", "ed25519", "-out", tmp_path / "key.pem")
    openssl("pkey", "-in", tmp_path / "key.pem", "-pubout", "-out", tmp_path / "key.pub")
    signature = read_private_key(tmp_path / "key.pem").sign(CONTENT)
    assert verifies(read_public_key(tmp_path / "key.pub"), CONTENT, signature)


@needs_openssl
def test_a_customer_verifies_with_openssl_alone(published):
    folder, customer = published
    arguments = ("-verify", "-pubin", "-inkey", customer / "key.pub", "-rawin", "-in", folder / SUMS)
    command = ["openssl", "pkeyutl", *arguments, "-sigfile", folder / SIGNATURE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n"), done.stderr
    (folder / SUMS).write_bytes(flip(CONTENT, 7))
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o601, 0o620, 0o777])
def test_a_private_key_that_others_can_read_is_refused_and_chmod_named(tmp_path, mode):
    path = put(tmp_path / "my key.pem", private(), mode)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(UserError, match="Others than its owner"):
        read_private_key(tmp_path / "link")
    with pytest.raises(UserError) as error:
        read_private_key(path)
    assert f"(mode {mode:04o})" in error.value.what
    assert error.value.next_step == f"Make it readable for its owner only: chmod 600 '{path}'"
    subprocess.run(error.value.next_step.partition(": ")[2], shell=True, check=True)
    assert read_private_key(path).sign(b"") == read_private_key(tmp_path / "link").sign(b"") == KEY.sign(b"")


def test_a_private_key_that_its_owner_can_not_write_is_read(tmp_path):
    assert read_private_key(put(tmp_path / "key.pem", private(), 0o400)).sign(b"") == KEY.sign(b"")


RSA = rsa.generate_private_key(65537, 2048)
OTHERS = {"rsa": RSA, "ed448": ed448.Ed448PrivateKey.generate(), "x25519": x25519.X25519PrivateKey.generate()}
REFUSED_PRIVATE = {
    **{name: (private(key), "is not an Ed25519 key") for name, key in OTHERS.items()},
    "old rsa": (private(RSA, PrivateFormat.TraditionalOpenSSL), "is not an Ed25519 key"),
    "public": (public(), "is a public key"),
    "public rsa": (public(RSA), "is a public key"),
    "empty": (b"", "contains no private key"),
    "DER": (KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "contains no private key"),
    "half": (private()[:70], "contains no private key"),
    "of ssh": (private(format=PrivateFormat.OpenSSH), "contains no private key"),
    "endless": (b"\0" * 1_000_000, "contains no private key"),
}
REFUSED_PUBLIC = {
    **{name: (public(key), "is not an Ed25519 key") for name, key in OTHERS.items()},
    "private": (private(), "is a private key"),
    "encrypted": (private(encryption=BestAvailableEncryption(b"p")), "is a private key"),
    "both": (private() + public(), "is a private key"),
    "empty": (b"", "contains no public key"),
    "half": (public()[:50], "contains no public key"),
}


@pytest.mark.parametrize(
    ("read", "content", "sentence"),
    [
        *(pytest.param(read_private_key, *each, id=f"private: {name}") for name, each in REFUSED_PRIVATE.items()),
        *(pytest.param(read_public_key, *each, id=f"public: {name}") for name, each in REFUSED_PUBLIC.items()),
    ],
)
def test_what_is_no_such_key_is_refused_in_a_sentence_without_a_byte_of_it(tmp_path, read, content, sentence):
    with pytest.raises(UserError) as error:
        read(put(tmp_path / "file", content))
    assert sentence in error.value.what
    assert error.value.what.count(".") == 1
    secrets = [line for line in content.decode("latin-1").splitlines() if len(line) > 8 and "-----" not in line]
    assert not [line for line in secrets if line in str(error.value)]


def test_a_public_key_that_everybody_can_read_is_called_a_public_key(tmp_path):
    with pytest.raises(UserError, match="is a public key, which can't sign"):
        read_private_key(put(tmp_path / "key.pub", public(), 0o644))


@pytest.mark.parametrize("read", [read_private_key, read_public_key])
def test_a_file_that_is_not_there_is_an_error(tmp_path, read):
    with pytest.raises(UserError, match=r"nowhere\.pem could not be read: No such file"):
        read(tmp_path / "nowhere.pem")


@pytest.mark.parametrize("read", [read_private_key, read_public_key])
@pytest.mark.parametrize("kind", ["folder", "FIFO", "device"])
def test_a_key_that_is_not_a_regular_file_is_refused_and_not_waited_for(tmp_path, read, kind):
    path = Path("/dev/zero") if kind == "device" else tmp_path / "key.pem"
    if kind == "folder":
        path.mkdir()
    if kind == "FIFO":
        os.mkfifo(path, 0o600)
    with pytest.raises(UserError) as error:
        read(path)
    assert error.value.what == f"The key {path} is not a regular file."


@needs_openssl
def test_the_documented_command_prints_the_fingerprint(tmp_path):
    commands = {
        line.strip().replace("~/", "")
        for page in ("releasing", "guide/provenance")
        for line in (ROOT / f"docs/{page}.md").read_text(encoding="utf-8").splitlines()
        if line.endswith("| sha256sum")
    }
    (command,) = commands
    put(tmp_path / "quilt.pub", public())
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert fingerprint(KEY.public_key()) == f"sha256:{done.stdout.split()[0]}"


def test_another_key_has_another_fingerprint_and_a_copy_of_a_key_has_its_own(tmp_path):
    copy = read_public_key(put(tmp_path / "key.pub", public()))
    assert (
        fingerprint(copy)
        == fingerprint(KEY.public_key())
        != fingerprint(ed25519.Ed25519PrivateKey.generate().public_key())
    )


def test_a_version_that_names_no_key_may_be_signed_with_any_or_none():
    for key in (None, KEY):
        refuse_other_key(artifact(big=600).manifest, key)


def test_a_version_that_names_a_key_is_signed_with_that_key_alone():
    named = fingerprint(KEY.public_key())
    manifest = compose({**facts(), "signing_key": named}, artifact(big=600).contents).manifest
    refuse_other_key(manifest, KEY)
    with pytest.raises(UserError) as error:
        refuse_other_key(manifest, None)
    assert error.value.what == f"1.0.0 has to be signed: its manifest names the key {named}."
    assert "--sign" in error.value.next_step
    other = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(UserError) as error:
        refuse_other_key(manifest, other)
    assert error.value.what == (
        f"The manifest of 1.0.0 names the key {named}, and this one is {fingerprint(other.public_key())}."
    )


def type_passphrase(path: Path, typed: str) -> tuple[int, str, str]:
    """Read a key as a user at a terminal; returns exit code, what was printed, and what the terminal showed."""
    terminal, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", READ, path],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        start_new_session=True,
        text=True,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while b"Passphrase of" not in shown:
                assert select.select([terminal], [], [], 60)[0], shown
                shown += os.read(terminal, 4096)
            os.write(terminal, f"{typed}\n".encode())
            printed, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    while select.select([terminal], [], [], 0)[0]:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the other side is closed and everything was read
            break
    os.close(terminal)
    return process.returncode, printed.strip(), shown.decode()


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that openssl encrypted."""
    folder = tmp_path_factory.mktemp("encrypted")
    plain, path = put(folder / "plain.pem", private()), folder / "key.pem"
    openssl("pkey", "-in", plain, "-aes256", "-passout", "stdin", "-out", path, input=f"{PASSPHRASE}\n".encode())
    path.chmod(0o600)
    return path


@needs_openssl
def test_a_passphrase_is_read_from_the_terminal_and_not_shown(encrypted):
    code, printed, shown = type_passphrase(encrypted, PASSPHRASE)
    assert (code, printed) == (0, KEY.sign(b"content").hex())
    assert f"Passphrase of {encrypted}: " in shown
    assert "correct" not in shown


@needs_openssl
def test_a_wrong_passphrase_is_an_error_and_not_shown(encrypted):
    code, printed, shown = type_passphrase(encrypted, "wrong")
    assert (code, printed) == (1, "")
    assert f"The passphrase does not open the private key {encrypted}." in shown
    assert "wrong" not in shown


@needs_openssl
def test_without_a_terminal_no_passphrase_is_read_from_anywhere(encrypted):
    done = subprocess.run(
        [sys.executable, "-c", READ, encrypted],
        input=f"{PASSPHRASE}\n",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PASSPHRASE": PASSPHRASE},
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "The private key has a passphrase, and there is no terminal to read it from. "
        "Run the command in a terminal, or use a key without passphrase that only its owner can read.\n"
    )


@pytest.mark.parametrize("read", [read_private_key, read_public_key])
def test_without_cryptography_the_error_names_what_to_install(monkeypatch, read):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(UserError) as error:
        read(Path("key.pem"))
    assert str(error.value) == (
        "Signatures take the package cryptography, which is not installed. Install it: pip install 'quilt-cfn[publish]'"
    )


def test_nothing_heavy_is_imported_before_it_is_needed():
    release = "signing, sbom, envelope, provenance"
    modules = ", ".join([*(f"quilt_cfn.delivery.release.{each}" for each in release.split(", ")), "sys"])
    script = f"import quilt_cfn.delivery.publish.pointer, {modules}; print('\\n'.join(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert {"cryptography", "cyclonedx", "packageurl", "boto3"}.isdisjoint(done.stdout.split())
