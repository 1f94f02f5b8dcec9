"""Tries the registry's mail service as far as that sends nothing. It runs in the registry's container: Python 3.5.

It connects, encrypts and logs in as the registry does, which verifies no certificate. What may pass has a minute.
https://github.com/quiltdata/quilt/blob/016423859e1f4c911ffbfe49f496e6c2fa5ad44b/registry/quilt_server/env_config.py
"""

import os
import signal
import smtplib
import socket
import sys
import time
from email.utils import parseaddr

NAME = "There is no mail service of the name {host}: check SmtpHost."
CONNECTION = (
    "The mail service {host} does not answer at port {port}: check SmtpHost and SmtpPort. EC2 blocks port 25 unless "
    "AWS has lifted that, and at port 465 a service waits for TLS, with which the registry does not begin."
)
STARTTLS = "The mail service {host} does not take STARTTLS at port {port}: check SmtpPort."
LOGIN = (
    "The mail service {host} refuses the login: check SmtpUsername and SmtpPassword. Those of Amazon SES are made in "
    "its console, for one Region; an access key is something else."
)
SENDER = "The mail service {host} refuses the sender: check SmtpDefaultSender."

value = os.environ.get
host, port = value("SMTP_HOST"), int(value("SMTP_PORT") or 25)
user, password = value("SMTP_USERNAME"), value("SMTP_PASSWORD")
part, said = NAME, ""


def give_up(*_):
    sys.exit(part.format(host=host, port=port) + said)


def attempt():
    """One try, up to the sender; ``part`` is where it is."""
    global part
    part = NAME
    socket.getaddrinfo(host, port)
    part = CONNECTION
    service = smtplib.SMTP(host, port, timeout=10)
    service.ehlo_or_helo_if_needed()
    if value("SMTP_USE_TLS") in ("true", "1"):
        part = STARTTLS
        service.starttls()
    part = LOGIN
    if user and password:
        service.login(user, password)
    part = SENDER
    sender = parseaddr(value("QUILT_DEFAULT_SENDER") or "")[1]
    code, answer = service.mail(sender)
    if code != 250:
        raise smtplib.SMTPSenderRefused(code, answer, sender)
    service.rset()
    service.quit()


def main():
    global said
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    while True:
        try:
            attempt()
            print("The mail service takes the login and the sender.")
            return
        except (OSError, smtplib.SMTPException, ValueError) as error:
            code = getattr(error, "smtp_code", 0)
            said = " It says: {} {}".format(code, error.smtp_error.decode(errors="replace")) if code else ""
            # A service may repeat whom it refuses.
            for secret in filter(None, (user, password)):
                said = said.replace(secret, "***")
            if code >= 500 or isinstance(error, (smtplib.SMTPNotSupportedError, ValueError)):
                give_up()
            time.sleep(5)


main()
