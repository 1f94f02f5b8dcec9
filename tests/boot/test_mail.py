"""The mail service is tried before anybody is let in, and nothing is sent; later the registry lives without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.boot.instance import SUCCESS, Instance, failure
from tests.launches import DOCUMENTED

pytestmark = pytest.mark.exhaustive

HOST = DOCUMENTED["RegistryHost"]
ONCE = {"time.sleep(5)": "signal.alarm(1); time.sleep(5)"}
"""Of try_mail.py: its time is over in the first pause."""
THREE_SECONDS = {"signal.alarm(60)": "signal.alarm(3)"}


@pytest.fixture
def mail(instance: Instance) -> Iterator[Instance]:
    """An instance whose mail service does something new until the test is over; nothing was sent by then."""
    instance.write("mail-commands", "")
    yield instance
    instance.answer_mail()
    sent = [command for command in instance.mail_commands() if command.startswith(("RCPT", "DATA"))]
    assert not sent


def test_a_boot_tries_the_login_and_the_sender_and_sends_nothing(mail):
    done = mail.boot()
    assert done.returncode == 0, done.stdout
    verbs = [command.split()[0] for command in mail.mail_commands()]
    assert verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RSET", "QUIT"]
    assert f"MAIL FROM:<{DOCUMENTED['SmtpDefaultSender']}>" in mail.mail_commands()


def test_a_slow_mail_service_is_waited_for(mail):
    mail.answer_mail(seconds=2)
    done = mail.boot()
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("refuses", "sentence"),
    [
        ("AUTH", "refuses the login: check SmtpUsername and SmtpPassword."),
        ("MAIL", "refuses the sender: check SmtpDefaultSender."),
        ("STARTTLS", "does not take STARTTLS at port 587: check SmtpPort."),
    ],
)
def test_what_the_mail_service_refuses_fails_the_launch_with_what_to_check(mail, refuses, sentence):
    mail.change("metadata.json", ONCE)
    mail.answer_mail(refuses=refuses)
    done = mail.boot()
    assert mail.signals()[-1] == failure("try-mail")
    assert f"The mail service email-smtp.us-east-1.amazonaws.com {sentence}" in done.stdout
    assert DOCUMENTED["SmtpPassword"] not in done.stdout + done.stderr


@pytest.mark.parametrize("signal", ["KILL", "STOP"], ids=["refuses connections", "says nothing"])
def test_a_mail_service_that_does_not_answer_fails_the_launch_and_not_the_healing_of_a_stack(mail, signal):
    """The second boot of an instance that nobody waits for only warns."""
    mail.change("metadata.json", ONCE if signal == "KILL" else THREE_SECONDS)
    mail.run(f"kill -{signal} $(cat /run/mail.pid)")
    try:
        done = mail.boot()
        assert mail.signals()[-1] == failure("try-mail")
        sentence = "The mail service email-smtp.us-east-1.amazonaws.com does not answer at port 587"
        assert sentence in done.stdout

        (mail.common / "stack-status").write_text("UPDATE_COMPLETE")
        before = len(mail.calls("RefusedSignal"))
        done = mail.boot()
        ends = [(call["Status"], call["UniqueId"]) for call in mail.calls("RefusedSignal")[before:]]
        assert ends == [failure("try-mail"), SUCCESS]
        assert done.returncode == 0
        assert sentence in done.stdout
        assert "This instance replaces another one: it serves without mail." in done.stdout
        assert mail.healthy()
    finally:
        (mail.common / "stack-status").write_text("CREATE_IN_PROGRESS")
        mail.run("rm -f /run/quilt-heals; kill -KILL $(cat /run/mail.pid)")
        mail.run("mail-service >/dev/null 2>&1 & echo $! >/run/mail.pid")


def test_a_mail_service_that_goes_later_costs_mail_and_nothing_else(mail):
    mail.run("kill -KILL $(cat /run/mail.pid)")
    mail.wait_for(lambda: mail.get(HOST, "/api/mail") == (500, "ConnectionRefusedError"), "nobody listens any more")
    assert mail.healthy()
    assert mail.packages() == 200
    mail.run("mail-service >/dev/null 2>&1 & echo $! >/run/mail.pid")
    mail.wait_for(lambda: mail.get(HOST, "/api/mail") == (200, "250"), "mail goes out")
