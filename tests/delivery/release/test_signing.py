"""A signature stands for every byte of a manifest, and a private key stays with its owner."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import example, given
from hypothesis import strategies as st

from quilt_cfn.delivery.release.artifact import SIGNATURE, SUMS
from quilt_cfn.delivery.release.signing import (
    fingerprint,
    public_pem,
    read_private_key,
    read_public_key,
    sign,
    verification_command,
    verifies,
)
from quilt_cfn.errors import UserError

ROOT = Path(__file__).parents[3]
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CONTENT = b'{"product": "quilt-registry", "version": "1.0.0"}\n'
PASSPHRASE = "correct horse: ünïcode"
READ = """
import sys
from pathlib import Path
from quilt_cfn.errors import UserError
from quilt_cfn.delivery.release.signing import read_private_key, sign
try:
    print(sign(read_private_key(Path(sys.argv[1])), b"content").hex())
except UserError as trouble:
    sys.exit(f"trouble: {trouble}")
"""

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


def private(key=KEY, parameter_values=PrivateFormat.PKCS8, encryption=None):
    return key.private_bytes(Encoding.PEM, parameter_values, encryption or NoEncryption())


def public(key=KEY):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def put(path, content, mode=0o600):
    path.write_bytes(content)
    path.chmod(mode)
    return path


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options).stdout


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    return put(tmp_path_factory.mktemp("keys") / "key.pem", private())


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A file to write any example to."""
    return tmp_path_factory.mktemp("scratch") / "key.pem"


@pytest.fixture
def published(tmp_path):
    """A version's folder with a space in its name, and the reader's folder with our public key."""
    folder, reader = tmp_path / "the 1.0.0", tmp_path / "reader"
    folder.mkdir()
    reader.mkdir()
    (folder / SUMS).write_bytes(CONTENT)
    (folder / SIGNATURE).write_bytes(sign(KEY, CONTENT))
    (reader / "key.pub").write_text(public_pem(KEY))
    return folder, reader


def test_a_signature_is_64_bytes_and_always_the_same(key_file):
    signature = sign(read_private_key(key_file), CONTENT)
    assert len(signature) == 64
    assert signature == sign(read_private_key(key_file), CONTENT)
    assert verifies(KEY.public_key(), CONTENT, signature)


def test_it_is_the_ed25519_of_rfc_8032():
    """Test 2 of section 7.1."""
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    signature = sign(ed25519.Ed25519PrivateKey.from_private_bytes(secret), b"\x72")
    assert signature.hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def flipped(content, bit):
    place, bit = divmod(bit % (8 * len(content)), 8)
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


@given(st.binary(min_size=1, max_size=300), st.integers(min_value=0, max_value=8 * 300), st.booleans())
@example(bytes(1_000_000), -1, True)
def test_one_flipped_bit_in_content_or_signature_does_not_verify(content, bit, in_content):
    signature = sign(KEY, content)
    assert verifies(KEY.public_key(), content, signature)
    if in_content:
        assert not verifies(KEY.public_key(), flipped(content, bit), signature)
    else:
        assert not verifies(KEY.public_key(), content, flipped(signature, bit))


@given(st.binary(max_size=130))
@example(b"")
@example(bytes(64))
@example(sign(KEY, CONTENT)[:-1])
@example(sign(KEY, CONTENT) + b"\n")
@example(base64.b64encode(sign(KEY, CONTENT)))
def test_nothing_but_the_signature_verifies(signature):
    assert not verifies(KEY.public_key(), CONTENT, signature)


def test_the_signature_of_another_key_does_not_verify():
    assert not verifies(KEY.public_key(), CONTENT, sign(ed25519.Ed25519PrivateKey.generate(), CONTENT))


@needs_openssl
def test_a_key_that_openssl_makes_signs_and_its_public_half_verifies(tmp_path):
    for path, arguments in (
        (tmp_path / "key.pem", ["genpkey", "-algorithm", "ed25519"]),
        (tmp_path / "key.pub", ["pkey", "-in", tmp_path / "key.pem", "-pubout"]),
    ):
        openssl(*arguments, "-out", path)
    key = read_private_key(tmp_path / "key.pem")
    public_key = read_public_key(tmp_path / "key.pub")
    assert verifies(public_key, CONTENT, sign(key, CONTENT))
    assert public_pem(key) == (tmp_path / "key.pub").read_text()


