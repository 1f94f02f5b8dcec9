"""try_mail.py: which part of the mail service fails is named, nothing is sent, and no secret is printed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quilt_cfn import instance
from tests.ports import reserved_ports

CHECKOUT = Path(__file__).parent.parent.parent
SERVICE = CHECKOUT / "tests/boot/stand_ins/mail.py"
USER, PASSWORD = "ada@example.com", "a secret word"
SENDER = "Quilt <quilt@example.com>"


MINUTE, PAUSE = "signal.alarm(60)", "time.sleep(5)"
"""The time that the program has, and that between two tries."""
ONCE = {PAUSE: f"signal.alarm(1); {PAUSE}"}
"""The time is over in the first pause."""


class Mail:
    """A mail service at a port, which wants TLS and a login, and the program that tries it."""

    def __init__(self, folder: Path, port: int) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed")
        self.folder, self.port = folder, port
        self.certificate = folder / "certificate"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        files = ["-keyout", f"{folder}/key", "-out", f"{folder}/public"]
        subprocess.run(["openssl", "req", "-x509", *key, "-subj", "/CN=mail", *files], check=True, capture_output=True)
        self.certificate.write_text((folder / "key").read_text() + (folder / "public").read_text())
        self.answer()

    def answer(self, refuses: str = "", password: str = PASSWORD) -> None:
        """The command that the service refuses, and the password that it takes."""
        how = {"Username": USER, "Password": password, "Refuses": refuses, "Seconds": 0}
        (self.folder / "mail.json").write_text(json.dumps(how))

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, SERVICE, self.folder, "127.0.0.1", str(self.port), self.certificate])

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def commands(self) -> list[str]:
        return (self.folder / "mail-commands").read_text().splitlines()

    def attempt(self, changes: dict[str, str] | None = None, /, **variables: str) -> tuple[int, str]:
        """Try it with these variables instead of the right ones: the exit code and what was printed.

        ``changes`` are texts of the program and what is there instead.
        """
        text = instance.read("try_mail.py")
        for old, new in (changes or {}).items():
            assert old in text
            text = text.replace(old, new)
        (self.folder / "try_mail.py").write_text(text)
        environment = {
            "PATH": os.environ["PATH"],
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.port),
            "SMTP_USE_TLS": "true",
            "SMTP_USERNAME": USER,
            "SMTP_PASSWORD": PASSWORD,
            "QUILT_DEFAULT_SENDER": SENDER,
        }
        done = subprocess.run(
            [sys.executable, self.folder / "try_mail.py"],
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with reserved_ports(1) as (port,):
        mail = Mail(tmp_path_factory.mktemp("mail"), port)
        process = mail.start()
        mail.wait()
        yield mail
        process.kill()
        process.wait()


@pytest.fixture
def mail(service):
    service.answer()
    (service.folder / "mail-commands").write_text("")
    return service


def test_a_service_that_takes_login_and_sender_is_content_and_nothing_is_sent(mail):
    assert mail.attempt() == (0, "The mail service takes the login and the sender.\n")
    commands = [command.split()[0] for command in mail.commands()]
    assert commands == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RSET", "QUIT"]
    assert any(command.upper().startswith("MAIL FROM:<QUILT@EXAMPLE.COM>") for command in mail.commands())


@pytest.mark.parametrize(
    ("refuses", "sentence"),
    [
        ("STARTTLS", "The mail service 127.0.0.1 does not take STARTTLS at port {port}: check SmtpPort. It says: 454 "),
        ("AUTH", "The mail service 127.0.0.1 refuses the login: check SmtpUsername and SmtpPassword."),
        ("MAIL", "The mail service 127.0.0.1 refuses the sender: check SmtpDefaultSender. It says: 553 "),
    ],
)
def test_what_the_service_refuses_is_named(mail, refuses, sentence):
    mail.answer(refuses)
    code, printed = mail.attempt(ONCE)
    assert code == 1
    assert sentence.format(port=mail.port) in printed
    assert USER not in printed
    assert PASSWORD not in printed


def test_a_wrong_password_is_not_tried_twice(mail):
    mail.answer(password="another")
    assert mail.attempt()[0] == 1
    assert mail.commands().count("STARTTLS") == 1


def test_a_name_that_nobody_has_is_named(mail):
    code, printed = mail.attempt(ONCE, SMTP_HOST="no-mail.invalid")
    assert (code, printed) == (1, "There is no mail service of the name no-mail.invalid: check SmtpHost.\n")


@pytest.mark.parametrize("listens", [True, False], ids=["it says nothing", "nobody is there"])
def test_a_port_that_does_not_answer_is_named_in_time(mail, listens):
    """EC2 blocks port 25, and at port 465 a service waits for the client to begin."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        port = silent.getsockname()[1]
        code, printed = mail.attempt({MINUTE: "signal.alarm(2)"}, SMTP_PORT=str(port))
    assert code == 1
    assert f"The mail service 127.0.0.1 does not answer at port {port}: check SmtpHost and SmtpPort." in printed


def test_a_service_that_comes_back_is_content(tmp_path):
    with reserved_ports(1) as (port,), ThreadPoolExecutor(1) as pool:
        mail = Mail(tmp_path, port)
        with socket.socket() as broken:
            broken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            broken.bind(("127.0.0.1", port))
            broken.listen()
            attempt = pool.submit(mail.attempt, {PAUSE: "time.sleep(0.1)"})
            broken.accept()[0].close()
        with mail.start() as process:
            assert attempt.result()[0] == 0
            process.kill()


def test_a_service_that_wants_no_login_and_no_tls_is_used_without(mail):
    """As the registry does, which then sends without."""
    code, printed = mail.attempt(SMTP_USE_TLS="false", SMTP_USERNAME="", SMTP_PASSWORD="")
    assert "refuses the sender" in printed, "this one wants a login"
    assert code == 1
    assert [command.split()[0] for command in mail.commands()][:2] == ["EHLO", "MAIL"]


class Repeats(socketserver.StreamRequestHandler):
    """A service that repeats whom it refuses, and with what."""

    def handle(self) -> None:
        self.wfile.write(b"220 mail\r\n")
        while line := self.rfile.readline().decode():
            refused = f"535 {USER} {PASSWORD} is nobody\r\n"
            self.wfile.write((refused if line.startswith("AUTH") else "250-mail\r\n250 AUTH PLAIN\r\n").encode())


def test_what_a_service_repeats_of_user_name_and_password_is_not_printed(mail):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Repeats) as service:
        threading.Thread(target=service.serve_forever).start()
        code, printed = mail.attempt(SMTP_USE_TLS="false", SMTP_PORT=str(service.server_address[1]))
        service.shutdown()
    assert code == 1
    assert "It says: 535 *** *** is nobody" in printed


def test_a_password_that_smtp_cannot_say_is_not_printed(mail):
    code, printed = mail.attempt(SMTP_PASSWORD="p\u00e4sswort")
    assert code == 1
    assert "refuses the login" in printed
    assert "sswort" not in printed
