"""The mail service: mail.py FOLDER ADDRESS PORT CERTIFICATE, a file with the key and the certificate.

FOLDER/mail.json, read at each command: {"Username", "Password", "Refuses": a command, "Seconds": before each answer}.
Each command is written to FOLDER/mail-commands, without what AUTH says.
"""

import base64
import json
import socketserver
import ssl
import sys
import time
from pathlib import Path

FOLDER = Path(sys.argv[1])
ADDRESS, PORT, CERTIFICATE = sys.argv[2], int(sys.argv[3]), sys.argv[4]
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
TLS.load_cert_chain(CERTIFICATE)
REFUSALS = {
    # https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html
    "AUTH": "535 Authentication Credentials Invalid",
    "MAIL": "553 Sender address rejected",
    "STARTTLS": "454 TLS not available",
}


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.tls = self.known = False
        self.reply("220 mail")
        while line := self.rfile.readline().decode().strip():
            word, _, rest = line.partition(" ")
            verb = word.upper()
            with (FOLDER / "mail-commands").open("a") as file:
                file.write((verb if verb == "AUTH" else f"{verb} {rest}".strip()) + "\n")
            self.reply(self.answer(verb, rest))
            if verb == "STARTTLS" and not self.tls:
                self.request = TLS.wrap_socket(self.request, server_side=True)
                self.tls = True
                self.setup()
            if verb == "QUIT":
                return

    def answer(self, verb, rest):
        how = settings()
        if verb == how["Refuses"]:
            return REFUSALS[verb]
        if verb == "EHLO":
            return "250-mail\r\n250 " + ("AUTH PLAIN LOGIN" if self.tls else "STARTTLS")
        if verb == "STARTTLS":
            return "220 go ahead"
        if verb == "AUTH" and not self.tls:
            return "530 Must issue a STARTTLS command first"
        if verb == "AUTH":
            self.known = self.credentials(rest) == (how["Username"], how["Password"])
            return "235 Authentication successful" if self.known else REFUSALS["AUTH"]
        if verb in ("MAIL", "RCPT", "DATA") and not self.known:
            return "530 Authentication required"
        return {"QUIT": "221 bye", "DATA": "354 go ahead"}.get(verb, "250 fine")

    def credentials(self, rest):
        """User name and password, as AUTH PLAIN and AUTH LOGIN say them."""
        method, _, first = rest.partition(" ")
        if method.upper() == "PLAIN":
            _, user, password = decode(first or self.ask("")).split("\0")
        else:
            user, password = decode(first or self.ask("Username:")), decode(self.ask("Password:"))
        return user, password

    def ask(self, what):
        self.reply("334 " + base64.b64encode(what.encode()).decode())
        return self.rfile.readline().decode().strip()

    def reply(self, text):
        time.sleep(settings()["Seconds"])
        self.wfile.write(text.encode() + b"\r\n")


def settings():
    return json.loads((FOLDER / "mail.json").read_text())


def decode(text):
    return base64.b64decode(text).decode()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, *_):
        """A client that goes is no error."""


Server((ADDRESS, PORT), Session).serve_forever()