@needs_openssl
@pytest.mark.parametrize("end", ["", "/"])
def test_a_stranger_verifies_with_openssl_alone(published, end):
    folder, reader = published
    command = ["bash", "-c", verification_command(f"{folder}{end}")]
    done = subprocess.run(command, cwd=reader, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n"), done.stderr
    (folder / SUMS).write_bytes(flipped(CONTENT, 77))
    assert subprocess.run(command, cwd=reader, capture_output=True, check=False).returncode != 0


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@needs_openssl
@needs_curl
def test_a_stranger_verifies_what_is_on_the_web(published):
    folder, reader = published
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder.parent)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/the%201.0.0"
        command = ["bash", "-c", verification_command(address)]
        environment = {**os.environ, "no_proxy": "127.0.0.1"}
        done = subprocess.run(command, cwd=reader, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n"), done.stderr
        (folder / SIGNATURE).unlink()
        missing = subprocess.run(command, cwd=reader, env=environment, capture_output=True, text=True, check=False)
        server.shutdown()
    assert missing.returncode != 0
    assert "Verified" not in missing.stdout


def test_the_verification_command_names_what_is_checked():
    assert verification_command("https://b.example/quilt-registry/1.0.0/") == (
        "curl --fail --silent --show-error --remote-name-all "
        "https://b.example/quilt-registry/1.0.0/SHA256SUMS "
        "https://b.example/quilt-registry/1.0.0/SHA256SUMS.sig && "
        "openssl pkeyutl -verify -pubin -inkey key.pub -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig"
    )


@needs_openssl
def test_the_fingerprint_is_what_openssl_makes_of_the_public_key(published):
    der = openssl("pkey", "-pubin", "-in", published[1] / "key.pub", "-outform", "DER")
    expected = base64.b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    assert fingerprint(KEY.public_key()) == f"SHA256:{expected}"
    assert fingerprint(ed25519.Ed25519PrivateKey.generate().public_key()) != fingerprint(KEY.public_key())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o601, 0o620, 0o660, 0o644, 0o777])
def test_a_private_key_that_others_can_read_is_refused_and_chmod_named(tmp_path, mode):
    path = put(tmp_path / "my key.pem", private(), mode)
    with pytest.raises(UserError) as trouble:
        read_private_key(path)
    assert f"(mode {mode:04o})" in trouble.value.what
    assert trouble.value.next_step == f"Take that from them: chmod 600 '{path}'"
    subprocess.run(trouble.value.next_step.partition(": ")[2], shell=True, check=True)
    assert sign(read_private_key(path), b"") == sign(KEY, b"")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_private_key_of_its_owner_alone_is_read(tmp_path, mode):
    assert sign(read_private_key(put(tmp_path / "key.pem", private(), mode)), b"") == sign(KEY, b"")


def test_a_link_to_a_key_is_judged_by_the_key(tmp_path):
    path = put(tmp_path / "key.pem", private())
    (tmp_path / "link").symlink_to(path)
    assert sign(read_private_key(tmp_path / "link"), b"") == sign(KEY, b"")
    path.chmod(0o644)
    with pytest.raises(UserError, match="Others than its owner"):
        read_private_key(tmp_path / "link")


OTHERS = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "ed448": ed448.Ed448PrivateKey.generate(),
    "x25519": x25519.X25519PrivateKey.generate(),
}
REFUSED_PRIVATE = {
    **{name: (private(key), "is not an Ed25519 key") for name, key in OTHERS.items()},
    "rsa of old": (private(OTHERS["rsa"], PrivateFormat.TraditionalOpenSSL), "is not an Ed25519 key"),
    "public": (public(), "is a public key"),
    "public of another kind": (public(OTHERS["rsa"]), "is a public key"),
    "empty": (b"", "holds no private key in PEM form"),
    "DER": (KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "holds no private key in PEM form"),
    "half": (private()[:70], "holds no private key in PEM form"),
    "a certificate": (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "holds no private key"),
    "of ssh": (private(parameter_values=PrivateFormat.OpenSSH), "holds no private key in PEM form of PKCS #8"),
    "endless": (b"\0" * 1_000_000, "holds no private key"),
}
REFUSED_PUBLIC = {
    **{name: (public(key), "is not an Ed25519 key") for name, key in OTHERS.items()},
    "private": (private(), "is a private key"),
    "encrypted": (private(encryption=BestAvailableEncryption(b"p")), "is a private key"),
    "empty": (b"", "holds no public key in PEM form"),
    "half": (public()[:50], "holds no public key in PEM form"),
    "garbage": (b"\xff" * 100, "holds no public key in PEM form"),
}


def secrets_of(content):
    """The lines of a PEM file that say anything."""
    return [line for line in content.decode("latin-1").splitlines() if len(line) > 8 and "-----" not in line]


@pytest.mark.parametrize("name", REFUSED_PRIVATE)
def test_what_is_no_signing_key_is_refused_in_a_sentence_without_a_byte_of_it(tmp_path, name):
    content, said = REFUSED_PRIVATE[name]
    with pytest.raises(UserError) as trouble:
        read_private_key(put(tmp_path / "file", content))
    assert said in trouble.value.what
    assert trouble.value.what.count(".") == 1
    assert not [line for line in secrets_of(content) if line in str(trouble.value)]


@pytest.mark.parametrize("name", REFUSED_PUBLIC)
def test_what_is_no_public_key_is_refused_in_a_sentence_without_a_byte_of_it(tmp_path, name):
    content, said = REFUSED_PUBLIC[name]
    with pytest.raises(UserError) as trouble:
        read_public_key(put(tmp_path / "file", content, 0o644))
    assert said in trouble.value.what
    assert trouble.value.what.count(".") == 1
    assert not [line for line in secrets_of(content) if line in str(trouble.value)]


def test_a_public_key_that_everyone_can_read_is_not_told_to_hide(tmp_path):
    with pytest.raises(UserError, match="is a public key, which can't sign"):
        read_private_key(put(tmp_path / "key.pub", public(), 0o644))


@pytest.mark.parametrize("read", [read_private_key, read_public_key])
def test_a_file_that_is_not_there_or_is_none_is_told_in_a_sentence(tmp_path, read):
    with pytest.raises(UserError, match=r"nowhere\.pem could not be read: No such file"):
        read(tmp_path / "nowhere.pem")
    with pytest.raises(UserError, match="could not be read: Is a directory"):
        read(tmp_path)


def told(read, path):
    """What is said about a key file; nothing when it is read."""
    try:
        read(path)
    except UserError as trouble:
        return str(trouble)
    return ""


@given(st.integers(0, len(private()) - 1), st.binary(max_size=3), st.sampled_from([private(), public()]))
def test_a_damaged_key_file_never_ends_in_a_traceback_and_never_in_a_message(scratch, place, damage, whole):
    put(scratch, whole[:place] + damage + whole[place + 1 :])
    secret = base64.b64encode(bytes(range(32))).decode()[4:20]
    for read in (read_private_key, read_public_key):
        assert secret not in told(read, scratch)


@given(st.binary(max_size=200), st.sampled_from([b"PRIVATE KEY", b"PUBLIC KEY", b"ENCRYPTED PRIVATE KEY", b"X"]))
def test_any_bytes_in_pem_are_refused_in_a_sentence(scratch, body, label):
    dashes = b"-----"
    lines = [dashes + b"BEGIN " + label + dashes, base64.b64encode(body), dashes + b"END " + label + dashes, b""]
    put(scratch, b"\n".join(lines))
    for read in (read_private_key, read_public_key):
        with pytest.raises(UserError):
            read(scratch)


def type_passphrase(path, typed):
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
                assert select.select([terminal], [], [], 10)[0], shown
                shown += os.read(terminal, 4096)
            os.write(terminal, f"{typed}\n".encode())
            printed, _ = process.communicate(timeout=10)
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
def encrypted(tmp_path_factory):
    content = private(encryption=BestAvailableEncryption(PASSPHRASE.encode()))
    return put(tmp_path_factory.mktemp("encrypted") / "key.pem", content)


def test_a_passphrase_is_asked_for_on_the_terminal_and_not_shown(encrypted):
    code, printed, shown = type_passphrase(encrypted, PASSPHRASE)
    assert (code, printed) == (0, sign(KEY, b"content").hex())
    assert f"Passphrase of {encrypted}: " in shown
    assert "correct" not in shown


@pytest.mark.parametrize("typed", ["wrong", ""])
def test_a_wrong_passphrase_is_told_and_not_shown(encrypted, typed):
    code, printed, shown = type_passphrase(encrypted, typed)
    assert (code, printed) == (1, "")
    assert f"trouble: The passphrase does not open the private key {encrypted}." in shown
    assert "wrong" not in shown


def test_without_a_terminal_no_passphrase_is_taken_from_anywhere(encrypted):
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
        "trouble: The private key has a passphrase, and there is no terminal to ask for it. "
        "Run the command in a terminal, or use a key without passphrase that only its owner can read.\n"
    )


def test_a_file_with_both_halves_signs_and_is_never_taken_for_a_public_key(tmp_path):
    path = put(tmp_path / "both.pem", private() + public())
    assert sign(read_private_key(path), b"") == sign(KEY, b"")
    with pytest.raises(UserError, match="is a private key"):
        read_public_key(path)


@needs_openssl
def test_a_key_that_openssl_encrypts_opens_with_its_passphrase(tmp_path):
    plain = put(tmp_path / "plain.pem", private())
    path = tmp_path / "key.pem"
    openssl("pkey", "-in", plain, "-aes256", "-passout", "stdin", "-out", path, input=b"typed here\n")
    path.chmod(0o600)
    assert type_passphrase(path, "typed here")[:2] == (0, sign(KEY, b"content").hex())


@pytest.mark.parametrize("name", ["read_private_key", "read_public_key"])
def test_without_cryptography_a_sentence_says_what_to_install(key_file, name):
    script = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from pathlib import Path\nfrom quilt_cfn.delivery.release import signing\n"
        f"signing.{name}(Path({str(key_file)!r}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "quilt_cfn.errors.UserError: Signatures take the package cryptography, which is not installed. "
        "Install it: pip install 'quilt-cfn[publish]'"
    )


def test_nothing_heavy_is_imported_before_it_is_needed():
    modules = "quilt_cfn.delivery.release.signing, quilt_cfn.delivery.release.sbom, sys"
    script = f"import {modules}; print('\\n'.join(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert {"cryptography", "cyclonedx", "packageurl", "boto3"}.isdisjoint(done.stdout.split())


def test_a_key_shows_nothing_of_itself_when_printed(key_file):
    key = read_private_key(key_file)
    assert re.fullmatch(r"<[\w. ]*Ed25519PrivateKey object at 0x[0-9a-f]+>", repr(key))
